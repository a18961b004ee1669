"""Patches, CIFAR-10, generated images; names and options; classes. Archives are made here, in the true format."""

import hashlib
import io
import pickle
import struct
import tarfile

import jax
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from experiments import datasets
from experiments.datasets import cifar10, host, patches
from experiments.errors import UsageError
from taxonomy.interpolants import LINEAR

NAMES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]


def bytes_of(x):
    """Numbers in [-1, 1] as the bytes that they come from, exactly."""
    raw = 127.5 * (np.asarray(x, np.float64) + 1)
    np.testing.assert_allclose(raw, raw.round(), atol=1e-4)
    return raw.round().astype(np.uint8)


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


def python2_pickle(data, labels, *, global_name=b"numpy.core.multiarray\n_reconstruct\n"):
    """The file of a batch as Python 2 pickled it: protocol 2, byte strings, numpy's module of that time."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    def integer(value):
        return b"J" + struct.pack("<i", value)

    dtype = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|") + b"NNN"
    dtype += integer(-1) + integer(-1) + b"K\x00tb"
    shape = integer(data.shape[0]) + integer(data.shape[1]) + b"\x86"
    raw = data.tobytes()
    array = b"c" + global_name + b"cnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R(K\x01" + shape + dtype
    array += b"\x89T" + struct.pack("<i", len(raw)) + raw + b"tb"
    classes = b"](" + b"".join(integer(int(label)) for label in labels) + b"e"
    entries = text(b"batch_label") + text(b"a batch") + text(b"labels") + classes + text(b"data") + array
    return b"\x80\x02}(" + entries + b"u."


def contents(count, *, seed=0):
    random = np.random.default_rng(seed)
    return {name: (random.integers(0, 256, (count, 3072), np.uint8), random.integers(0, 10, count)) for name in NAMES}


def archive(path, batches, *, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for name, content in {"batches.meta": b"(dp0\n.", **batches, "readme.html": b"<html>"}.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


COUNT = 20


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(cifar10, "COUNT", COUNT)
    return contents(COUNT)


@pytest.fixture
def pickled(small_batches):
    return {name: python2_pickle(*content) for name, content in small_batches.items()}


@pytest.mark.parametrize("form", ["archive", "folder", "folder above", "pickles of today"])
def test_cifar10_has_the_pixels_and_classes_of_its_archive(tmp_path, small_batches, pickled, form, monkeypatch):
    if form == "pickles of today":
        pickled = {
            name: pickle.dumps({b"data": data, b"labels": labels.tolist()}, protocol=2)
            for name, (data, labels) in small_batches.items()
        }
        # The one global that this protocol adds for bytes of Python 3, which no file of CIFAR-10 has.
        monkeypatch.setitem(cifar10._Restricted.KNOWN, ("_codecs", "encode"), lambda text, code: text.encode(code))
    if form.startswith("folder"):
        folder = tmp_path / "cifar-10-batches-py"
        folder.mkdir()
        for name, content in pickled.items():
            (folder / name).write_bytes(content)
        name = f"cifar10:{folder if form == 'folder' else tmp_path}"
    else:
        path = archive(tmp_path / "c.tar.gz", pickled)
        name = f"cifar10:{path},checksum={hashlib.md5(path.read_bytes()).hexdigest()}"
    dataset = datasets.load(name)
    assert (dataset.name, dataset.shape, dataset.classes, len(dataset.records)) == ("cifar10", (3072,), 10, 5 * COUNT)
    assert dataset.truth.size == (32, 32, 3)

    def expected(names):
        return {
            # Colours are stored one after the other: colour c of (row, column) is number 1024 c + 32 row + column.
            bytes(data[1024 * c + 32 * row + column] for row in range(32) for column in range(32) for c in range(3)): k
            for name in names
            for data, k in zip(*small_batches[name], strict=True)
        }

    truth = dataset.truth
    for x, labels, names in (
        (np.stack([dataset.records[i] for i in range(100)]), dataset.labels, NAMES[:5]),
        (truth.train, truth.train_labels, NAMES[:5]),
        (truth.test, truth.test_labels, NAMES[5:]),
    ):
        assert {row.tobytes(): k for row, k in zip(bytes_of(x), labels.tolist(), strict=True)} == expected(names)
    np.testing.assert_allclose(dataset.std, truth.train.astype(np.float64).std(), rtol=1e-6)
    if form == "archive":
        keys = jax.random.split(jax.random.key(0), 300)
        x, labels = jax.jit(jax.vmap(lambda key: (dataset.sample(key), dataset.label(key))))(keys)
        known = expected(NAMES[:5])
        assert [known[row.tobytes()] for row in bytes_of(x)] == labels.tolist()
        assert datasets.load(name) is dataset


def test_an_archive_of_another_checksum_is_refused_unless_asked_for(tmp_path, pickled):
    path = archive(tmp_path / "c.tar.gz", pickled)
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    with pytest.raises(
        UsageError, match=f"c.tar.gz has md5 {digest}; expected c58f30108f718f92721af3b95e74349a: it is"
    ):
        datasets.load(f"cifar10:{path}")
    assert datasets.load(f"cifar10:{path},checksum=any").classes == 10


def evil(pickled):
    """A batch whose reading would run a command, and one that asks for a harmless class of another module."""
    return {**pickled, "data_batch_2": b"\x80\x02cos\nsystem\nU\x04true\x85R."}


ARCHIVES = {
    "a truncated one": (lambda pickled: pickled, lambda raw: raw[: len(raw) // 2], r"read \(\w*Error: .*get "),
    "text": (lambda pickled: pickled, lambda raw: b"<html>", r"c.tar.gz cannot be read \(ReadError"),
    "nothing in it": (lambda pickled: {}, lambda raw: raw, "holds no data_batch_1, .*, test_batch; expected"),
    "a batch missing": (
        lambda pickled: {name: pickled[name] for name in NAMES if name != "data_batch_3"},
        lambda raw: raw,
        "holds no data_batch_3; expected the archive of CIFAR-10: get cifar-10-python.tar.gz",
    ),
    "code": (evil, lambda raw: raw, r"data_batch_2 cannot be read \(UnpicklingError: it asks for os.system, which no"),
    "an object": (
        lambda pickled: {**pickled, "test_batch": pickled["test_batch"].replace(b"dtype\nU\x02u1", b"dtype\nU\x02O8")},
        lambda raw: raw,
        r"test_batch cannot be read \(UnpicklingError: it holds an array of type object\)",
    ),
    "half a pickle": (
        lambda pickled: {**pickled, "data_batch_5": pickled["data_batch_5"][:5000]},
        lambda raw: raw,
        r"data_batch_5 cannot be read \(UnpicklingError: pickle data was truncated\)",
    ),
    "few images": (
        lambda pickled: {**pickled, "test_batch": python2_pickle(*contents(7)["test_batch"])},
        lambda raw: raw,
        r"test_batch holds data uint8 \(7, 3072\) and labels int64 \(7,\); expected uint8 \(20, 3072\) and 20",
    ),
    "few labels": (
        lambda pickled: {
            **pickled, "test_batch": python2_pickle(contents(COUNT)["test_batch"][0], np.zeros(COUNT - 1, int))
        },
        lambda raw: raw,
        r"\(20, 3072\) and labels int64 \(19,\); expected uint8 \(20, 3072\) and 20 integers",
    ),
    "a class beyond": (
        lambda pickled: {
            **pickled,
            "data_batch_4": python2_pickle(contents(COUNT)["test_batch"][0], np.arange(COUNT) % 11),
        },
        lambda raw: raw,
        "data_batch_4 has class 10 at image 10; expected 0 to 9",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", ARCHIVES)
def test_a_faulty_archive_is_named(tmp_path, pickled, fault):
    change, damage, message = ARCHIVES[fault]
    path = archive(tmp_path / "c.tar.gz", change(pickled))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UsageError, match=message) as caught:
        datasets.load(f"cifar10:{path},checksum=any")
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_batch_is_named(tmp_path, pickled):
    for name in NAMES[:5]:
        (tmp_path / name).write_bytes(pickled[name])
    with pytest.raises(UsageError, match="holds no test_batch; expected all files of the archive"):
        datasets.load(f"cifar10:{tmp_path}")


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
