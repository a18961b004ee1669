"""Which number is black and which is white: said by the user, or by the type, and never guessed."""

from collections.abc import Callable, Iterator
import math

import numpy as np

from experiments.datasets.examples import CHUNK, Examples, Source
from experiments.errors import UsageError, nearest

# The numbers of black and white that pictures of floats may have.
RANGES = {"-1..1": (-1.0, 1.0), "0..1": (0.0, 1.0), "0..255": (0.0, 255.0)}
BYTES = "0..255"
NONE = "none"  # no pictures: numbers are as they are
SLACK = 1e-3  # how far, in units of the range, rounding may lead out of it; such numbers are clipped
DARK = 32  # a largest byte below it is that of a mask, or of levels 0 .. 16


def check_known(given: str) -> None:
    """UsageError for a range that is not known; "" is none that is stated."""
    known = (*RANGES, NONE)
    if given and given not in known:
        raise UsageError(f"unknown range={given}; {nearest(given, known)}")


def darkness(largest: int) -> str:
    """What is wrong with bytes whose largest is so small, and what helps; "" if nothing is."""
    if not 0 < largest < DARK:
        return ""
    factor = "255" if largest == 1 else f"(255 / {largest})"
    remedy = f"multiply by {factor}, as in np.rint({factor} * x).astype('uint8'), or save floats"
    return f"the largest of its bytes is {largest}, and white is 255: {remedy}"


class Ranged:
    """Floats of a range as numbers in [-1, 1], each part computed when it is asked for."""

    def __init__(self, array: Source, low: float, high: float):
        """``low`` becomes -1, ``high`` 1."""
        self.array, self._low, self._high = array, low, high
        self.shape, self.dtype = array.shape, np.dtype("float32")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int | slice | np.ndarray) -> np.ndarray:
        numbers = np.asarray(self.array[index], np.float64)
        return ((2 * numbers - (self._low + self._high)) / (self._high - self._low)).clip(-1, 1).astype(np.float32)


def of_examples(examples: Examples, given: str, *, pictures: bool, advice: Callable[[str], str]) -> Examples:
    """Examples whose numbers mean what training takes them for.

    Args:
      examples: of floats or uint8; they have passed ``check_form``.
      given: the range that the user states; "" for none.
      pictures: whether they have the shape of pictures.
      advice: range -> how it is stated.

    Returns:
      the examples; floats of a range are in [-1, 1].

    Raises:
      UsageError: if bytes are too dark to be 0 .. 255; if floats have numbers that are not of the range stated; if
        they may be of 0 .. 1 and none is stated.
    """
    what, x = examples.what, examples.x
    if x.dtype == np.uint8:
        if given not in ("", NONE, BYTES):
            raise UsageError(
                f"{what} is of type uint8, whose range is {BYTES}, and range={given} is stated; leave it out"
            )
        fault = darkness(int(_extent(x, lambda low, high: high >= DARK)[1])) if given != BYTES else ""
        if fault:
            raise UsageError(f"{what}: {fault}; if they are that dark, say so: {advice(BYTES)}")
        return examples
    if given in RANGES:
        low, high = RANGES[given]
        slack = SLACK * (high - low)
        darkest, brightest = _extent(x, lambda least, most: False)
        if darkest < low - slack or brightest > high + slack:
            raise UsageError(
                f"{what} has numbers from {darkest:.4g} to {brightest:.4g}, which are not those of range={given}; "
                f"expected one of {', '.join((*RANGES, NONE))}"
            )
        return examples._replace(x=Ranged(x, low, high))
    if pictures and given != NONE:
        darkest, brightest = _extent(x, lambda least, most: least < 0 or most > 1)
        if 0 <= darkest < brightest <= 1:
            raise UsageError(
                f"{what} has pictures of floats from {darkest:.4g} to {brightest:.4g}, and black may be 0 or -1; say "
                f"which: {advice('0..1')} or {advice('-1..1')}; or {advice(NONE)} if they are no pictures"
            )
    return examples


def _extent(x: Source, enough: Callable[[float, float], bool]) -> tuple[float, float]:
    """The smallest and the largest finite number, of the parts up to the one after which that is ``enough``."""
    least, most = math.inf, -math.inf
    for part in _parts(x):
        finite = part[np.isfinite(part)] if part.dtype.kind == "f" else part
        if finite.size:
            least, most = min(least, float(finite.min())), max(most, float(finite.max()))
            if enough(least, most):
                break
    return least, most


def _parts(x: Source) -> Iterator[np.ndarray]:
    rows = max(1, CHUNK // math.prod(x.shape[1:]))
    return (np.asarray(x[start : start + rows]) for start in range(0, len(x), rows))
