"""Faults in files of data, found by training."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.experiments.bad_input.cases import Case, X, training

WITH_NAN = np.where(np.arange(50)[:, None] == 3, np.nan, X)


def data(name: str, text: str, **arrays: np.ndarray) -> Case:
    def write(folder: Path) -> None:
        if name.endswith(".npy"):
            np.save(folder / name, arrays["x"])
        else:
            np.savez(folder / name, **arrays)

    return training(f"--config.dataset={name}", text, change=write)


CASES = {
    "no such data": training("--config.dataset=nothing.npy", "nothing.npy; --config.dataset expects a .npy or .npz"),
    "a file that is no array": training(
        "--config.dataset=x.npy",
        "x.npy cannot be read (it begins as no file of numpy does)",
        change=lambda folder: (folder / "x.npy").write_bytes(b"no array"),
    ),
    "an archive that is none": training(
        "--config.dataset=x.npz",
        "x.npz cannot be read (",
        change=lambda folder: (folder / "x.npz").write_bytes(b"no archive"),
    ),
    "Python objects": data(
        "x.npy", "x.npy cannot be read (it holds Python objects, which are never read)", x=np.array([{}, {}])
    ),
    "whole numbers": data("x.npy", "x.npy is of type int64; expected float16, float32", x=np.zeros((9, 2), np.int64)),
    "one number each": data("x.npy", "x.npy has shape (50,); expected (number of examples, ...)", x=X[:, 0]),
    "too few": data("x.npy", "x.npy holds 1 examples; expected at least 4: give more data", x=X[:1]),
    "NaN": data("x.npy", "1 of 50 examples (2.00%) contain NaN or infinity, first example 3", x=WITH_NAN),
    "too large": data("x.npy", "50 of 50 examples (100.00%) contain numbers more than 100 from the mean", x=1e6 * X),
    "all the same": data("x.npy", "x.npy: all examples are the same; expected data that vary", x=np.ones_like(X)),
    "two arrays": data("x.npz", 'x.npz holds the arrays a, b; expected the examples as "x"', a=X, b=X),
    "floats of 0 to 1": data(
        "x.npz",
        "black may be 0 or -1; say which: --config.dataset=x.npz,range=0..1 or --config.dataset=x.npz,range=-1..1",
        x=np.linspace(0, 1, 640).reshape(10, 8, 8),
    ),
    "a mask": data("x.npy", "the largest of its bytes is 1, and white is 255", x=np.eye(9, dtype=np.uint8)),
    "channels first": data("x.npy", "put the channels last", x=np.zeros((9, 3, 8, 8), np.uint8)),
    "a pipe": training(
        "--config.dataset=x.npy",
        "x.npy cannot be read (it is no regular file)",
        change=lambda folder: os.mkfifo(folder / "x.npy"),
    ),
    "a range that does not exist": training("--config.dataset=points.npy,range=1", "unknown range=1; Known: -1..1"),
    "an escape sequence": data("x.npz", r"x.npz holds the arrays a\x1b[31m, b; expected", **{"a\x1b[31m": X, "b": X}),
    "more than fits": training("--config.dataset=generated:1000000x1000000x3", "has 1.54e+15 numbers; expected at"),
    "another shape to test on": data(
        "x.npz", 'x.npz, array "test" has examples of shape (3,), those to train on have (2,)', x=X, test=np.eye(3)
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
