"""What reward-based learning is measured by: the tilted law in the plane, and the optimum of the penalized reward."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets.dataset import Planar
from experiments.rewards import Reward
from objectives import reward as losses

SUB = 4  # quadrature points per axis within a bin
ITERATIONS, RATE, SETTLED = 1000, 0.1, 1e-3


def _values(reward: Reward, points: np.ndarray) -> np.ndarray:
    return np.asarray(jax.jit(reward)(jnp.asarray(points, jnp.float32)), np.float64)


def _fine(truth: Planar, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Mass of the bins and their centres, [bins, bins] and [bins^2, 2]."""
    low, high = truth.box
    centres = low + (high - low) / bins * (np.arange(bins) + 0.5)
    return truth.bin_mass(bins), np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1).reshape(-1, 2)


def tilted(truth: Planar, reward: Reward) -> Planar:
    """The law ``p_1(x) e^{r(x)} / Z`` of data in the plane.

    Args:
      truth: the law p_1.
      reward: r.

    Returns:
      its masses by the exact masses of bins SUB times finer and the reward in their middle; mass of p_1 outside of
      the box is left out.
    """
    mass, points = _fine(truth, 48 * SUB)
    top = float(_values(reward, points).max())
    log_z = top + np.log(np.sum(mass.ravel() * np.exp(_values(reward, points) - top)))

    def bin_mass(bins: int) -> np.ndarray:
        mass, points = _fine(truth, bins * SUB)
        tilt = np.exp(_values(reward, points) - top).reshape(mass.shape)
        weighted = (mass * tilt).reshape(bins, SUB, bins, SUB).sum(axis=(1, 3))
        return weighted / weighted.sum()

    def density(points: np.ndarray) -> np.ndarray:
        return truth.density(points) * np.exp(_values(reward, points) - log_z)

    return Planar(truth.box, bin_mass, density, truth.in_support)


def mean_reward(truth: Planar, reward: Reward) -> float:
    """``E r`` under a law in the plane, by the masses of 192 x 192 bins."""
    mass, points = _fine(truth, 48 * SUB)
    return float(np.sum(mass.ravel() * _values(reward, points)) / mass.sum())


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
    values = _values(reward, points)
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
