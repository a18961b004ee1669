"""How far samples are from the truth. Everything here is NumPy on the host and independent of any model."""

import numpy as np
from scipy.spatial.distance import cdist, pdist

from experiments.datasets.dataset import Planar

ALIGNED_BINS = 48  # a multiple of 4: bins line up with the squares of the checkerboard
PAPER_BINS = 50


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


def in_support(samples: np.ndarray, truth: Planar) -> float:
    """Share of the samples [n, 2] that lie in the target's support."""
    return float(np.mean(truth.in_support(samples)))


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
    squares = [np.mean((np.sort(x @ w) - np.sort(y @ w)) ** 2) for w in directions]
    return float(np.sqrt(np.mean(squares)))


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """``|m_x - m_y|^2 + tr(C_x + C_y - 2 (C_x^{1/2} C_y C_x^{1/2})^{1/2})``: distance of the fitted Gaussians.

    Args:
      x: [n, dim].
      y: [m, dim].

    Returns:
      squared distance; zero for equal means and covariances.

    Reference: Dowson, Landau, "The Fréchet distance between multivariate normal distributions", 1982; in the space
      of pixels here, not of Inception features.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    values, vectors = np.linalg.eigh(cov_x)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ cov_y @ root), 0, None)).sum()
    return float(np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(cov_x) + np.trace(cov_y) - 2 * cross)


def mmd(x: np.ndarray, y: np.ndarray) -> float:
    """Unbiased squared maximum mean discrepancy with a Gaussian kernel as wide as the median distance within y.

    Args:
      x: [n, dim].
      y: [m, dim]; the reference.

    Returns:
      estimate of MMD^2; around zero, of either sign, for equal distributions.

    Reference: Gretton, Borgwardt, Rasch, Schölkopf, Smola, "A kernel two-sample test", JMLR 2012, Lemma 6.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    width = np.median(pdist(y))

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(-cdist(a, b, "sqeuclidean") / (2 * width**2))

    def within(a: np.ndarray) -> float:
        return (kernel(a, a).sum() - len(a)) / (len(a) * (len(a) - 1))

    return float(within(x) + within(y) - 2 * kernel(x, y).mean())
