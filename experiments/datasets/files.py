"""A data set from a file of the user's own: ``--config.dataset=path/to/file.npy`` or ``.npz``.

The file holds one array of examples [n, ...]: float16, float32 or float64, taken as they are, or uint8, of which 0 to
255 become -1 to 1. In a .npz file it is called "x", or is the only one; an array "test" beside it is held out to score
against, otherwise a tenth of the examples is. Integers "y" [n], and "test_y", are the classes 0, 1, ... of examples.
Vectors "c" [n, k], or pictures [n, height, width, channels], and "test_c", are what is known of each example: a network
is conditioned on them by ``--config.network.observed=stored``.
Examples are trained on as vectors; those of shape [height, width] and [height, width, 1 or 3] are pictures. Which
floats are black and white is said by ``FILE.npz,range=0..1``, ``-1..1`` or ``0..255``; ``range=none`` says that they
are no pictures. Floats that are none are points: they are centred for training, and written in their own units;
``FILE.npz,scale=coordinates`` divides each number of an example by its spread, too, and ``scale=channels`` those with
one place in the last axis by one spread. A .npy file is mapped into memory, so that it may be larger than that.
"""

from collections.abc import Mapping
import functools
from pathlib import Path
import re
from typing import NamedTuple

import numpy as np

from experiments.datasets import arrays, ranges, stored, told
from experiments.datasets.dataset import Dataset, Images
from experiments.datasets.examples import DTYPES, SCALED, Examples, check_form
from experiments.errors import UsageError, nearest

SUFFIXES = (".npy", ".npz")
NAMES = ("test", "y", "test_y", "c", "test_c")  # arrays that may lie beside the examples
EXPECTED = f"one array of examples [n, ...] of {', '.join(DTYPES[:-1])} or {DTYPES[-1]}"
REMEDY = "save it by numpy.save, or numpy.savez(path, x=...)"
OPTIONS = ("range", "scale")
UNEQUAL = 100.0  # ratio of the spreads of two coordinates from which on one number does not scale both
UNLIKE = 3.0  # ratio of the spreads of two splits from which on they are of two ranges


class Address(NamedTuple):
    """A data set FILE.npz,option=value,... taken apart: the file, and the options of ``load`` that are stated."""

    path: str
    range: str = ""
    scale: str = ""


def address(name: str) -> Address | None:
    """The file and the options of a data set's name.

    Args:
      name: such as "digits.npz,range=0..1".

    Returns:
      its parts; None if it names no file.

    Raises:
      UsageError: on an unknown option.
    """
    found = re.fullmatch(r"(.*\.(?:npy|npz))((?:,[^,]*)*)", name, re.IGNORECASE | re.DOTALL)
    if found is None:
        return None
    options = {}
    for part in found[2].split(",")[1:]:
        option, equals, value = part.partition("=")
        if option not in OPTIONS or not equals:
            raise UsageError(
                f"unknown option {part!r} of data set {found[1]}; {nearest(option, OPTIONS)}; as in range=0..1, or "
                "scale=coordinates"
            )
        options[option] = value
    return Address(found[1], **options)


def load(path: Path, *, range: str = "", scale: str = "", centred: bool = True) -> Dataset:
    """Loads a data set from a file, having looked at every number in it.

    Args:
      path: a .npy or .npz file.
      range: which floats are black and white, a key of ``ranges.RANGES``, which become -1 and 1; "none" for examples
        that are no pictures; "" if the numbers themselves say it.
      scale: what of points is divided by its spread: "coordinates", "channels", or "" for nothing.
      centred: whether points are centred: floats that are no pictures and of no stated range.

    Returns:
      the data set, named like the file; examples are vectors, and ``Images.size`` says which pictures they are. Its
      exact velocity is that of the training examples, if they are few. Training examples are in random order.

    Raises:
      UsageError: if there is no such file, it cannot be read, or its examples have a wrong type or shape, are too few,
        are not finite, far from order one, or all the same; if classes are not one for each example; if it does not
        follow from the numbers what is black, or where the channels of pictures are; if "test" is of another type or
        range.
    """
    ranges.check_known(range)
    if scale and scale not in SCALED:
        raise UsageError(f"unknown scale={scale} of data set {path}; {nearest(scale, SCALED)}")
    train, test = splits(read(path), str(path))
    size = None if range == ranges.NONE else _size(train)
    if test and (test.x.dtype == np.uint8) != (train.x.dtype == np.uint8):
        raise UsageError(
            f"{test.what} is of type {test.x.dtype}, those to train on are {train.x.dtype}; expected the same type and "
            "range: save both alike"
        )
    advice = functools.partial(_advice, path)
    train, test = (
        part and ranges.of_examples(part, range, pictures=size is not None, advice=advice) for part in (train, test)
    )
    points = size is None and train.x.dtype != np.uint8 and range in ("", ranges.NONE)
    if scale and not points:
        raise UsageError(
            f"{path} with scale={scale} holds {'pictures' if size else 'numbers of a range'}, which have one scale; "
            f"expected points: leave it out, or say range={ranges.NONE} of floats that are no pictures"
        )
    found = stored.dataset(path.name, train, test, size=size, centred=centred and points, scaled_by=scale)
    if test and size:
        _check_alike(found.truth, test.what)
    contents = told.contents(found, train, test, kind="pictures" if size else "examples")
    return found._replace(told=(contents, _meaning(train, found.truth, range), *_place_and_spread(found)))


def _advice(path: Path, stated: str) -> str:
    return f"--config.dataset={path},range={stated}"


def _size(examples: Examples) -> tuple[int, int, int] | None:
    """What an example shows; UsageError for pictures whose channels are in another place."""
    shape = examples.x.shape[1:]
    if len(shape) == 2:
        return (*shape, 1)
    if len(shape) != 3:
        return None
    if shape[-1] in (1, 3):
        return shape
    if shape[0] not in (1, 3, 4) and shape[-1] != 4:
        return None
    remedy = (
        "put the channels last: .transpose(0, 2, 3, 1)"
        if shape[0] in (1, 3)
        else "leave the fourth channel out, or name latents latents:FILE.npz"
    )
    raise UsageError(
        f"{examples.what} has shape {examples.x.shape}; expected [n, height, width] or [n, height, width, 1 or 3] of "
        f"pictures: {remedy}; or say by range={ranges.NONE} that they are no pictures"
    )


def _check_alike(truth: Images, what: str) -> None:
    """UsageError if the pictures of the two splits are of two ranges."""
    train, test = (float(part.std()) for part in (truth.train, truth.test))
    if max(train, test) > UNLIKE * min(train, test):
        raise UsageError(
            f"{what} has a standard deviation of {test:.3g}, the pictures to train on have {train:.3g}; expected the "
            "same range: save both alike"
        )


def _meaning(examples: Examples, truth: Images, stated: str) -> str:
    """What the numbers were taken for."""
    if examples.x.dtype == np.uint8:
        return "uint8, of which 0 is black and 255 white" if truth.size else "uint8, of which 0 .. 255 become -1 .. 1"
    if stated in ranges.RANGES:
        return f"floats of {stated}, as stated" + ("" if truth.size else ", of no shape of pictures")
    if truth.size is None:
        return "floats as they are, no pictures" + (", as stated" if stated else "")
    low, high = float(truth.train.min()), float(truth.train.max())
    if max(-low, high) <= 1:
        return f"floats, taken for pictures with black at -1 and white at 1 (range={ranges.NONE} if they are none)"
    return f"floats from {low:.3g} to {high:.3g} as they are, drawn as pictures and scored as numbers"


def _place_and_spread(dataset: Dataset) -> tuple[str, ...]:
    """That examples were centred, and whether their coordinates are of one unit."""
    if dataset.centre is None:
        return ()
    spreads = dataset.truth.train.std(axis=0, dtype=np.float64)
    low, high = float(spreads.min()), float(spreads.max())
    if high <= UNEQUAL * low or dataset.scale is not None:
        return (told.units(dataset),)
    return (
        told.units(dataset),
        f"coordinates spread from {low:.3g} to {high:.3g}: one number scales them all, and those of little spread are "
        "hardly learned; scale=coordinates scales each",
    )


def splits(found: Mapping[str, np.ndarray], what: str) -> tuple[Examples, Examples | None]:
    """The examples of a file to train on, and those to test if it has them; UsageError for classes without examples."""
    for name in ("test_y", "test_c"):
        if name in found and "test" not in found:
            raise UsageError(f'{what} holds "{name}" but no "test"; expected the examples that these belong to')
    train = Examples(what, found["x"], found.get("y"), found.get("c"))
    if "test" not in found:
        return train, None
    return train, Examples(f'{what}, array "test"', found["test"], found.get("test_y"), found.get("test_c"))


def read(path: Path) -> Mapping[str, np.ndarray]:
    """The arrays "x" and, if they are there, ``NAMES``; UsageError if the file cannot be read."""
    if not path.exists():
        raise UsageError(f"no file {path.absolute()}; --config.dataset expects a .npy or .npz file that exists")
    try:
        found = arrays.headers(path)
        names = [name for name in found if name not in NAMES]
        if "x" not in names and len(names) != 1:
            raise UsageError(
                f"{path} holds the arrays {', '.join(sorted(found)) or '(none)'}; expected the examples as "
                f'"x", or as the only array beside "test": {REMEDY}'
            )
        chosen = {"x": "x" if "x" in names else names[0], **{name: name for name in NAMES if name in found}}
        for name, inside in chosen.items():
            # Those of classes are checked beside their examples.
            if name in ("x", "test") and not found[inside].fault:
                what = str(path) if name == "x" else f'{path}, array "{name}"'
                check_form(found[inside], what, fewest=2 if "test" in chosen else 4)
        values = arrays.read(path, chosen.values(), mapped=True)
        return {name: values[inside] for name, inside in chosen.items()}
    except arrays.UnreadableError as error:
        raise UsageError(f"{path} cannot be read ({error}); expected {EXPECTED}: {REMEDY}") from error
