"""What is said of a data set at the start of a run, and recorded with it: nothing of it is guessed in silence."""

from collections import Counter
from collections.abc import Mapping, Sequence
import itertools

import numpy as np

from experiments.datasets.dataset import Dataset
from experiments.datasets.examples import Examples
from experiments.terminal import printable

SHOWN = 400  # letters of each part of the line; the record has all


def contents(
    dataset: Dataset, train: Examples, test: Examples | None, *, kind: str, names: Sequence[str] | None = None
) -> str:
    """How many examples of which shape and class there are, and how many are held out.

    Args:
      dataset: what ``stored.dataset`` has made of the examples.
      train: the examples; to train on all of them, if there are others to test.
      test: those held out, if they were given.
      kind: what they are, such as "pictures".
      names: of the classes in their order; None for their numbers.

    Returns:
      such as "14 pictures 16 x 16 x 3 in 2 classes (cat 7, dog 7), 2 of them held out".
    """
    count = len(train.x) + (len(test.x) if test else 0)
    held = len(test.x) if test else count - len(dataset.records)
    text = f"{count} {kind} {' x '.join(map(str, train.x.shape[1:]))}"
    if dataset.classes:
        labels = np.concatenate([part.y for part in (train, test) if part])
        counts = np.bincount(labels, minlength=dataset.classes)
        known = names or [f"{number}:" for number in range(dataset.classes)]
        each = ", ".join(f"{name} {number}" for name, number in itertools.zip_longest(known, counts, fillvalue="?"))
        text += f" in {dataset.classes} classes ({each})"
    return f"{text}, {held} of them held out" + (" as given" if test else " at random")


def counted(what: str, counts: Mapping[str, int]) -> tuple[str, ...]:
    """A part of the line about counts, such as "left out: 1 .avif, 1 .jfif"; nothing if all are 0."""
    each = [f"{number} {name}" for name, number in sorted(Counter(counts).items()) if number]
    return (f"{what}: {', '.join(each)}",) if each else ()


def units(dataset: Dataset) -> str:
    """That examples were centred, perhaps scaled, and that nobody sees it in what is written."""

    def extent(numbers: np.ndarray) -> str:
        return f"{numbers.min():.3g} to {numbers.max():.3g}"

    by = "" if dataset.scale is None else f" and divided by their spreads ({extent(dataset.scale)})"
    return f"centred for training (means {extent(dataset.centre)}){by}, written as they are"


def line(dataset: Dataset) -> str:
    """All that is said of a data set in a line that a terminal can show; "" if it has nothing to say."""
    parts = [part if len(part) <= SHOWN else f"{part[:SHOWN]} ..." for part in dataset.told]
    return printable(f"data {dataset.name}: {'; '.join(parts)}") if parts else ""
