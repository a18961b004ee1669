"""What a network is told beside times and point: the class, the scale of guidance, and the keys of its dropout."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp


class Condition(NamedTuple):
    """One entry per example, or None where nothing is told.

    Attributes:
      label: [batch]; classes, where the number of classes itself means that none is given.
      scale: [batch]; scale w >= 1 of guidance, for networks that have it as an input; None is 1.
      dropout: [batch]; typed PRNG keys, None to drop nothing. One per example, so that no number of devices changes
        what is dropped.
    """

    label: jax.Array | None = None
    scale: jax.Array | None = None
    dropout: jax.Array | None = None


NOTHING = Condition()


def labels_of(condition: Condition, count: int, *, classes: int) -> jax.Array:
    """The labels of a condition, or of none given.

    Args:
      condition: what is told.
      count: number of points.
      classes: number of classes, which is the label of none.

    Returns:
      [count].
    """
    return jnp.full(count, classes) if condition.label is None else condition.label


def inverse_scale(condition: Condition, count: int) -> jax.Array:
    """``1 / w``, the form in which networks are given the scale of guidance.

    Args:
      condition: what is told.
      count: number of points.

    Returns:
      [count]; in (0, 1], 1 for no guidance.
    """
    return jnp.ones(count) if condition.scale is None else 1 / condition.scale


def check(condition: Condition, *, classes: int, guided: bool, count: int) -> None:
    """Checks that a network knows what it is told.

    Args:
      condition: what it is told.
      classes: number of its classes, 0 for none.
      guided: whether the scale is an input.
      count: number of points.

    Raises:
      ValueError: naming what it does not know, or an entry for another number of points.
    """
    if condition.label is not None and not classes:
        raise ValueError("the network received labels and has no classes; expected a network built with classes")
    if condition.scale is not None and not guided:
        raise ValueError("the network received a guidance scale, which is none of its inputs")
    for name, value in condition._asdict().items():
        if value is not None and value.shape != (count,):
            raise ValueError(f"{name} of shape {value.shape} for {count} points; expected one for each")


class Dropout(nn.Module):
    """Sets entries to zero at a rate and divides the others by what is left on average.

    Attributes:
      rate: share that is dropped, in [0, 1).
      layer: number of this layer in its network: each has its own masks.
    """

    rate: float
    layer: int

    def __call__(self, x: jax.Array, keys: jax.Array | None) -> jax.Array:
        """x [batch, ...], keys [batch] or None -> [batch, ...]."""
        if keys is None or not self.rate:
            return x

        def kept(key: jax.Array) -> jax.Array:
            return jax.random.bernoulli(jax.random.fold_in(key, self.layer), 1 - self.rate, x.shape[1:])

        return jnp.where(jax.vmap(kept)(keys), x / (1 - self.rate), 0)
