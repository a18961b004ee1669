"""A data set from a file of the user's own: ``--config.dataset=path/to/file.npy`` or ``.npz``.

The file holds one array of examples [n, ...]: float16, float32 or float64, taken as they are, or uint8, of which 0 to
255 become -1 to 1. In a .npz file it is called "x", or is the only one; an array "test" beside it is held out to score
against, otherwise a tenth of the examples is. Examples are trained on as vectors; pictures are drawn as such. A .npy
file is mapped into memory, so that it may be larger than that.
"""

from collections.abc import Iterator, Mapping
import functools
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets.dataset import Dataset, Images, pick
from experiments.errors import UsageError
from taxonomy import exact_data
from taxonomy.exact import ExactFlow
from taxonomy.interpolants import Interpolant

SUFFIXES = (".npy", ".npz")
DTYPES = ("float16", "float32", "float64", "uint8")
TEST_SHARE = 10  # one example in so many is held out
SPLIT_SEED = 0
LARGEST = 100.0  # magnitude of numbers that count as of order one
SMALLEST_STD = 1e-6  # in units of the largest magnitude: below it is rounding
CHUNK = 2**22  # numbers that are checked at once
DEVICE_BYTES = 256 * 2**20  # compiling takes about 10 s per 100 MB, and ten times their memory
EXACT_NUMBERS = 2_000_000  # the exact velocity looks at every one of them at every point
SCORED, SCORED_NUMBERS = 5000, 2**26  # examples of each split that are kept for evaluation, and numbers in them
EXPECTED = f"one array of examples [n, ...] of {', '.join(DTYPES[:-1])} or {DTYPES[-1]}"
REMEDY = "save it by numpy.save, or numpy.savez(path, x=...)"


def load(path: Path) -> Dataset:
    """Loads a data set from a file, having looked at every number in it.

    Args:
      path: a .npy or .npz file.

    Returns:
      the data set, named like the file; examples are vectors, and ``Images.size`` says which pictures they are. Its
      exact velocity is that of the training examples, if they are few. Training examples are in random order.

    Raises:
      UsageError: if there is no such file, it cannot be read, or its examples have a wrong type or shape, are too few,
        are not finite, far from order one, or all the same.
    """
    arrays = _read(path)
    x, test = arrays["x"], arrays.get("test")
    _check_form(x, str(path), fewest=4 if test is None else 2)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(x))
    held = 0 if test is not None else max(2, len(x) // TEST_SHARE)
    train, test_rows = order[: len(x) - held], order[len(x) - held :]
    if test is not None:
        what = f'{path}, array "test"'
        _check_form(test, what, fewest=2)
        if test.shape[1:] != x.shape[1:]:
            raise UsageError(
                f"{what} has examples of shape {test.shape[1:]}, those to train on have {x.shape[1:]}; expected the "
                "same: save both alike"
            )
        _check_numbers(test, what, np.arange(len(test)))
        test_rows = np.random.default_rng(SPLIT_SEED).permutation(len(test))
    std = _check_numbers(x, str(path), train)

    records = FileRecords(path.name, x, train)
    held_out = FileRecords(path.name, x if test is None else test, test_rows)
    kept = min(SCORED, max(2, SCORED_NUMBERS // math.prod(x.shape[1:])))
    truth = Images(records.first(kept), held_out.first(kept), _size(x.shape[1:]))

    def sample(key: jax.Array) -> jax.Array:
        return scaled(jnp.asarray(records.stored)[pick(key, len(records))])

    def exact_flow(interpolant: Interpolant) -> ExactFlow:
        return exact_data.empirical(interpolant, points=scaled(records.stored), base_std=std)

    few = math.prod((len(records), *records.shape)) <= EXACT_NUMBERS
    return Dataset(path.name, records.shape, std, sample, truth, exact_flow if few else None, records)


def scaled(values: np.ndarray | jax.Array) -> np.ndarray | jax.Array:
    """Stored numbers as float32: those of uint8 in [-1, 1], others as they are."""
    return values.astype(np.float32) / 127.5 - 1 if values.dtype == np.uint8 else values.astype(np.float32)


def _size(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    if len(shape) == 2:
        return (*shape, 1)
    return shape if len(shape) == 3 and shape[-1] in (1, 3) else None


def _read(path: Path) -> Mapping[str, np.ndarray]:
    """The arrays "x" and, if it is there, "test"."""
    if not path.exists():
        raise UsageError(f"no file {path.absolute()}; --config.dataset expects a .npy or .npz file that exists")
    try:
        if path.suffix.lower() == ".npy":
            return {"x": np.lib.format.open_memmap(path, mode="r")}
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            names = [name for name in found.files if name != "test"]
            if "x" not in names and len(names) != 1:
                raise UsageError(
                    f"{path} holds the arrays {', '.join(sorted(found.files)) or '(none)'}; expected the examples as "
                    f'"x", or as the only array beside "test": {REMEDY}'
                )
            chosen = {"x": "x" if "x" in names else names[0], "test": "test"}
            return {name: found[stored] for name, stored in chosen.items() if stored in found.files}
    except UsageError:
        raise
    except Exception as error:  # a file that is damaged, or of another format, may raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"{path} cannot be read ({reason}); expected {EXPECTED}: {REMEDY}") from error


def _check_form(array: np.ndarray, what: str, *, fewest: int) -> None:
    if array.dtype.name not in DTYPES:
        raise UsageError(f"{what} is of type {array.dtype}; expected {', '.join(DTYPES)}: convert it by .astype")
    if array.ndim < 2 or math.prod(array.shape[1:]) < 2:
        raise UsageError(
            f"{what} has shape {array.shape}; expected (number of examples, ...), each of 2 numbers or more: reshape it"
        )
    if len(array) < fewest:
        raise UsageError(f"{what} holds {len(array)} examples; expected at least {fewest}: give more data")


def _chunks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """(index of the first example, [n, dim] examples), a part of the file at a time."""
    rows = max(1, CHUNK // math.prod(array.shape[1:]))
    for start in range(0, len(array), rows):
        part = np.asarray(array[start : start + rows])
        yield start, part.reshape(len(part), -1)


def _check_numbers(array: np.ndarray, what: str, train: np.ndarray) -> float:
    """Checks every number of an array; returns the standard deviation of the rows ``train``."""
    in_train = np.zeros(len(array), bool)
    in_train[train] = True
    bad, large, largest, parts = [], [], 0.0, []
    for start, part in _chunks(array):
        finite = np.isfinite(part).all(axis=1)
        bad.append(start + np.flatnonzero(~finite))
        magnitudes = np.abs(scaled(part[finite]) if part.dtype == np.uint8 else part[finite]).max(axis=1, initial=0)
        largest = max(largest, float(magnitudes.max(initial=0)))
        large.append(start + np.flatnonzero(finite)[magnitudes > LARGEST])
        # No statistics of numbers that are refused below: their squares may overflow.
        chosen = part[finite & in_train[start : start + len(part)]]
        if chosen.size and largest <= LARGEST:
            chosen = scaled(chosen)
            parts.append((chosen.size, chosen.mean(dtype=np.float64), chosen.var(dtype=np.float64)))
    bad, large = np.concatenate(bad), np.concatenate(large)
    if bad.size:
        raise UsageError(
            f"{what}: {bad.size} of {len(array)} examples ({bad.size / len(array):.2%}) contain NaN or infinity, first "
            f"example {bad[0]}; expected finite numbers: clean the data before training"
        )
    if large.size:
        raise UsageError(
            f"{what}: {large.size} of {len(array)} examples ({large.size / len(array):.2%}) contain numbers above "
            f"{LARGEST:g} in magnitude, up to {largest:.4g}, first example {large[0]}; scale the data to order one, or "
            "save pictures as uint8"
        )
    sizes, means, variances = np.array(parts).T
    # The variance of the whole: within the parts, and between their means.
    mean = np.average(means, weights=sizes)
    std = float(np.sqrt(np.average(variances + (means - mean) ** 2, weights=sizes)))
    if not std > SMALLEST_STD * largest:
        raise UsageError(f"{what}: all numbers are {mean:.4g}; expected data that vary: is it the right array?")
    return std


class FileRecords:
    """Some examples of an array on disk or in memory, as vectors of float32, each read when it is asked for."""

    def __init__(self, name: str, array: np.ndarray, rows: np.ndarray):
        """Records number 0, 1, ... are the examples ``rows`` of ``array``; ``name`` is for messages."""
        self._name, self.array, self.rows = name, array, rows
        self.shape = (math.prod(array.shape[1:]),)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> np.ndarray:
        return scaled(np.asarray(self.array[self.rows[index]]).reshape(-1))

    def first(self, count: int) -> np.ndarray:
        """[count, dim]; the first records, fewer if there are not as many."""
        return scaled(np.asarray(self.array[self.rows[:count]]).reshape(-1, *self.shape))

    @functools.cached_property
    def stored(self) -> np.ndarray:
        """[n, dim]; all of them in memory, before ``scaled``; UsageError if they are too many for compiled code."""
        kept = np.dtype("float32" if self.array.dtype.name == "float64" else self.array.dtype.name)
        needed = math.prod((len(self), *self.shape)) * kept.itemsize
        if needed > DEVICE_BYTES:
            raise UsageError(
                f"data set {self._name} has {needed / 2**20:,.0f} MB to train on, and compiled code may hold "
                f"{DEVICE_BYTES / 2**20:,.0f} MB; read them from the file during training: --config.training.data=host"
            )
        return np.asarray(self.array[self.rows].reshape(-1, *self.shape)).astype(kept)
