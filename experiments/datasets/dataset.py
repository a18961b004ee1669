"""What a data set is: a way to draw one example from a key, and what evaluation needs to know about it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from experiments.errors import UsageError
from taxonomy.exact import ExactFlow
from taxonomy.interpolants import Interpolant


class Planar(NamedTuple):
    """Truth about a distribution in the plane.

    Attributes:
      box: (low, high) of both coordinates of the square that histograms cover.
      bin_mass: number of bins per axis -> [bins, bins] exact probability of each bin.
      density: [n, 2] points -> [n] exact density.
      in_support: [n, 2] points -> [n] booleans.
    """

    box: tuple[float, float]
    bin_mass: Callable[[int], np.ndarray]
    density: Callable[[np.ndarray], np.ndarray]
    in_support: Callable[[np.ndarray], np.ndarray]


class Images(NamedTuple):
    """Images in memory: train and held-out examples [n, dim] in [-1, 1], and (height, width)."""

    train: np.ndarray
    test: np.ndarray
    size: tuple[int, int]


class Dataset(NamedTuple):
    """A data set.

    Attributes:
      name: its name.
      shape: shape of one example.
      std: standard deviation of all entries; noise is drawn with the same.
      sample: key -> one example of that shape, drawn on device.
      truth: what evaluation compares with.
      exact_flow: interpolant -> the exact path from noise of the same standard deviation to this distribution; None if
        it is not known in closed form.
    """

    name: str
    shape: tuple[int, ...]
    std: float
    sample: Callable[[jax.Array], jax.Array]
    truth: Planar | Images
    exact_flow: Callable[[Interpolant], ExactFlow] | None = None

    def draw(self, key: jax.Array, count: int) -> jax.Array:
        """Independent examples, [count, *shape]."""
        return jax.jit(jax.vmap(self.sample))(jax.random.split(key, count))

    def exact_path(self, interpolant: Interpolant) -> ExactFlow:
        """The exact path; UsageError if this data set has none."""
        if self.exact_flow is None:
            raise UsageError(
                f"data set {self.name} has no exact velocity; take a data set that has one, such as checkerboard, "
                "or a trained run as the teacher (--config.teacher=WORKDIR)"
            )
        return self.exact_flow(interpolant)
