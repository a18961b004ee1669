"""A file of weights: what is written is read bit for bit, and what is damaged, foreign or later ends in one line."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from experiments.errors import UsageError
from experiments.zoo import names, weights
from experiments.zoo.weights import Weights

RNG = np.random.default_rng(0)
TREE = {"network": {"Dense_0": {"kernel": RNG.standard_normal((3, 4), np.float32), "bias": np.float32([0.1, -0.0])}}}


def some(**changes):
    fields = {
        "config": {"dataset": "spiral", "seed": 0, "network": {"width": 8}},
        "run": {"format": 2, "parameters": 14},
        "step": 20,
        "budget": {"seconds": 1.25},
        "scores": {"rows": [{"kl": 0.1}, {"kl": None}]},
        "licence": "MIT; © all of us",
        "arrays": weights.flat(TREE),
    }
    return Weights(**(fields | changes))


def bits(arrays):
    return {name: (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()}


@pytest.mark.parametrize("dtype", weights.DTYPES)
def test_a_file_is_read_as_it_was_written(tmp_path, dtype):
    arrays = {name: array.astype(dtype) for name, array in weights.flat(TREE).items()}
    assert list(arrays) == ["network.Dense_0.bias", "network.Dense_0.kernel"]
    written = some(arrays=arrays)
    weights.write(tmp_path / "a.safetensors", written)
    found = weights.read(tmp_path / "a.safetensors")
    assert found._replace(arrays={}) == written._replace(arrays={})
    assert bits(found.arrays) == bits(arrays)
    assert weights.describe(tmp_path / "a.safetensors") == written._replace(arrays={})


def test_equal_contents_are_equal_bytes(tmp_path):
    for name in ("a", "b"):
        weights.write(tmp_path / f"{name}.safetensors", some())
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_the_tree_comes_back(tmp_path):
    weights.write(tmp_path / "a.safetensors", some())
    found = weights.fitted(weights.read(tmp_path / "a.safetensors").arrays, TREE, where="a")
    assert found["network"]["Dense_0"].keys() == TREE["network"]["Dense_0"].keys()
    assert bits(weights.flat(found)) == bits(weights.flat(TREE))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda arrays: arrays.pop("network.Dense_0.bias"), "bias has shape None there, (2,) here"),
        (lambda arrays: arrays.update(more=np.zeros(3)), "more has shape (3,) there, None here"),
        (lambda arrays: arrays.update({"network.Dense_0.bias": np.zeros(3)}), "bias has shape (3,) there, (2,) here"),
    ],
)
def test_other_names_and_shapes_are_named(change, text):
    arrays = weights.flat(TREE)
    change(arrays)
    with pytest.raises(UsageError) as raised:
        weights.fitted(arrays, TREE, where="a.safetensors")
    assert text in str(raised.value)
    assert str(raised.value).startswith("a.safetensors does not fit the network of its own configuration")


def with_metadata(path, change):
    """The same file, with other metadata than were written."""
    found = weights.read(path)
    fields = {name: getattr(found, name) for name in weights.KINDS}
    record = {"format": weights.FORMAT, "checksum": weights._checksum(fields, found.arrays), **fields}
    change(record)
    save_file(dict(found.arrays), path, {weights.ENTRY: json.dumps(record)})


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda record: record.update(format=2), "written by a later version of the project (format 2"),
        (lambda record: record.update(format="1"), "is damaged (its metadata: format '1', which is no whole number"),
        (lambda record: record.pop("format"), "is damaged (its metadata: 'format')"),
        (lambda record: record.pop("config"), "is damaged (its metadata: config is None)"),
        (lambda record: record.update(step="20"), "is damaged (its metadata: step is '20')"),
        (lambda record: record.update(step=21), "is damaged (its content does not have the checksum"),
        (lambda record: record["scores"]["rows"][0].update(kl=0.01), "does not have the checksum"),
        (lambda record: record.pop("checksum"), "does not have the checksum None"),
    ],
)
def test_other_metadata_are_named(tmp_path, change, text):
    path = tmp_path / "a.safetensors"
    weights.write(path, some())
    with_metadata(path, change)
    with pytest.raises(UsageError) as raised:
        weights.read(path)
    assert text in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_flipped_bit_and_a_cut_are_named(tmp_path):
    path = tmp_path / "a.safetensors"
    weights.write(path, some())
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(UsageError, match="does not have the checksum"):
        weights.read(path)
    for length in (0, 5, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        for read in (weights.read, weights.describe):
            with pytest.raises(UsageError, match=r"a\.safetensors is damaged \("):
                read(path)


def test_foreign_files_are_named(tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(UsageError, match="does not exist; expected the folder of a run, a file that"):
        weights.read(path)
    path.mkdir()
    with pytest.raises(UsageError, match="is no file"):
        weights.read(path)
    path.rmdir()
    for metadata in (None, {"format": "pt"}):
        save_file({"x": np.zeros(3)}, path, metadata)
        with pytest.raises(UsageError, match="has no metadata 'flowmap', which say what map"):
            weights.read(path)
    for text in ("{", "[]", "1", '"a"', "[" * 100_000):
        save_file({"x": np.zeros(3)}, path, {weights.ENTRY: text})
        with pytest.raises(UsageError, match=r"is damaged \(its metadata: "):
            weights.read(path)


def test_names_places_and_results(tmp_path):
    assert names.located("zoo:checkerboard/lsd") == names.FOLDER / "checkerboard/lsd.safetensors"
    assert names.located(tmp_path / "a.safetensors") == tmp_path / "a.safetensors"
    with pytest.raises(UsageError, match="no map 'zoo:checkerboard/lds' .* did you mean 'zoo:checkerboard/lsd'"):
        names.located("zoo:checkerboard/lds")
    for name in ("zoo:", "zoo:../zoo/checkerboard/lsd", "zoo:/etc/passwd", "zoo:checkerboard/lsd.safetensors"):
        with pytest.raises(UsageError, match="comes with the project; .*Known: zoo:checkerboard"):
            names.located(name)
    assert str(names.results("zoo:checkerboard/lsd")) == "runs/zoo/checkerboard/lsd"
    assert names.results(tmp_path / "a.safetensors") == tmp_path / "a"
    assert names.results(tmp_path / "run") == tmp_path / "run"
    # A run's folder may have any name.
    (tmp_path / "b.safetensors").mkdir()
    assert not names.is_weights(tmp_path / "b.safetensors")
