"""How far samples are from the truth: functions of NumPy arrays, independent of any model."""

from collections.abc import Callable
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import cKDTree
from threadpoolctl import threadpool_limits

from experiments.datasets.dataset import Planar

ALIGNED_BINS = 48  # a multiple of 4: bins line up with the squares of the checkerboard
PAPER_BINS = 50
MARGIN_BINS = 6  # the grid of the transport distance reaches 1/8 of the box beyond it on every side
SINKHORN_ITERATIONS = 10_000
FEWEST_TO_FIT = 40  # of a classifier: its trees have leaves of 20 examples, and with fewer they never split
FEWEST_PER_DIMENSION = 0.25  # points for a covariance: with fewer, the distance of two is that of their sample sizes
EMPTY_MASS = 1e-9  # keeps the logarithms of empty bins finite


def _counts(samples: np.ndarray, bins: int, box: tuple[float, float]) -> np.ndarray:
    return np.histogram2d(samples[:, 0], samples[:, 1], bins=bins, range=[box, box])[0]


def _divergence(mass: np.ndarray, counts: np.ndarray, total: int) -> float:
    # An empty bin counts as half a sample: the divergence stays finite and still punishes missing mass.
    estimated = np.maximum(counts, 0.5) / total
    on = mass > 0
    return float(np.sum(mass[on] * np.log(mass[on] / estimated[on])))


def aligned_kl(samples: np.ndarray, truth: Planar, *, bins: int = ALIGNED_BINS) -> float:
    """``KL(target || samples)`` between the exact mass of each bin and the histogram of the samples.

    Args:
      samples: [n, 2]; those outside the box count as lost mass.
      truth: the target.
      bins: bins per axis.

    Returns:
      nats; about (occupied bins) / 2n for perfect samples.
    """
    return _divergence(truth.bin_mass(bins), _counts(samples, bins, truth.box), len(samples))


def paper_kl(samples: np.ndarray, truth: Planar, *, bins: int = PAPER_BINS) -> float:
    """``KL(target || samples)`` as in the paper: the target's density at bin centres, 50 bins per axis.

    On the checkerboard 50 bins do not line up with 4 squares, so that perfect samples score about 0.066. The
    direction and the treatment of empty bins are not stated in the paper; here as in ``aligned_kl``. Samples outside
    the box are left out, as a normalized histogram does: unlike ``aligned_kl`` it does not see them.

    Args:
      samples: [n, 2].
      truth: the target.
      bins: bins per axis.

    Returns:
      nats.

    Reference: Boffi, Albergo, Vanden-Eijnden, arXiv 2505.18825, Sec. 4 (64,000 samples, 50 x 50 bins).
    """
    low, high = truth.box
    width = (high - low) / bins
    centres = low + width * (np.arange(bins) + 0.5)
    grid = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1).reshape(-1, 2)
    mass = truth.density(grid).reshape(bins, bins) * width**2
    counts = _counts(samples, bins, truth.box)
    return _divergence(mass, counts, max(1, int(counts.sum())))


def reverse_kl(samples: np.ndarray, truth: Planar, *, bins: int = ALIGNED_BINS) -> float:
    """``KL(samples || target)`` between the histogram of the samples and the exact mass of each bin.

    It punishes samples where there are no data, and hardly sees data that no sample reaches: the opposite of
    ``aligned_kl``. As there, a bin with less than half a sample's mass counts as half a sample.

    Args:
      samples: [n, 2]; those outside the box are samples of one more bin, which has no data.
      truth: the target.
      bins: bins per axis.

    Returns:
      nats; about (occupied bins) / 2n for perfect samples.
    """
    counts = _counts(samples, bins, truth.box).ravel()
    found = np.append(counts, len(samples) - counts.sum()) / len(samples)
    mass = np.maximum(np.append(truth.bin_mass(bins).ravel(), 0.0), 0.5 / len(samples))
    on = found > 0
    return float(np.sum(found[on] * np.log(found[on] / mass[on])))


def rarest_mode(samples: np.ndarray, truth: Planar) -> float | None:
    """``modes min_k (share of the samples that are nearest to mode k)``: 1 if all are visited alike, 0 if one is lost.

    Args:
      samples: [n, 2].
      truth: the target; its modes have equal mass.

    Returns:
      a share in units of the data's own; slightly below 1 for perfect samples. None for data without separate modes.
    """
    if truth.modes is None:
        return None
    nearest = cKDTree(truth.modes).query(samples)[1]
    return float(np.bincount(nearest, minlength=len(truth.modes)).min() * len(truth.modes) / len(samples))


def in_support(samples: np.ndarray, truth: Planar) -> float:
    """Share of the samples [n, 2] that lie in the target's support."""
    return float(np.mean(truth.in_support(samples)))


def outside_box(samples: np.ndarray, truth: Planar) -> float:
    """Share of the samples [n, 2] that lie outside the square that histograms cover."""
    low, high = truth.box
    return float(np.mean(np.any((samples < low) | (samples > high), axis=-1)))


def sliced_wasserstein(x: np.ndarray, y: np.ndarray, *, projections: int, seed: int) -> float:
    """``(mean over directions of W2^2 between the projections)^(1/2)``.

    Args:
      x: [n, dim].
      y: [n, dim]; as many.
      projections: number of random directions.
      seed: seed of the directions.

    Returns:
      distance in units of x.

    Raises:
      ValueError: if x and y differ in shape.
    """
    if x.shape != y.shape:
        raise ValueError(f"samples have shapes {x.shape} and {y.shape}; expected the same: draw as many of both")
    directions = np.random.default_rng(seed).standard_normal((projections, x.shape[1])).astype(x.dtype)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    x, y = around(y, x, y)
    squares = [np.mean((np.sort(x @ w) - np.sort(y @ w)) ** 2) for w in directions]
    return float(np.sqrt(np.mean(squares)))


def around(y: np.ndarray, *sets: np.ndarray) -> list[np.ndarray]:
    """Sets of points [n, dim] around the mean of y [m, dim]: far from zero, squares lose the digits of differences."""
    centre = y.mean(axis=0, dtype=np.float64)
    return [(points - centre).astype(points.dtype) for points in sets]


def frechet(x: np.ndarray, y: np.ndarray) -> float | None:
    """``|m_x - m_y|^2 + tr(C_x + C_y - 2 (C_x^{1/2} C_y C_x^{1/2})^{1/2})``: distance of the fitted Gaussians.

    Args:
      x: [n, dim]; pixels, or features.
      y: [m, dim].

    Returns:
      squared distance; zero for equal means and covariances. None for far fewer points than dimensions, where it mostly
      measures their number: compare distances of equal numbers of points alone.

    Reference: Dowson, Landau, "The Fréchet distance between multivariate normal distributions", 1982; of features of
      the Inception network it is FID (Heusel et al., arXiv 1706.08500).
    """
    return frechet_of_moments(*moments(x), *moments(y)) if enough(len(x), len(y), dim=x.shape[1]) else None


def enough(*counts: int, dim: int) -> bool:
    """Whether sets of so many points are large enough for a covariance in so many dimensions."""
    return min(counts) >= max(2, FEWEST_PER_DIMENSION * dim)


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [dim] and covariance [dim, dim] (divisor n - 1) of points [n, dim], in float64."""
    x = x.astype(np.float64)
    return x.mean(axis=0), np.cov(x, rowvar=False)


def frechet_of_moments(mean_x: np.ndarray, cov_x: np.ndarray, mean_y: np.ndarray, cov_y: np.ndarray) -> float:
    """The distance of ``frechet`` from means [dim] and covariances [dim, dim]."""
    values, vectors = np.linalg.eigh(cov_x)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ cov_y @ root), 0, None)).sum()
    return float(np.sum((mean_x - mean_y) ** 2) + np.trace(cov_x) + np.trace(cov_y) - 2 * cross)


def mmd(x: np.ndarray, y: np.ndarray) -> float | None:
    """Unbiased squared maximum mean discrepancy with a Gaussian kernel as wide as the median distance within y.

    Args:
      x: [n, dim].
      y: [m, dim]; the reference.

    Returns:
      estimate of MMD^2; around zero, of either sign, for equal distributions. None for fewer than two points of either,
      or if most points of y are the same, which leaves the kernel no width.

    Reference: Gretton, Borgwardt, Rasch, Schölkopf, Smola, "A kernel two-sample test", JMLR 2012, Lemma 6.
    """
    if min(len(x), len(y)) < 2:
        return None
    x, y = around(y, x.astype(np.float64), y.astype(np.float64))
    within_y = _squares(y, y)
    width = np.median(np.sqrt(within_y[np.triu_indices(len(y), 1)]))
    if width == 0:
        return None

    def mean(squares: np.ndarray) -> float:
        return np.exp(-squares / (2 * width**2)).sum() / len(squares)

    # Pairs of a point with itself, whose kernel is 1, are left out.
    own = sum((mean(squares) - 1) / (len(squares) - 1) for squares in (_squares(x, x), within_y))
    return float(own - 2 * mean(_squares(x, y)) / len(y))


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[n, m]; squared distances by a product of matrices, which in many dimensions is much quicker than by pairs."""
    return np.maximum(np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1) - 2 * a @ b.T, 0)


def _sinkhorn_divergence(ab: Any, aa: Any, bb: Any, a: jax.Array, b: jax.Array) -> jax.Array:
    """``W_e(a, b) - (W_e(a, a) + W_e(b, b)) / 2``, NaN where Sinkhorn's iterations did not converge."""
    from ott.solvers import linear  # two seconds of imports that no training needs

    solve = functools.partial(linear.solve, max_iterations=SINKHORN_ITERATIONS)
    across, within_a, within_b = solve(ab, a, b), solve(aa, a, a), solve(bb, b, b)
    divergence = across.reg_ot_cost - (within_a.reg_ot_cost + within_b.reg_ot_cost) / 2
    return jnp.where(across.converged & within_a.converged & within_b.converged, divergence, jnp.nan)


@jax.jit
def _divergence_on_grid(points: jax.Array, epsilon: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    from ott.geometry import grid

    geometry = grid.Grid(x=[points, points], epsilon=epsilon)
    return _sinkhorn_divergence(geometry, geometry, geometry, a, b)


@jax.jit
def _divergence_of_points(x: jax.Array, y: jax.Array, epsilon: jax.Array) -> jax.Array:
    from ott.geometry import pointcloud

    def geometry(x: jax.Array, y: jax.Array) -> pointcloud.PointCloud:
        return pointcloud.PointCloud(x, y, epsilon=epsilon)

    a, b = (jnp.full(len(points), 1 / len(points)) for points in (x, y))
    return _sinkhorn_divergence(geometry(x, y), geometry(x, x), geometry(y, y), a, b)


def entropic_w2(samples: np.ndarray, truth: Planar, *, epsilon: float) -> float | None:
    """Debiased entropic Wasserstein-2 distance between the samples and the exact distribution, on the aligned bins.

    All samples count, and the target has no sampling noise. Samples beyond the margin of the grid move to its edge.

    Args:
      samples: [n, 2].
      truth: the target.
      epsilon: strength of the entropy, in squared units of the data.

    Returns:
      distance in units of the data; None if Sinkhorn's iterations did not converge.

    Reference: Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn divergences",
      arXiv 1810.08278; solved by ott-jax (arXiv 2201.12324).
    """
    low, high = truth.box
    width = (high - low) / ALIGNED_BINS
    bins = ALIGNED_BINS + 2 * MARGIN_BINS
    box = (low - MARGIN_BINS * width, high + MARGIN_BINS * width)
    counts = _counts(np.clip(samples, *box), bins, box)
    mass = np.pad(truth.bin_mass(ALIGNED_BINS), MARGIN_BINS)
    a, b = (np.ravel(m / m.sum() + EMPTY_MASS) for m in (counts, mass))
    centres = box[0] + width * (np.arange(bins) + 0.5)
    return _root(_divergence_on_grid, centres, epsilon, a / a.sum(), b / b.sum())


def entropic_w2_of_points(x: np.ndarray, y: np.ndarray, *, epsilon: float) -> float | None:
    """Debiased entropic Wasserstein-2 distance between two sets of points, as ``entropic_w2``.

    Args:
      x: [n, dim].
      y: [m, dim].
      epsilon: strength of the entropy, in squared units of the data.

    Returns:
      distance in units of the data; None if Sinkhorn's iterations did not converge.
    """
    return _root(_divergence_of_points, *around(y, x, y), epsilon)


def _root(divergence: Callable[..., jax.Array], *arguments: np.ndarray | float) -> float | None:
    # ott-jax broadcasts arrays of different rank, which a strict session refuses.
    with jax.numpy_rank_promotion("allow"):
        square = np.float64(divergence(*map(jnp.float32, arguments)))
    # Close to zero rounding may leave a negative square.
    return None if np.isnan(square) else float(np.sqrt(np.maximum(square, 0)))


def classifier_accuracy(x: np.ndarray, y: np.ndarray, *, seed: int) -> float | None:
    """How often a classifier separates samples from true ones, on the half of both that it was not trained on.

    Args:
      x: [n, dim].
      y: [n, dim]; true samples, as many.
      seed: seed of the split and of the classifier.

    Returns:
      accuracy: about 0.5 for equal distributions, 1 if no example is mistaken. None for fewer than ``FEWEST_TO_FIT``
      examples of either kind, with which no classifier tells any two distributions apart.

    Raises:
      ValueError: if x and y differ in number.

    Reference: Lopez-Paz, Oquab, "Revisiting classifier two-sample tests", arXiv 1610.06545; gradient-boosted trees of
      scikit-learn.
    """
    if len(x) != len(y):
        raise ValueError(f"{len(x)} samples and {len(y)} true ones; expected as many of both")
    if len(x) < FEWEST_TO_FIT:
        return None
    # Imported before the limit, which holds for the libraries that are there.
    from sklearn.ensemble import HistGradientBoostingClassifier

    points = np.concatenate([x, y])
    labels = np.arange(len(points)) < len(x)
    order = np.random.default_rng(seed).permutation(len(points))
    fit, judge = order[: len(x)], order[len(x) :]
    # One thread: several wait for each other actively, which takes minutes on a busy machine.
    with threadpool_limits(limits=1, user_api="openmp"):
        classifier = HistGradientBoostingClassifier(random_state=seed).fit(points[fit], labels[fit])
        return float(classifier.score(points[judge], labels[judge]))
