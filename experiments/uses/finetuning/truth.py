"""The answers that fine-tuning is measured against: samples of the tilted law, and the optimum with its penalty."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.uses.rewards import Reward
from objectives.losses import reward as losses

ITERATIONS, RATE, SETTLED = 1000, 0.1, 1e-3


def resampled(points: np.ndarray, reward: Reward, count: int, *, seed: int) -> np.ndarray:
    """Draws from points with weights ``e^{r}``: samples of the tilted law, if the points are many.

    Args:
      points: [n, ...]; samples of p_1.
      reward: r.
      count: number of draws.
      seed: of the draws.

    Returns:
      [count, ...].
    """
    values = np.asarray(jax.jit(reward)(jnp.asarray(points, jnp.float32)), np.float64)
    weights = np.exp(values - values.max())
    return points[np.random.default_rng(seed).choice(len(points), count, p=weights / weights.sum())]


def optimum(reward: Reward, reference: np.ndarray, *, penalty: float) -> np.ndarray | None:
    """What the best map makes of the noise from which the reference map makes these points.

    Args:
      reward: r.
      reference: [n, ...]; points of the reference map.
      penalty: of the squared distance from them.

    Returns:
      [n, ...], or None if there is no such point near one of them that the ascent finds.
    """
    if not penalty > 0:
        return None
    start = jnp.asarray(reference, jnp.float32)
    best = jax.jit(lambda y: losses.proximal_point(reward, y, penalty=penalty, steps=ITERATIONS, rate=RATE))(start)
    slope = jax.jit(jax.grad(lambda x: jnp.sum(reward(x))))(best)
    left = np.asarray(slope / penalty + start - best)
    settled = np.isfinite(left).all() and np.abs(left).mean() < SETTLED
    return np.asarray(best) if settled else None
