"""The path from data to noise as a random walk ``x_n = x_{n-1} + std e_n``, and two targets with the same optimum.

A network that is to undo step n may be asked for its noise ``e_n``, or for the mean ``(e_1 + ... + e_n) / n`` of
all noise so far, which is the way back to the data in n equal parts. Given ``x_n`` nothing tells one step from another
(the steps are exchangeable), so both have the same expectation:

    E[e_n | x_n] = E[(e_1 + ... + e_n) / n | x_n] = (x_n - E[x_0 | x_n]) / (n std) = -std grad log p_n(x_n)
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from taxonomy.flow_map import Velocity
from taxonomy.shapes import PerExample, Points


class Walk(NamedTuple):
    """Random walks from data: points [steps + 1, batch, ...], the data first, and noises [steps, batch, ...]."""

    points: jax.Array
    noises: jax.Array


def walk(key: jax.Array, x_0: Points, *, steps: int, std: float) -> Walk:
    """``x_n = x_{n-1} + std e_n``, ``e_n ~ N(0, I)``, for n = 1 .. steps.

    Args:
      key: typed PRNG key.
      x_0: [batch, ...]; data.
      steps: number of steps, at least 1.
      std: standard deviation of one step.

    Returns:
      Walk.

    Raises:
      ValueError: if steps < 1 or std <= 0.

    Reference: Ho, Jain, Abbeel, "Denoising diffusion probabilistic models", arXiv 2006.11239, whose walk also shrinks.
    """
    if not (steps >= 1 and std > 0):
        raise ValueError(f"steps = {steps}, std = {std}; expected at least 1 step of positive length")
    noises = jax.random.normal(key, (steps, *x_0.shape), x_0.dtype)
    points = x_0[None] + std * jnp.cumsum(noises, axis=0)
    return Walk(jnp.concatenate([x_0[None], points]), noises)


def last_noise(walk: Walk, n: int) -> Points:
    """``e_n``: the noise of the last step that led to ``x_n``.

    Args:
      walk: random walks.
      n: from 1 to the number of steps.

    Returns:
      [batch, ...].
    """
    return walk.noises[n - 1]


def mean_noise(walk: Walk, n: int) -> Points:
    """``(e_1 + ... + e_n) / n``: the total noise in ``x_n``, divided by the number of steps.

    Its variance given ``x_n`` is smaller than that of ``e_n`` by ``1 - 1/n`` in each coordinate: ``e_n`` minus the mean
    is independent of the mean, and of the data.

    Args:
      walk: random walks.
      n: from 1 to the number of steps.

    Returns:
      [batch, ...].
    """
    return jnp.mean(walk.noises[:n], axis=0)


def optimum(posterior_mean: Velocity, n: PerExample, x: Points, *, std: float, noise_std: float) -> Points:
    """``(x_n - E[x_0 | x_n]) / (n std)``: what both targets are on average.

    Args:
      posterior_mean: ``E[x1 | I_t = x]`` of the data on the linear path, from noise of standard deviation noise_std
        (``ExactFlow.posterior_mean``): ``x_n`` has the noise level ``std sqrt(n)``, as ``I_t / t`` has at
        ``t = noise_std / (noise_std + std sqrt(n))``.
      n: [batch]; numbers of steps, at least 1.
      x: [batch, dim]; points ``x_n``.
      std: standard deviation of one step of the walk.
      noise_std: standard deviation of the noise of the path.

    Returns:
      [batch, dim].
    """
    t = noise_std / (noise_std + std * jnp.sqrt(n))
    return (x - posterior_mean(t, t[:, None] * x)) / (n * std)[:, None]
