"""The reader of arrays: files that are damaged, hostile, or no files, made here."""

import io
import os
import zipfile

import numpy as np
import pytest

from experiments import datasets
from experiments.datasets import arrays
from experiments.datasets.arrays import UnreadableError
from experiments.errors import UsageError
from experiments.images import file as image_score

X = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def header(shape):
    """A file of numpy.save that promises a shape of float64 and holds nothing."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def archive(path, members, *, compression=zipfile.ZIP_STORED, change=lambda raw: raw):
    with zipfile.ZipFile(path, "w", compression) as written:
        for name, content in members.items():
            written.writestr(name, content)
    path.write_bytes(change(path.read_bytes()))


def damaged(raw):
    changed = bytearray(raw)
    changed[200:260] = bytes(value ^ 255 for value in changed[200:260])
    return bytes(changed)


def flagged(raw, *, at, value):
    """A number of 16 bits set in the header of the only member and in the directory."""
    changed, entry = bytearray(raw), raw.index(b"PK\x01\x02")
    for place in (at, entry + at + 2):
        changed[place : place + 2] = value.to_bytes(2, "little")
    return bytes(changed)


HOSTILE = {
    "damaged deflate": (lambda p: archive(p, {"x.npy": npy(X)}, compression=8, change=damaged), r"decompressing|CRC"),
    "damaged stored": (lambda p: archive(p, {"x.npy": npy(X)}, change=damaged), "Bad CRC-32"),
    "encrypted": (
        lambda p: archive(p, {"x.npy": npy(X)}, change=lambda raw: flagged(raw, at=6, value=1)),
        "member x.npy is encrypted",
    ),
    "an unknown compression": (
        lambda p: archive(p, {"x.npy": npy(X)}, change=lambda raw: flagged(raw, at=8, value=77)),
        "NotImplementedError",
    ),
    "no array": (lambda p: archive(p, {"x.npy": b"some text"}), "member x.npy: it is no array"),
    "8 TB promised": (lambda p: p.write_bytes(header((10**6, 10**6))), "promises 8 TB, 0 bytes are there"),
    "8 TB promised in an archive": (
        lambda p: archive(p, {"x.npy": header((10**6, 10**6))}),
        "member x.npy: its header promises 8 TB",
    ),
    "a negative shape": (lambda p: p.write_bytes(header((-1, 3))), r"it has shape \(-1, 3\)"),
    "half an archive": (lambda p: archive(p, {"x.npy": npy(X)}, change=lambda raw: raw[: len(raw) // 2]), "no file of"),
    "nothing": (lambda p: p.write_bytes(b""), "it is empty"),
    "a pipe": (os.mkfifo, "it is no regular file"),
    "a device": (lambda p: p.symlink_to("/dev/zero"), "it is no regular file"),
    "objects": (lambda p: p.write_bytes(npy(np.array([[{}, 1]]))), "it holds Python objects"),
    "nothing but zeros": (
        lambda p: archive(p, {"x.npy": npy(np.zeros((300, 10**4), np.uint8))}, compression=8),
        "member x.npy unpacks from .* kB to 3 MB, as no data do; if it is meant, save it by numpy.save",
    ),
}


@pytest.mark.parametrize("fault", HOSTILE)
def test_all_readers_answer_a_hostile_file_by_one_line(tmp_path, monkeypatch, fault):
    make, message = HOSTILE[fault]
    monkeypatch.setattr(arrays, "PACKED_BYTES", 2**20)
    make(tmp_path / "x.npz")
    readers = (
        lambda: datasets.load(str(tmp_path / "x.npz")),
        lambda: datasets.load(f"latents:{tmp_path / 'x.npz'}"),
        lambda: image_score.read(tmp_path / "x.npz", (8, 8)),
        lambda: image_score.load_reference(str(tmp_path / "x.npz"), "-1..1"),
    )
    for read in readers:
        with pytest.raises(UsageError, match=message) as caught:
            read()
        assert "\n" not in str(caught.value)
    with pytest.raises(UnreadableError, match=message):
        arrays.read(tmp_path / "x.npz")


def test_what_numpy_writes_is_read(tmp_path):
    written = {"x": X, "none": np.float64(3), "text": np.array("a"), "turned": np.asfortranarray(X[0])}
    for write in (np.savez, np.savez_compressed):
        write(tmp_path / "x.npz", **written)
        found = arrays.read(tmp_path / "x.npz")
        assert list(found) == list(written)
        for name, array in written.items():
            np.testing.assert_array_equal(found[name], array)
    assert list(arrays.read(tmp_path / "x.npz", ["turned"])) == ["turned"]
    assert arrays.headers(tmp_path / "x.npz")["x"] == (X.shape, X.dtype, "")
    with pytest.raises(UnreadableError, match="no array y in it"):
        arrays.read(tmp_path / "x.npz", ["y"])
    # A file is what it holds, not what it is called.
    with (tmp_path / "y.npz").open("wb") as file:
        np.save(file, X)
    np.testing.assert_array_equal(arrays.read(tmp_path / "y.npz")["x"], X)
    assert isinstance(arrays.read(tmp_path / "y.npz", mapped=True)["x"], np.memmap)


def test_more_than_the_memory_is_not_begun(tmp_path, monkeypatch):
    np.savez(tmp_path / "x.npz", x=X, small=X[:1])
    monkeypatch.setattr(arrays, "_free_memory", lambda: 1000)
    monkeypatch.setattr(np.lib.format, "read_array", lambda file, **options: file)
    with pytest.raises(UnreadableError, match=r"it needs 3.84 kB of memory, and 1 kB are free"):
        arrays.read(tmp_path / "x.npz", ["x"])
    assert list(arrays.read(tmp_path / "x.npz", ["small"])) == ["small"]


def test_shape_and_type_are_judged_before_an_array_is_read(tmp_path, monkeypatch):
    np.savez(tmp_path / "x.npz", x=X.reshape(-1))
    monkeypatch.setattr(np.lib.format, "read_array", None)
    with pytest.raises(UsageError, match=r"x.npz has shape \(3840,\); expected"):
        datasets.load(str(tmp_path / "x.npz"))
    np.savez(tmp_path / "x.npz", x=np.broadcast_to(np.uint8(3), (2, 2**25)))
    with pytest.raises(UsageError, match="examples of 33,554,432 numbers; expected at most 16,777,216"):
        datasets.load(str(tmp_path / "x.npz"))
