"""Steering a trained map towards a reward without training: look-ahead values, their gradients as guidance, choice.

The aim is the tilted law ``p_1(x) e^{r(x)} / Z``. A look-ahead is any function (t, x) -> x1 that says where a point of
the path is heading. ``tilting`` has the method that reaches the aim by moving, weighting and resampling many points.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from taxonomy import flow_map, predictions
from taxonomy.arrays import expand
from taxonomy.flow_map import AverageVelocity, Velocity
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points, Scalar

Reward = Callable[[jax.Array], jax.Array]  # x [batch, ...] -> [batch]
LookAhead = Callable[[jax.Array, jax.Array], jax.Array]  # (t [batch], x [batch, ...]) -> x1 [batch, ...]
Value = Callable[[jax.Array, jax.Array], jax.Array]  # (t [batch], x [batch, ...]) -> [batch]
Candidates = Float[Array, "candidates batch *point"]
CEILING = 25.0  # of the guidance's gain over alpha noise_std^2, which grows like 1 / t at the noise


def mean_look_ahead(b: Velocity, interpolant: Interpolant) -> LookAhead:
    """``E[x1 | x_t] = (alpha_t b_t - alpha'_t x) / (alpha_t beta'_t - alpha'_t beta_t)``, Tweedie's mean.

    On the linear path ``x + (1 - t) b_t(x)``. A mean of many data, and so not a datum. One evaluation of b.

    Args:
      b: velocity field of the path.
      interpolant: the path.

    Returns:
      (t [batch], x [batch, ...]) -> [batch, ...].

    Reference: Chung et al., "Diffusion posterior sampling", arXiv 2209.14687, for its use in guidance.
    """

    def ahead(t: PerExample, x: Points) -> Points:
        return predictions.data_from_velocity(interpolant, t, x, b(t, x))

    return ahead


def map_look_ahead(v: AverageVelocity) -> LookAhead:
    """``X_{t,1}(x_t)``: the datum at which the path through x_t ends. One evaluation of the map.

    Args:
      v: average velocity of the flow map, exact or learned.

    Returns:
      (t [batch], x [batch, ...]) -> [batch, ...].

    Reference: Sabour et al., "Test-time scaling of diffusions with flow maps", arXiv 2511.22688. Same time direction.
    """
    return lambda t, x: flow_map.jump(v, t, jnp.ones_like(t), x)


def value_of(reward: Reward, look_ahead: LookAhead) -> Value:
    """``h_t(x) = r(look-ahead(t, x))``; along the ODE it is constant for the exact map, and for no mean.

    Args:
      reward: r.
      look_ahead: see above.

    Returns:
      (t [batch], x [batch, ...]) -> [batch].
    """
    return lambda t, x: reward(look_ahead(t, x))


def drift_of_value(h: Value, b: Velocity, t: PerExample, x: Points) -> PerExample:
    """``(d/dt + b_t(x) . grad) h_t(x)``: how fast the value changes along the ODE; one jvp.

    Args:
      h: value.
      b: velocity field.
      t: [batch]; times in [0, 1].
      x: [batch, ...]; points at these times.

    Returns:
      [batch]; zero for ``r(X_{t,1}(x))`` with the exact map.
    """
    return jax.jvp(h, (t, x), (jnp.ones_like(t), b(t, x)))[1]


def value_and_gradient(h: Value, t: PerExample, x: Points) -> tuple[PerExample, Points]:
    """``(h_t(x), grad h_t(x))``: the cost of three evaluations of the look-ahead, one of them forward.

    Args:
      h: value; each example's value must depend on its own point alone.
      t: [batch]; times in [0, 1].
      x: [batch, ...]; points at these times.

    Returns:
      ([batch], [batch, ...]).
    """
    value, back = jax.vjp(lambda x: h(t, x), x)
    return value, back(jnp.ones_like(value))[0]


def guidance_gain(t: PerExample, interpolant: Interpolant, *, noise_std: float, ceiling: float = CEILING) -> PerExample:
    """``(alpha_t beta'_t - alpha'_t beta_t) alpha_t noise_std^2 / beta_t``: velocity per unit of score.

    The path to the tilted law has the density ``p_t e^{V_t} / Z`` with ``V_t = log E[e^{r(x1)} | x_t]``; its score is
    greater by ``grad V_t``, and so its velocity by this gain times ``grad V_t``. Linear: ``noise_std^2 (1 - t) / t``.

    Args:
      t: [batch]; times in [0, 1].
      interpolant: the path.
      noise_std: standard deviation of the noise.
      ceiling: largest ``1 / beta_t``: at the noise ``grad V_t`` vanishes like beta_t, an approximation of it may not.

    Returns:
      [batch].
    """
    turning = predictions.determinant(interpolant, t)
    return turning * interpolant.alpha(t) * noise_std**2 / jnp.maximum(interpolant.beta(t), 1 / ceiling)


def guided(b: Velocity, h: Value, scale: Callable[[jax.Array], jax.Array]) -> Velocity:
    """``b_t(x) + scale_t grad h_t(x)``: reward-gradient guidance; b once, and the gradient of h.

    With ``h = V`` and ``scale = guidance_gain`` it carries noise exactly to the tilted law. The value of a look-ahead
    approximates V. Tweedie's mean exchanges expectation and exponential of the reward. The map's ``X_{t,1}`` is one
    point of the posterior already at t = 0; for it the gain is multiplied by t, as if the law at time t were
    ``p_t e^{t r(X_{t,1})}``.

    Args:
      b: velocity field of the path.
      h: value.
      scale: times [batch] -> [batch].

    Returns:
      velocity (t [batch], x [batch, ...]) -> [batch, ...].

    Reference: Chung et al., arXiv 2209.14687 (mean); Sabour et al., arXiv 2511.22688 (map).
    """
    return lambda t, x: b(t, x) + expand(scale(t), x) * value_and_gradient(h, t, x)[1]


def effective_share(log_weights: Float[Array, " n"]) -> Scalar:
    """``(sum w)^2 / (n sum w^2)``: the effective sample size over n, between 1 / n and 1.

    Args:
      log_weights: [n]; up to a constant.

    Returns:
      [].
    """
    w = jax.nn.softmax(log_weights)
    return 1 / (w.size * jnp.sum(w**2))


def systematic(key: jax.Array, log_weights: Float[Array, " n"]) -> Int[Array, " n"]:
    """Systematic resampling: point i is chosen ``floor(n w_i)`` or ``ceil(n w_i)`` times, n w_i on average.

    Args:
      key: typed PRNG key of the one uniform number that is drawn.
      log_weights: [n]; up to a constant.

    Returns:
      [n]; indices of the chosen points, in ascending order.

    Reference: Kitagawa, "Monte Carlo filter and smoother for non-Gaussian nonlinear state space models", 1996.
    """
    n = log_weights.shape[0]
    edges = jnp.cumsum(jax.nn.softmax(log_weights))
    ticks = (jnp.arange(n) + jax.random.uniform(key, ())) / n
    # The last edge is 1 up to rounding.
    return jnp.minimum(jnp.searchsorted(edges, ticks.astype(edges.dtype), side="right"), n - 1)


def best_of(reward: Reward, candidates: Candidates, *, key: jax.Array | None = None) -> Points:
    """One of N candidates for each sample: that of the highest reward, or one drawn with probability ~ ``e^r``.

    The highest reward is not the aim: as N grows it leaves the tilted law. The drawn one tends to it.

    Args:
      reward: r.
      candidates: [N, batch, ...].
      key: typed PRNG key to draw by ``e^r``; None keeps the highest reward.

    Returns:
      [batch, ...].
    """
    count, batch = candidates.shape[:2]
    rewards = reward(candidates.reshape(count * batch, *candidates.shape[2:])).reshape(count, batch)
    chosen = jnp.argmax(rewards, axis=0) if key is None else jax.random.categorical(key, rewards, axis=0)
    return candidates[chosen, jnp.arange(batch)]
