"""Samples of ``p(x1 | x_t)`` from the velocity alone: the flow from noise to the posterior is known in closed form.

On the linear path two measurements of the data in independent noise of one kind are as good as a single, better one.
So whoever knows ``b_t(x)`` for all (t, x) knows the velocity of the inner path towards the posterior of any x_t.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models import grids
from taxonomy.arrays import expand
from taxonomy.flow_map import Velocity, along, midpoint_step
from taxonomy.shapes import PerExample, Points

Samples = Float[Array, "batch count *point"]


def sufficient_statistic(t: PerExample, x_t: Points, s: PerExample, z: Points) -> tuple[PerExample, Points]:
    """One point of the path that says about x1 what two say: ``p(x1 | I_t = x_t, J_s = z) = p(x1 | I_u = x_u)``.

    ``I_t = (1 - t) x0 + t x1`` and ``J_s = (1 - s) y0 + s x1`` have independent noise of equal variance. Divided by
    their times they are x1 plus noise of standard deviation (1 - t) / t and (1 - s) / s, so precisions add:

        P = t^2 / (1 - t)^2 + s^2 / (1 - s)^2,    u = sqrt(P) / (1 + sqrt(P)),
        x_u = u [ t x_t / (1 - t)^2 + s z / (1 - s)^2 ] / P

    The variance of the noise does not enter, because both have the same.

    Args:
      t: [batch]; times in [0, 1).
      x_t: [batch, ...]; points of the outer path.
      s: [batch]; times in [0, 1) of the inner path.
      z: [batch, ...]; its points.

    Returns:
      (u [batch] in [0, 1), x_u [batch, ...]); x_t itself at s = 0, z itself at t = 0.

    Reference: Holderrieth et al., GLASS flows, as used by "Diamond maps", arXiv 2602.05993, and "Meta flow maps",
      arXiv 2601.14430; derived here. Same time direction.
    """
    outer, inner = t / (1 - t), s / (1 - s)
    total = jnp.hypot(outer, inner)
    # At s = t = 0 nothing is known of x1, and any point at u = 0 says so.
    nothing = total == 0
    safe = jnp.where(nothing, 1.0, total)
    share_outer = jnp.where(nothing, 1.0, outer / safe) / ((1 + total) * (1 - t))
    share_inner = inner / safe / ((1 + total) * (1 - s))
    return total / (1 + total), expand(share_outer, x_t) * x_t + expand(share_inner, z) * z


def inner_velocity(b: Velocity, t: PerExample, x_t: Points) -> Velocity:
    """``(E[x1 | I_t = x_t, J_s = z] - z) / (1 - s)``: carries noise at s = 0 to samples of ``p(x1 | x_t)`` at s = 1.

    The posterior mean is ``x_u + (1 - u) b_u(x_u)`` at the point of ``sufficient_statistic``: one evaluation of b.

    Args:
      b: velocity field of the linear path.
      t: [batch]; times in [0, 1).
      x_t: [batch, ...]; points at these times.

    Returns:
      velocity (s [batch] in [0, 1), z [batch, ...]) -> [batch, ...]; the noise of the inner path must have the standard
      deviation of the outer one's.

    Reference: see ``sufficient_statistic``.
    """

    def velocity(s: PerExample, z: Points) -> Points:
        u, x_u = sufficient_statistic(t, x_t, s, z)
        return (x_u + expand(1 - u, x_u) * b(u, x_u) - z) / expand(1 - s, z)

    return velocity


def sample(
    b: Velocity, key: jax.Array, t: PerExample, x_t: Points, *, noise_std: float, count: int, steps: int = 16
) -> Samples:
    """Samples of ``p(x1 | x_t)`` by midpoint steps of the inner flow. NFE per point: ``2 count steps``.

    Args:
      b: velocity field of the linear path.
      key: typed PRNG key of the inner noise.
      t: [batch]; times in [0, 1).
      x_t: [batch, ...]; points at these times.
      noise_std: standard deviation of the noise.
      count: samples for each point.
      steps: midpoint steps.

    Returns:
      [batch, count, ...].

    Raises:
      ValueError: if count or steps is smaller than 1.

    Reference: see ``sufficient_statistic``.
    """
    if count < 1 or steps < 1:
        raise ValueError(f"count = {count}, steps = {steps}; expected at least 1 for both")
    t, x_t = (jnp.repeat(y, count, axis=0) for y in (t, x_t))
    velocity = inner_velocity(b, t, x_t)

    noise = noise_std * jax.random.normal(key, x_t.shape, x_t.dtype)
    drawn = along(lambda s, after, z: midpoint_step(velocity, s, after, z), noise, grids.uniform(steps))
    return drawn.reshape(-1, count, *x_t.shape[1:])


def value(reward: Callable[[jax.Array], jax.Array], samples: Samples) -> PerExample:
    """``V_t(x_t) = log E[e^{r(x1)} | x_t]`` by the mean over posterior samples.

    It is what exact steering follows: ``p_t e^{V_t} / Z`` is the path to the tilted law. The estimate is too small by
    about the variance of ``e^{r - V}`` over twice the number of samples.

    Args:
      reward: [batch, ...] -> [batch].
      samples: [batch, count, ...]; from ``sample``.

    Returns:
      [batch].
    """
    batch, count = samples.shape[:2]
    rewards = reward(samples.reshape(batch * count, *samples.shape[2:])).reshape(batch, count)
    return jax.nn.logsumexp(rewards, axis=1) - jnp.log(count)
