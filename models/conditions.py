"""The condition of a network apart from times and points: class, guidance scale, a vector, and keys of dropout.

A vector of what was observed ends with a one, and is zero as a whole where nothing was: see ``observation``.
"""

from typing import NamedTuple, cast

import flax.linen as nn
import jax
import jax.numpy as jnp


class Condition(NamedTuple):
    """One entry per example, or None for an unconditional network.

    Attributes:
      label: [batch]; classes; the number of classes itself is the label of none.
      scale: [batch]; scale w >= 1 of guidance, for networks that have it as an input; None is 1.
      dropout: [batch]; typed PRNG keys, None to drop nothing. With one key per example, the masks do not depend on the
        number of devices.
      vector: [batch, size]; numbers of order one, for networks that are told a vector: by their method, see
        ``taxonomy.told``, or as what was observed of each example, see ``observation``.
    """

    label: jax.Array | None = None
    scale: jax.Array | None = None
    dropout: jax.Array | None = None
    vector: jax.Array | None = None


NOTHING = Condition()


def labels_of(condition: Condition, count: int, *, classes: int) -> jax.Array:
    """The labels of a condition; the label of none for an unconditional one.

    Args:
      condition: of the network.
      count: number of points.
      classes: number of classes, which is the label of none.

    Returns:
      [count].
    """
    return jnp.full(count, classes) if condition.label is None else condition.label


def inverse_scale(condition: Condition, count: int) -> jax.Array:
    """``1 / w``, the form in which networks read the guidance scale.

    Args:
      condition: of the network.
      count: number of points.

    Returns:
      [count]; in (0, 1], 1 for no guidance.
    """
    return jnp.ones(count) if condition.scale is None else 1 / condition.scale


def vector_of(condition: Condition) -> jax.Array:
    """The vector of a condition that ``check`` has passed: [batch, size]."""
    return cast(jax.Array, condition.vector)


def observation(numbers: jax.Array, *, kept: jax.Array | None = None) -> jax.Array:
    """The vector of what was observed: the numbers and a one, or zeros alone where nothing was.

    Args:
      numbers: [batch, size - 1]; of order one.
      kept: [batch]; False where the network is told nothing; None to tell it of all examples.

    Returns:
      [batch, size].
    """
    vector = jnp.concatenate([numbers, jnp.ones_like(numbers[:, :1])], axis=1)
    return vector if kept is None else jnp.where(kept[:, None], vector, 0)


def of_nothing(condition: Condition, *, observed: bool) -> Condition:
    """The condition of an unconditional map: without label and scale, and without what was observed.

    Args:
      condition: of the network.
      observed: whether the vector is one of ``observation``; that of a method stays.

    Returns:
      the condition.
    """
    kept = condition._replace(label=None, scale=None)
    if not observed or condition.vector is None:
        return kept
    return kept._replace(vector=jnp.zeros_like(condition.vector))


def beside(x: jax.Array, condition: Condition, *, channels: int) -> jax.Array:
    """Images with the picture that was observed of each in further channels, and a last one that says whether it was.

    Args:
      x: [batch, side, side, channels of x].
      condition: its vector holds the picture, [side * side * channels + 1].
      channels: of the picture; 0 for none.

    Returns:
      [batch, side, side, channels of x + channels + 1]; x itself without a picture.
    """
    if not channels:
        return x
    vector = vector_of(condition)
    picture = vector[:, :-1].reshape(*x.shape[:3], channels)
    told = jnp.broadcast_to(vector[:, -1, None, None, None], (*x.shape[:3], 1))
    return jnp.concatenate([x, picture.astype(x.dtype), told.astype(x.dtype)], axis=-1)


def check(condition: Condition, *, classes: int, guided: bool, count: int, vector: int = 0) -> None:
    """Checks that a network has an input for every entry of a condition, and its vector if it is told one.

    Args:
      condition: of the network.
      classes: number of its classes, 0 for none.
      guided: whether the scale is an input.
      count: number of points.
      vector: entries of the vector that it is told, 0 for none.

    Raises:
      ValueError: naming the entry without an input, or an entry for another number of points.
    """
    if condition.label is not None and not classes:
        raise ValueError("the network received labels and has no classes; expected a network built with classes")
    if condition.scale is not None and not guided:
        raise ValueError("the network received a guidance scale, which is none of its inputs")
    if condition.vector is not None and not vector:
        raise ValueError("the network received a vector, which is none of its inputs")
    if condition.vector is None and vector:
        raise ValueError(f"the network received no vector; expected {vector} numbers for each of {count} points")
    for name, value in condition._asdict().items():
        shape = (count, vector) if name == "vector" else (count,)
        if value is not None and value.shape != shape:
            raise ValueError(f"{name} of shape {value.shape} for {count} points; expected one for each, {shape}")


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
