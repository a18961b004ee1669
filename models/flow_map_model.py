"""The flow-map model: one network with two times, scaled to the data, as a callable ``v(s, t, x)``."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from taxonomy.flow_map import AverageVelocity

Params = Any


class FlowMapModel(nn.Module):
    """``v_{s,t}(x) = std * network(s, t, x / std)``: every objective trains this one model.

    Attributes:
      network: a Linen module (s [batch], t [batch], x [batch, ...]) -> [batch, ...].
      std: standard deviation of the data (and of the noise), so that the network sees numbers of order one.
    """

    network: nn.Module
    std: float

    @nn.compact
    def __call__(self, s: jax.Array, t: jax.Array, x: jax.Array) -> jax.Array:
        """s, t [batch], x [batch, ...] -> average velocity [batch, ...]."""
        return self.std * self.network(s, t, x / self.std)


def initialize(model: FlowMapModel, key: jax.Array, shape: tuple[int, ...]) -> Params:
    """Fresh parameters.

    Args:
      model: the model.
      key: typed PRNG key.
      shape: shape of one data point.

    Returns:
      Linen variables.
    """
    times = jnp.zeros((1,))
    return model.init(key, times, times, jnp.zeros((1, *shape)))


def bind(model: FlowMapModel, params: Params) -> AverageVelocity:
    """The model at given parameters as an average velocity ``v(s, t, x)``.

    Args:
      model: the model.
      params: Linen variables of the model.

    Returns:
      (s [batch], t [batch], x [batch, ...]) -> [batch, ...].
    """
    return lambda s, t, x: model.apply(params, s, t, x)


def count_parameters(params: Params) -> int:
    """Number of scalar parameters."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))
