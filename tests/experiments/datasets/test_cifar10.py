"""CIFAR-10. Archives are made here, in the true format."""

import hashlib
import io
import os
import pickle
import struct
import tarfile

import jax
import numpy as np
import pytest

from experiments import datasets
from experiments.datasets import cifar10
from experiments.errors import UsageError
from tests.experiments.datasets.helpers import bytes_of

NAMES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]


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


def test_a_pipe_and_a_file_that_unpacks_to_too_much_are_refused(tmp_path, pickled, monkeypatch):
    os.mkfifo(tmp_path / "pipe.tar.gz")
    with pytest.raises(UsageError, match="pipe.tar.gz is no regular file; expected the archive"):
        datasets.load(f"cifar10:{tmp_path / 'pipe.tar.gz'}")
    monkeypatch.setattr(cifar10, "LARGEST", 1000)
    path = archive(tmp_path / "c.tar.gz", pickled)
    with pytest.raises(UsageError, match=r"c.tar.gz: data_batch_1 has 6\d,\d\d\d bytes; expected .* at most 1,000"):
        datasets.load(f"cifar10:{path},checksum=any")
    for name in NAMES:
        (tmp_path / name).write_bytes(pickled[name])
    with pytest.raises(UsageError, match=r"data_batch_1 has 6\d,\d\d\d bytes; expected .* at most 1,000"):
        datasets.load(f"cifar10:{tmp_path}")


def test_a_folder_without_a_batch_is_named(tmp_path, pickled):
    for name in NAMES[:5]:
        (tmp_path / name).write_bytes(pickled[name])
    with pytest.raises(UsageError, match="holds no test_batch; expected all files of the archive"):
        datasets.load(f"cifar10:{tmp_path}")
