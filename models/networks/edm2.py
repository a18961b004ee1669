"""The magnitude-preserving U-Net of EDM2 with two times: the network of the image experiments of arXiv 2505.18825.

Every weight is used at unit norm per output: activations keep the size that they have at the start. `project` sets the
stored weights to that norm as well, after each step of an optimizer. Written from the paper.

Reference: Karras, Aittala, Lehtinen, Hellsten, Aila, Laine, "Analyzing and improving the training dynamics of
diffusion models", arXiv 2312.02696, configuration G; Boffi, Albergo, Vanden-Eijnden, arXiv 2505.18825 (embeddings of s
and t - s).
"""

from collections.abc import Sequence
import itertools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models import conditions
from models.conditions import NOTHING, Condition, Dropout
from models.networks.embeddings import Features
from models.networks.encoder_decoder import DIVISOR, OPTIONS, SMOKE, check_side, described, walk
from models.networks.kind import DTYPES, Kind
from models.networks.magnitude_preserving import Linear, joined, mixed, normalized, positional, project, silu
from taxonomy.shapes import PerExample, Points

HEAD_CHANNELS = 64  # of an attention head
RESIDUAL, ATTENTION = 0.3, 0.3  # shares of a branch against the path that it is added to
Images = Float[Array, "batch height width channels"]
LIMIT = 256.0  # of activations


class Block(nn.Module):
    """Two convolutions with a skip around them, modulated by the times, and self-attention.

    Attributes:
      features: number of output channels.
      decoding: whether it is one of the decoder, whose skip is changed after the branch, not before.
      resample: "", "down" or "up".
      attention: whether there is self-attention.
      dropout: rate between the convolutions, where there are keys.
      layer: number of this block in its network.
    """

    features: int
    decoding: bool = False
    resample: str = ""
    attention: bool = False
    dropout: float = 0.0
    layer: int = 0

    @nn.compact
    def __call__(
        self, x: Images, embedding: Float[Array, "batch dim"], keys: jax.Array | None = None
    ) -> Float[Array, "batch height_out width_out features"]:
        """x [batch, height, width, channels], embedding [batch, dim], keys [batch] -> [batch, ..., features]."""
        if self.resample == "down":
            x = nn.avg_pool(x, (2, 2), (2, 2))
        elif self.resample == "up":
            x = x.repeat(2, axis=1).repeat(2, axis=2)

        def skip(x: jax.Array) -> jax.Array:
            return Linear(self.features, (1, 1), name="skip")(x) if x.shape[-1] != self.features else x

        if not self.decoding:
            x = normalized(skip(x), (-1,))
        y = Linear(self.features, (3, 3), name="first")(silu(x))
        gain = self.param("gain", nn.initializers.zeros, ())
        scale = 1 + Linear(self.features, name="modulation")(embedding, gain)
        y = silu(y * scale[:, None, None, :])
        y = Dropout(self.dropout, self.layer)(y, keys)
        y = Linear(self.features, (3, 3), name="second")(y)
        x = mixed(skip(x) if self.decoding else x, y, share=RESIDUAL)
        if self.attention:
            x = mixed(x, self.attend(x), share=ATTENTION)
        return jnp.clip(x, -LIMIT, LIMIT)

    def attend(self, x: Images) -> Images:
        """Cosine attention between all places; [batch, height, width, features] -> the same shape."""
        heads = max(1, self.features // HEAD_CHANNELS)
        y = Linear(3 * self.features, (1, 1), name="query_key_value")(x)
        y = normalized(y.reshape(x.shape[0], -1, heads, 3, self.features // heads), (-1,))
        query, key, value = y[..., 0, :], y[..., 1, :], y[..., 2, :]
        logits = jnp.einsum("nqhc,nkhc->nhqk", query, key) / math.sqrt(query.shape[-1])
        weights = jax.nn.softmax(logits.astype(jnp.float32), axis=-1).astype(x.dtype)
        y = jnp.einsum("nhqk,nkhc->nqhc", weights, value).reshape(x.shape)
        return Linear(self.features, (1, 1), name="projection")(y)


class EDM2(nn.Module):
    """Average velocity ``v_{s,t}(x)`` of images by the U-Net of EDM2, with embeddings of s and of t - s.

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
      dtype: a key of ``DTYPES``: of activations. Parameters, times and embeddings are float32.
      remat: keep the inputs of blocks alone and compute the rest again in the backward pass.
    """

    channels: int = 128
    multipliers: tuple[int, ...] = (2, 2, 2)
    blocks: int = 4
    attention: tuple[int, ...] = (16,)
    dropout: float = 0.0
    classes: int = 0
    guided: bool = False
    vector: int = 0
    beside: int = 0
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, s: PerExample, t: PerExample, x: Points, condition: Condition = NOTHING) -> Points:
        """s, t [batch], x [batch, side, side, channels] -> [batch, side, side, channels]."""
        conditions.check(condition, classes=self.classes, guided=self.guided, count=x.shape[0], vector=self.vector)
        levels = [self.channels * factor for factor in self.multipliers]
        check_side(x, levels=len(levels))
        embedding = self.embed(s, t, condition, levels)
        block, layers = nn.remat(Block) if self.remat else Block, itertools.count()
        dtype = DTYPES[self.dtype] or x.dtype
        embedding = embedding.astype(dtype)

        def at(
            h: jax.Array,
            features: int,
            name: str,
            *,
            decoding: bool = False,
            resample: str = "",
            attention: bool | None = None,
        ) -> jax.Array:
            made = block(
                features,
                decoding=decoding,
                resample=resample,
                attention=h.shape[1] in self.attention if attention is None else attention,
                dropout=self.dropout,
                layer=next(layers),
                name=name,
            )
            return made(h, embedding, condition.dropout)

        def down(h: jax.Array, level: int) -> jax.Array:
            return at(h, h.shape[-1], f"down_{level}", resample="down", attention=False)

        def middle(h: jax.Array) -> jax.Array:
            h = at(h, h.shape[-1], "middle_0", decoding=True, attention=True)
            return at(h, h.shape[-1], "middle_1", decoding=True, attention=False)

        def up(h: jax.Array, level: int) -> jax.Array:
            return at(h, h.shape[-1], f"up_{level}", decoding=True, resample="up", attention=False)

        # A channel of ones takes the place of the biases that layers do not have.
        shown = conditions.beside(x, condition, channels=self.beside)
        image = jnp.concatenate([shown, jnp.ones_like(x[..., :1])], axis=-1).astype(dtype)
        h = walk(
            Linear(levels[0], (3, 3), name="first")(image),
            levels=len(levels),
            blocks=self.blocks,
            down=down,
            encode=lambda h, level, k: at(h, levels[level], f"encode_{level}_{k}"),
            middle=middle,
            join=joined,
            decode=lambda h, level, k: at(h, levels[level], f"decode_{level}_{k}", decoding=True),
            up=up,
        )
        gain = self.param("gain", nn.initializers.zeros, ())
        return Linear(x.shape[-1], (3, 3), name="last")(h, gain).astype(x.dtype)

    def embed(self, s: PerExample, t: PerExample, condition: Condition, levels: Sequence[int]) -> Features:
        """The embedding of times, of the label if there are classes, of scale and vector: [batch, dim], float32."""
        dim, count = max(levels), s.shape[0]

        def embedded(number: jax.Array, name: str) -> jax.Array:
            return Linear(dim, name=name)(positional(number, channels=levels[0]))

        embedding = mixed(embedded(s, "source"), embedded(t - s, "gap"), share=0.5)
        if self.classes:
            label = conditions.labels_of(condition, count, classes=self.classes)
            # The label of none is a row of zeros.
            picked = jax.nn.one_hot(label, self.classes, dtype=jnp.float32) * math.sqrt(self.classes)
            embedding = mixed(embedding, Linear(dim, name="label")(picked), share=0.5)
        if self.guided:
            scale = embedded(conditions.inverse_scale(condition, count), "scale")
            embedding = mixed(embedding, scale, share=0.5)
        if self.vector and not self.beside:
            embedding = mixed(embedding, Linear(dim, name="vector")(conditions.vector_of(condition)), share=0.5)
        return silu(embedding)


class LogVariance(nn.Module):
    """The learned ``w_{s,t}``: one linear map of embeddings of s and of t, no bias.

    Attributes:
      channels: of the embedding.
    """

    channels: int = 128

    @nn.compact
    def __call__(self, s: PerExample, t: PerExample) -> PerExample:
        """s, t [batch] -> [batch]."""
        both = mixed(*(positional(time, channels=self.channels) for time in (s, t)), share=0.5)
        return Linear(1, name="last")(both)[:, 0]


def cifar10() -> EDM2:
    """The network of CIFAR-10 in arXiv 2505.18825; with its ``LogVariance`` 54,673,314 parameters."""
    return EDM2(channels=128, multipliers=(2, 2, 2), blocks=4, attention=(16,), dropout=0.13)


def celeba64() -> EDM2:
    """The network of CelebA-64 and AFHQ-64 in arXiv 2505.18825; with its ``LogVariance`` 124,264,485 parameters."""
    return EDM2(channels=128, multipliers=(1, 2, 3, 4), blocks=3, attention=(16, 8))


KIND = Kind(
    EDM2,
    options=OPTIONS,
    describe=lambda fields: described("EDM2's U-Net", fields),
    smoke=SMOKE,
    log_variance=lambda fields: LogVariance(channels=fields["channels"]),
    divisor=DIVISOR,
    project=project,
    convolutional=True,
)
