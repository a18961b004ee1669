"""Exact samples of ``p(x1 | I_t = x_t)`` for the distributions of ``exact_planar``: what a posterior map should draw.

The coordinates of x1 are measured one by one, ``x_t / beta_t = x1 + (alpha_t / beta_t) x0``. Within a square they stay
independent, as normal numbers cut off at its sides; within a round Gaussian they are normal.
"""

import jax
import jax.numpy as jnp
from jax.scipy.special import log_ndtr
from jaxtyping import Array, Float

from taxonomy.exact_planar import Distribution
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points

Samples = Float[Array, "batch count 2"]


def sample(data: Distribution, path: Interpolant, key: jax.Array, t: PerExample, x_t: Points, *, count: int) -> Samples:
    """Samples of ``p(x1 | I_t = x_t)``: first the piece, with its exact probability, and then the point in it.

    Args:
      data: the distribution.
      path: the interpolant.
      key: typed PRNG key.
      t: [batch]; times in (0, 1).
      x_t: [batch, 2]; points at these times.
      count: samples for each point.

    Returns:
      [batch, count, 2].

    Raises:
      ValueError: outside of jit, if a time is not between 0 and 1.
    """
    if not isinstance(t, jax.core.Tracer) and not bool(((t > 0) & (t < 1)).all()):
        raise ValueError("a posterior was asked at t = 0 or t = 1; expected 0 < t < 1: at t = 1 the point is the datum")
    spread = (path.alpha(t) / path.beta(t) * data.std)[:, None, None]
    offset = x_t[:, None, :] / path.beta(t)[:, None, None] - jnp.asarray(data.places, x_t.dtype)[None]
    key_piece, key_point = jax.random.split(key)

    def chosen(logits: jax.Array, values: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Of values [batch, pieces, k] those of the piece of each sample [batch, count, k], and its place."""
        pieces = jax.random.categorical(key_piece, logits[:, None, :], axis=-1, shape=(len(t), count))
        return jnp.take_along_axis(values, pieces[:, :, None], axis=1), jnp.asarray(data.places, x_t.dtype)[pieces]

    if data.squares:
        low, high = -offset / spread, (data.width - offset) / spread
        within, corner = chosen(jnp.sum(_log_mass(low, high), axis=-1), jnp.concatenate([low, high], axis=-1))
        # In standard deviations of the measurement, whose middle lies at the offset from the corner.
        z = jax.random.truncated_normal(key_point, within[..., :2], within[..., 2:], dtype=x_t.dtype)
        inside = jnp.clip(z * spread - within[..., :2] * spread, 0.0, data.width)
        return corner + inside
    whole = jnp.sqrt(spread**2 + data.width**2)
    gain = data.width**2 / whole**2
    shift, centre = chosen(-0.5 * jnp.sum((offset / whole) ** 2, axis=-1), gain * offset)
    scatter = data.width * spread / whole
    return centre + shift + scatter * jax.random.normal(key_point, (len(t), count, 2), x_t.dtype)


def _log_mass(low: jax.Array, high: jax.Array) -> jax.Array:
    """``log(Phi(high) - Phi(low))``, in the tail where both are on one side."""
    flipped = low > 0
    a, b = jnp.where(flipped, -high, low), jnp.where(flipped, -low, high)
    return log_ndtr(b) + jnp.log1p(-jnp.exp(jnp.minimum(log_ndtr(a) - log_ndtr(b), -1e-7)))
