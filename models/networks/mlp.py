"""A multilayer perceptron with two times, for data of low dimension."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from models import conditions
from models.conditions import NOTHING, Condition
from models.networks.embeddings import fourier_features, told
from models.networks.kind import (
    DEEPEST,
    DTYPES,
    Fields,
    Kind,
    Option,
    not_negative,
    positive,
    precision,
    time_inputs,
    time_scale,
)
from taxonomy.shapes import PerExample, Points

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "gelu": nn.gelu,
    "silu": nn.silu,
    "tanh": nn.tanh,
    "relu": nn.relu,
}


class MLP(nn.Module):
    """Average velocity ``v_{s,t}(x)`` by a plain MLP on ``(s, t, x)``, with optional Fourier features.

    Attributes:
      width: units of each hidden layer.
      depth: number of hidden layers.
      activation: a key of ``ACTIVATIONS``.
      point_features: harmonics of each coordinate added to the input; 0 for none.
      point_base: angular frequency of the first harmonic of the points.
      time_features: harmonics of each time added to the input; 0 for none.
      time_embedding: a key of ``TIMES``; "both" are s and t.
      time_scale: factor of the times before anything is made of them.
      dtype: a key of ``DTYPES``.
      remat: keep the inputs of the hidden layers alone and compute the rest again in the backward pass.
      classes: number of labels, 0 for none; the label ``classes`` means none given.
      guided: whether the scale of guidance is an input.
      vector: entries of the vector that the network is conditioned on, 0 for none.
    """

    width: int = 256
    depth: int = 5
    activation: str = "gelu"
    point_features: int = 0
    point_base: float = 1.0
    time_features: int = 0
    time_embedding: str = "both"
    time_scale: float = 1.0
    dtype: str = "float32"
    remat: bool = False
    classes: int = 0
    guided: bool = False
    vector: int = 0

    @nn.compact
    def __call__(self, s: PerExample, t: PerExample, x: Points, condition: Condition = NOTHING) -> Points:
        """s, t [batch] in [0, 1], x [batch, ...] in units of the data's std -> [batch, ...] in the same units."""
        count = x.shape[0]
        conditions.check(condition, classes=self.classes, guided=self.guided, count=count, vector=self.vector)
        flat = x.reshape(count, -1)
        named = told(s, t, time_embedding=self.time_embedding, own="ends")
        time = self.time_scale * jnp.stack(list(named.values()), axis=-1)
        inputs = [time, flat]
        if self.point_features:
            inputs.append(fourier_features(flat, count=self.point_features, base=self.point_base))
        if self.time_features:
            inputs.append(fourier_features(time, count=self.time_features, base=jnp.pi))
        if self.classes:
            # The label of none is a row of zeros.
            label = conditions.labels_of(condition, count, classes=self.classes)
            inputs.append(jax.nn.one_hot(label, self.classes, dtype=flat.dtype))
        if self.guided:
            inputs.append(conditions.inverse_scale(condition, count)[:, None])
        if self.vector:
            inputs.append(conditions.vector_of(condition))
        h = jnp.concatenate(inputs, axis=-1)
        for k in range(self.depth):

            def layer(network: nn.Module, h: jax.Array, name: str = f"Dense_{k}") -> jax.Array:
                return ACTIVATIONS[network.activation](
                    nn.Dense(network.width, dtype=DTYPES[network.dtype], name=name)(h)
                )

            h = (nn.remat(layer) if self.remat else layer)(self, h)
        return nn.Dense(flat.shape[-1], name=f"Dense_{self.depth}")(h.astype(x.dtype)).reshape(x.shape)


class LogVariance(nn.Module):
    """The learned logarithm ``w_{s,t}`` of the variance of a residual: a small MLP on the two times, zero at first.

    Attributes:
      width: units of the hidden layer.
      features: harmonics of s and t.
    """

    width: int = 64
    features: int = 4

    @nn.compact
    def __call__(self, s: PerExample, t: PerExample) -> PerExample:
        """s, t [batch] in [0, 1] -> [batch]."""
        time = jnp.stack([s, t], axis=-1)
        h = jnp.concatenate([time, fourier_features(time, count=self.features, base=jnp.pi)], axis=-1)
        h = nn.silu(nn.Dense(self.width)(h))
        return nn.Dense(1, kernel_init=nn.initializers.zeros)(h)[:, 0]


def paper_checkerboard() -> MLP:
    """The network of the checkerboard experiment in arXiv 2505.18825: 1,054,210 parameters in two dimensions.

    The text calls it a 4-layer MLP of width 512 with GELU: an input layer, four hidden 512 x 512 layers and an
    output layer, raw times and points as input.
    """
    return MLP(width=512, depth=5, activation="gelu")


def _described(fields: Fields) -> str:
    return f"MLP of width {fields['width']} and depth {fields['depth']}, {fields['activation']}"


KIND = Kind(
    MLP,
    options={
        "dtype": precision(),
        "remat": Option(False),
        "width": positive(256),
        "depth": positive(5, most=DEEPEST),
        "activation": Option("gelu", choices=ACTIVATIONS),
        "point_features": not_negative(0),
        "point_base": Option(1.0),
        "time_features": not_negative(0),
        "time_embedding": time_inputs(),
        "time_scale": time_scale(),
    },
    describe=_described,
    smoke={"width": 32, "depth": 2},
    log_variance=lambda fields: LogVariance(),
)
