"""Numbers about the noise of gradients, from the mean gradients of batches and the distances of examples from the mean.

Everything about means comes from inner products of different batches, whose noise is independent: then a sum of squares
is not larger by the noise, and a cosine not smaller. Errors are those of a jackknife over batches.
"""

from collections.abc import Callable
import math
from typing import NamedTuple

import numpy as np

WORST = 0.01  # share of the examples that are called the worst
AT_ONCE = 1_000_000  # coordinates of gradients that are in double precision at a time


class Estimate(NamedTuple):
    """A number and its standard error; NaN where the batches say nothing."""

    value: float
    error: float


NOTHING = Estimate(math.nan, math.nan)


def products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Inner products of vectors in double precision.

    Args:
      a: [m, parameters].
      b: [n, parameters].

    Returns:
      [m, n].
    """
    total = np.zeros((len(a), len(b)))
    for start in range(0, a.shape[1], AT_ONCE):
        part = slice(start, start + AT_ONCE)
        total += a[:, part].astype(np.float64) @ b[:, part].astype(np.float64).T
    return total


def squared_mean(gram: np.ndarray) -> float:
    """``|E G|^2`` from the products of independent batches: ``sum_{j != k} G_j . G_k / (n (n - 1))``, without bias.

    Args:
      gram: [n, n]; inner products, n at least 2.

    Returns:
      the square, which noise can make negative.
    """
    n = len(gram)
    return float(gram.sum() - np.trace(gram)) / (n * (n - 1))


def norm_of_mean(gram: np.ndarray) -> Estimate:
    """``|E G|``; NaN where the square is not positive.

    Args:
      gram: [n, n]; inner products of the means of batches.

    Returns:
      the length of the mean gradient.
    """
    return _jackknife(lambda kept: _root(squared_mean(gram[np.ix_(kept, kept)])), len(gram))


def _root(square: float) -> float:
    return math.sqrt(square) if square > 0 else math.nan


def cosine(cross: np.ndarray, gram_a: np.ndarray, gram_b: np.ndarray) -> Estimate:
    """``E A . E B / (|E A| |E B|)`` of two gradients, from batches of their own.

    The numerator has no bias, because the examples of the two are independent. The lengths are those of
    ``norm_of_mean``; with the lengths of noisy means, every cosine would be near zero.

    Args:
      cross: [n, n]; inner products ``A_j . B_k``.
      gram_a: [n, n]; inner products of A.
      gram_b: [n, n]; inner products of B.

    Returns:
      the cosine, in [-1, 1]; NaN where a mean gradient is not found above its noise.
    """

    def of(kept: np.ndarray) -> float:
        own = np.ix_(kept, kept)
        return float(cross[own].mean()) / _root(squared_mean(gram_a[own])) / _root(squared_mean(gram_b[own]))

    found = _jackknife(of, len(cross))
    return Estimate(float(np.clip(found.value, -1, 1)), found.error)


def _jackknife(of: Callable[[np.ndarray], float], n: int) -> Estimate:
    """An estimate from all batches, and its error from all sets of one batch less."""
    every = np.arange(n)
    if n < 3:  # without one batch there are no two left
        return Estimate(of(every), math.nan)
    without = np.array([of(np.delete(every, k)) for k in every])
    error = math.sqrt((n - 1) * np.mean((without - without.mean()) ** 2))
    # An estimate that exists by the luck of one batch is none.
    return Estimate(of(every), error) if math.isfinite(error) else NOTHING


def mean(values: np.ndarray) -> Estimate:
    """The mean over everything; the error is that of the means of batches.

    Args:
      values: [batches, n]; at least two batches.

    Returns:
      the mean.
    """
    by_batch = values.astype(np.float64).mean(axis=1)
    return Estimate(float(by_batch.mean()), float(by_batch.std(ddof=1)) / math.sqrt(len(by_batch)))


def between_batches(gram: np.ndarray, *, size: int) -> float:
    """The variance of a batch's mean gradient, times its size: that of one example where examples are independent.

    Args:
      gram: [n, n]; inner products of the means of batches.
      size: examples of a batch.

    Returns:
      ``size sum_k |G_k - G|^2 / (n - 1)``.
    """
    return size * (float(np.trace(gram)) / len(gram) - squared_mean(gram))


def share_of_worst(values: np.ndarray, *, share: float = WORST) -> float:
    """What the largest values have of the sum.

    Args:
      values: not negative.
      share: of the values, rounded up to a whole number.

    Returns:
      a number between the share and 1; NaN if the sum is zero.
    """
    flat = np.sort(values.astype(np.float64).ravel())
    total = flat.sum()
    return float(flat[-math.ceil(share * flat.size) :].sum() / total) if total > 0 else math.nan
