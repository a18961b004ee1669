"""What is known of an example beside its class: a vector or a picture that the network is conditioned on."""

from collections.abc import Callable
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from models import conditions
from taxonomy.exact_observed import ObservedVelocity
from taxonomy.interpolants import Interpolant


class Stored(NamedTuple):
    """What a file says of each of its examples.

    Attributes:
      train: [n, *shape]; of the records.
      held_out: [m, *shape]; of the held-out examples that are kept.
      sample: key -> [*shape], of the example that ``Dataset.sample`` draws from the same key.
    """

    train: np.ndarray
    held_out: np.ndarray
    sample: Callable[[jax.Array], jax.Array]


class Observation(NamedTuple):
    """What is known of each example.

    Attributes:
      name: as a configuration names it.
      what: in words.
      shape: of the numbers of one example: (k,) of a vector, (height, width, channels) of a picture.
      mean: which is subtracted for the network.
      std: which they are divided by for the network.
      of: (key, data [batch, ...]) -> numbers [batch, *shape] of these examples, in the units that are trained on; None
        where a file says them.
      noisy: whether numbers are drawn anew each time, so that those of a sample are others.
      stored: what a file says of its examples, or None.
      velocity: interpolant -> the exact velocity of the path to the data of which these numbers are known; None if it
        is not known.
    """

    name: str
    what: str
    shape: tuple[int, ...]
    mean: float = 0.0
    std: float = 1.0
    of: Callable[[jax.Array, jax.Array], jax.Array] | None = None
    noisy: bool = False
    stored: Stored | None = None
    velocity: Callable[[Interpolant], ObservedVelocity] | None = None

    @property
    def size(self) -> int:
        """Entries of the vector that the network reads."""
        return math.prod(self.shape) + 1

    @property
    def is_picture(self) -> bool:
        """Whether the numbers are a picture [height, width, channels]."""
        return len(self.shape) == 3

    def encoded(self, numbers: jax.Array, *, kept: jax.Array | None = None) -> jax.Array:
        """Numbers [batch, *shape] as the network reads them, [batch, size]; of those not ``kept`` [batch] nothing."""
        flat = (jnp.asarray(numbers, jnp.float32).reshape(len(numbers), -1) - self.mean) / self.std
        return conditions.observation(flat, kept=kept)

    def decoded(self, vectors: jax.Array) -> jax.Array:
        """The numbers [batch, *shape] of what ``encoded`` made of them, all kept."""
        return (self.std * vectors[:, :-1] + self.mean).reshape(-1, *self.shape)
