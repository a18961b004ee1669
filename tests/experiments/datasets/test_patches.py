"""Patches are crops of their photograph."""

import jax
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from experiments import datasets
from experiments.datasets import host, patches
from experiments.errors import UsageError
from tests.experiments.datasets.examples import bytes_of


def colours(picture):
    """One number for the colour of each pixel."""
    return np.asarray(picture, np.int32) @ np.array([1, 256, 65536], np.int32)


def found_at(x, label, side, left_of_band):
    """Checks that examples are crops of their photograph whose columns lie in a part of a band; counts flips."""
    low, high = left_of_band
    photographs, flips = [colours(photograph) for photograph in load_sample_images().images], 0
    starts = [np.arange(length - side + 1) for length in photographs[0].shape]
    inside = (starts[1] % 160 >= low) & (starts[1] % 160 + side <= high)
    for crop, number in zip(colours(bytes_of(x).reshape(-1, side, side, 3)), label, strict=True):
        photograph, matches = photographs[number], set()
        for flipped, version in enumerate((crop, crop[:, ::-1])):
            top, left = np.nonzero(photograph[: len(starts[0]), starts[1][inside]] == version[0, 0])
            left = starts[1][inside][left]
            for i in range(1, side):
                near = photograph[top + i, left + i] == version[i, i]
                top, left = top[near], left[near]
            if any(
                np.array_equal(photograph[i : i + side, j : j + side], version) for i, j in zip(top, left, strict=True)
            ):
                matches.add(flipped)
        assert matches
        flips += min(matches)
    return flips


def test_patches_are_crops_of_their_photograph_in_their_part_of_it():
    dataset = datasets.load("patches:side=16")
    keys = jax.random.split(jax.random.key(0), 40)
    x, labels = jax.jit(jax.vmap(lambda key: (dataset.sample(key), dataset.label(key))))(keys)
    truth = dataset.truth
    assert (dataset.classes, dataset.shape, truth.size) == (2, (768,), (16, 16, 3))
    for drawn, classes, part in (
        (x, labels, (0, 112)),
        (truth.train[:40], truth.train_labels[:40], (0, 112)),
        (truth.test[:40], truth.test_labels[:40], (112, 160)),
    ):
        flips = found_at(drawn, np.asarray(classes), 16, part)
        assert 4 <= flips <= 36  # of 40 flips of a coin: 5 standard deviations
        assert 4 <= np.sum(classes) <= 36


def test_patches_reach_every_position_that_the_docstring_counts():
    wide = patches._positions(np.arange(0, 640, 160), 112 - 32)
    held = patches._positions(np.arange(0, 640, 160) + 112, 48 - 32)
    assert 2 * 2 * 396 * len(wide) == 513_216
    assert 2 * 2 * 396 * len(held) == 107_712
    seen = {column for left in wide for column in range(left, left + 32)}
    others = {column for left in held for column in range(left, left + 32)}
    assert not seen & others
    assert seen | others == set(range(640))


def test_patches_are_the_same_at_every_call_and_have_the_stated_spread():
    dataset = datasets.load("patches")
    again = patches.patches()
    np.testing.assert_array_equal(dataset.truth.test, again.truth.test)
    assert dataset.truth.train.shape == dataset.truth.test.shape == (5000, 3072)
    # Exactly: every pixel counts as often as a crop to train on holds it.
    photographs = load_sample_images().images
    covered = np.convolve(np.ones(396), np.ones(32))[:, None] * np.tile(
        np.concatenate([np.convolve(np.ones(81), np.ones(32)), np.zeros(48)]), 4
    )
    values = np.stack(photographs) / 127.5 - 1
    weights = np.broadcast_to(covered[..., None], values.shape)
    std = np.sqrt(np.average((values - np.average(values, weights=weights)) ** 2, weights=weights))
    np.testing.assert_allclose(dataset.std, std, rtol=0.02)
    with pytest.raises(UsageError, match="data set patches draws its examples"):
        host.check(dataset)
