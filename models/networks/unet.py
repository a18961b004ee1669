"""A plain U-Net with two times in the manner of DDPM++, for images of 8 x 8 to 32 x 32 pixels.

Residual blocks of group normalization, SiLU and 3 x 3 convolutions, modulated by times and label with a shift and a
scale; self-attention at chosen sizes; skips from every block of the encoder to one of the decoder.

Reference: Song et al., "Score-based generative modeling through stochastic differential equations", arXiv 2011.13456
(DDPM++); Ho, Jain, Abbeel, arXiv 2006.11239. Written from the papers; two times as embeddings of s and of t - s, unless
told otherwise.
"""

import itertools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models import conditions
from models.conditions import NOTHING, Condition, Dropout
from models.networks.embeddings import Features, fourier_features, told
from models.networks.encoder_decoder import DIVISOR, OPTIONS, SMOKE, check_side, described, walk
from models.networks.kind import DTYPES, Kind, time_inputs, time_scale
from models.networks.mlp import LogVariance
from taxonomy.shapes import PerExample, Points

GROUP = 8  # channels that are normalized together, at least
HARMONICS = 4  # of a time; few, since the rules differentiate the network in its times
Images = Float[Array, "batch height width channels"]
ROOT_HALF = math.sqrt(0.5)  # two paths that are added keep their size


class GroupNorm(nn.Module):
    """Zero mean and unit variance over places and groups of channels, in float32 or more, with a scale and a shift."""

    @nn.compact
    def __call__(self, x: Images) -> Images:
        """x [batch, height, width, channels] -> the same shape."""
        channels = x.shape[-1]
        groups = max(1, min(32, channels // GROUP))
        if channels % groups:
            raise ValueError(f"{channels} channels do not divide into {groups} groups; expected a multiple of {GROUP}")
        h = x.astype(jnp.promote_types(x.dtype, jnp.float32)).reshape(*x.shape[:-1], groups, channels // groups)
        h = h - h.mean(axis=(1, 2, 4), keepdims=True)
        h = (h * jax.lax.rsqrt(jnp.mean(jnp.square(h), axis=(1, 2, 4), keepdims=True) + 1e-6)).reshape(x.shape)
        scale = self.param("scale", nn.initializers.ones, (channels,))
        shift = self.param("shift", nn.initializers.zeros, (channels,))
        return (h * scale[None, None, None] + shift[None, None, None]).astype(x.dtype)


def time_features(t: PerExample) -> Features:
    """``t, sin(pi k t), cos(pi k t)`` for k = 1 .. 4, in float32 or more.

    Args:
      t: [batch]; times, differences of times, or other numbers, in [0, 1] unless they are scaled.

    Returns:
      [batch, 9].
    """
    t = t.astype(jnp.promote_types(t.dtype, jnp.float32))[:, None]
    return jnp.concatenate([t, fourier_features(t, count=HARMONICS, base=math.pi)], axis=-1)


def convolution(features: int, side: int, dtype: jnp.dtype, *, zero: bool = False, name: str | None = None) -> nn.Conv:
    """A convolution that keeps the size of the image.

    Args:
      features: number of output channels.
      side: of its window.
      dtype: of the computation.
      zero: whether its weights are zero at first.
      name: of the layer.

    Returns:
      a Linen module [batch, height, width, channels] -> [batch, height, width, features].
    """
    start = nn.initializers.zeros if zero else nn.initializers.variance_scaling(1.0, "fan_avg", "uniform")
    return nn.Conv(features, (side, side), kernel_init=start, dtype=dtype, name=name)


class Block(nn.Module):
    """``(skip(x) + branch(x)) / sqrt 2``, and self-attention.

    Attributes:
      features: number of output channels.
      attention: whether there is self-attention.
      dropout: rate before the second convolution, where there are keys.
      layer: number of this block in its network.
    """

    features: int
    attention: bool = False
    dropout: float = 0.0
    layer: int = 0

    @nn.compact
    def __call__(
        self, x: Images, embedding: Float[Array, "batch dim"], keys: jax.Array | None = None
    ) -> Float[Array, "batch height width features"]:
        """x [batch, height, width, channels], embedding [batch, dim], keys [batch] -> [batch, ..., features]."""
        h = convolution(self.features, 3, x.dtype, name="first")(nn.silu(GroupNorm(name="norm_first")(x)))
        modulation = nn.Dense(2 * self.features, dtype=x.dtype, name="modulation")(embedding)[:, None, None, :]
        scale, shift = jnp.split(modulation, 2, axis=-1)
        h = nn.silu(GroupNorm(name="norm_second")(h) * (1 + scale) + shift)
        h = Dropout(self.dropout, self.layer)(h, keys)
        h = convolution(self.features, 3, x.dtype, zero=True, name="second")(h)
        if x.shape[-1] != self.features:
            x = convolution(self.features, 1, x.dtype, name="skip")(x)
        x = ROOT_HALF * (x + h)
        return ROOT_HALF * (x + self.attend(x)) if self.attention else x

    def attend(self, x: Images) -> Images:
        """Softmax attention between all places in plain products, which have forward derivatives."""
        batch, channels = x.shape[0], x.shape[-1]
        h = GroupNorm(name="norm_attention")(x).reshape(batch, -1, channels)
        made = nn.Dense(3 * channels, dtype=x.dtype, name="query_key_value")(h)
        query, key, value = jnp.split(made, 3, axis=-1)
        logits = jnp.einsum("nqc,nkc->nqk", query, key) / math.sqrt(channels)
        weights = jax.nn.softmax(logits.astype(jnp.promote_types(x.dtype, jnp.float32)), axis=-1).astype(x.dtype)
        mixed = jnp.einsum("nqk,nkc->nqc", weights, value)
        made = nn.Dense(channels, kernel_init=nn.initializers.zeros, dtype=x.dtype, name="projection")(mixed)
        return made.reshape(x.shape)


class UNet(nn.Module):
    """Average velocity ``v_{s,t}(x)`` of small images.

    Attributes:
      channels: of the first level.
      multipliers: channels of each level, in units of the first; the image is halved between levels.
      blocks: of each level of the encoder; the decoder has one more.
      attention: sides of images at which blocks have self-attention.
      dropout: rate; only calls with keys in their condition drop anything.
      classes: number of labels, 0 for none; the label ``classes`` means none given.
      guided: whether the scale of guidance is an input.
      vector: entries of the vector that the network is conditioned on, 0 for none.
      beside: channels of a picture that the vector holds, which enters beside x; 0 for a vector that is none.
      time_embedding: a key of ``TIMES``; "both" are s and t - s.
      time_scale: factor of the times before they are embedded.
      dtype: a key of ``DTYPES``: of activations. Parameters, times, embeddings and norms are float32.
      remat: keep the inputs of blocks alone and compute the rest again in the backward pass.
    """

    channels: int = 32
    multipliers: tuple[int, ...] = (1, 2)
    blocks: int = 2
    attention: tuple[int, ...] = (4,)
    dropout: float = 0.0
    classes: int = 0
    guided: bool = False
    vector: int = 0
    beside: int = 0
    time_embedding: str = "both"
    time_scale: float = 1.0
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, s: PerExample, t: PerExample, x: Points, condition: Condition = NOTHING) -> Points:
        """s, t [batch], x [batch, side, side, channels] -> [batch, side, side, channels]."""
        conditions.check(condition, classes=self.classes, guided=self.guided, count=x.shape[0], vector=self.vector)
        levels = [self.channels * factor for factor in self.multipliers]
        check_side(x, levels=len(levels))
        block, layers = nn.remat(Block) if self.remat else Block, itertools.count()
        dtype = DTYPES[self.dtype] or x.dtype
        embedding = self.embed(s, t, condition).astype(dtype)

        def at(h: jax.Array, features: int, name: str, *, attention: bool | None = None) -> jax.Array:
            attention = h.shape[1] in self.attention if attention is None else attention
            made = block(features, attention=attention, dropout=self.dropout, layer=next(layers), name=name)
            return made(h, embedding, condition.dropout)

        def middle(h: jax.Array) -> jax.Array:
            h = at(h, levels[-1], "middle_0", attention=True)
            return at(h, levels[-1], "middle_1", attention=False)

        def up(h: jax.Array, level: int) -> jax.Array:
            enlarged = h.repeat(2, axis=1).repeat(2, axis=2)
            return convolution(levels[level], 3, dtype, name=f"up_{level + 1}")(enlarged)

        h = walk(
            convolution(levels[0], 3, dtype, name="first")(
                conditions.beside(x, condition, channels=self.beside).astype(dtype)
            ),
            levels=len(levels),
            blocks=self.blocks,
            down=lambda h, level: nn.avg_pool(h, (2, 2), (2, 2)),
            encode=lambda h, level, k: at(h, levels[level], f"encode_{level}_{k}"),
            middle=middle,
            join=lambda h, skip: jnp.concatenate([h, skip], axis=-1),
            decode=lambda h, level, k: at(h, levels[level], f"decode_{level}_{k}"),
            up=up,
        )
        h = nn.silu(GroupNorm(name="norm_last")(h))
        return convolution(x.shape[-1], 3, dtype, zero=True, name="last")(h).astype(x.dtype)

    def embed(self, s: PerExample, t: PerExample, condition: Condition) -> Features:
        """The embedding of times, of the label if there are classes, of scale and vector: [batch, dim], float32."""
        dim, count = 4 * self.channels, s.shape[0]

        def dense(name: str) -> nn.Dense:
            return nn.Dense(dim, name=name)

        times = told(s, t, time_embedding=self.time_embedding, own="source_gap")
        first, *others = [dense(name)(time_features(self.time_scale * time)) for name, time in times.items()]
        h = sum(others, first)
        if self.guided:
            h = h + dense("scale")(time_features(conditions.inverse_scale(condition, count)))
        if self.vector and not self.beside:
            h = h + dense("vector")(conditions.vector_of(condition))
        if self.classes:
            label = conditions.labels_of(condition, count, classes=self.classes)
            start = nn.initializers.normal(1.0)  # as large as the embedded times
            h = h + nn.Embed(self.classes + 1, dim, embedding_init=start, name="label")(label)
        return nn.silu(dense("embedding")(nn.silu(h)))


KIND = Kind(
    UNet,
    options=OPTIONS | {"time_embedding": time_inputs(), "time_scale": time_scale()},
    describe=lambda fields: described("U-Net", fields),
    smoke=SMOKE,
    log_variance=lambda fields: LogVariance(),
    divisor=DIVISOR,
    convolutional=True,
)
