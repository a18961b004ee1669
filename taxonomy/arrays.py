"""Three array helpers that every formula needs: times against points, sums over coordinates, safe ratios."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from taxonomy.shapes import PerExample, Points


def expand(t: jax.Array | float, x: Points) -> jax.Array:
    """Gives times the rank of points, so that ``expand(t, x) * x`` multiplies each example by its own time.

    Args:
      t: [batch] or []; times, or any other number per example.
      x: [batch, ...]; the points to be multiplied.

    Returns:
      [batch, 1, ..., 1], or [1, ..., 1] for a scalar t.

    Raises:
      ValueError: if t is neither a scalar nor one number per example of x.
    """
    t = jnp.asarray(t)
    if t.ndim > 1 or (t.ndim == 1 and t.shape[0] != x.shape[0]):
        raise ValueError(
            f"times have shape {t.shape} and points {x.shape}; expected times of shape ({x.shape[0]},): "
            "pass one time per example"
        )
    return t.reshape(t.shape + (1,) * (x.ndim - t.ndim))


def squared_norm(r: Points) -> PerExample:
    """``|r|^2`` summed over all coordinates of each example.

    Args:
      r: [batch, ...]; residuals.

    Returns:
      [batch]; one non-negative number per example.
    """
    return jnp.sum(jnp.square(r), axis=tuple(range(1, r.ndim)))


def ratio(numerator: jax.Array, denominator: jax.Array, otherwise: ArrayLike) -> jax.Array:
    """``numerator / denominator``, and ``otherwise`` where the denominator is zero, with finite derivatives.

    Args:
      numerator: [...].
      denominator: [...]; may contain zeros.
      otherwise: broadcastable to [...]; the limit to use at zeros of the denominator.

    Returns:
      [...].
    """
    zero = denominator == 0
    # The inner where keeps 0/0 out of the branch that is not selected: its derivative would be NaN * 0.
    return jnp.where(zero, otherwise, numerator / jnp.where(zero, jnp.ones_like(denominator), denominator))
