"""Layers and sums that keep the size of activations, as in EDM2, and the projection that keeps weights at unit norm.

Reference: Karras, Aittala, Lehtinen, Hellsten, Aila, Laine, "Analyzing and improving the training dynamics of
diffusion models", arXiv 2312.02696, configuration G. Written from the paper.
"""

from collections.abc import Sequence
import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from models.networks.embeddings import Features
from taxonomy.shapes import PerExample

WEIGHT = "weight"  # name of the parameters that are kept at unit norm
SMALL = 1e-4


def normalized(x: jax.Array, axes: Sequence[int]) -> jax.Array:
    """``x / (small + rms(x))``: root mean square 1 over the axes.

    Args:
      x: any array.
      axes: over which the mean is taken.

    Returns:
      array of the same shape.
    """
    return x / (SMALL + jnp.sqrt(jnp.mean(jnp.square(x), axis=axes, keepdims=True)))


def mixed(a: jax.Array, b: jax.Array, *, share: float) -> jax.Array:
    """``((1 - share) a + share b) / sqrt((1 - share)^2 + share^2)``: keeps the size of uncorrelated arrays.

    Args:
      a: array.
      b: array of the same shape.
      share: of b, in [0, 1].

    Returns:
      array of the same shape.
    """
    return ((1 - share) * a + share * b) / math.hypot(1 - share, share)


def joined(a: jax.Array, b: jax.Array) -> jax.Array:
    """Channels of a and b one after the other, scaled: both have equal weight, and the size is kept.

    Args:
      a: [..., n].
      b: [..., m].

    Returns:
      [..., n + m].
    """
    n, m = a.shape[-1], b.shape[-1]
    return math.sqrt((n + m) / 2) * jnp.concatenate([a / math.sqrt(n), b / math.sqrt(m)], axis=-1)


def silu(x: jax.Array) -> jax.Array:
    """``silu(x) / 0.596``: keeps the size of a standard normal."""
    return nn.silu(x) / 0.596


def positional(t: PerExample, *, channels: int) -> Features:
    """``sqrt(2) cos(w_k t), sqrt(2) sin(w_k t)`` with ``w_k = 10000^(-2 k / channels)``, in float32.

    Args:
      t: [batch]; times or differences of times.
      channels: even number.

    Returns:
      [batch, channels].
    """
    frequencies = 10_000.0 ** (-2 * jnp.arange(channels // 2, dtype=jnp.float32) / channels)
    angles = t.astype(jnp.float32)[:, None] * frequencies[None]
    return math.sqrt(2) * jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], axis=-1)


def project(params: dict) -> dict:
    """Every weight at unit norm per output, gains as they are: the forced normalization after each step.

    Args:
      params: Linen variables of a model.

    Returns:
      the same tree.
    """

    def leaf(path: tuple, value: jax.Array) -> jax.Array:
        return normalized(value, tuple(range(value.ndim - 1))) if path[-1].key == WEIGHT else value

    return jax.tree_util.tree_map_with_path(leaf, params)


class Linear(nn.Module):
    """A linear map or convolution without bias, each output's weights at unit norm; computes in the type of its input.

    Attributes:
      features: number of output channels.
      kernel: () for a linear map of the channels, (3, 3) for a convolution of images.
    """

    features: int
    kernel: tuple[int, ...] = ()

    @nn.compact
    def __call__(self, x: jax.Array, gain: jax.Array | float = 1.0) -> jax.Array:
        """x [batch, ..., channels] -> [batch, ..., features], times the gain."""
        shape = (*self.kernel, x.shape[-1], self.features)
        weight = self.param(WEIGHT, nn.initializers.normal(1.0), shape)
        inputs = tuple(range(len(shape) - 1))
        weight = normalized(weight, inputs) * (gain / math.sqrt(math.prod(shape[:-1])))
        weight = weight.astype(x.dtype)
        if not self.kernel:
            return x @ weight
        return jax.lax.conv_general_dilated(x, weight, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
