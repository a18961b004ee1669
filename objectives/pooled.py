"""The velocity of a sample, averaged over a pool of data: less noise for the same mean."""

import dataclasses
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from objectives.objective import Batch, Objective, Pool, required
from taxonomy.arrays import expand
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points, Scalar

VELOCITIES = ("sample", "pooled")
POOL = 512  # unless another size is asked for
# Rounding of a squared distance of D parts, in units of the last place of each: what the noise must exceed.
LOST = 20.0


def towards_posterior_mean(
    x_s: Points,
    *,
    own: Points,
    pool: Pool,
    alpha: PerExample,
    beta: PerExample,
    noise_std: Scalar | float,
    allowed: Bool[Array, "batch count"] | None = None,
) -> Points:
    """The way from an example's own data point to the mean of those from which ``I_s`` may have come.

        sum_j p_j (y_j - y_own),    p_j = N(I_s; beta_s y_j, alpha_s^2 noise_std^2) / sum_k N(I_s; beta_s y_k, ...)

    over the own point and a pool. The own point must be among them: then, given the set, it is distributed like p, and
    what is averaged over p stays without bias.

    Args:
      x_s: [batch, ...]; points ``I_s``.
      own: [batch, ...]; the data points of which they were made.
      pool: [count, ...]; further independent data points.
      alpha: [batch]; coefficients of the noise.
      beta: [batch]; coefficients of the data.
      noise_std: standard deviation of the noise.
      allowed: [batch, count]; which points of the pool are of the example's law, None for all.

    Returns:
      [batch, ...]; zero where no other point is near.

    Examples:
      >>> import jax.numpy as jnp
      >>> x_s, own, pool = jnp.zeros((1, 1)), jnp.ones((1, 1)), -jnp.ones((1, 1))
      >>> half = jnp.array([0.5])
      >>> towards_posterior_mean(x_s, own=own, pool=pool, alpha=half, beta=half, noise_std=1.0).tolist()  # equally far
      [[-1.0]]

    Reference: the plug-in velocity of ESC, arXiv 2512.11831; Xu, Tong, Jaakkola, "Stable target field for reduced
      variance score estimation in diffusion models", arXiv 2302.00670.
    """
    # |x - beta y|^2 = |x|^2 - 2 beta x . y + beta^2 |y|^2, whose first part is the same for all y: one product of
    # matrices, of (x, -beta / 2) and (y, |y|^2). With the origin in the middle of the data its sums lose the fewest
    # digits.
    origin = jnp.mean(_flat(pool), axis=0, keepdims=True)
    x, y, y_own = _flat(x_s) - beta[:, None] * origin, _flat(pool) - origin, _flat(own) - origin
    scale, half = (beta / jnp.maximum(alpha * noise_std, 1e-6) ** 2)[:, None], beta[:, None] / 2
    of_own = scale * jnp.sum(x * y_own - half * y_own**2, axis=1, keepdims=True)
    query = scale * jnp.concatenate([x, -half], axis=1)
    logits = _product(query, jnp.concatenate([y, jnp.sum(y**2, axis=1, keepdims=True)], axis=1).T)
    logits = logits if allowed is None else jnp.where(allowed, logits, -jnp.inf)
    largest = jnp.maximum(jnp.max(logits, axis=1, keepdims=True), of_own)
    likelihoods = jnp.exp(logits - largest)
    # Their sum is a column of the second product: a pass over [batch, count] costs more than one over the points.
    sums = _product(likelihoods, jnp.concatenate([y, jnp.ones_like(y[:, :1])], axis=1))
    total = sums[:, -1:]
    # By the difference from the own point, which is exact where no other is near.
    return ((sums[:, :-1] - total * y_own) / (total + jnp.exp(of_own - largest))).reshape(x_s.shape)


def _product(a: Float[Array, "m k"], b: Float[Array, "k n"]) -> Float[Array, "m n"]:
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def _flat(points: Points) -> Float[Array, "batch dim"]:
    return points.reshape(points.shape[0], -1)


@dataclasses.dataclass(frozen=True)
class PooledPath(Interpolant):
    """A path whose points are those of another one, and whose velocity is a mean over a pool of data.

    Attributes:
      pool: [count, ...]; data points beside the example's own.
      noise_std: standard deviation of the noise.
      allowed: [batch, count]; which points of the pool are of the example's law, None for all.
    """

    pool: jax.Array = dataclasses.field(kw_only=True)
    noise_std: jax.Array | float = dataclasses.field(kw_only=True)
    allowed: jax.Array | None = dataclasses.field(kw_only=True)

    def velocity(self, t: PerExample, x0: Points, x1: Points) -> Points:
        """``dI_t + (beta'_t - alpha'_t beta_t / alpha_t) (sum_j p_j y_j - x1)``: ``dI_t`` averaged over the data.

        Args:
          t: [batch]; times in [0, 1].
          x0: [batch, ...]; noise.
          x1: [batch, ...]; data, the example's own.

        Returns:
          [batch, ...]; without bias for ``b_t(I_t)``, with less variance than ``dI_t``.
        """
        towards_mean, alpha = self._towards_mean(t, x0, x1)
        factor = self.d_beta(t) - self.d_alpha(t) * self.beta(t) / alpha
        return super().velocity(t, x0, x1) + expand(factor, x1) * towards_mean

    def neighbour(self, s: PerExample, u: PerExample, x0: Points, x1: Points) -> Points:
        """``alpha_u z + beta_u y``, y the mean of the data from which ``I_s`` may come and z the noise that is left.

        One step from ``I_s`` along the posterior mean: ``I_s = alpha_s z + beta_s y``.

        Args:
          s: [batch]; times of the points.
          u: [batch]; times of the neighbours, s <= u.
          x0: [batch, ...]; noise.
          x1: [batch, ...]; data, the example's own.

        Returns:
          [batch, ...]; ``I_u`` itself where no other point of the pool is near.

        Reference: Wang, Geng, Li, "Stable consistency tuning", arXiv 2410.18958, which names the training target of
          reduced variance; the step is derived here.
        """
        towards_mean, alpha = self._towards_mean(s, x0, x1)
        factor = self.beta(u) - self.alpha(u) * self.beta(s) / alpha
        return self.position(u, x0, x1) + expand(factor, x1) * towards_mean

    def _towards_mean(self, t: PerExample, x0: Points, x1: Points) -> tuple[Points, PerExample]:
        """(the way to the mean, alpha_t); (0, 1) where there is too little noise to tell points from each other."""
        alpha, beta = self.alpha(t), self.beta(t)
        towards_mean = towards_posterior_mean(
            self.position(t, x0, x1),
            own=x1,
            pool=self.pool,
            alpha=alpha,
            beta=beta,
            noise_std=self.noise_std,
            allowed=self.allowed,
        )
        # With less noise than rounding leaves in a distance, the own point alone counts, which has no bias either.
        noisy = alpha**2 > LOST * jnp.finfo(x1.dtype).eps * math.prod(x1.shape[1:])
        return jnp.where(expand(noisy, x1), towards_mean, 0.0), jnp.where(noisy, alpha, 1.0)


def pooled_path(path: Interpolant, batch: Batch) -> PooledPath:
    """The path whose velocity is averaged over the pool of a batch; with classes, over those of the example's class.

    An example without its label belongs to the law of all classes, and so does its pool.

    Args:
      path: the interpolant.
      batch: for the pool, the classes and the scale of the noise.

    Returns:
      the path.
    """
    allowed = None
    if batch.label is not None:
        same = batch.label[:, None] == required(batch.pool_label, "Batch.pool_label")[None]
        allowed = same | ~required(batch.labelled, "Batch.labelled")[:, None]
    pool = required(batch.pool, "Batch.pool")
    return PooledPath(path.alpha, path.beta, check=False, pool=pool, noise_std=batch.noise_std, allowed=allowed)


def check_linear(velocity: str, what: str, **option: float) -> None:
    """Refuses an option under which what a term makes of the velocity is not linear in it.

    Args:
      velocity: "sample" or "pooled".
      what: is not linear, such as "an angle".
      **option: {name: value}; zero is linear.

    Raises:
      ValueError: if the velocity is pooled and the option is not zero.
    """
    for name, value in option.items():
        if velocity == "pooled" and value:
            raise ValueError(
                f"velocity = 'pooled' with {name} = {value}: {what} is not linear in the velocity, so that a mean over "
                f"the pool moves its mean; set {name} = 0"
            )


def with_velocity(objective: Objective, velocity: str, *, pool: int, terms: tuple[str, ...]) -> Objective:
    """The objective with the velocity of samples as it is, or averaged over a pool.

    The terms must have the velocity as a target: linear in it, and stopped. Then the minimizer stays. Where a weight or
    a likelihood depends on the residual, the minimizer is one of less noise: nearer to the mean velocity than before.

    Args:
      objective: it.
      velocity: "sample" or "pooled".
      pool: number of data points beside the example's own, at least 1.
      terms: names of the terms that use the sample's velocity.

    Returns:
      the objective.

    Raises:
      ValueError: on an unknown velocity, an empty pool, or one of its own size that nothing uses.
    """
    if velocity not in VELOCITIES:
        raise ValueError(f"velocity = {velocity!r}; expected one of {', '.join(VELOCITIES)}")
    if pool < 1:
        raise ValueError(f"pool = {pool}; expected a whole number, at least 1")
    if velocity == "sample":
        if pool != POOL:
            raise ValueError(f"pool = {pool} with velocity = 'sample', which has no pool; set velocity = 'pooled'")
        return objective
    chosen = (dataclasses.replace(term, pool=pool) if term.name in terms else term for term in objective.terms)
    return objective._replace(terms=tuple(chosen), needs_noise=True)
