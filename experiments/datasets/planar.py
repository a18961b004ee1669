"""Distributions in the plane with exact densities: the paper's checkerboard, spiral, two moons, eight Gaussians."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import cKDTree
from scipy.special import ndtr

from experiments.datasets.dataset import Dataset, Planar
from taxonomy import exact, exact_data
from taxonomy.exact import ExactFlow
from taxonomy.interpolants import Interpolant

SUPPORT_RADIUS = 3.0  # a point belongs to a blurred curve within this many standard deviations of it
CURVE_POINTS = 400  # much closer to each other than the blur: the density is smooth along the curve


def _checkerboard_is_on(points: np.ndarray) -> np.ndarray:
    # The shift breaks ties of bin centres that lie exactly on an edge, whatever the rounding.
    cell = np.floor((points + 1) * 2 + 1e-9).astype(int)
    return np.all((cell >= 0) & (cell < 4), axis=-1) & (cell.sum(axis=-1) % 2 == 0)


def _checkerboard_bin_mass(bins: int) -> np.ndarray:
    edges = np.linspace(-1, 1, bins + 1)
    squares = np.linspace(-1, 1, 5)
    # overlap[i, c] is the length of bin i that lies in column c of squares.
    overlap = np.clip(
        np.minimum(edges[1:, None], squares[None, 1:]) - np.maximum(edges[:-1, None], squares[None, :-1]), 0, None
    )
    on = (np.add.outer(np.arange(4), np.arange(4)) % 2 == 0).astype(float)
    return 0.5 * overlap @ on @ overlap.T


def checkerboard() -> Dataset:
    """Uniform on the 8 even squares of a 4 x 4 board on [-1, 1]^2, lower left included; density 0.5.

    Returns:
      the data set; examples are drawn on device and never stored.

    Reference: Boffi, Albergo, Vanden-Eijnden, arXiv 2505.18825, Sec. 4 and the authors' public code.
    """

    def sample(key: jax.Array) -> jax.Array:
        key_square, key_point = jax.random.split(key)
        square = jax.random.randint(key_square, (), 0, 8)
        row = square // 2
        column = 2 * (square % 2) + row % 2
        return (jnp.stack([column, row]) + jax.random.uniform(key_point, (2,))) / 2 - 1

    truth = Planar(
        box=(-1.0, 1.0),
        bin_mass=_checkerboard_bin_mass,
        density=lambda points: 0.5 * _checkerboard_is_on(points),
        in_support=_checkerboard_is_on,
    )
    std = float(np.sqrt(1 / 3))
    lows = np.array([[i / 2 - 1, j / 2 - 1] for i in range(4) for j in range(4) if (i + j) % 2 == 0])

    def exact_flow(interpolant: Interpolant) -> ExactFlow:
        return exact_data.boxes(interpolant, lows=lows, highs=lows + 0.5, base_std=std)

    return Dataset("checkerboard", (2,), std, sample, truth, exact_flow)


def _blurred_points(name: str, centres: np.ndarray, *, blur: float, box: float) -> Dataset:
    """An equal mixture of round Gaussians; along a curve the centres lie much closer than the blur."""
    centres = centres - centres.mean(axis=0)

    def centre(key: jax.Array) -> jax.Array:
        return jax.random.randint(key, (), 0, len(centres))

    def sample(key: jax.Array) -> jax.Array:
        key_centre, key_blur = jax.random.split(key)
        return jnp.asarray(centres, jnp.float32)[centre(key_centre)] + blur * jax.random.normal(key_blur, (2,))

    def bin_mass(bins: int) -> np.ndarray:
        edges = np.linspace(-box, box, bins + 1)
        across, along = (np.diff(ndtr((edges[:, None] - centres[None, :, k]) / blur), axis=0) for k in (0, 1))
        return across @ along.T / len(centres)

    def density(points: np.ndarray) -> np.ndarray:
        axes = ((points[:, None, :] - centres[None]) / blur) ** 2
        return np.exp(-axes.sum(axis=-1) / 2).mean(axis=1) / (2 * np.pi * blur**2)

    tree = cKDTree(centres)
    truth = Planar(
        box=(-box, box),
        bin_mass=bin_mass,
        density=density,
        in_support=lambda points: tree.query(points)[0] <= SUPPORT_RADIUS * blur,
    )
    std = float(np.sqrt(np.mean(centres**2) + blur**2))

    def exact_flow(interpolant: Interpolant) -> ExactFlow:
        return exact.mixture(
            interpolant,
            weights=np.full(len(centres), 1 / len(centres)),
            means=centres,
            covariances=np.broadcast_to(blur**2 * np.eye(2), (len(centres), 2, 2)),
            base_std=std,
        )

    def label(key: jax.Array) -> jax.Array:
        return centre(jax.random.split(key)[0])

    # Points that lie close stand for a curve and are no classes.
    named = {"classes": len(centres), "label": label} if len(centres) < CURVE_POINTS // 2 else {}
    return Dataset(name, (2,), std, sample, truth, exact_flow, **named)


def spiral() -> Dataset:
    """One arm of an Archimedean spiral, uniform in angle over one and a half turns, blurred by 0.02."""
    angle = np.pi * (1 + 3 * (np.arange(CURVE_POINTS) + 0.5) / CURVE_POINTS)
    radius = 0.9 * angle / (4 * np.pi)
    return _blurred_points(
        "spiral", radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1), blur=0.02, box=1.2
    )


def two_moons() -> Dataset:
    """Two interleaved half circles of radius 0.6, blurred by 0.05."""
    angle = np.pi * (np.arange(CURVE_POINTS // 2) + 0.5) / (CURVE_POINTS // 2)
    upper = 0.6 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    lower = 0.6 * np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=-1)
    return _blurred_points("two_moons", np.concatenate([upper, lower]), blur=0.05, box=1.2)


def eight_gaussians() -> Dataset:
    """Eight Gaussians of standard deviation 0.06, equally spaced on a circle of radius 0.8; each is a class."""
    angle = 2 * np.pi * np.arange(8) / 8
    return _blurred_points("eight_gaussians", 0.8 * np.stack([np.cos(angle), np.sin(angle)], -1), blur=0.06, box=1.2)
