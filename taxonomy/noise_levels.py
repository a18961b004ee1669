"""Distributions over pairs of neighbouring noise levels, for consistency models: (s, u, t) with t = 1.

The papers write ``x_sigma = x1 + sigma z`` for standard normal z and data whose standard deviation is sigma_data = 0.5.
Levels have this unit here too, in arguments and constants. In this project the noise has the standard deviation of the
data: a level is sigma / sigma_data times as large, and ``s = sigma_data / (sigma_data + sigma)``. ``time_of`` alone
converts. Sigma from 80 to 0.002 is s from 0.006 to 0.996. The last neighbour is the data itself, u = 1: there
``X_{1,1}`` is the identity, which anchors all earlier times, as ``f(x, sigma_min) = x`` does in the papers.
"""

from collections.abc import Callable
import math

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri
import numpy as np

from taxonomy.conversions import time_from_sigma
from taxonomy.times import Law, Times

SIGMA_DATA = 0.5  # of the papers: the unit of their noise levels
SIGMA_MIN, SIGMA_MAX, RHO = 0.002, 80.0, 7.0


def time_of(sigma: jax.Array) -> jax.Array:
    """``s = sigma_data / (sigma_data + sigma)``: the time of a published noise level.

    Args:
      sigma: [...]; noise levels where the data's standard deviation is 0.5, not negative.

    Returns:
      [...]; times in (0, 1].

    Reference: Karras et al., arXiv 2206.00364, Table 1 (sigma_data = 0.5), whose noise is standard normal.
    """
    return time_from_sigma(sigma / SIGMA_DATA)


def karras(position: jax.Array) -> jax.Array:
    """``sigma = (sigma_max^(1/7) + position (sigma_min^(1/7) - sigma_max^(1/7)))^7``.

    Args:
      position: [...]; 0 for the largest noise, 1 for the smallest.

    Returns:
      [...]; noise levels.

    Reference: Karras, Aittala, Aila, Laine, "Elucidating the design space of diffusion-based generative models",
      arXiv 2206.00364, eq. (5).
    """
    largest, smallest = SIGMA_MAX ** (1 / RHO), SIGMA_MIN ** (1 / RHO)
    return (largest + position * (smallest - largest)) ** RHO


def _position(sigma: jax.Array) -> jax.Array:
    largest, smallest = SIGMA_MAX ** (1 / RHO), SIGMA_MIN ** (1 / RHO)
    return (largest - sigma ** (1 / RHO)) / (largest - smallest)


def _neighbours(k: jax.Array, steps: float | jax.Array, *, skip: int = 1) -> Times:
    s = time_of(karras(k / steps))
    u = jnp.where(k + skip >= steps, 1.0, time_of(karras((k + skip) / steps)))
    return Times(s, u, jnp.ones_like(s))


def uniform_neighbours(*, steps: float | jax.Array, skip: int = 1) -> Law:
    """A pair of levels of the Karras grid with that many steps, some steps from each other, all pairs alike.

    Args:
      steps: number of steps from the largest noise to the data, at least 1; a whole number, which may be traced. The
        papers' N counts the levels: N - 1 steps.
      skip: steps between the two levels of a pair, at most all of them.

    Returns:
      a distribution over (s, u, 1).

    Raises:
      ValueError: if there is less than one step.

    Reference: consistency training and distillation, arXiv 2303.01469; skipped steps: latent consistency models, arXiv
      2310.04378, whose starts are as many steps from the data as a pair spans.
    """
    _check_steps(steps)

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        starts = steps - (skip - 1.0)
        k = jnp.minimum(jnp.floor(starts * jax.random.uniform(key, shape)), starts - 1.0)
        return _neighbours(k, steps, skip=skip)

    return law


def _truncated(key: jax.Array, shape: tuple[int, ...], mean: float, std: float) -> jax.Array:
    """``sigma = exp(N(mean, std))`` between the smallest and the largest level."""
    # From the upper tail, where the large levels are: the lower one rounds to 1 there.
    low, high = (ndtr((mean - math.log(level)) / std) for level in (SIGMA_MAX, SIGMA_MIN))
    tail = low + (high - low) * jax.random.uniform(key, shape)
    return jnp.clip(jnp.exp(mean - std * ndtri(tail)), SIGMA_MIN, SIGMA_MAX)


def log_normal_neighbours(*, steps: float | jax.Array, mean: float = -1.1, std: float = 2.0) -> Law:
    """The pair of neighbours of the Karras grid around ``log sigma ~ N(mean, std)``.

    Args:
      steps: number of steps from the largest noise to the data, at least 1; a whole number, which may be traced.
      mean: of log sigma.
      std: of log sigma.

    Returns:
      a distribution over (s, u, 1); a pair has the probability that the normal gives to its interval, as in the paper.

    Raises:
      ValueError: if there is less than one step.

    Reference: improved consistency training, arXiv 2310.14189.
    """
    _check_steps(steps)

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        position = _position(_truncated(key, shape, mean, std))
        return _neighbours(jnp.clip(jnp.floor(steps * position), 0, steps - 1.0), steps)

    return law


# A way to draw noise levels.
Levels = Callable[[jax.Array, tuple[int, ...]], jax.Array]


def shrinking_neighbours(
    levels: Levels, *, stage: float | jax.Array, ratio: float = 2.0, boost: float = 8.0, shortest: float = 0.0
) -> Law:
    """``sigma_u = sigma_s max(0, 1 - q^-(stage + 1) (1 + k sigmoid(-sigma_s)))``: a step that shrinks with the stages.

    At the first stages low noise is mapped to the data at once (u = 1), which is the training of a denoiser.

    Args:
      levels: distribution of sigma_s.
      stage: number of the stage, from 0; may be traced.
      ratio: q, by which the step shrinks from one stage to the next, above 1.
      boost: k, by how much longer the steps at low noise are.
      shortest: least value of ``q^-(stage + 1)``, not negative.

    Returns:
      a distribution over (s, u, 1).

    Raises:
      ValueError: if the ratio is not above 1.

    Reference: ECT, Geng et al., "Consistency models made easy", arXiv 2406.14548, and its public code.
    """
    if not ratio > 1:
        raise ValueError(f"ratio = {ratio}; expected a number above 1: the step must shrink")

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        sigma = levels(key, shape)
        step = jnp.maximum(ratio ** -(stage + 1.0), shortest) * (1 + boost * jax.nn.sigmoid(-sigma))
        s, u = time_of(sigma), time_of(sigma * jnp.maximum(1 - step, 0.0))
        return Times(s, u, jnp.ones_like(s))

    return law


def log_normal_levels(*, mean: float, std: float, truncated: bool) -> Levels:
    """``log sigma ~ N(mean, std)``, all of it or between the smallest and the largest level.

    Args:
      mean: of log sigma.
      std: of log sigma.
      truncated: whether sigma stays between 0.002 and 80.

    Returns:
      a distribution over noise levels.

    Reference: ECT's public code draws all of it, that of TCM (arXiv 2410.14895) the truncated one.
    """

    def levels(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        if truncated:
            return _truncated(key, shape, mean, std)
        return jnp.exp(mean + std * jax.random.normal(key, shape))

    return levels


def student_levels(*, smallest: float, std: float, freedom: float) -> Levels:
    """``log sigma = std T``, T Student's t, given that sigma lies between the smallest level and 80.

    With ``T = sqrt(nu) sinh(y)`` the density of y is in proportion to ``cosh(y)^-nu``, nearly uniform at few degrees of
    freedom nu: its distribution function is inverted on a fine grid.

    Args:
      smallest: of sigma; at least 1, the middle of the distribution.
      std: scale of log sigma, positive.
      freedom: degrees of freedom nu, positive.

    Returns:
      a distribution over noise levels.

    Reference: the second stage of TCM, arXiv 2410.14895, and its public code: smallest 1, std 0.2, nu = 0.01.
    """
    root = std * math.sqrt(freedom)
    y = np.linspace(math.asinh(math.log(smallest) / root), math.asinh(math.log(SIGMA_MAX) / root), 4097)
    density = np.cosh(y) ** -freedom
    steps = np.cumsum((density[1:] + density[:-1]) / 2)
    below = np.append(0.0, steps / steps[-1])

    def levels(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        found = jnp.interp(jax.random.uniform(key, shape), jnp.asarray(below, float), jnp.asarray(y, float))
        return jnp.clip(jnp.exp(root * jnp.sinh(found)), smallest, SIGMA_MAX)

    return levels


def log_normal(*, mean: float = -1.0, std: float = 1.4) -> Law:
    """``s = time_of(sigma)`` with ``log sigma ~ N(mean, std)``, and t = 1: the times of continuous consistency models.

    Args:
      mean: of log sigma.
      std: of log sigma.

    Returns:
      a distribution over (s, 1).

    Reference: sCM, arXiv 2410.11081, Algorithm 1, with ``sigma = sigma_data tan(tau)`` of its angle.
    """

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        s = time_of(jnp.exp(mean + std * jax.random.normal(key, shape)))
        return Times(s, jnp.ones_like(s), jnp.ones_like(s))

    return law


def _check_steps(steps: float | jax.Array) -> None:
    if not isinstance(steps, jax.core.Tracer) and not steps >= 1:
        raise ValueError(f"steps = {steps}; expected at least 1 step of noise")
