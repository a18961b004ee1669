"""Files of arrays that are no data set: each fault is named."""

import numpy as np
import pytest

from experiments import datasets
from experiments.datasets import examples as checked
from experiments.errors import UsageError
from tests.experiments.datasets.examples import examples, save


def with_entry(value, *, at, shape=(50, 3), dtype=np.float64):
    x = examples(*shape).astype(dtype)
    x[at] = value
    return x


BROKEN = {
    "objects": (np.array([[{}, 1], [2, 3]], object), "x.npy cannot be read .*Python objects.*; expected one array of"),
    "integers": (np.arange(40).reshape(10, 4), "x.npy is of type int64; expected float16, float32, float64, uint8"),
    "complex": (np.ones((10, 4), complex), "is of type complex128; expected float16"),
    "structured": (np.zeros(10, [("a", "f4"), ("b", "f4")]), r"is of type \[\('a'.*; expected float16"),
    "one dimension": (examples(50), r"x.npy has shape \(50,\); expected \(number of examples, ...\)"),
    "single numbers": (examples(50, 1), r"has shape \(50, 1\); expected .* 2 numbers or more"),
    "nothing in them": (examples(50, 0), r"has shape \(50, 0\)"),
    "few": (examples(3, 5), "holds 3 examples; expected at least 4"),
    "none": (examples(0, 5), "holds 0 examples; expected at least 4|cannot be read"),
    "nan": (
        with_entry(np.nan, at=([7, 9], 1)),
        r"2 of 50 examples \(4.00%\) contain NaN or infinity, first example 7;",
    ),
    "infinity": (
        with_entry(-np.inf, at=(9, 2), dtype=np.float16),
        r"1 of 50 examples \(2.00%\) contain NaN or inf.* 9;",
    ),
    "range": (
        with_entry(-255, at=(5, 0)),
        r"numbers above 100 in magnitude, up to 255, first example 5; scale the data",
    ),
    "huge": (with_entry(1e300, at=(5, 0)), r"up to 1e\+300, first example 5; scale the data"),
    "constant": (np.full((50, 3), 0.1), "x.npy: all numbers are 0.1; expected data that vary"),
    "constant bytes": (np.full((50, 3), 255, np.uint8), "x.npy: all numbers are 1; expected data that vary"),
}


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("chunk", [7, checked.CHUNK])
def test_a_faulty_array_is_named(tmp_path, monkeypatch, fault, chunk):
    array, message = BROKEN[fault]
    monkeypatch.setattr(checked, "CHUNK", chunk)
    with pytest.raises(UsageError, match=message) as caught:
        save(tmp_path / "x.npy", array)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": examples(40, 3), "b": examples(40, 3)}, 'x.npz holds the arrays a, b; expected the examples as "x"'),
        ({"test": examples(40, 3)}, 'x.npz holds the arrays test; expected the examples as "x"'),
        ({}, r"x.npz holds the arrays \(none\); expected"),
        (
            {"x": examples(40, 3), "test": examples(9, 4)},
            r'x.npz, array "test" has examples of shape \(4,\), those to train on have \(3,\); expected the same',
        ),
        ({"x": examples(40, 3), "test": examples(1, 3)}, 'array "test" holds 1 examples; expected at least 2'),
        ({"x": examples(1, 3), "test": examples(40, 3)}, "x.npz holds 1 examples; expected at least 2"),
        (
            {"x": examples(40, 3), "test": with_entry(np.nan, at=(4, 2))},
            r'array "test": 1 of 50 examples \(2.00%\) contain NaN or infinity, first example 4',
        ),
        (
            {"x": np.array([[{}, 1], [2, 3]], object)},
            "x.npz cannot be read .*[Oo]bject arrays .*; expected one array of",
        ),
    ],
)
def test_faulty_arrays_of_an_npz_file_are_named(tmp_path, arrays, message):
    with pytest.raises(UsageError, match=message):
        save(tmp_path / "x.npz", **arrays)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_a_damaged_file_is_named(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    with pytest.raises(UsageError, match=f"no file {path}; --config.dataset expects"):
        datasets.load(str(path))
    save(path, examples(4000, 5)) if suffix == "npy" else save(path, x=examples(4000, 5))
    whole = path.read_bytes()
    for content in (b"", b"some text", whole[:60], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(
            UsageError, match=rf"x.{suffix} cannot be read \(\w+.*\); expected one array of .*: save it by"
        ):
            datasets.load(str(path))
    path.unlink()
    path.mkdir()
    with pytest.raises(UsageError, match="cannot be read .*Is a directory"):
        datasets.load(str(path))
