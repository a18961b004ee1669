"""Diffusion transformers with two times: patches of an image (or of a latent) as tokens, modulated by adaLN-zero.

Reference: Peebles, Xie, "Scalable diffusion models with transformers", arXiv 2212.09748; two times as in MeanFlow (Geng
et al., arXiv 2505.13447); early and late layers of their own times as in decoupled MeanFlow (arXiv 2510.24474); tokens
in place of modulation as in improved MeanFlow (arXiv 2512.02012).
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
import numpy as np

from models import conditions
from models.conditions import NOTHING, Condition, Dropout
from models.networks.embeddings import TIMES, Features, told
from models.networks.kind import (
    DEEPEST,
    DTYPES,
    Divisor,
    Fields,
    Kind,
    Option,
    not_negative,
    positive,
    precision,
    share,
    time_inputs,
)
from models.networks.mlp import LogVariance
from taxonomy.shapes import PerExample, Points

FREQUENCIES = 256  # numbers that a time is embedded in before its MLP
Tokens = Float[Array, "batch tokens dim"]
NORMAL = nn.initializers.normal(0.02)


def time_features(t: PerExample) -> Features:
    """``cos(w_k t), sin(w_k t)`` with ``w_k = 10000^(-k / 128)``, in float32.

    Times are not multiplied by 1000, as models of single times do it: the rules of flow maps differentiate the network
    in its times, and these derivatives would be a thousand times larger.

    Args:
      t: [batch]; times or differences of times.

    Returns:
      [batch, 256].
    """
    half = FREQUENCIES // 2
    frequencies = jnp.exp(-math.log(10_000.0) * jnp.arange(half, dtype=jnp.float32) / half)
    angles = t.astype(jnp.float32)[:, None] * frequencies[None]
    return jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], axis=-1)


def positions(side: int, dim: int) -> np.ndarray:
    """Sines and cosines of row and column of a square grid, a quarter of the channels each.

    Args:
      side: of the grid.
      dim: channels, a multiple of 4.

    Returns:
      [side * side, dim], row by row.
    """
    frequencies = 10_000.0 ** (-np.arange(dim // 4) / (dim // 4))
    row, column = (axis.ravel()[:, None] * frequencies[None] for axis in np.mgrid[:side, :side])
    return np.concatenate([np.sin(column), np.cos(column), np.sin(row), np.cos(row)], axis=-1).astype(np.float32)


class Embedder(nn.Module):
    """A number as a vector: sines and cosines, and an MLP; in float32.

    Attributes:
      dim: of the vector.
    """

    dim: int

    @nn.compact
    def __call__(self, t: PerExample) -> Float[Array, "batch dim"]:
        """t [batch] -> [batch, dim]."""
        h = nn.silu(nn.Dense(self.dim, kernel_init=NORMAL)(time_features(t)))
        return nn.Dense(self.dim, kernel_init=NORMAL)(h)


class Modulated(nn.Module):
    """``x -> LayerNorm(x) (1 + scale) + shift`` and gates, all linear in a condition and zero at first.

    Attributes:
      count: number of (shift, scale, gate) vectors that are made.
    """

    count: int

    @nn.compact
    def __call__(self, condition: jax.Array, dim: int) -> list[jax.Array]:
        """condition [batch, dim] -> count vectors [batch, 1, dim]."""
        made = nn.Dense(self.count * dim, kernel_init=nn.initializers.zeros, dtype=condition.dtype)(nn.silu(condition))
        return jnp.split(made[:, None, :], self.count, axis=-1)


def _norm(x: Tokens) -> Tokens:
    """Zero mean and unit variance over the channels, in float32, without weights."""
    h = x.astype(jnp.float32)
    h = h - h.mean(axis=-1, keepdims=True)
    return (h * jax.lax.rsqrt(jnp.mean(jnp.square(h), axis=-1, keepdims=True) + 1e-6)).astype(x.dtype)


class Block(nn.Module):
    """Self-attention and an MLP, each on a modulated norm and added through a gate.

    Attributes:
      heads: of the attention.
      ratio: width of the MLP in units of the channels.
      dropout: rate within the MLP, where there are keys.
      layer: number of this block in its network.
    """

    heads: int
    ratio: float = 4.0
    dropout: float = 0.0
    layer: int = 0

    @nn.compact
    def __call__(self, x: Tokens, condition: Float[Array, "batch dim"], keys: jax.Array | None = None) -> Tokens:
        """x [batch, tokens, dim], condition [batch, dim], keys [batch] -> [batch, tokens, dim]."""
        dim, dtype = x.shape[-1], x.dtype
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = Modulated(6)(condition, dim)
        x = x + gate * self.attend(_norm(x) * (1 + scale) + shift)
        h = nn.Dense(int(self.ratio * dim), kernel_init=nn.initializers.xavier_uniform(), dtype=dtype, name="wide")(
            _norm(x) * (1 + scale_mlp) + shift_mlp
        )
        h = Dropout(self.dropout, self.layer)(nn.gelu(h), keys)
        h = nn.Dense(dim, kernel_init=nn.initializers.xavier_uniform(), dtype=dtype, name="narrow")(h)
        return x + gate_mlp * h

    def attend(self, x: Tokens) -> Tokens:
        """Softmax attention in plain products, which have forward derivatives: [batch, tokens, dim]."""
        dim, dtype = x.shape[-1], x.dtype
        made = nn.Dense(3 * dim, kernel_init=nn.initializers.xavier_uniform(), dtype=dtype, name="query_key_value")(x)
        query, key, value = jnp.moveaxis(made.reshape(*x.shape[:2], 3, self.heads, dim // self.heads), 2, 0)
        logits = jnp.einsum("nqhc,nkhc->nhqk", query, key) / math.sqrt(dim // self.heads)
        weights = jax.nn.softmax(logits.astype(jnp.float32), axis=-1).astype(dtype)
        y = jnp.einsum("nhqk,nkhc->nqhc", weights, value).reshape(x.shape)
        return nn.Dense(dim, kernel_init=nn.initializers.xavier_uniform(), dtype=dtype, name="projection")(y)


class DiT(nn.Module):
    """Average velocity ``v_{s,t}(x)`` of images or latents by a transformer on patches.

    Attributes:
      width: channels.
      depth: number of blocks.
      heads: of each block's attention.
      patch: side of a patch.
      dropout: rate within the MLPs; only calls with keys in their condition drop anything.
      classes: number of labels, 0 for none; the label ``classes`` means none given.
      guided: whether the scale of guidance is an input.
      vector: entries of the vector that the network is conditioned on, 0 for none.
      beside: channels of a picture that the vector holds, which enters beside x; 0 for a vector that is none.
      time_embedding: a key of ``TIMES``, whose embeddings are added; "both" are s and t - s.
      target_only_blocks: number of last blocks that get t in place of s and the gap; the blocks before get s alone. 0
        for none.
      time_tokens: the condition enters as this many tokens of each part in place of modulation; 0 for modulation.
      dtype: a key of ``DTYPES``: of activations. Parameters, times and their embeddings are float32.
      remat: keep the inputs of blocks alone and compute the rest again in the backward pass.
    """

    width: int = 768
    depth: int = 12
    heads: int = 12
    patch: int = 2
    dropout: float = 0.0
    classes: int = 0
    guided: bool = False
    vector: int = 0
    beside: int = 0
    time_embedding: str = "both"
    target_only_blocks: int = 0
    time_tokens: int = 0
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, s: PerExample, t: PerExample, x: Points, condition: Condition = NOTHING) -> Points:
        """s, t [batch], x [batch, side, side, channels] -> [batch, side, side, channels]."""
        self._check(x)
        conditions.check(condition, classes=self.classes, guided=self.guided, count=x.shape[0], vector=self.vector)
        count, side, channels = x.shape[0], x.shape[1] // self.patch, x.shape[3]
        dtype = DTYPES[self.dtype] or x.dtype
        shown = conditions.beside(x, condition, channels=self.beside)
        patches = shown.reshape(count, side, self.patch, side, self.patch, -1).swapaxes(2, 3)
        patches = patches.reshape(count, side * side, -1).astype(dtype)
        h = nn.Dense(self.width, kernel_init=nn.initializers.xavier_uniform(), dtype=dtype, name="patches")(patches)
        h = h + positions(side, self.width)[None].astype(dtype)
        early, late, parts = self._conditions(s, t, condition)
        extra = 0
        if self.time_tokens:
            given = [
                self.param(f"token_{k}", NORMAL, (1, self.time_tokens, self.width)) + part[:, None, :]
                for k, part in enumerate(parts)
            ]
            h = jnp.concatenate([*(token.astype(dtype) for token in given), h], axis=1)
            extra = h.shape[1] - side * side
            # Blocks keep their gates, which are then numbers of the network alone.
            early = late = jnp.broadcast_to(self.param("condition", NORMAL, (1, self.width)), early.shape)
        block = nn.remat(Block) if self.remat else Block
        for k in range(self.depth):
            modulation = (late if k >= self.depth - self.target_only_blocks else early).astype(dtype)
            h = block(self.heads, dropout=self.dropout, layer=k, name=f"block_{k}")(h, modulation, condition.dropout)
        shift, scale = Modulated(2, name="last_modulation")(late.astype(dtype), self.width)
        h = _norm(h[:, extra:]) * (1 + scale) + shift
        zeros = nn.initializers.zeros
        h = nn.Dense(self.patch**2 * channels, kernel_init=zeros, dtype=dtype, name="last")(h).astype(x.dtype)
        h = h.reshape(count, side, side, self.patch, self.patch, channels).swapaxes(2, 3)
        return h.reshape(x.shape)

    def _conditions(
        self, s: PerExample, t: PerExample, condition: Condition
    ) -> tuple[jax.Array, jax.Array, list[jax.Array]]:
        """The conditions of early and of late blocks [batch, dim], and their parts."""
        named, count = [], s.shape[0]
        if self.guided:
            named.append(Embedder(self.width, name="scale")(conditions.inverse_scale(condition, count)))
        if self.vector and not self.beside:
            named.append(nn.Dense(self.width, kernel_init=NORMAL, name="vector")(conditions.vector_of(condition)))
        if self.classes:
            label = conditions.labels_of(condition, count, classes=self.classes)
            named.append(nn.Embed(self.classes + 1, self.width, embedding_init=NORMAL, name="label")(label))
        if self.target_only_blocks:
            early, late = Embedder(self.width, name="source")(s), Embedder(self.width, name="target")(t)
            return sum(named, early), sum(named, late), [early, late, *named]
        times = told(s, t, time_embedding=self.time_embedding, own="source_gap")
        # From the gap to the source: the order of tokens, and of the sum.
        parts = [Embedder(self.width, name=name)(time) for name, time in reversed(times.items())]
        whole = sum(named, sum(parts[1:], parts[0]))
        return whole, whole, [*parts, *named]

    def _check(self, x: Points) -> None:
        if x.ndim != 4 or x.shape[1] != x.shape[2] or x.shape[1] % self.patch:
            raise ValueError(
                f"images have shape {x.shape[1:]}; expected (side, side, channels) with a side that patches of "
                f"{self.patch} divide"
            )
        if self.time_embedding not in TIMES:
            raise ValueError(f"time_embedding = {self.time_embedding!r}; expected one of {', '.join(TIMES)}")
        if not 0 <= self.target_only_blocks < self.depth:
            raise ValueError(
                f"target_only_blocks = {self.target_only_blocks}; expected 0 <= target_only_blocks < depth = "
                f"{self.depth}"
            )
        if self.target_only_blocks and self.time_tokens:
            raise ValueError("blocks of one time get it by modulation (target_only_blocks); expected time_tokens = 0")


PRESETS: dict[str, dict[str, Any]] = {
    "B/4": {"width": 768, "depth": 12, "heads": 12, "patch": 4},
    "B/2": {"width": 768, "depth": 12, "heads": 12, "patch": 2},
    "L/2": {"width": 1024, "depth": 24, "heads": 16, "patch": 2},
    "XL/2": {"width": 1152, "depth": 28, "heads": 16, "patch": 2},
}


def preset(name: str, *, classes: int = 1000) -> DiT:
    """A published size.

    Args:
      name: a key of ``PRESETS``.
      classes: number of labels.

    Returns:
      the network.

    Raises:
      ValueError: on an unknown name.
    """
    if name not in PRESETS:
        raise ValueError(f"DiT preset {name!r}; expected one of {', '.join(PRESETS)}")
    return DiT(**PRESETS[name], classes=classes)


def _described(fields: Fields) -> str:
    return (
        f"DiT of width {fields['width']} and depth {fields['depth']}, {fields['heads']} heads, "
        f"patches of {fields['patch']}"
    )


KIND = Kind(
    DiT,
    options={
        "dtype": precision(),
        "remat": Option(False),
        "width": positive(256),
        "depth": positive(5, most=DEEPEST),
        "dropout": share(0.0),
        "heads": positive(4),
        "patch": positive(2),
        "time_embedding": time_inputs(),
        "target_only_blocks": not_negative(0, most=DEEPEST),
        "time_tokens": not_negative(0),
    },
    describe=_described,
    smoke={"width": 32, "depth": 2, "heads": 2},
    log_variance=lambda fields: LogVariance(),
    divisor=Divisor(lambda fields: fields["patch"], field="patch"),
)
