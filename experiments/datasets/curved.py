"""Distributions on the sphere and the torus, with their exact paths, and charts in which they are counted and drawn."""

from collections.abc import Callable, Mapping
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr

from experiments.datasets.dataset import Dataset, Planar
from taxonomy import exact_curved
from taxonomy.spaces import SPHERE, TORUS, wrapped

BELT, CONCENTRATION = 6, 30.0  # of the sphere: components along a wavy belt, and how narrow each is
WINDING, WIDTH = 8, 0.3  # of the torus: components on a closed line, and the standard deviation of each angle
NODES = 240  # of a quadrature over a whole axis of the chart
REACH = 3.0  # a point belongs to a component within this many widths of its centre


def belt() -> np.ndarray:
    """[6, 3]; unit vectors on a belt around the sphere that goes north and south three times."""
    longitude = 2 * np.pi * (np.arange(BELT) + 0.5) / BELT
    latitude = 0.6 * np.sin(3 * longitude)
    return np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=-1
    )


def winding() -> np.ndarray:
    """[8, 2]; angles on a closed line that goes around the torus once in one direction and twice in the other."""
    first = 2 * np.pi * (np.arange(WINDING) + 0.5) / WINDING - np.pi
    second = 2 * first + 0.4
    return np.stack([first, wrapped(second)], axis=-1)


def equal_area(points: np.ndarray) -> np.ndarray:
    """Points [..., 3] of the sphere in a square: (longitude / pi, height), [..., 2] in [-1, 1]; equal areas stay equal.

    Reference: the cylindrical equal-area projection of Lambert, 1772.
    """
    return np.stack([np.arctan2(points[..., 1], points[..., 0]) / np.pi, np.clip(points[..., 2], -1, 1)], axis=-1)


def from_equal_area(chart: np.ndarray) -> np.ndarray:
    """The points [..., 3] of the sphere that ``equal_area`` takes to [..., 2]."""
    longitude, height = np.pi * chart[..., 0], chart[..., 1]
    across = np.sqrt(1 - height**2)
    return np.stack([across * np.cos(longitude), across * np.sin(longitude), height], axis=-1)


def sphere() -> Dataset:
    """Six von Mises-Fisher laws along a belt around the unit sphere, as epicentres lie along faults.

    Returns:
      the data set; noise is uniform on the sphere.
    """
    centres = belt()

    def density(chart: np.ndarray) -> np.ndarray:
        # Over the uniform law, whose density in the square is a quarter.
        return _exactly(exact_curved.fisher_density(centres, CONCENTRATION), from_equal_area(chart)) / 4

    def in_support(chart: np.ndarray) -> np.ndarray:
        cos = (from_equal_area(chart) @ centres.T).max(axis=-1)
        return np.arccos(np.clip(cos, -1, 1)) <= REACH / math.sqrt(CONCENTRATION)

    return Dataset(
        "sphere",
        (3,),
        math.sqrt(1 / 3),
        lambda key: exact_curved.fisher_sample(key, centres, CONCENTRATION),
        Planar((-1.0, 1.0), _integrated(density), density, in_support, chart=equal_area),
        lambda interpolant: exact_curved.sphere_mixture(centres, CONCENTRATION),  # the path is always the geodesic
        space=SPHERE,
    )


def torus() -> Dataset:
    """Eight wrapped normal laws along a closed line on the flat torus of two angles.

    Returns:
      the data set; noise is uniform on the torus.
    """
    centres = winding()

    def bin_mass(bins: int) -> np.ndarray:
        apart = np.linspace(-np.pi, np.pi, bins + 1)[:, None, None] - centres[None]
        below = sum(ndtr((apart + 2 * np.pi * turn) / WIDTH) for turn in exact_curved.WRAPS)
        across, along = np.diff(below, axis=0).transpose(2, 0, 1)
        return across @ along.T / len(centres)

    def density(points: np.ndarray) -> np.ndarray:
        return _exactly(exact_curved.wrapped_density(centres, WIDTH), points) / (2 * np.pi) ** 2

    def in_support(points: np.ndarray) -> np.ndarray:
        apart = wrapped(points[:, None, :] - centres[None])
        return (np.sqrt((apart**2).sum(axis=-1)) <= REACH * WIDTH).any(axis=-1)

    return Dataset(
        "torus",
        (2,),
        math.pi / math.sqrt(3),
        lambda key: exact_curved.wrapped_sample(key, centres, WIDTH),
        Planar((-math.pi, math.pi), bin_mass, density, in_support, chart=lambda points: points),
        lambda interpolant: exact_curved.torus_mixture(centres, WIDTH),
        space=TORUS,
    )


def _exactly(density: exact_curved.Density, points: np.ndarray) -> np.ndarray:
    """A density at points [..., coordinates] in double precision, [...]."""
    with jax.enable_x64(True):
        return np.asarray(density(jnp.asarray(points, jnp.float64)))


def _integrated(density: Callable[[np.ndarray], np.ndarray]) -> Callable[[int], np.ndarray]:
    """The mass of each bin of the square [-1, 1]^2 by Gauss-Legendre quadrature of a density."""

    @functools.lru_cache(maxsize=4)
    def bin_mass(bins: int) -> np.ndarray:
        nodes, weights = np.polynomial.legendre.leggauss(max(4, -(-NODES // bins)))
        at = (-1 + 2 / bins * (np.arange(bins)[:, None] + (nodes + 1) / 2)).ravel()
        weight = np.tile(weights / bins, bins)
        grid = np.stack(np.meshgrid(at, at, indexing="ij"), axis=-1)
        mass = np.stack([density(row) for row in grid]) * np.outer(weight, weight)
        return mass.reshape(bins, len(nodes), bins, len(nodes)).sum(axis=(1, 3))

    return bin_mass


CURVED: Mapping[str, Callable[[], Dataset]] = {"sphere": sphere, "torus": torus}
