"""A network for the average divergence D_{s,t}(x) of a map: any network of points, its coordinates added up."""

from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from models.flow_map_model import FlowMapModel, Params
from taxonomy.flow_map import AverageDivergence
from taxonomy.shapes import PerExample, Points


class DivergenceHead(nn.Module):
    """``D_{s,t}(x) = sum over coordinates i of network_i(s, t, x / std)``, as ``div b`` is the sum of ``d_i b_i``.

    Attributes:
      network: a Linen module (s [batch], t [batch], x [batch, ...]) -> [batch, ...], of the kind that the map has.
      std: standard deviation of the data.
      size: (height, width, channels) of images, for a network of images; None for a network of vectors.
    """

    network: nn.Module
    std: float
    size: tuple[int, ...] | None = None

    def __call__(self, s: PerExample, t: PerExample, x: Points) -> PerExample:
        """s, t [batch], x [batch, ...] -> average divergence [batch], per unit of time."""
        shown = x / self.std
        made = self.network(s, t, shown if self.size is None else shown.reshape(len(x), *self.size))
        return jnp.sum(made.reshape(len(x), -1), axis=1)


def beside(model: FlowMapModel) -> DivergenceHead:
    """A head with a fresh network of the size of a map's own, for data of the same kind.

    Args:
      model: the map, told nothing besides times and points (a class may be left out).

    Returns:
      the head.
    """
    return DivergenceHead(model.network.clone(parent=None), std=model.std, size=model.size)


def initialize(head: DivergenceHead, key: jax.Array, shape: tuple[int, ...]) -> Params:
    """Fresh parameters of a head.

    Args:
      head: the head.
      key: typed PRNG key.
      shape: shape of one data point.

    Returns:
      Linen variables.
    """
    time = jnp.zeros((1,))
    return cast(Params, jax.jit(lambda key: head.init(key, time, time, jnp.zeros((1, *shape))))(key))


def bind(head: DivergenceHead, params: Params) -> AverageDivergence:
    """The head at given parameters as an average divergence ``D(s, t, x)``.

    Args:
      head: the head.
      params: Linen variables of the head.

    Returns:
      (s [batch], t [batch], x [batch, ...]) -> [batch].
    """
    return lambda s, t, x: cast(jax.Array, head.apply(params, s, t, x))
