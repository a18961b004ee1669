"""How far images are from real ones, in the space of some features: functions of NumPy arrays.

Features are rows of arrays. Those of the Inception network give the numbers of papers, those of a small classifier
serve small images. The Fréchet distance of features is ``metrics.samples.frechet``.
"""

from collections.abc import Iterator

import numpy as np

from experiments.metrics.samples import around

NEIGHBOURS = 3  # as in the paper on precision and recall
FEWEST_COVERED = 50  # points of a set whose coverage by neighbourhoods is a share and not 0 or 1
FEWEST_COMPARED = 10  # points of a subset in KID, and of a set whose distances have a median
BLOCK = 2**25  # numbers in a block of distances


def as_uint8(images: np.ndarray) -> np.ndarray:
    """What a file of 8 bits would hold: numbers [...] in [-1, 1] -> 0 .. 255, clipped and rounded to the nearest."""
    return np.rint(np.clip((np.asarray(images, np.float32) + 1) * 127.5, 0, 255)).astype(np.uint8)


def rounded(images: np.ndarray) -> np.ndarray:
    """Images [...] as they are after they were written with 8 bits and read again: float32 in [-1, 1]."""
    return as_uint8(images).astype(np.float32) / np.float32(127.5) - 1


def kid(x: np.ndarray, y: np.ndarray, *, subset: int, subsets: int, seed: int) -> float | None:
    """Kernel distance: the mean over random subsets of the unbiased ``MMD^2`` with ``k(a, b) = (a . b / dim + 1)^3``.

    Args:
      x: [n, dim]; features.
      y: [m, dim].
      subset: size of the subsets, drawn without replacement; at most as many as the smaller set has are taken.
      subsets: number of pairs of subsets.
      seed: seed of the subsets.

    Returns:
      estimate of MMD^2; around zero, of either sign, for equal distributions. None if subsets have fewer than
      ``FEWEST_COMPARED`` points.

    Reference: Binkowski, Sutherland, Arbel, Gretton, "Demystifying MMD GANs", arXiv 1801.01401, Sec. 4.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    size, rng = min(subset, len(x), len(y)), np.random.default_rng(seed)
    if size < FEWEST_COMPARED:
        return None
    estimates = []
    for _ in range(subsets):
        a, b = (points[rng.choice(len(points), size, replace=False)] for points in (x, y))
        within = [_polynomial(points, points) for points in (a, b)]
        # Pairs of a point with itself are left out.
        own = sum((kernel.sum() - np.trace(kernel)) / (size * (size - 1)) for kernel in within)
        estimates.append(own - 2 * _polynomial(a, b).mean())
    return float(np.mean(estimates))


def _polynomial(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    base = a @ b.T / a.shape[1] + 1
    return base * base * base


def _blocks(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Pairs (slice of x, squared distances of its points to all y), part by part."""
    squares = np.einsum("nd,nd->n", y, y)
    rows = max(1, BLOCK // len(y))
    for start in range(0, len(x), rows):
        part = x[start : start + rows]
        yield (
            slice(start, start + len(part)),
            np.einsum("nd,nd->n", part, part)[:, None] + squares - 2 * part @ y.T,
        )


def _radii(x: np.ndarray, neighbours: int) -> np.ndarray:
    """[n]; squared distance of each point to its k-th nearest other one."""
    radii = np.empty(len(x), x.dtype)
    for rows, squares in _blocks(x, x):
        # The point itself is the nearest, whatever rounding gives.
        squares[np.arange(len(squares)), np.arange(rows.start, rows.stop)] = -np.inf
        radii[rows] = np.partition(squares, neighbours, axis=1)[:, neighbours]
    return radii


def _covered(x: np.ndarray, y: np.ndarray, radii: np.ndarray) -> float:
    """Share of the points x that lie within the radius of some y."""
    inside = [(squares <= radii).any(axis=1) for _, squares in _blocks(x, y)]
    return float(np.concatenate(inside).mean())


def precision_recall(x: np.ndarray, real: np.ndarray, *, neighbours: int = NEIGHBOURS) -> tuple[float, float]:
    """Share of samples that look real, and share of real images that samples look like.

    A point looks like a set if it lies within the distance of some member to that member's k-th nearest neighbour.

    Args:
      x: [n, dim]; features of samples.
      real: [m, dim]; features of real images.
      neighbours: k.

    Returns:
      (precision, recall).

    Raises:
      ValueError: if a set has no more points than neighbours.

    Reference: Kynkäänniemi, Karras, Laine, Lehtinen, Aila, "Improved precision and recall metric for assessing
      generative models", arXiv 1904.06991, Eq. 2.
    """
    if min(len(x), len(real)) <= neighbours:
        raise ValueError(f"{len(x)} samples and {len(real)} real ones; expected more than {neighbours} of both")
    x, real = around(real, x.astype(np.float64), real.astype(np.float64))
    return _covered(x, real, _radii(real, neighbours)), _covered(real, x, _radii(x, neighbours))


def nearest_distance(x: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Distance of each point to the nearest training example.

    Args:
      x: [n, dim].
      train: [m, dim].

    Returns:
      [n]; exact up to rounding for the neighbour that is found, so that copies have distance 0.
    """
    x, train = around(train, np.asarray(x, np.float32), np.asarray(train, np.float32))
    distances = np.empty(len(x))
    for rows, squares in _blocks(x, train):
        chosen = train[squares.argmin(axis=1)].astype(np.float64)
        distances[rows] = np.linalg.norm(x[rows] - chosen, axis=1)
    return distances


def memorization(x: np.ndarray, held_out: np.ndarray, train: np.ndarray) -> float | None:
    """``median distance of samples to the training set / median distance of held-out images to it``.

    Args:
      x: [n, dim]; samples, in pixels.
      held_out: [m, dim]; real images that were not trained on.
      train: [k, dim]; training images.

    Returns:
      about 1 for samples as far from the training set as fresh ones, 0 for copies; below 1 also for samples that are
      only smoother than real images. None if most held-out images are copies themselves, or of fewer than
      ``FEWEST_COMPARED`` images of any kind.
    """
    if min(len(x), len(held_out), len(train)) < FEWEST_COMPARED:
        return None
    usual = np.median(nearest_distance(held_out, train))
    return float(np.median(nearest_distance(x, train)) / usual) if usual > 0 else None
