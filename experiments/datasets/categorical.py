"""Data that are categories, as one-hot vectors: three categories, and short words. Their laws are known exactly."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets.dataset import Dataset
from experiments.datasets.sequences import Sequences
from taxonomy import exact_data, simplex

SHARES = {"a": 0.5, "b": 0.3, "c": 0.2}  # of three categories
# Words of four of the letters a, e, l, s, t, most of them with the same letters as another; the k-th is drawn with a
# probability of 1 / (k + 1), times a constant.
LETTERS = "aelst"
WORDS = ("seat", "last", "late", "east", "tale", "salt", "seal", "tell", "eats", "sale", "teal", "less")


def _dataset(name: str, words: tuple[str, ...], weights: np.ndarray, letters: str) -> Dataset:
    codes = np.array([[letters.index(letter) for letter in word] for word in words])
    truth = Sequences(codes, weights / weights.sum(), letters)
    points = simplex.corners(codes, categories=len(letters))
    # Of all entries: in each position one of them is 1.
    share = 1 / len(letters)
    std = float(np.sqrt(share * (1 - share)))

    def sample(key: jax.Array) -> jax.Array:
        drawn = jax.random.choice(key, len(words), p=jnp.asarray(truth.weights, jnp.float32))
        return jnp.asarray(points, jnp.float32)[drawn]

    return Dataset(
        name,
        points.shape[1:],
        std,
        sample,
        truth,
        lambda interpolant: exact_data.empirical(interpolant, points=points, noise_std=std, weights=truth.weights),
    )


def categories() -> Dataset:
    """One of three categories, the corners of a triangle, with probabilities of 0.5, 0.3 and 0.2.

    Returns:
      the data set.
    """
    return _dataset("categories", tuple(SHARES), np.array(list(SHARES.values())), "".join(SHARES))


def words() -> Dataset:
    """Twelve words of four letters out of five: 20 numbers, of which four are 1.

    Returns:
      the data set.
    """
    return _dataset("words", WORDS, 1 / (np.arange(len(WORDS)) + 2.0), LETTERS)


CATEGORICAL: Mapping[str, Callable[[], Dataset]] = {"categories": categories, "words": words}
