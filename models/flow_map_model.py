"""The flow-map model: one network with two times, scaled to the data, as a callable ``v(s, t, x)``."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from models import conditions
from models.conditions import NOTHING, Condition
from taxonomy import conversions
from taxonomy.arrays import expand
from taxonomy.flow_map import AverageVelocity, Velocity
from taxonomy.shapes import PerExample, Points
from taxonomy.simplex import LogDenoiser, LogProbabilities
from taxonomy.spaces import FLAT, Space
from taxonomy.told import Effect

Params = Any
NEAR_DATA = 1e-3  # time before the end from which on the velocity of a distribution is bounded


class Output(NamedTuple):
    """The input of a network, (s, x) -> input, and the meaning of its output, (output, s, x) -> velocity."""

    scaled: Callable[[jax.Array, jax.Array], jax.Array]
    velocity: Callable[[jax.Array, jax.Array, jax.Array], jax.Array]


OUTPUTS = {
    "velocity": Output(lambda s, x: x, lambda output, s, x: output),
    # 1 - s is bounded from below, as in pixel MeanFlow: errors near the data would be divided by almost nothing.
    "denoiser": Output(
        lambda s, x: x, lambda output, s, x: conversions.velocity_from_denoiser(output, s, x, floor=0.05)
    ),
    "trigflow": Output(lambda s, x: expand(conversions.scale_angle(s), x) * x, conversions.velocity_from_trigflow),
}


class FlowMapModel(nn.Module):
    """``v_{s,t}(x) = std * network(s, t, x / std)``: every objective trains this one model.

    Attributes:
      network: a Linen module (s [batch], t [batch], x [batch, ...], condition) -> [batch, ...].
      std: standard deviation of the data (and of the noise); the network sees numbers of order one.
      output: what the network's output means, a key of ``OUTPUTS``: the average velocity itself, the mean denoiser
        ``x + (1 - s) v``, or the F of TrigFlow, which up to its sign is that of EDM.
      auxiliary: a second network of the same kind for ``auxiliary_velocity``, or None.
      variance: a Linen module (s [batch], t [batch]) -> [batch] for ``log_variance``, or None.
      size: (height, width, channels) of images, for a network of images; None for a network of vectors.
      effect: what the vector of a condition does to the map; None if the network alone reads it, as it is.
      space: in which the points lie. The network is shown ``space.embed`` of a point, and what it returns is made
        tangent there.
      categories: numbers of each position of the data, if the output is the mean denoiser as a distribution over them:
        a softmax of the network, in the data's own units. 0 for an output that is none.
    """

    network: nn.Module
    std: float
    output: str = "velocity"
    auxiliary: nn.Module | None = None
    variance: nn.Module | None = None
    size: tuple[int, ...] | None = None
    effect: Effect | None = None
    space: Space = FLAT
    categories: int = 0

    def __call__(self, s: PerExample, t: PerExample, x: Points, condition: Condition = NOTHING) -> Points:
        """s, t [batch], x [batch, ...] -> average velocity [batch, ...]."""
        read = condition
        if self.effect is not None and condition.vector is not None:
            read = condition._replace(vector=self.effect.seen(s, t, condition.vector))
        if self.categories:
            psi = jnp.exp(self.log_denoiser(s, t, x, read)).reshape(x.shape)
            velocity = conversions.velocity_from_denoiser(psi, s, x, floor=NEAR_DATA)
        else:
            output, y = OUTPUTS[self.output], x / self.std
            shown = self.space.embed(output.scaled(s, y))
            made = self.space.pull(y, self._on_images(self.network, s, t, shown, read))
            velocity = self.std * output.velocity(made, s, y)
        if self.effect is None:
            return velocity
        return velocity + self.effect.push(s, t, conditions.vector_of(condition), x)

    def log_denoiser(self, s: PerExample, t: PerExample, x: Points, condition: Condition = NOTHING) -> LogProbabilities:
        """s, t [batch], x [batch, ...] -> logarithm of the mean denoiser [batch, positions, categories]."""
        if not self.categories:
            raise ValueError("the output is no distribution; expected FlowMapModel(categories=...)")
        logits = self._on_images(self.network, s, t, x / self.std, condition)
        return jax.nn.log_softmax(logits.reshape(len(x), -1, self.categories))

    def auxiliary_velocity(self, t: PerExample, x: Points, condition: Condition = NOTHING) -> Points:
        """t [batch], x [batch, ...] -> velocity [batch, ...], by the second network."""
        if self.auxiliary is None:
            raise ValueError("the model has no second network; expected FlowMapModel(auxiliary=...)")
        return self.std * self._on_images(self.auxiliary, t, t, x / self.std, condition)

    def _on_images(self, network: nn.Module, s: PerExample, t: PerExample, x: Points, condition: Condition) -> Points:
        shown = x if self.size is None else x.reshape(len(x), *self.size)
        return network(s, t, shown, condition).reshape(x.shape)

    def log_variance(self, s: PerExample, t: PerExample) -> PerExample:
        """s, t [batch] -> [batch]."""
        if self.variance is None:
            raise ValueError("the model has no log-variance; expected FlowMapModel(variance=...)")
        return self.variance(s, t)

    def everything(self, t: PerExample, x: Points) -> None:
        """Uses every part once, for ``init`` to make all weights; t [batch], x [batch, ...]."""
        told = self.network.vector
        condition = Condition(vector=jnp.zeros((len(x), told), x.dtype)) if told else NOTHING
        self(t, t, x, condition)
        if self.auxiliary is not None:
            self.auxiliary_velocity(t, x, condition)
        if self.variance is not None:
            self.log_variance(t, t)


def initialize(model: FlowMapModel, key: jax.Array, shape: tuple[int, ...]) -> Params:
    """Fresh parameters of all parts of a model.

    Args:
      model: the model.
      key: typed PRNG key.
      shape: shape of one data point.

    Returns:
      Linen variables.
    """
    # One program: run by itself, a U-Net is some 200 small ones, and takes twice as long to compile, for equal weights.
    fresh = jax.jit(lambda key: model.init(key, jnp.zeros((1,)), jnp.zeros((1, *shape)), method="everything"))
    return cast(Params, fresh(key))


def bind(model: FlowMapModel, params: Params, condition: Condition = NOTHING) -> AverageVelocity:
    """The model at given parameters as an average velocity ``v(s, t, x)``.

    Args:
      model: the model.
      params: Linen variables of the model.
      condition: class, guidance scale and keys of dropout of each point.

    Returns:
      (s [batch], t [batch], x [batch, ...]) -> [batch, ...].
    """
    return lambda s, t, x: cast(jax.Array, model.apply(params, s, t, x, condition))


def bind_auxiliary(model: FlowMapModel, params: Params, condition: Condition = NOTHING) -> Velocity | None:
    """The second network of a model as a velocity ``b(t, x)``, or None if it has none.

    Args:
      model: the model.
      params: Linen variables of the model.
      condition: class, guidance scale and keys of dropout of each point.

    Returns:
      (t [batch], x [batch, ...]) -> [batch, ...], or None.
    """
    if model.auxiliary is None:
        return None
    return lambda t, x: cast(jax.Array, model.apply(params, t, x, condition, method="auxiliary_velocity"))


def bind_log_variance(model: FlowMapModel, params: Params) -> Callable[[jax.Array, jax.Array], jax.Array] | None:
    """The learned log-variance ``w_{s,t}`` of a model, or None if it has none.

    Args:
      model: the model.
      params: Linen variables of the model.

    Returns:
      (s [batch], t [batch]) -> [batch], or None.
    """
    if model.variance is None:
        return None
    return lambda s, t: cast(jax.Array, model.apply(params, s, t, method="log_variance"))


def bind_log_denoiser(model: FlowMapModel, params: Params, condition: Condition = NOTHING) -> LogDenoiser | None:
    """The logarithm of the mean denoiser of a model, or None if its output is no distribution.

    Args:
      model: the model.
      params: Linen variables of the model.
      condition: class, guidance scale and keys of dropout of each point.

    Returns:
      (s [batch], t [batch], x [batch, ...]) -> [batch, positions, categories], or None.
    """
    if not model.categories:
        return None
    return lambda s, t, x: cast(jax.Array, model.apply(params, s, t, x, condition, method="log_denoiser"))


def count_parameters(params: Params) -> int:
    """Number of scalar parameters."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))
