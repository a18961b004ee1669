"""Distributions over pairs of neighbouring noise levels, for consistency models: (s, u, t) with t = 1.

The papers write ``x_sigma = x1 + sigma x0``; here ``s = 1 / (1 + sigma)``: sigma from 80 to 0.002 is s from 0.012 to
0.998. Levels are in units of the data's standard deviation. The last neighbour is the data itself, u = 1: there
``X_{1,1}`` is the identity, which anchors all earlier times, as ``f(x, sigma_min) = x`` does in the papers.
"""

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri

from taxonomy.conversions import time_from_sigma
from taxonomy.times import Law, Times

SIGMA_MIN, SIGMA_MAX, RHO = 0.002, 80.0, 7.0


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


def _neighbours(k: jax.Array, steps: float | jax.Array) -> Times:
    s = time_from_sigma(karras(k / steps))
    u = jnp.where(k + 1 >= steps, 1.0, time_from_sigma(karras((k + 1) / steps)))
    return Times(s, u, jnp.ones_like(s))


def uniform_neighbours(*, steps: float | jax.Array) -> Law:
    """A pair of neighbours of the Karras grid with that many steps, all pairs alike.

    Args:
      steps: number of steps from the largest noise to the data, at least 1; a whole number, which may be traced.

    Returns:
      a distribution over (s, u, 1).

    Raises:
      ValueError: if there is less than one step.

    Reference: consistency training and distillation, arXiv 2303.01469.
    """
    _check_steps(steps)

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        return _neighbours(jnp.minimum(jnp.floor(steps * jax.random.uniform(key, shape)), steps - 1.0), steps)

    return law


def _truncated(
    key: jax.Array, shape: tuple[int, ...], mean: float, std: float, smallest: float | jax.Array = SIGMA_MIN
) -> jax.Array:
    """``sigma = exp(N(mean, std))`` between the smallest and the largest level."""
    # From the upper tail, where the large levels are: the lower one rounds to 1 there.
    low, high = (ndtr((mean - jnp.log(level)) / std) for level in (SIGMA_MAX, smallest))
    tail = low + (high - low) * jax.random.uniform(key, shape)
    return jnp.clip(jnp.exp(mean - std * ndtri(tail)), smallest, SIGMA_MAX)


def log_normal_neighbours(
    *, steps: float | jax.Array, mean: float = -1.1, std: float = 2.0, smallest: float | jax.Array = SIGMA_MIN
) -> Law:
    """The pair of neighbours of the Karras grid around ``log sigma ~ N(mean, std)``.

    Args:
      steps: number of steps from the largest noise to the data, at least 1; a whole number, which may be traced.
      mean: of log sigma.
      std: of log sigma.
      smallest: level below which no sigma is drawn; the pair around it starts at or above it.

    Returns:
      a distribution over (s, u, 1); a pair has the probability that the normal gives to its interval, as in the paper.

    Raises:
      ValueError: if there is less than one step.

    Reference: improved consistency training, arXiv 2310.14189.
    """
    _check_steps(steps)

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        position = _position(_truncated(key, shape, mean, std, smallest))
        return _neighbours(jnp.clip(jnp.floor(steps * position), 0, steps - 1.0), steps)

    return law


def shrinking_neighbours(
    *, stage: float | jax.Array, mean: float = -1.1, std: float = 2.0, ratio: float = 2.0, boost: float = 8.0
) -> Law:
    """``sigma_u = sigma_s max(0, 1 - q^-(stage + 1) (1 + k sigmoid(-sigma_s)))``: a step that shrinks with the stages.

    At the first stages low noise is mapped to the data at once (u = 1), which is the training of a denoiser.

    Args:
      stage: number of the stage, from 0; may be traced.
      mean: of log sigma.
      std: of log sigma.
      ratio: q, by which the step shrinks from one stage to the next, above 1.
      boost: k, by how much longer the steps at low noise are.

    Returns:
      a distribution over (s, u, 1).

    Raises:
      ValueError: if the ratio is not above 1.

    Reference: ECT, Geng et al., "Consistency models made easy", arXiv 2406.14548, and its public code.
    """
    if not ratio > 1:
        raise ValueError(f"ratio = {ratio}; expected a number above 1: the step must shrink")

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        sigma = _truncated(key, shape, mean, std)
        kept = 1 - ratio ** -(stage + 1.0) * (1 + boost * jax.nn.sigmoid(-sigma))
        s, u = time_from_sigma(sigma), time_from_sigma(sigma * jnp.maximum(kept, 0.0))
        return Times(s, u, jnp.ones_like(s))

    return law


def log_normal(*, mean: float = -1.0, std: float = 1.4) -> Law:
    """``s = 1 / (1 + sigma)`` with ``log sigma ~ N(mean, std)``, and t = 1: the times of continuous consistency models.

    Args:
      mean: of log sigma.
      std: of log sigma.

    Returns:
      a distribution over (s, 1).

    Reference: sCM, arXiv 2410.11081, with ``sigma = tan(tau)`` of its angle.
    """

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        s = jax.nn.sigmoid(-mean - std * jax.random.normal(key, shape))
        return Times(s, jnp.ones_like(s), jnp.ones_like(s))

    return law


def _check_steps(steps: float | jax.Array) -> None:
    if not isinstance(steps, jax.core.Tracer) and not steps >= 1:
        raise ValueError(f"steps = {steps}; expected at least 1 step of noise")
