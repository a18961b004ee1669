"""Times, levels of noise, points and predictions of one convention of the papers in all the others; plain floats."""

from collections.abc import Mapping, Sequence
import difflib
import math
from typing import NamedTuple

from taxonomy.catalogue import CATALOGUE
from taxonomy.catalogue.conventions import CONVENTIONS, Convention, Level

POINT = "x"
_EXAMPLE = "such as: translate mean_flow t=0.8 r=0.3, or: translate edm sigma=0.5 x=1.2 D=0.9"


class Translated(NamedTuple):
    """One convention's words for what was given.

    Attributes:
      source: {name of the level: value}, at the start of the jump, or at the one time.
      target: the same at the end of the jump; empty without a jump.
      factor: by which the given point is multiplied to be this convention's; infinite where there is none.
      point: [entries]; the point, empty if none was given or the factor is infinite.
      predictions: {name: [entries]}; empty as the point.
    """

    source: dict[str, float]
    target: dict[str, float]
    factor: float
    point: list[float]
    predictions: dict[str, list[float]]


def convention_of(name: str) -> str:
    """The convention of a name.

    Args:
      name: a key of ``CONVENTIONS``, or a method of the catalogue.

    Returns:
      a key of ``CONVENTIONS``.

    Raises:
      ValueError: if it is neither.
    """
    if name in CONVENTIONS:
        return name
    if name in CATALOGUE:
        text = CATALOGUE[name].translation
        return next(key for key, convention in CONVENTIONS.items() if text in convention.translations)
    close = difflib.get_close_matches(name, [*CONVENTIONS, *CATALOGUE], n=1)
    nearest = f"did you mean {close[0]}? " if close else ""
    raise ValueError(
        f"no convention and no method is called {name!r}; {nearest}Conventions: {', '.join(CONVENTIONS)}; or a method, "
        "as in: python -m taxonomy"
    )


def ratio_of(level: Level, value: float, *, name: str, std: float) -> float:
    """``k = n / a`` of a level of noise.

    Args:
      level: the way to say it.
      value: what was said.
      name: of the level, for the message.
      std: standard deviation of the data.

    Returns:
      k, not negative; infinite where there is no data.

    Raises:
      ValueError: if the value is outside of its range.
    """
    if not level.low <= value <= level.high:  # NaN fails too
        raise ValueError(f"{name}={value:g}; expected a number from {level.low:g} to {level.high:g}")
    return level.ratio(value, std)


def _numbers(name: str, text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise ValueError(f"{name}={text}; expected a finite number, or several separated by commas")
    return found


def _one(name: str, text: str) -> float:
    found = _numbers(name, text)
    if len(found) > 1:
        raise ValueError(
            f"{name}={text}; expected one number: a time or a level is the same for all entries of a point"
        )
    return found[0]


def _ratios(convention: Convention, given: Mapping[str, str], std: float) -> tuple[float, float | None, set[str]]:
    """k at the start, k at the end of a jump or None, and the names that said so."""
    time = next(iter(convention.levels.values()))
    if convention.target in given and (convention.source in given or convention.target not in convention.levels):
        if convention.source not in given:
            raise ValueError(f"{convention.target} is the end of a jump; expected {convention.source} beside it")
        ends = [(letter, _one(letter, given[letter])) for letter in (convention.source, convention.target)]
        start, end = (ratio_of(time, value, name=letter, std=std) for letter, value in ends)
        return start, end, {convention.source, convention.target}
    names = [name for name in convention.levels if name in given]
    if len(names) != 1:
        jump = f", or {convention.source} and {convention.target} of a jump"
        received = " and ".join(names) or "none of them"
        raise ValueError(f"received {received}; expected one of {', '.join(convention.levels)}{jump}; {_EXAMPLE}")
    level = convention.levels[names[0]]
    return ratio_of(level, _one(names[0], given[names[0]]), name=names[0], std=std), None, set(names)


def _data_and_noise(
    convention: Convention, k: float, given: Mapping[str, str], left: Sequence[str], std: float
) -> list[tuple[float, float]]:
    """(x1, e) of each entry of a point, from the point and one prediction."""
    name = next(name for name in left if name != POINT)
    points, outputs = _numbers(POINT, given[POINT]), _numbers(name, given[name])
    if len(points) != len(outputs):
        raise ValueError(f"{POINT} has {len(points)} and {name} {len(outputs)} entries; expected as many of both")
    a, n = convention.coefficients(k, std)
    p, q = convention.predictions[name](a, n, std)
    determinant = a * q - n * p
    if not math.isfinite(determinant) or abs(determinant) < 1e-12:
        raise ValueError(
            f"at this level of noise {name} does not say what the data and the noise are; expected a level away from "
            "this end, or another prediction"
        )
    return [
        ((q * x - n * y) / determinant, (a * y - p * x) / determinant) for x, y in zip(points, outputs, strict=True)
    ]


def translate(name: str, given: Mapping[str, str], *, data_std: float = 1.0) -> dict[str, Translated]:
    """What was given in one convention, in all of them.

    Args:
      name: a convention or a method.
      given: {name: text}: a level of noise, or source and target of a jump, in the convention's letters; if wanted the
        point "x" and one prediction, numbers separated by commas.
      data_std: standard deviation of the data, where the papers' noise has 1. Ours has that of the data.

    Returns:
      {convention: Translated}.

    Raises:
      ValueError: if a name is unknown, a number out of range, or the data do not follow from what was given.
    """
    if not (math.isfinite(data_std) and data_std > 0):
        raise ValueError(f"data_std={data_std:g}; expected a positive number, the standard deviation of the data")
    convention = CONVENTIONS[convention_of(name)]
    k, end, used = _ratios(convention, given, data_std)
    left = [key for key in given if key not in used]
    unknown = [key for key in left if key != POINT and key not in convention.predictions]
    if unknown:
        known = [*convention.levels, convention.source, convention.target, POINT, *convention.predictions]
        raise ValueError(f"{name} has no {unknown[0]!r}; known: {', '.join(dict.fromkeys(known))}")
    if left and (len(left) != 2 or POINT not in left):
        raise ValueError(
            f"received {' and '.join(left)}; expected the point {POINT} and one of {', '.join(convention.predictions)}"
        )
    both = _data_and_noise(convention, k, given, left, data_std) if left else []
    size = math.hypot(*convention.coefficients(k, data_std))
    return {key: _told(other, k, end, both, size, data_std) for key, other in CONVENTIONS.items()}


def _told(
    convention: Convention, k: float, end: float | None, both: list[tuple[float, float]], size: float, std: float
) -> Translated:
    def levels(k: float | None) -> dict[str, float]:
        return {} if k is None else {name: level.value(k, std) for name, level in convention.levels.items()}

    a, n = convention.coefficients(k, std)
    factor = math.hypot(a, n) / size if math.isfinite(size) else (1.0 if math.isinf(n) else 0.0)
    if not math.isfinite(factor) or math.isinf(n):
        return Translated(levels(k), levels(end), factor, [], {})
    predictions = {}
    for name, weights in convention.predictions.items():
        p, q = weights(a, n, std)
        # An infinite factor of no noise would be NaN.
        predictions[name] = [(p * x1 if p else 0.0) + (q * e if q and e else 0.0) for x1, e in both]
    return Translated(levels(k), levels(end), factor, [a * x1 + n * e for x1, e in both], predictions if both else {})
