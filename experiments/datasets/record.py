"""What a run keeps of its data, so that it never depends on what their place holds later.

A record has the fields of ``KINDS``, and "told". Built-in sets have none: their name says everything.
"""

from collections.abc import Mapping
import hashlib
import math
from typing import NoReturn

import jax
import numpy as np

from experiments.datasets.dataset import Dataset, Images
from experiments.errors import UsageError
from experiments.terminal import printable

# Bytes of stored examples that are all in the digest; of more, those that are kept for evaluation.
WHOLE_BYTES = 2**26
COMPARED = ("shape", "size", "examples", "held_out", "classes", "mean", "std", "digest")
TOLERANCE = 1e-5  # of mean and std, in units of the std: machines add up in another order
LETTERS = 16  # of a digest in messages

KINDS: Mapping[str, tuple[type, ...]] = {
    "name": (str,),
    "address": (str,),
    "shape": (list,),
    "size": (list, type(None)),
    "mean": (int, float),
    "std": (int, float),
    "centre": (list, type(None)),
    "scale": (list, type(None)),
    "examples": (int,),
    "held_out": (int,),
    "classes": (int,),
    "digest": (str,),
}

Record = Mapping[str, object]


def digest(dataset: Dataset) -> str:
    """The sha256 of what a data set holds; "" if its examples are drawn.

    Args:
      dataset: the data set.

    Returns:
      64 hexadecimal digits of the form, the number and the classes of its examples, of centre and scale, and of the
      examples themselves: all of them up to 64 MB, else those that are kept for evaluation. What the loader calls the
      source of its examples takes their place, since pictures are decoded a little differently from machine to machine.
    """
    if dataset.records is None:
        return ""
    found = hashlib.sha256(repr((dataset.shape, len(dataset.records), dataset.classes)).encode())
    parts = [dataset.labels, dataset.truth.test_labels, dataset.centre, dataset.scale]
    if dataset.source:
        found.update(dataset.source.encode())
    else:
        parts += [dataset.truth.test, _training(dataset)]
    if dataset.observed is not None and dataset.observed.stored is not None:
        parts += dataset.observed.stored[:2]
    for part in parts:
        found.update(b"-" if part is None else np.ascontiguousarray(part).data)
    return found.hexdigest()


def _training(dataset: Dataset) -> np.ndarray:
    array = getattr(dataset.records, "array", None)
    few = isinstance(array, np.ndarray) and array.dtype.itemsize * array.size <= WHOLE_BYTES
    if not few:
        return dataset.truth.train
    dataset.records.check_whole()
    return array[dataset.records.rows]


def of(dataset: Dataset, *, address: str) -> Record | None:
    """The record of a data set.

    Args:
      dataset: the data set.
      address: its name, with an absolute path.

    Returns:
      what JSON can hold; None of a data set that is drawn.
    """
    if dataset.records is None:
        return None
    train = dataset.truth.train.astype(np.float64)
    return {
        "name": dataset.name,
        "address": address,
        "shape": list(dataset.shape),
        "size": None if dataset.truth.size is None else list(dataset.truth.size),
        "mean": float(train.mean()),
        "std": dataset.std,
        "centre": None if dataset.centre is None else dataset.centre.tolist(),
        "scale": None if dataset.scale is None else dataset.scale.tolist(),
        "examples": len(dataset.records),
        "held_out": len(dataset.truth.test),
        "classes": dataset.classes,
        "digest": digest(dataset),
        "told": list(dataset.told),
    }


def check_form(record: object) -> None:
    """Checks what was read from a file; TypeError or ValueError if it is no record."""
    if not isinstance(record, dict):
        raise TypeError(f"its data are {type(record).__name__}")
    for name, kinds in KINDS.items():
        if name not in record or not isinstance(record[name], kinds) or isinstance(record[name], bool):
            raise ValueError(f"{name} of its data is {record.get(name)!r}"[:100])
    for name in ("centre", "scale"):
        numbers = record[name]
        if numbers is not None and np.shape(np.asarray(numbers, np.float64)) != tuple(record["shape"]):
            raise ValueError(f"the {name} of its data has another shape")


def is_centred(record: Record | None) -> bool:
    """Whether a run was trained on centred data; a run of a version without records was not."""
    return bool(record and record["centre"])


def check(record: Record | None, dataset: Dataset, *, where: str) -> None:
    """Checks that a data set is the one that a run was trained on.

    Args:
      record: of the run, or None.
      dataset: what was loaded.
      where: the folder of the run, for messages.

    Raises:
      UsageError: if it differs, with the first differences.
    """
    if record is None:
        return
    found = of(dataset, address="") or {}
    different = [name for name in COMPARED if not _alike(name, record, found)]
    if different:
        shown = "; ".join(f"{name} is {_shown(found.get(name))}, was {_shown(record[name])}" for name in different[:4])
        raise UsageError(
            printable(
                f"data set {dataset.name} is not the one that {where} was trained on ({shown}); expected the same: put "
                f"{record['address']} back as it was, or train in another folder"
            )
        )


def _alike(name: str, record: Record, found: Record) -> bool:
    if name in ("mean", "std") and name in found:
        return math.isclose(record[name], found[name], rel_tol=TOLERANCE, abs_tol=TOLERANCE * record["std"])
    return record[name] == found.get(name)


def _shown(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value[:LETTERS] if isinstance(value, str) else value


def without_data(record: Record) -> Dataset:
    """What is known of a data set that is not there: enough to sample a run, nothing to train or to score with.

    Args:
      record: of the run.

    Returns:
      a data set without examples; its ``sample`` raises UsageError.
    """

    def sample(key: jax.Array) -> NoReturn:
        raise UsageError(f"data set {record['address']} is not there; expected it where the run was trained on it")

    shape = tuple(record["shape"])
    nothing = np.empty((0, math.prod(shape)), np.float32)
    return Dataset(
        record["name"],
        shape,
        record["std"],
        sample,
        Images(nothing, nothing, record["size"] and tuple(record["size"])),
        classes=record["classes"],
        label=sample if record["classes"] else None,
        centre=None if record["centre"] is None else np.asarray(record["centre"], np.float32),
        scale=None if record["scale"] is None else np.asarray(record["scale"], np.float32),
    )
