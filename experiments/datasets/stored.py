"""A data set from stored examples: looked through, split, and read as vectors. Files and folders all end here.

Examples are an array [n, ...], in memory or mapped from a file, or ``Decoded``: read one by one when they are asked
for. Those of uint8 become [-1, 1], 0 to 255 being -1 to 1; others are taken as they are.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
import functools
import math
import os

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets.dataset import Dataset, Images, pick
from experiments.datasets.examples import (
    Examples,
    Units,
    check_classes,
    check_form,
    check_numbers,
    check_observed,
    scaled,
    units_of,
)
from experiments.datasets.observation import Observation, Stored
from experiments.errors import UsageError
from taxonomy import exact_data
from taxonomy.exact import ExactFlow
from taxonomy.interpolants import Interpolant

TEST_SHARE = 10  # one example in so many is held out
SPLIT_SEED = 0
DEVICE_BYTES = 256 * 2**20  # compiling takes about 10 s per 100 MB, and ten times their memory
EXACT_NUMBERS = 2_000_000  # the exact velocity looks at every one of them at every point
SCORED, SCORED_NUMBERS = 5000, 2**26  # examples of each split that are kept for evaluation, and numbers in them
THREADS = 8


class Decoded:
    """Examples that are read one by one when they are asked for, indexed like an array [count, ...]."""

    def __init__(
        self, read: Callable[[int], np.ndarray], count: int, shape: tuple[int, ...], dtype: np.dtype | type = np.uint8
    ):
        """``read`` gives the example of a number as an array of ``shape``; several threads call it at once."""
        self._read, self.shape, self.dtype = read, (count, *shape), np.dtype(dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int | slice | np.ndarray) -> np.ndarray:
        if isinstance(index, (int, np.integer)):
            return self._read(int(index))
        numbers = np.arange(len(self))[index].tolist()
        found = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        with ThreadPoolExecutor(THREADS) as pool:
            for place, example in zip(found, pool.map(self._read, numbers), strict=True):
                place[...] = example
        return found


def dataset(
    name: str,
    examples: Examples,
    test: Examples | None = None,
    *,
    size: tuple[int, ...] | None,
    classes: int | None = None,
    exact: bool = True,
    centred: bool = False,
    scaled_by: str = "",
) -> Dataset:
    """Makes a data set, having looked at every number of an array, and at those kept for evaluation of ``Decoded``.

    Args:
      name: its name.
      examples: the examples; to train on all of them, if there are others to test.
      test: those held out; None for a tenth of the examples, by a fixed permutation.
      size: what an example shows, as in ``Images``.
      classes: number of classes; None to count them.
      exact: whether to offer the exact velocity of the training examples, if they are few.
      centred: whether the mean of the training examples is subtracted, see ``Dataset.centre``; of floats alone.
      scaled_by: what is divided by its spread besides, see ``examples.units_of``; "" for nothing.

    Returns:
      the data set; examples are vectors. Training examples are in random order. Its standard deviation is that of the
      training examples, about the mean of each coordinate if they are centred. Mean and deviations of ``Decoded`` are
      those of the examples kept for evaluation: 5000, or as many as have 2^26 numbers.

    Raises:
      UsageError: if examples have a wrong type or shape, are too few, not finite, far from order one, or all the same;
        if classes are no integers from 0 on, or not one for each example.
    """
    what, x, y, c = examples
    check_form(x, what, fewest=4 if test is None else 2)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(x))
    held = 0 if test is not None else max(2, len(x) // TEST_SHARE)
    train_rows, test_rows = order[: len(x) - held], order[len(x) - held :]
    if test is not None:
        check_form(test.x, test.what, fewest=2)
        if test.x.shape[1:] != x.shape[1:]:
            raise UsageError(
                f"{test.what} has examples of shape {test.x.shape[1:]}, those to train on have {x.shape[1:]}; expected "
                "the same: save both alike"
            )
        test_rows = np.random.default_rng(SPLIT_SEED).permutation(len(test.x))
    of_test = examples if test is None else test
    count = check_classes(examples, None if test is None else test, classes=classes)

    kept = min(SCORED, max(2, SCORED_NUMBERS // math.prod(x.shape[1:])))

    def of_train(array: np.ndarray, rows: np.ndarray) -> Units | None:
        return units_of(array, rows, scaled_by=scaled_by) if centred or scaled_by else None

    train, std, units = _kept(examples, train_rows, kept, name, of_train)
    records = Records(name, x, train_rows, units=units)
    if test is None and not isinstance(x, Decoded):  # all of it has been checked
        held_out = Records(name, x, test_rows).first(kept)
    else:
        held_out = _kept(of_test, test_rows, kept, name, lambda array, rows: units)[0]
    labels = np.asarray(y)[train_rows].astype(np.int32) if count else None
    test_labels = np.asarray(of_test.y)[test_rows[:kept]].astype(np.int32) if count else None
    truth = Images(train, held_out, size, labels[:kept] if count else None, test_labels)

    def sample(key: jax.Array) -> jax.Array:
        return scaled(jnp.asarray(records.stored)[pick(key, len(records))])

    def label(key: jax.Array) -> jax.Array:
        return jnp.asarray(labels)[pick(key, len(records))]

    def exact_flow(interpolant: Interpolant) -> ExactFlow:
        return exact_data.empirical(interpolant, points=scaled(records.stored), noise_std=std)

    known = None
    if c is not None or of_test.c is not None:
        shape = check_observed(examples, test)
        known = _known(c[train_rows], of_test.c[test_rows[:kept]], shape)
    few = exact and math.prod((len(records), *records.shape)) <= EXACT_NUMBERS
    return Dataset(
        name,
        records.shape,
        std,
        sample,
        truth,
        exact_flow if few else None,
        records,
        count,
        label if count else None,
        labels,
        centre=units and units.centre,
        scale=units and units.scale,
        observed=known,
    )


def _known(train: np.ndarray, held_out: np.ndarray, shape: tuple[int, ...]) -> Observation:
    """What a file says of its examples: [n, ...] of those to train on, [m, ...] of those held out."""
    train, held_out = (np.asarray(scaled(part), np.float32).reshape(len(part), *shape) for part in (train, held_out))

    def sample(key: jax.Array) -> jax.Array:
        return jnp.asarray(train)[pick(key, len(train))]

    spread = float(train.std(dtype=np.float64))
    what = f"a picture of {shape[0]} x {shape[1]}" if len(shape) == 3 else f"a vector of {shape[0]} numbers"
    return Observation(
        "stored",
        f"{what} that the file has of each example",
        shape,
        mean=float(train.mean(dtype=np.float64)),
        std=spread or 1.0,
        stored=Stored(train, held_out, sample),
    )


def _kept(
    examples: Examples,
    rows: np.ndarray,
    kept: int,
    name: str,
    units_for: Callable[[np.ndarray, np.ndarray], Units | None],
) -> tuple[np.ndarray, float, Units | None]:
    """The first of some rows as vectors, and the standard deviation and the units of all that were checked."""
    records = Records(name, examples.x, rows)
    if isinstance(examples.x, Decoded):
        found = records.first(kept)
        array, numbers = found.reshape(-1, *examples.x.shape[1:]), np.arange(len(found))
        units = units_for(array, numbers)
        return found, check_numbers(array, f"{examples.what} (as read, in random order)", numbers, units=units), units
    units = units_for(examples.x, rows)
    std = check_numbers(examples.x, examples.what, rows, units=units)
    return records.first(kept), std, units


class Records:
    """Some examples of an array on disk or in memory, as vectors of float32, each read when it is asked for."""

    def __init__(self, name: str, array: np.ndarray, rows: np.ndarray, *, units: Units | None = None):
        """Records number 0, 1, ... are the examples ``rows`` of ``array``, in ``units``; ``name`` is for messages."""
        self._name, self.array, self.rows, self._units = name, array, rows, units
        self.shape = (math.prod(array.shape[1:]),)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> np.ndarray:
        self.check_whole()
        return self._in_units(np.asarray(self.array[self.rows[index]]).reshape(-1))

    def _in_units(self, x: np.ndarray) -> np.ndarray:
        return scaled(x if self._units is None else self._units.of(x))

    def check_whole(self) -> None:
        """UsageError if a mapped file has become shorter: to read behind its end would kill the process (SIGBUS)."""
        array = getattr(self.array, "array", self.array)  # of ``Ranged``
        if not isinstance(array, np.memmap):
            return
        needed = array.offset + array.nbytes
        try:
            found = os.stat(array.filename).st_size
        except FileNotFoundError:  # what is mapped stays
            return
        if found < needed:
            raise UsageError(
                f"{array.filename} has {found:,} bytes, and had {needed:,} at the start; expected a file that does not "
                "change during a run: put it back as it was, and run the same command again"
            )

    def first(self, count: int) -> np.ndarray:
        """[count, dim]; the first examples in the data's own units, fewer if there are not as many."""
        self.check_whole()
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
        self.check_whole()
        found = np.asarray(self.array[self.rows].reshape(-1, *self.shape))
        return found.astype(kept) if self._units is None else self._in_units(found)
