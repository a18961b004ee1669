"""Features of times and low-dimensional points that a plain MLP can read."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from taxonomy.shapes import PerExample

# What a network is told of its two times. "both" is the pair that it has in its own publication.
TIMES: dict[str, tuple[str, ...]] = {
    "both": (),
    "gap": ("gap",),
    "ends": ("source", "target"),
    "source_gap": ("source", "gap"),
    "all": ("source", "target", "gap"),
}

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


def told(s: PerExample, t: PerExample, *, time_embedding: str, own: str) -> dict[str, PerExample]:
    """The numbers that a network is told of its times: s ("source"), t ("target") and t - s ("gap"), or some of them.

    Args:
      s: [batch] in [0, 1].
      t: [batch] in [0, 1].
      time_embedding: a key of ``TIMES``.
      own: the key that "both" stands for.

    Returns:
      {name: [batch]}.

    Raises:
      ValueError: on an unknown key.

    Reference: Geng et al., "Mean flows for one-step generative modeling", arXiv 2505.13447, Table 1c.
    """
    if time_embedding not in TIMES:
        raise ValueError(f"time_embedding = {time_embedding!r}; expected one of {', '.join(TIMES)}")
    known = {"source": s, "target": t, "gap": t - s}
    return {name: known[name] for name in TIMES[time_embedding] or TIMES[own]}
