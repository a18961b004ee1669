"""What stored examples are, and the checks that they pass: type, shape, number, values, classes."""

from collections.abc import Iterator
import math
from typing import NamedTuple, Protocol

import jax
import numpy as np

from experiments.errors import UsageError

DTYPES = ("float16", "float32", "float64", "uint8")
LARGEST = 100.0  # magnitude of numbers that count as of order one
SMALLEST_STD = 1e-6  # in units of the largest magnitude: below it is rounding
SCALED = ("coordinates", "channels")  # what may have a scale of its own
CHUNK = 2**22  # numbers that are checked at once
LARGEST_EXAMPLE = 2**24  # numbers in one example, such as 2,364 x 2,364 pixels of 3 colours


class Source(Protocol):
    """Stored examples: what of an array is used here."""

    shape: tuple[int, ...]
    dtype: np.dtype

    def __len__(self) -> int:
        """Number of examples."""

    def __getitem__(self, index: int | slice | np.ndarray) -> np.ndarray:
        """One example, or some."""


class Examples(NamedTuple):
    """Stored examples, perhaps with classes, or with a vector or a picture that is known of each.

    Attributes:
      what: what they are called in messages.
      x: the examples [n, ...].
      y: [n]; their classes, or None.
      c: [n, ...]; what is known of each, or None.
    """

    what: str
    x: Source
    y: np.ndarray | None = None
    c: np.ndarray | None = None


def scaled(values: np.ndarray | jax.Array) -> np.ndarray | jax.Array:
    """Stored numbers as float32: those of uint8 in [-1, 1], others as they are."""
    numbers = values.astype(np.float32)
    # Rounded once, so that compiled code gives the same bits.
    return (2 * numbers - 255) * np.float32(1 / 255) if values.dtype == np.uint8 else numbers


class Form(Protocol):
    """What is known of stored examples before they are read."""

    shape: tuple[int, ...]
    dtype: np.dtype


def check_form(array: Form, what: str, *, fewest: int) -> None:
    """Checks type, shape and number of examples; UsageError on the first fault."""
    if array.dtype.name not in DTYPES:
        raise UsageError(f"{what} is of type {array.dtype}; expected {', '.join(DTYPES)}: {conversion(array.dtype)}")
    if len(array.shape) < 2 or math.prod(array.shape[1:]) < 2:
        raise UsageError(
            f"{what} has shape {array.shape}; expected (number of examples, ...), each of 2 numbers or more: reshape it"
        )
    if (numbers := math.prod(array.shape[1:])) > LARGEST_EXAMPLE:
        raise UsageError(
            f"{what} has examples of {numbers:,} numbers; expected at most {LARGEST_EXAMPLE:,}: make them smaller, "
            "pictures by side=64 or so"
        )
    if array.shape[0] < fewest:
        raise UsageError(f"{what} holds {array.shape[0]} examples; expected at least {fewest}: give more data")


def conversion(dtype: np.dtype) -> str:
    """How an array of another type becomes one of ``DTYPES``."""
    # As numbers, black and white would be 0 and 1 of 255.
    return "multiply by 255, as in (255 * x).astype('uint8')" if dtype.kind == "b" else "convert it by .astype"


def check_classes(examples: Examples, test: Examples | None, *, classes: int | None) -> int:
    """The number of classes, 0 for none; UsageError unless both splits have one in 0 .. classes - 1 per example."""
    parts = [examples] if test is None else [examples, test]
    if all(part.y is None for part in parts):
        return 0
    for what, x, y, _ in parts:
        if y is None:
            raise UsageError(f"{what} has no classes, and the other split has: give both, or none")
        if y.shape != (len(x),) or y.dtype.kind not in "iu":
            raise UsageError(
                f"classes of {what} are {y.dtype} of shape {y.shape}; expected integers of shape ({len(x)},), one for "
                "each example"
            )
        top = f"{classes - 1}" if classes else "the number of classes less 1"
        bad = np.flatnonzero((y < 0) | (y >= (classes or np.inf)))
        if len(bad):
            raise UsageError(f"{what} has class {y[bad[0]]} at example {bad[0]}; expected 0 to {top}: correct it")
    if classes is not None:
        return classes
    found = np.unique(examples.y)
    missing = np.flatnonzero(found != np.arange(len(found)))
    if len(missing):
        raise UsageError(
            f"{examples.what} has classes up to {found[-1]}, but none of its examples has class {missing[0]}; expected "
            "classes 0, 1, ... without gaps: number them so"
        )
    beyond = np.flatnonzero(test.y >= len(found)) if test is not None else []
    if len(beyond):
        raise UsageError(
            f"{test.what} has class {test.y[beyond[0]]} at example {beyond[0]}, and those to train on have 0 to "
            f"{len(found) - 1}; expected the same: correct it"
        )
    return len(found)


def check_observed(examples: Examples, test: Examples | None) -> tuple[int, ...]:
    """The shape of what is known of each example: (k,) of a vector, (height, width, channels) of a picture.

    Args:
      examples: to train on, with ``c``.
      test: those held out, if they are others.

    Returns:
      the shape.

    Raises:
      UsageError: unless both splits have finite numbers of one shape, one entry for each example.
    """
    parts = [examples] if test is None else [examples, test]
    for part in parts:
        if part.c is None:
            raise UsageError(f'{part.what} has no array "c", and the other split has: give both, or none')
        form = part.c.shape[1:]
        if len(part.c) != len(part.x) or len(form) not in (1, 2, 3) or part.c.dtype.name not in DTYPES:
            raise UsageError(
                f'"c" of {part.what} is {part.c.dtype} of shape {part.c.shape}; expected {len(part.x)} vectors [n, k] '
                "or pictures [n, height, width, channels] of float32 or uint8, one for each example"
            )
        if form != examples.c.shape[1:]:
            raise UsageError(
                f'"c" of {part.what} has entries of shape {form}, those to train on have {examples.c.shape[1:]}; '
                "expected the same: save both alike"
            )
        bad = np.flatnonzero(~np.isfinite(part.c.reshape(len(part.c), -1).astype(np.float32)).all(axis=1))
        if len(bad):
            raise UsageError(
                f'"c" of {part.what} is NaN or infinite in {len(bad)} of {len(part.c)} entries, first entry {bad[0]}; '
                "expected finite numbers"
            )
    form = examples.c.shape[1:]
    return (*form, 1) if len(form) == 2 else form


def _chunks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """(index of the first example, [n, dim] examples), a part of the file at a time."""
    rows = max(1, CHUNK // math.prod(array.shape[1:]))
    for start in range(0, len(array), rows):
        part = np.asarray(array[start : start + rows])
        yield start, part.reshape(len(part), -1)


class Units(NamedTuple):
    """What centred data are made of, see ``Dataset``: [dim] each.

    Attributes:
      centre: the mean of each coordinate.
      scale: what is divided by, or None.
    """

    centre: np.ndarray
    scale: np.ndarray | None = None

    def of(self, x: np.ndarray) -> np.ndarray:
        """Points [..., dim] as they are trained on, in float64, which keeps their digits."""
        moved = x.astype(np.float64) - self.centre
        return moved if self.scale is None else moved / self.scale


def check_numbers(array: np.ndarray, what: str, train: np.ndarray, *, units: Units | None = None) -> float:
    """Checks every number of an array.

    Args:
      array: [n, ...].
      what: what it is called in messages.
      train: the rows that are trained on.
      units: what centred data are made of; the numbers that are judged are theirs.

    Returns:
      the standard deviation of the rows ``train``.

    Raises:
      UsageError: on numbers that are not finite, far from order one, or all the same.
    """
    if units and not all(np.isfinite(part).all() for part in units if part is not None):
        units = None  # of numbers that are refused as they are
    in_train = np.zeros(len(array), bool)
    in_train[train] = True
    bad, large, largest, farthest, parts = [], 0, 0.0, 0, []
    for start, part in _chunks(array):
        finite = np.isfinite(part).all(axis=1)
        bad.append(start + np.flatnonzero(~finite))
        judged = units.of(part[finite]) if units else part[finite]
        magnitudes = np.abs(scaled(judged) if part.dtype == np.uint8 else judged).max(axis=1, initial=0)
        if magnitudes.max(initial=0) > largest:
            largest, farthest = float(magnitudes.max()), start + int(np.flatnonzero(finite)[magnitudes.argmax()])
        large += int(np.sum(magnitudes > LARGEST))
        # No statistics of numbers that are refused below: their squares may overflow.
        chosen = judged[in_train[start : start + len(part)][finite]]
        if chosen.size and largest <= LARGEST:
            chosen = scaled(chosen)
            parts.append((chosen.size, chosen.mean(dtype=np.float64), chosen.var(dtype=np.float64)))
    bad = np.concatenate(bad)
    if bad.size:
        raise UsageError(
            f"{what}: {bad.size} of {len(array)} examples ({bad.size / len(array):.2%}) contain NaN or infinity, first "
            f"example {bad[0]}; expected finite numbers: clean the data before training"
        )
    if large:
        limit, remedy = _far(units)
        raise UsageError(
            f"{what}: {large} of {len(array)} examples ({large / len(array):.2%}) contain numbers {limit}, up to "
            f"{largest:.4g} in example {farthest}; {remedy}"
        )
    sizes, means, variances = np.array(parts).T
    # The variance of the whole: within the parts, and between their means.
    mean = np.average(means, weights=sizes)
    std = float(np.sqrt(np.average(variances + (means - mean) ** 2, weights=sizes)))
    # Below it, what differs is the rounding of the numbers.
    rounding = SMALLEST_STD * (largest if units is None else np.abs(units.centre).max())
    if units and units.scale is not None:
        rounding = SMALLEST_STD  # of coordinates that are all constant
    if not std > rounding:
        if units:
            raise UsageError(f"{what}: all examples are the same; expected data that vary: is it the right array?")
        raise UsageError(f"{what}: all numbers are {mean:.4g}; expected data that vary: is it the right array?")
    return std


def _far(units: Units | None) -> tuple[str, str]:
    """Which numbers are far from order one, and what helps."""
    remedy = "scale the data to order one; pictures of 0 .. 255: save uint8, or say range=0..255"
    if units is None:
        return f"above {LARGEST:g} in magnitude", remedy
    if units.scale is None:
        return f"more than {LARGEST:g} from the mean", f"say scale=coordinates, or {remedy}"
    return f"more than {LARGEST:g} standard deviations from the mean", "leave them out, or mend them"


def units_of(array: np.ndarray, train: np.ndarray, *, scaled_by: str = "") -> Units:
    """The mean and the spread of every coordinate.

    Args:
      array: [n, ...]; examples, perhaps with numbers that ``check_numbers`` refuses.
      train: the rows that count.
      scaled_by: a word of ``SCALED``: "coordinates" for a spread of 1 of each number of an example, "channels" of all
        those with one place in the last axis together, "" to leave spreads as they are.

    Returns:
      the units, as float32. The scale of a constant coordinate is so small that what is made of it stays constant.
    """
    in_train = np.zeros(len(array), bool)
    in_train[train] = True
    # About an example: the sum of squares about zero would lose the spread of data far from it.
    origin = np.asarray(array[train[0]], np.float64).reshape(-1)
    total, squares = np.zeros_like(origin), np.zeros_like(origin)
    with np.errstate(invalid="ignore", over="ignore"):
        for start, part in _chunks(array):
            moved = part[in_train[start : start + len(part)]].astype(np.float64) - origin
            total += moved.sum(axis=0)
            squares += (moved**2).sum(axis=0)
        mean = total / len(train)
        variance = np.maximum(squares / len(train) - mean**2, 0)
        centre = origin + mean
        if not scaled_by:
            return Units(centre.astype(np.float32))
        if scaled_by == "channels":
            by_channel = variance.reshape(-1, array.shape[-1])
            variance = np.broadcast_to(by_channel.mean(axis=0), by_channel.shape).reshape(-1)
        spread = np.sqrt(variance)
        scale = np.maximum(spread, SMALLEST_STD * np.maximum(np.abs(centre), spread.max()))
        return Units(centre.astype(np.float32), np.where(scale > 0, scale, 1).astype(np.float32))
