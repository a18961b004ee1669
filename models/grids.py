"""Grids of times from 0 (noise) to 1 (data) for samplers of N steps, made before anything is compiled."""

from collections.abc import Callable, Sequence
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
import numpy as np

from taxonomy.interpolants import LINEAR, Interpolant
from taxonomy.noise_levels import SIGMA_DATA, SIGMA_MAX, SIGMA_MIN

GOLDEN = (5**0.5 - 1) / 2
# Times t_0 .. t_N of N steps. The type leaves the number of axes open: samplers refuse a wrong one in words.
Grid = Float[Array, "*times"]
# Points at all times that a sampler visits.
Trajectory = Float[Array, "visited batch *point"]


def _check_steps(steps: int) -> None:
    if steps < 1:
        raise ValueError(f"steps = {steps}; expected at least 1")


def uniform(steps: int) -> Grid:
    """``0, 1/N, ..., 1``.

    Args:
      steps: N, at least 1.

    Returns:
      [N + 1].

    Raises:
      ValueError: if N < 1.
    """
    _check_steps(steps)
    return jnp.linspace(0.0, 1.0, steps + 1)


def karras(
    steps: int,
    *,
    path: Interpolant = LINEAR,
    largest: float = SIGMA_MAX / SIGMA_DATA,
    smallest: float = SIGMA_MIN / SIGMA_DATA,
    power: float = 7.0,
) -> Grid:
    """``level_k^(1/power)`` equally spaced from the largest to the smallest noise level ``alpha_t / beta_t``.

    Args:
      steps: N, at least 1; N levels, and the data.
      path: the interpolant, which says when a noise level is reached.
      largest: first noise level, the ratio of the standard deviations of noise and data; its time is replaced by 0.
      smallest: last noise level before the data.
      power: the larger, the more steps near the data.

    Returns:
      [N + 1]; the first is 0 and the last 1.

    Raises:
      ValueError: if N < 1 or not 0 < smallest < largest.

    Reference: Karras, Aittala, Aila, Laine, "Elucidating the design space of diffusion-based generative models", arXiv
      2206.00364, eq. (5); there noise grows with time, and the levels 80 and 0.002 are those of data whose standard
      deviation is 0.5: as ratios 160 and 0.004.
    """
    _check_steps(steps)
    if not 0 < smallest < largest:
        raise ValueError(f"smallest = {smallest}, largest = {largest}; expected 0 < smallest < largest noise level")
    share = np.arange(1, steps) / max(steps - 1, 1)
    levels = (largest ** (1 / power) + share * (smallest ** (1 / power) - largest ** (1 / power))) ** power
    inner = time_of_level(path, jnp.asarray(levels, jnp.float32))
    return jnp.concatenate([jnp.zeros(1), inner, jnp.ones(1)])


def given(times: Sequence[float]) -> Grid:
    """A grid of one's own.

    Args:
      times: 0, ..., 1, increasing.

    Returns:
      [N + 1].

    Raises:
      ValueError: if they do not increase from 0 to 1.
    """
    grid = np.asarray(times, float)
    if grid.ndim != 1 or len(grid) < 2 or grid[0] != 0 or grid[-1] != 1 or not (np.diff(grid) > 0).all():
        raise ValueError(f"times = {', '.join(f'{t:g}' for t in grid.ravel())}; expected to increase from 0 to 1")
    return jnp.asarray(grid, jnp.float32)


GRIDS = {"uniform": uniform, "karras": karras}


def searched(score: Callable[[Grid], float], steps: int, *, rounds: int = 2, tries: int = 8) -> Grid:
    """The grid of N steps with the least score, by golden sections of one inner time after the other.

    Args:
      score: grid [N + 1] -> number, lower is better; with the same noise for every grid, or the search follows chance.
      steps: N; with one step there is nothing to search.
      rounds: how often each inner time is visited.
      tries: sections of one visit; each costs a score.

    Returns:
      [N + 1]; never worse than the uniform grid.

    Raises:
      ValueError: if N < 1.

    Reference: searched middle times are published for two steps, such as in arXiv 2410.11081 (sCM) and 2406.14548.
    """

    def value_of(grid: np.ndarray) -> float:
        found = score(jnp.asarray(grid, jnp.float32))
        # Not a number is worse than anything.
        return math.inf if math.isnan(found) else found

    best = np.asarray(uniform(steps), float)
    value = value_of(best)
    for _ in range(rounds):
        for k in range(1, steps):
            low, high = best[k - 1], best[k + 1]
            for _ in range(tries):
                pair = []
                for share in (1 - GOLDEN, GOLDEN):
                    candidate = best.copy()
                    candidate[k] = low + share * (high - low)
                    found = value_of(candidate)
                    pair.append((found, candidate[k]))
                    if found < value:
                        best, value = candidate, found
                if pair[0][0] <= pair[1][0]:
                    high = pair[1][1]
                else:
                    low = pair[0][1]
    return jnp.asarray(best, jnp.float32)


def time_of_level(path: Interpolant, level: jax.Array) -> jax.Array:
    """The time at which ``alpha_t / beta_t`` has a value, by bisection: it falls from infinity to 0.

    Args:
      path: the interpolant.
      level: noise levels in [0, infinity], any shape.

    Returns:
      times in [0, 1] of the same shape.
    """
    if path is LINEAR:
        return 1 / (1 + level)
    level = jnp.asarray(level, jnp.result_type(float))

    def halve(_: int | jax.Array, bounds: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = bounds
        middle = (low + high) / 2
        noisier = path.alpha(middle) > level * path.beta(middle)
        return jnp.where(noisier, middle, low), jnp.where(noisier, high, middle)

    low, high = jax.lax.fori_loop(0, 60, halve, (jnp.zeros_like(level), jnp.ones_like(level)))
    # Both ends are exact, and nothing in between can tell them.
    return jnp.where(jnp.isinf(level), 0.0, jnp.where(level == 0, 1.0, (low + high) / 2))
