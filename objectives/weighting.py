"""Weights per example: functions of the times and of the (stopped) loss that multiply a term before the mean."""

from collections.abc import Callable

import jax
from jax.lax import stop_gradient as sg
import jax.numpy as jnp

from taxonomy.arrays import ratio
from taxonomy.times import Times

Weight = Callable[[Times, jax.Array], jax.Array]


def uniform(times: Times, loss: jax.Array) -> jax.Array:
    """``1`` for every example: the plain mean.

    Args:
      times: s, u, t of each example, [batch].
      loss: [batch]; squared residuals.

    Returns:
      [batch].
    """
    del times
    return jnp.ones_like(loss)


def gap_squared(times: Times, loss: jax.Array) -> jax.Array:
    """``(t - s)^2``: turns a residual of average velocities into the residual of mapped points.

    Args:
      times: s, u, t of each example, [batch].
      loss: [batch]; squared residuals.

    Returns:
      [batch].
    """
    del loss
    return jnp.square(times.t - times.s)


def inverse_step(times: Times, loss: jax.Array) -> jax.Array:
    """``1 / (u - s)``: keeps the gradient of a finite-step consistency loss of order one as the step shrinks.

    Args:
      times: s, u, t of each example, [batch], s <= u.
      loss: [batch]; squared residuals.

    Returns:
      [batch]; zero where u = s.

    Reference: Song, Dhariwal, "Improved techniques for training consistency models", arXiv 2310.14189,
      whose weight is one over the step in sigma; here the step is in t.
    """
    del loss
    step = times.u - times.s
    return ratio(jnp.ones_like(step), step, otherwise=0.0)


def adaptive(*, power: float = 1.0, offset: float = 0.01) -> Weight:
    """``1 / sg(|r|^2 + offset)^power``: large residuals count less.

    At power 1 the weighted loss is close to 1 for any network: look at the raw residual to see progress.

    Args:
      power: 0 is the plain mean. On a term whose residual is noisy at the exact solution, as in flow matching, a
        power above 0 moves the minimizer away from the conditional mean, most of all in low dimension.
      offset: not negative; compared with the sum of squares over coordinates.

    Returns:
      a weight function.

    Raises:
      ValueError: if the power or the offset is negative.

    Reference: Geng, Deng, Bai, Kolter, He, "Mean flows", arXiv 2505.13447 (adaptive loss weighting).
    """
    if not (power >= 0 and offset >= 0):
        raise ValueError(f"power = {power}, offset = {offset}; expected numbers that are not negative")

    def weight(times: Times, loss: jax.Array) -> jax.Array:
        del times
        return sg(loss + offset) ** -power

    return weight
