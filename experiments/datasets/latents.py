"""Examples that were computed before, such as the latents of an autoencoder: a .npz file, or a folder of shards.

A folder holds for each split, "train" and perhaps "test":
  train-00000.array_record, ...  records of array_record, each one example as the bytes of a .npy file
  train-classes.npy              classes of all of them, in the order of the shards; left out without classes
  train.json                     {"count", "shape", "dtype", "shards", "classes"}; written last
``write`` makes it. Records are read when they are asked for, by grain.
"""

from collections.abc import Iterable, Iterator
import contextlib
import io
import json
from pathlib import Path

from array_record.python.array_record_module import ArrayRecordWriter
import grain
import numpy as np

from experiments.datasets import arrays, files, stored, told
from experiments.datasets.dataset import Dataset
from experiments.datasets.examples import Examples
from experiments.errors import UsageError
from experiments.files import cannot_write, make_folder, write_array, write_json

SCALE = 0.18215  # of the latents of the autoencoder of Stable Diffusion, to a standard deviation of about 1
CHANNELS = "channels"
SHARD = 10_000
REMEDY = "write it again by experiments.datasets.latents.write"


def scale_of(text: str) -> float | str:
    """The scale that a text states: "channels", or a number; ValueError otherwise."""
    return text if text == CHANNELS else float(text)


def latents(path: Path, *, scale: float | str = SCALE) -> Dataset:
    """Stored arrays [height, width, channels] times ``scale``, or with channels of mean 0 and spread 1.

    Args:
      path: a .npz file with the array "x" [n, height, width, channels] and perhaps "y" [n], "test" and "test_y", as of
        ``files.load``; or a folder as described above.
      scale: what numbers are multiplied with; "channels" to subtract means, and divide each channel by its spread, for
        training alone: then what is written is in the units of the file.

    Returns:
      the data set, named like the file or folder.

    Raises:
      UsageError: if it is missing or damaged, examples have other than three axes, or as ``stored.dataset``.
    """
    by_channel, factor = scale == CHANNELS, 1.0 if scale == CHANNELS else scale
    if not np.isfinite(factor) or factor <= 0:
        raise UsageError(f"latents with scale={scale}; expected a number above 0, or channels")
    if path.is_dir():
        train = _of_shards(path, "train", factor)
        test = _of_shards(path, "test", factor) if (path / "test.json").exists() else None
    else:
        if path.suffix.lower() != ".npz":
            raise UsageError(f"latents:{path}; expected a .npz file or a folder of shards that exists")
        train, test = (
            part and part._replace(x=_times(part.x, factor)) for part in files.splits(files.read(path), str(path))
        )
    size = train.x.shape[1:]
    if len(size) != 3:
        raise UsageError(f"{train.what} has examples of shape {size}; expected [height, width, channels]: reshape them")
    dataset = stored.dataset(path.name, train, test, size=size, exact=False, scaled_by=CHANNELS if by_channel else "")
    said = told.contents(dataset, train, test, kind="latents")
    how = f"numbers times {factor:g}" if dataset.scale is None else told.units(dataset)
    return dataset._replace(told=(said, how))


def write(
    folder: Path,
    examples: Iterable[tuple[np.ndarray, int | None]],
    *,
    split: str = "train",
    shard: int = SHARD,
) -> int:
    """Writes one split into a folder, an example at a time.

    Args:
      folder: is made if it is not there; its split must not be there.
      examples: (array [height, width, channels], class or None) of each example: one shape and type.
      split: "train" or "test".
      shard: examples in each file.

    Returns:
      the number of examples.

    Raises:
      UsageError: if the split is there already, or an example is unlike the first.
    """
    make_folder(folder, parents=True)
    if (folder / f"{split}.json").exists():
        raise UsageError(f"{folder} holds the split {split} already; write to another folder")
    form, classes, shards, writer = None, [], [], None
    for x, y in examples:
        form = form or (x.shape, x.dtype, y is None)
        if (x.shape, x.dtype, y is None) != form:
            classed = "a class on one of them only, or " if (y is None) != form[2] else ""
            raise UsageError(
                f"example {len(classes)} is {x.dtype} {x.shape}, the first is {form[1]} {form[0]}; expected all alike "
                f"({classed}another type or shape)"
            )
        buffer = io.BytesIO()
        np.save(buffer, x, allow_pickle=False)
        with _naming(folder):
            if len(classes) % shard == 0:
                if writer:
                    writer.close()
                shards.append(f"{split}-{len(shards):05}.array_record")
                # One example in a group: it is read alone.
                writer = ArrayRecordWriter(str(folder / shards[-1]), "group_size:1")
            writer.write(buffer.getvalue())
        classes.append(y)
    if form is None:
        raise UsageError(f"no examples to write to {folder}; expected at least one")
    with _naming(folder):
        writer.close()
    if not form[2]:
        write_array(folder / f"{split}-classes.npy", np.array(classes, np.int32))
    about = {"count": len(classes), "shape": form[0], "dtype": form[1].name, "shards": shards, "classes": not form[2]}
    # Written last: a split with its json is complete.
    write_json(folder / f"{split}.json", about)
    return len(classes)


@contextlib.contextmanager
def _naming(folder: Path) -> Iterator[None]:
    """Errors of the writer of array_record, which are of one kind, as those of a folder that cannot be written."""
    try:
        yield
    except RuntimeError as error:
        raise cannot_write(folder, error) from error


def _times(x: np.ndarray, scale: float) -> np.ndarray:
    """Numbers times ``scale`` in float32; others than numbers are left to ``stored.dataset`` to refuse."""
    if x.dtype.kind != "f":
        raise UsageError(f"latents are of type {x.dtype}; expected float16 or float32")
    # Before a change of type: those too large are refused, and named, later.
    return (x * x.dtype.type(scale)) if x.dtype == np.float64 else x.astype(np.float32) * np.float32(scale)


def _of_shards(folder: Path, split: str, scale: float) -> Examples:
    what, record, labels = f"{folder}, split {split}", folder / f"{split}.json", folder / f"{split}-classes.npy"
    if not record.is_file():
        raise UsageError(f"{what}: no file {record.name}; {REMEDY}")
    try:
        about = json.loads(record.read_text())
        count, shape, dtype, shards = about["count"], tuple(about["shape"]), np.dtype(about["dtype"]), about["shards"]
        missing = [name for name in shards if not (folder / name).is_file()]
        source = None if missing else grain.sources.ArrayRecordDataSource([str(folder / name) for name in shards])
        found = len(source) if source else 0
        classes = arrays.read(labels)[arrays.SINGLE] if about["classes"] else None
    except arrays.UnreadableError as error:
        raise UsageError(f"{what}: {labels.name} cannot be read ({error}); {REMEDY}") from error
    except Exception as error:  # a damaged file may raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"{what} cannot be read ({reason}); {REMEDY}") from error
    if missing:
        raise UsageError(f"{what}: no file {missing[0]}; {REMEDY}")
    if found != count:
        raise UsageError(f"{what} holds {found} records; expected {count}: {REMEDY}")

    def read(number: int) -> np.ndarray:
        try:
            x = np.load(io.BytesIO(source[number]), allow_pickle=False)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise UsageError(f"{what}: record {number} cannot be read ({reason}); {REMEDY}") from error
        if (x.shape, x.dtype) != (shape, dtype):
            raise UsageError(f"{what}: record {number} is {x.dtype} {x.shape}; expected {dtype} {shape}: {REMEDY}")
        return _times(x, scale)

    return Examples(what, stored.Decoded(read, count, shape, np.float32), classes)
