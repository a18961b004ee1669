"""The tilted distribution ``p_1(x) e^{r(x)} / Z`` in closed form: mixtures of Gaussians with linear-quadratic rewards.

It is what steering towards a reward r should sample, and the posterior of a linear inverse problem is one: the
log-likelihood of a measurement with Gaussian noise is a linear-quadratic reward.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from taxonomy.shapes import PerExample, Points


class LinearQuadratic(NamedTuple):
    """The reward ``r(x) = c + a . x - (1/2) x . Q x``.

    Attributes:
      c: []; constant.
      a: [dim]; slope.
      q: [dim, dim]; symmetric; positive directions pull towards a point, negative ones push away from it.
    """

    c: jax.Array
    a: jax.Array
    q: jax.Array

    def __call__(self, x: Points) -> PerExample:
        """``r(x)``; x [batch, dim] -> [batch]."""
        return self.c + x @ self.a - 0.5 * jnp.sum(x * (x @ self.q), axis=-1)


class Mixture(NamedTuple):
    """``sum_k w_k N(m_k, C_k)``, and the normalization Z by which it was tilted.

    Attributes:
      weights: [components]; positive, summing to 1.
      means: [components, dim].
      covariances: [components, dim, dim].
      log_z: []; ``log E[e^{r(x)}]`` under the distribution before the tilt.
    """

    weights: jax.Array
    means: jax.Array
    covariances: jax.Array
    log_z: jax.Array

    @property
    def mean(self) -> jax.Array:
        """``sum_k w_k m_k``, [dim]."""
        return self.weights @ self.means

    @property
    def covariance(self) -> jax.Array:
        """``sum_k w_k (C_k + m_k m_k^T) - mean mean^T``, [dim, dim]."""
        second = self.covariances + self.means[:, :, None] * self.means[:, None, :]
        return jnp.einsum("k,kij->ij", self.weights, second) - jnp.outer(self.mean, self.mean)


def tilt(reward: LinearQuadratic, *, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> Mixture:
    """The mixture ``sum_k w_k N(x; m_k, C_k) e^{r(x)} / Z``, which is a mixture again.

    With ``g_k = a - Q m_k``, the slope of the reward at the mean, and ``E_k = (I + C_k Q)^{-1} C_k``:

        C_k -> E_k,   m_k -> m_k + E_k g_k,   w_k -> w_k Z_k / Z,   Z = sum_k w_k Z_k,
        log Z_k = r(m_k) + (1/2) g_k . E_k g_k - (1/2) log det(I + C_k Q)

    ``E_k^{-1} = C_k^{-1} + Q``; written so that a component may be an atom, C_k = 0.

    Args:
      reward: r.
      weights: [components]; positive, summing to 1.
      means: [components, dim].
      covariances: [components, dim, dim]; symmetric positive semi-definite.

    Returns:
      Mixture.

    Raises:
      ValueError: if shapes disagree, or, outside of jit, ``C_k^{-1} + Q`` is not positive definite for some k: then
        ``e^r`` grows faster than the component decays, and Z is infinite.

    Reference: derived here by completing the square.
    """
    weights, means, covariances = jnp.asarray(weights), jnp.asarray(means), jnp.asarray(covariances)
    components, dim = means.shape if means.ndim == 2 else (0, 0)
    expected = ((components,), (components, dim, dim), (dim,), (dim, dim))
    if (weights.shape, covariances.shape, reward.a.shape, reward.q.shape) != expected:
        raise ValueError(
            f"weights have shape {weights.shape}, means {means.shape}, covariances {covariances.shape}, a "
            f"{reward.a.shape}, Q {reward.q.shape}; expected (components,), (components, dim), (components, dim, dim), "
            "(dim,), (dim, dim)"
        )
    _check_integrable(reward.q, covariances)
    growth = jnp.eye(dim, dtype=covariances.dtype)[None] + covariances @ reward.q[None]
    slope = reward.a[None] - means @ reward.q  # Q is symmetric
    narrowed = jnp.linalg.solve(growth, covariances)
    narrowed = (narrowed + narrowed.swapaxes(-1, -2)) / 2
    shift = jnp.einsum("kij,kj->ki", narrowed, slope)
    log_z = reward(means) + 0.5 * jnp.sum(slope * shift, axis=-1) - 0.5 * jnp.linalg.slogdet(growth)[1]
    logits = jnp.log(weights) + log_z
    return Mixture(jax.nn.softmax(logits), means + shift, narrowed, jax.nn.logsumexp(logits))


def _check_integrable(q: jax.Array, covariances: jax.Array) -> None:
    if isinstance(q, jax.core.Tracer) or isinstance(covariances, jax.core.Tracer):
        return
    if float(jnp.abs(q - q.T).max()) > 1e-6 * (1 + float(jnp.abs(q).max())):
        raise ValueError("Q of a linear-quadratic reward is not symmetric; pass (Q + Q.T) / 2")
    values, axes = jnp.linalg.eigh(covariances)
    roots = axes * jnp.sqrt(jnp.maximum(values, 0))[:, None, :]  # C = roots roots^T
    smallest = 1 + jnp.linalg.eigvalsh(roots.swapaxes(-1, -2) @ q[None] @ roots)[:, 0]
    # Written so that NaN fails too.
    if not bool((smallest > 0).all()):
        k = int(jnp.argmin(smallest))
        raise ValueError(
            f"the precision of component {k} after the tilt is not positive definite: C^(-1) + Q has an eigenvalue of "
            f"{float(smallest[k]):.4g} in units of C^(-1); expected all positive: e^r grows too fast, lower -Q"
        )


def measurement(matrix: ArrayLike, y: ArrayLike, *, noise_std: float) -> LinearQuadratic:
    """``r(x) = log N(y; A x, noise_std^2 I)``: the tilt by it is the posterior given ``y = A x + e``.

    The normalization of the tilt is the evidence p(y). Rows of the identity measure single coordinates (inpainting);
    ``A = beta_t I``, with ``alpha_t`` times the scale of x0 for ``noise_std``, measures all of them in noise: the
    posterior is then p(x1 | I_t = y).

    Args:
      matrix: [measured, dim]; A.
      y: [measured]; what was measured.
      noise_std: standard deviation of the noise, positive.

    Returns:
      LinearQuadratic with ``Q = A^T A / noise_std^2``, ``a = A^T y / noise_std^2``.

    Raises:
      ValueError: if shapes disagree or, outside of jit, noise_std is not positive.
    """
    matrix, y = jnp.asarray(matrix), jnp.asarray(y)
    if matrix.ndim != 2 or y.shape != matrix.shape[:1]:
        raise ValueError(f"A has shape {matrix.shape}, y {y.shape}; expected (measured, dim) and (measured,)")
    if not isinstance(noise_std, jax.core.Tracer) and not noise_std > 0:
        raise ValueError(f"noise_std = {noise_std}; expected a positive number")
    variance = noise_std**2
    c = -0.5 * jnp.sum(y**2) / variance - 0.5 * y.size * jnp.log(2 * jnp.pi * variance)
    return LinearQuadratic(c, matrix.T @ y / variance, matrix.T @ matrix / variance)
