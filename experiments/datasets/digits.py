"""Handwritten digits, 8 x 8: real images that ship with scikit-learn."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets.dataset import Dataset, Images, pick
from taxonomy import exact_data
from taxonomy.exact import ExactFlow
from taxonomy.interpolants import Interpolant

TEST_SHARE = 0.2
SPLIT_SEED = 0


class Split(NamedTuple):
    """Digits and their classes, split as the data set is."""

    train: np.ndarray
    train_classes: np.ndarray
    test: np.ndarray
    test_classes: np.ndarray


def labelled() -> Split:
    """The digits with their classes: train [1437, 64] and test [360, 64] in [-1, 1], classes 0 to 9."""
    from sklearn.datasets import load_digits  # a second of imports that no other data need
    from sklearn.model_selection import train_test_split

    pixels, classes = load_digits(return_X_y=True)
    images = (pixels / 8 - 1).astype(np.float32)
    train, test, train_classes, test_classes = train_test_split(
        images, classes, test_size=TEST_SHARE, random_state=SPLIT_SEED, stratify=classes
    )
    return Split(train, train_classes.astype(np.int32), test, test_classes.astype(np.int32))


def digits() -> Dataset:
    """1,797 digits of 8 x 8 grey levels scaled to [-1, 1], split by class into 1,437 to train and 360 held out.

    Returns:
      the data set; training examples are drawn with replacement, as vectors of 64 pixels.

    Reference: E. Alpaydin, C. Kaynak, "Optical recognition of handwritten digits", UCI, test part, as packaged by
      scikit-learn.
    """
    train, train_classes, test, test_classes = labelled()

    def sample(key: jax.Array) -> jax.Array:
        return jnp.asarray(train)[pick(key, len(train))]

    def label(key: jax.Array) -> jax.Array:
        return jnp.asarray(train_classes)[pick(key, len(train))]

    std = float(train.std())

    def exact_flow(interpolant: Interpolant) -> ExactFlow:
        return exact_data.empirical(interpolant, points=train, noise_std=std)

    truth = Images(train, test, (8, 8), train_classes, test_classes)
    return Dataset("digits", (64,), std, sample, truth, exact_flow, train, 10, label, train_classes)
