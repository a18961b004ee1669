"""Patches and generated images; names and options; classes of a file."""

import jax
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from experiments import datasets
from experiments.datasets import host, patches
from experiments.errors import UsageError
from taxonomy.interpolants import LINEAR
from tests.experiments.datasets.helpers import bytes_of


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


def test_generated_images_are_smooth_and_tell_their_classes():
    dataset = datasets.load("generated:16x16x3,classes=4,count=200")
    truth = dataset.truth
    assert (dataset.name, dataset.classes, dataset.exact_flow) == ("generated:16x16x3", 4, None)
    assert (truth.train.shape, truth.test.shape, truth.size) == ((180, 768), (20, 768), (16, 16, 3))
    fields = truth.train.reshape(-1, 16, 16, 3)
    # A Gaussian filter of width w makes neighbours alike: their correlation is exp(-1 / (4 w^2)), here 0.907.
    centred = (
        fields
        - np.stack([fields[truth.train_labels == k].mean() for k in range(4)])[truth.train_labels][:, None, None, None]
    )
    for axis in (1, 2):
        found = np.mean(centred * np.roll(centred, 1, axis)) / np.mean(centred**2)
        np.testing.assert_allclose(found, np.exp(-1 / (4 * 1.6**2)), atol=0.02)
    means = [fields[truth.train_labels == k].mean() for k in range(4)]
    np.testing.assert_allclose(means, [-0.375, -0.125, 0.125, 0.375], atol=0.06)
    latents = datasets.load("generated:4x4x4")
    assert latents.truth.size == (4, 4, 4)
    assert latents.records.array.dtype == np.float32
    assert latents.classes == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("patchs", "unknown data set 'patchs'; did you mean 'patches'.*, or a path to a .npy or .npz file$"),
        ("patches:side", "unknown option 'side' of data set patches; did you mean 'side'"),
        ("patches:sid=16", "unknown option 'sid=16' of data set patches; did you mean 'side'. Known: side"),
        ("patches:side=big", "data set patches with side=big; expected a whole number"),
        ("patches:side=64", "patches of side=64; expected 2 to 48, the width of what is held out"),
        ("cifar10", "data set cifar10 is incomplete; expected --config.dataset=cifar10:PATH"),
        ("cifar10:none.tar.gz", "no file .*none.tar.gz; expected the archive of CIFAR-10: get cifar-10-python.tar.gz"),
        ("cifar10:,checksum=any", "data set cifar10 is incomplete"),
        ("latents:x.npz,scale=none", "data set latents with scale=none; expected a number"),
        ("generated:32x32", "generated:32x32; expected HEIGHTxWIDTHxCHANNELS"),
        ("generated:8x8x3,classes=-1", "classes=-1,count=512; expected classes >= 0"),
        ("generated:8x8x3,count=10", "count=10; expected classes >= 0, count >= 20"),
        (
            "generated:1000000x1000000x3",
            r"count=512 has 1.54e\+15 numbers; expected at most 268,435,456: make a smaller",
        ),
        ("generated:64x64x3,count=1000000000", r"has 1.23e\+13 numbers; expected at most"),
        ("generated:8x8x" + "9" * 200, "expected HEIGHTxWIDTHxCHANNELS"),
        ("generated:8x8x" + "9" * 5000, "--config.dataset=generated:8x8x9.* is too long"),
        ("x" * 5000 + ".npy", "--config.dataset=xxx.* is too long"),
    ],
)
def test_a_faulty_name_is_explained(name, message):
    with pytest.raises(UsageError, match=message):
        datasets.load(name)


def save(path, **arrays):
    np.savez(path, **arrays)
    return datasets.load(str(path))


def test_classes_of_a_file_stay_with_their_examples(tmp_path):
    random = np.random.default_rng(0)
    y = random.permutation(np.arange(60) % 3)
    x = random.standard_normal((60, 2, 4)).astype(np.float32) + y[:, None, None].astype(np.float32)
    known = {row.tobytes(): k for row, k in zip(x.reshape(60, 8), y.tolist(), strict=True)}
    for dataset in (save(tmp_path / "a.npz", x=x, y=y), save(tmp_path / "b.npz", x=x, y=y, test=x[:9], test_y=y[:9])):
        assert dataset.classes == 3
        assert dataset.labels.dtype == dataset.truth.test_labels.dtype == np.int32
        for examples, labels in (
            ([dataset.records[i] for i in range(len(dataset.records))], dataset.labels),
            (dataset.truth.train, dataset.truth.train_labels),
            (dataset.truth.test, dataset.truth.test_labels),
        ):
            assert [known[row.tobytes()] for row in examples] == labels.tolist()
    key = jax.random.key(4)
    np.testing.assert_array_equal(
        [known[np.asarray(row).tobytes()] for row in dataset.draw(key, 40)],
        jax.vmap(dataset.label)(jax.random.split(key, 40)),
    )
    assert dataset.exact_path(LINEAR) is not None
    assert save(tmp_path / "c.npz", x=x).label is None


X = np.random.default_rng(0).standard_normal((40, 3))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": np.arange(39) % 2}, r"classes of .*x.npz are int64 of shape \(39,\); expected integers of .* \(40,\)"),
        ({"y": np.arange(40) % 2 / 1}, r"are float64 of shape \(40,\); expected integers"),
        ({"y": np.eye(40, dtype=int)}, r"are int64 of shape \(40, 40\); expected integers"),
        ({"y": np.arange(40) % 4 - 1}, "x.npz has class -1 at example 0; expected 0 to the number of classes less 1"),
        ({"y": np.arange(40) % 4 + 1}, "has classes up to 4, but none of its examples has class 0; expected"),
        ({"test_y": np.arange(40)}, 'x.npz holds "test_y" but no "test"; expected the examples'),
        ({"test": X, "test_y": np.arange(40) % 2}, "x.npz has no classes, and the other split has: give both, or none"),
        ({"test": X, "y": np.arange(40) % 2}, 'array "test" has no classes, and the other split has'),
        (
            {"test": X, "y": np.arange(40) % 2, "test_y": np.arange(40) % 3},
            'array "test" has class 2 at example 2, and those to train on have 0 to 1; expected the same',
        ),
    ],
)  # fmt: skip
def test_faulty_classes_are_named(tmp_path, arrays, message):
    with pytest.raises(UsageError, match=message):
        save(tmp_path / "x.npz", x=X, **arrays)
