"""Batches of stored examples, read by the host while the devices train; by grain.

The order is a new permutation of the examples in every epoch, and the place in it follows from the step alone. A run
that continues therefore needs nothing but its step, and any number of devices and processes sees the same batches.
"""

from collections.abc import Iterator, Sequence
import contextlib
import sys

import grain
import numpy as np

from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError

Examples = tuple[np.ndarray, np.ndarray | None]


def batches(
    dataset: Dataset,
    *,
    sizes: Sequence[int],
    devices: Sequence[int],
    total_devices: int,
    seed: int,
    start: int,
    threads: int = 4,
    prefetch: int = 8,
    beside: np.ndarray | None = None,
) -> Iterator[tuple[Examples, ...]]:
    """The data of every training step from ``start`` on, without end.

    Example i of term k on a device is number

        step * batch + total_devices * sum(sizes[:k]) + device * sizes[k] + i,    batch = total_devices * sum(sizes)

    of the endless ``shuffled`` sequence: within a step, the examples of a term lie beside each other, in the order of
    the devices.

    Args:
      dataset: a data set with records.
      sizes: examples of each term on each device.
      devices: global indices of the devices of this process.
      total_devices: number of devices of all processes.
      seed: seed of the order.
      start: the first step.
      threads: steps that are read at the same time.
      prefetch: steps that are read ahead.
      beside: [records, ...]; what is read with each record, such as its class; None for nothing.

    Returns:
      iterator of one pair per term, [len(devices), sizes[k], *shape] in float32, and what is read with it
      [len(devices), sizes[k], ...] or None; its threads end when it is closed or forgotten.

    Raises:
      UsageError: if the data set draws its examples; and by the iterator, if a record has another shape or is not
        finite.
    """
    check(dataset)
    order = shuffled(len(dataset.records), seed=seed)
    first = total_devices * np.cumsum([0, *sizes])

    def read(step: int) -> tuple[Examples, ...]:
        base = step * int(first[-1])
        return tuple(
            _gather(dataset, order, [base + int(offset) + device * size for device in devices], size, beside=beside)
            for size, offset in zip(sizes, first[:-1], strict=True)
        )

    steps = grain.MapDataset.range(start, sys.maxsize).map(read)
    return _closing(iter(steps.to_iter_dataset(grain.ReadOptions(num_threads=threads, prefetch_buffer_size=prefetch))))


def check(dataset: Dataset) -> None:
    """Checks that a data set has stored examples; UsageError if it draws them."""
    if dataset.records is None:
        raise UsageError(f"data set {dataset.name} draws its examples; use --config.training.data=device")


def shuffled(count: int, *, seed: int) -> grain.MapDataset:
    """The endless sequence of record numbers: ``[position]`` is one of ``range(count)``, each once per epoch.

    Args:
      count: number of records.
      seed: seed of the order.

    Returns:
      what ``grain.MapDataset.source(records).seed(seed).shuffle().repeat()`` makes of the record numbers.
    """
    return grain.MapDataset.range(count).seed(seed % 2**32).shuffle().repeat()


def _gather(
    dataset: Dataset, order: grain.MapDataset, starts: Sequence[int], size: int, *, beside: np.ndarray | None
) -> Examples:
    """[len(starts), size, *shape]; the examples at ``size`` positions from each start on, and what is beside them."""
    numbers = [order[position] for start in starts for position in range(start, start + size)]
    found = np.empty((len(numbers), *dataset.shape), np.float32)
    for place, number in zip(found, numbers, strict=True):
        record = np.asarray(dataset.records[number])
        if record.shape != dataset.shape:
            raise UsageError(
                f"record {number} of data set {dataset.name} has shape {record.shape}; expected {dataset.shape}: mend "
                "the data, and run the same command again"
            )
        place[...] = record
    finite = np.isfinite(found.reshape(len(found), -1)).all(axis=1)
    if not finite.all():
        raise UsageError(
            f"record {numbers[int(finite.argmin())]} of data set {dataset.name} contains NaN or infinity; expected "
            "finite numbers: mend the data, and run the same command again"
        )
    known = None if beside is None else beside[numbers].reshape(len(starts), size, *beside.shape[1:])
    return found.reshape(len(starts), size, *dataset.shape), known


def _closing(iterator: grain.DatasetIterator) -> Iterator[tuple[Examples, ...]]:
    # Also when the loop around it ends by an error: threads that still read would keep the process alive.
    with contextlib.closing(iterator):
        yield from iterator
