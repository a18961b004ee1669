"""Features of times and low-dimensional points that a plain MLP can read."""

import jax.numpy as jnp
from jaxtyping import Array, Float

Features = Float[Array, "batch features"]


def fourier_features(x: Float[Array, "batch dim"], *, count: int, base: float) -> Features:
    """``sin(k base x_i), cos(k base x_i)`` for k = 1 .. count and every coordinate i.

    Args:
      x: [batch, dim]; points or times.
      count: number of harmonics; 0 gives no features.
      base: angular frequency of the first harmonic, in radians per unit of x.

    Returns:
      [batch, 2 * count * dim].
    """
    harmonics = base * jnp.arange(1, count + 1, dtype=x.dtype)
    angles = (x[:, :, None] * harmonics[None, None, :]).reshape(x.shape[0], -1)
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
