"""What a data set is: a way to draw one example from a key, and what evaluation needs to know about it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

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
      exact_flow: interpolant -> the exact path from noise of the same standard deviation to this distribution.
    """

    name: str
    shape: tuple[int, ...]
    std: float
    sample: Callable[[jax.Array], jax.Array]
    truth: Planar | Images
    exact_flow: Callable[[Interpolant], ExactFlow]
