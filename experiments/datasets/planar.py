"""The distributions of ``taxonomy.exact_planar`` as data sets: with the truth about histograms that scores need."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import cKDTree
from scipy.special import ndtr

from experiments.datasets.dataset import Dataset, Partner, Planar
from experiments.errors import UsageError, nearest
from taxonomy import exact, exact_embedded, exact_pairs, exact_planar
from taxonomy.exact import ExactFlow
from taxonomy.exact_planar import Distribution
from taxonomy.interpolants import Interpolant

MOST = 4096  # dimensions of a space with a plane of data in it
SUPPORT_RADIUS = 3.0  # a point belongs to a blurred curve within this many standard deviations of it


def _dataset(data: Distribution, truth: Planar) -> Dataset:
    named = {"classes": data.classes, "label": data.label}
    return Dataset(data.name, (2,), data.std, data.sample, truth, data.exact_flow, **named)


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
    """``exact_planar.checkerboard``: uniform on the even squares of a 4 x 4 board on [-1, 1]^2.

    Returns:
      the data set; examples are drawn on device and never stored.
    """
    data = exact_planar.checkerboard()
    truth = Planar(
        box=(-1.0, 1.0),
        bin_mass=_checkerboard_bin_mass,
        density=lambda points: 0.5 * _checkerboard_is_on(points),
        in_support=_checkerboard_is_on,
        modes=data.places + data.width / 2,
    )
    return _dataset(data, truth)


def _blurred_points(data: Distribution, *, box: float) -> Dataset:
    """An equal mixture of round Gaussians, with histograms on [-box, box]^2."""
    centres, blur = data.places, data.width

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
        modes=centres if data.classes else None,
    )
    return _dataset(data, truth)


def spiral() -> Dataset:
    """``exact_planar.spiral``: one arm of an Archimedean spiral, blurred by 0.02."""
    return _blurred_points(exact_planar.spiral(), box=1.2)


def two_moons() -> Dataset:
    """``exact_planar.two_moons``: two interleaved half circles, blurred by 0.05."""
    return _blurred_points(exact_planar.two_moons(), box=1.2)


def eight_gaussians() -> Dataset:
    """``exact_planar.eight_gaussians``: eight Gaussians on a circle; each is a class."""
    return _blurred_points(exact_planar.eight_gaussians(), box=1.2)


def paired_gaussians() -> Dataset:
    """Two Gaussians whose points belong together: starts and ends with correlations of 0.9 and -0.6 along the axes.

    Returns:
      the data set; its partners are the starts of ``--config.training.coupling=paired``.
    """
    ends, starts, correlation = np.array([0.5, 0.2]), np.array([0.25, 0.4]), np.array([0.9, -0.6])
    shift = np.array([-0.4, 0.3])  # of the starts
    zero = np.zeros(2)

    def both(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        z, own = jax.random.normal(key, (2, 2))
        start = starts * (correlation * z + np.sqrt(1 - correlation**2) * own) + shift
        return jnp.asarray(start, z.dtype), jnp.asarray(ends * z, z.dtype)

    def exact_flow(interpolant: Interpolant) -> ExactFlow:
        return exact_pairs.paired_gaussians(
            interpolant, means=(shift, zero), stds=(starts, ends), correlation=correlation
        )

    def alone(interpolant: Interpolant) -> ExactFlow:
        return exact.gaussian(interpolant, mean=zero, covariance=np.diag(ends**2), noise_std=std)

    def bin_mass(bins: int) -> np.ndarray:
        edges = np.linspace(-2, 2, bins + 1)
        across, along = (np.diff(ndtr(edges / end)) for end in ends)
        return np.outer(across, along)

    def density(points: np.ndarray) -> np.ndarray:
        return np.exp(-np.sum((points / ends) ** 2, axis=-1) / 2) / (2 * np.pi * ends.prod())

    std = float(np.sqrt(np.mean(ends**2)))
    truth = Planar(
        box=(-2.0, 2.0),
        bin_mass=bin_mass,
        density=density,
        in_support=lambda points: np.sum((points / ends) ** 2, axis=-1) <= SUPPORT_RADIUS**2,
    )
    partner = Partner(lambda key: both(key)[0], exact_flow)
    return Dataset("paired_gaussians", (2,), std, lambda key: both(key)[1], truth, alone, partner=partner)


PLANAR: Mapping[str, Callable[[], Dataset]] = {
    "checkerboard": checkerboard,
    "spiral": spiral,
    "two_moons": two_moons,
    "eight_gaussians": eight_gaussians,
}


def embedded(name: str, *, dimensions: int = 2) -> Dataset:
    """A distribution in the plane, placed in a space of more dimensions by a fixed matrix with orthonormal columns.

    Noise fills all dimensions with the standard deviation of the plane's coordinates. Samples are scored in the plane.

    Args:
      name: a key of ``PLANAR``.
      dimensions: of the space, 2 to ``MOST``.

    Returns:
      the data set, called embedded:NAME,dimensions=DIMENSIONS.

    Raises:
      UsageError: on an unknown name, or a number of dimensions that cannot be.

    Reference: "pixel MeanFlow", arXiv 2601.22158, Fig. 2.
    """
    if name not in PLANAR:
        raise UsageError(f"unknown data set embedded:{name}; {nearest(name, PLANAR)}")
    if not 2 <= dimensions <= MOST:
        raise UsageError(f"embedded:{name},dimensions={dimensions}; expected 2 to {MOST:,} dimensions")
    flat = PLANAR[name]()
    basis = exact_embedded.basis(dimensions)

    def sample(key: jax.Array) -> jax.Array:
        return jnp.asarray(basis, jnp.float32) @ flat.sample(key)

    def exact_flow(interpolant: Interpolant) -> ExactFlow:
        return exact_embedded.embedded(interpolant, flat.exact_path(interpolant), basis=basis, noise_std=flat.std)

    return flat._replace(
        name=f"embedded:{name},dimensions={dimensions}",
        shape=(dimensions,),
        sample=sample,
        exact_flow=exact_flow,
        truth=flat.truth._replace(basis=basis),
    )
