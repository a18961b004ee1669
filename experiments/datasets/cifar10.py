"""CIFAR-10 from its standard archive for Python, read without unpacking it."""

from collections.abc import Mapping
import hashlib
import io
import math
from pathlib import Path
import pickle
import tarfile

import numpy as np

from experiments.datasets import stored, told
from experiments.datasets.dataset import Dataset
from experiments.datasets.examples import Examples
from experiments.errors import UsageError

FOLDER = "cifar-10-batches-py"
TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = ("test_batch",)
MD5 = "c58f30108f718f92721af3b95e74349a"  # of cifar-10-python.tar.gz
COUNT, CLASSES, SIZE = 10_000, 10, (32, 32, 3)  # images in each file
LARGEST = 2**26  # bytes of a file in the archive: twice what they have
SOURCE = "get cifar-10-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html"


def cifar10(path: Path, *, checksum: str = MD5) -> Dataset:
    """50,000 colour images of 32 x 32 pixels to train on and 10,000 to test, of 10 classes.

    Args:
      path: the archive cifar-10-python.tar.gz, or a folder of its files.
      checksum: md5 expected of the archive; "any" not to look.

    Returns:
      the data set.

    Raises:
      UsageError: if the archive is missing, damaged, not the one expected, or holds anything but what it should.

    Reference: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """
    if not path.exists():
        raise UsageError(f"no file {path.absolute()}; expected the archive of CIFAR-10: {SOURCE}")
    if not path.is_dir() and not path.is_file():
        raise UsageError(f"{path} is no regular file; expected the archive of CIFAR-10: {SOURCE}")
    files = _of_folder(path) if path.is_dir() else _of_archive(path, checksum)
    train, test = (_examples(path, names, files) for names in (TRAIN, TEST))
    dataset = stored.dataset("cifar10", train, test, size=SIZE, classes=CLASSES, exact=False)
    unchecked = ("its md5 was not looked at",) if path.is_dir() or checksum == "any" else ()
    return dataset._replace(told=(told.contents(dataset, train, test, kind="pictures"), *unchecked))


def _of_folder(path: Path) -> dict[str, bytes]:
    folder = path / FOLDER if (path / FOLDER).is_dir() else path
    missing = [name for name in (*TRAIN, *TEST) if not (folder / name).is_file()]
    if missing:
        raise UsageError(f"{folder} holds no {', '.join(missing)}; expected all files of the archive: {SOURCE}")
    for name in (*TRAIN, *TEST):
        _check_size(f"{folder / name}", (folder / name).stat().st_size)
    return {name: (folder / name).read_bytes() for name in (*TRAIN, *TEST)}


def _check_size(what: str, found: int) -> None:
    if found > LARGEST:
        raise UsageError(f"{what} has {found:,} bytes; expected those of CIFAR-10, at most {LARGEST:,}: {SOURCE}")


def _of_archive(path: Path, checksum: str) -> dict[str, bytes]:
    if checksum != "any":
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "md5").hexdigest()
        if found != checksum:
            raise UsageError(
                f"{path} has md5 {found}; expected {checksum}: it is truncated or another file, {SOURCE}, or give "
                "checksum=any to read it as it is"
            )
    files = {}
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                name = Path(member.name).name
                if member.isfile() and name in (*TRAIN, *TEST):
                    _check_size(f"{path}: {name}", member.size)
                    files[name] = archive.extractfile(member).read()
    except UsageError:
        raise
    except Exception as error:  # a damaged archive may raise anything
        raise UsageError(f"{path} cannot be read ({_reason(error)}); {SOURCE}") from error
    missing = [name for name in (*TRAIN, *TEST) if name not in files]
    if missing:
        raise UsageError(f"{path} holds no {', '.join(missing)}; expected the archive of CIFAR-10: {SOURCE}")
    return files


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _examples(path: Path, names: tuple[str, ...], files: Mapping[str, bytes]) -> Examples:
    images, labels = zip(*(_batch(f"{path}: {name}", files[name]) for name in names), strict=True)
    return Examples(f"{path}: {names[0]}", np.concatenate(images), np.concatenate(labels))


def _batch(what: str, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Images [n, 32, 32, 3] and classes [n] of one file, which stores each colour as a picture of its own."""
    try:
        found = _Restricted(io.BytesIO(content), encoding="bytes").load()
        data, labels = found[b"data"], np.asarray(found[b"labels"])
        form = (data.dtype.name, data.shape, labels.dtype.kind, labels.shape)
    except Exception as error:  # a damaged pickle may raise anything
        raise UsageError(f"{what} cannot be read ({_reason(error)}); {SOURCE}") from error
    height, width, channels = SIZE
    if form != ("uint8", (COUNT, math.prod(SIZE)), "i", (COUNT,)):
        raise UsageError(
            f"{what} holds data {data.dtype} {data.shape} and labels {labels.dtype} {labels.shape}; expected uint8 "
            f"({COUNT}, {math.prod(SIZE)}) and {COUNT} integers: {SOURCE}"
        )
    bad = np.flatnonzero((labels < 0) | (labels >= CLASSES))
    if len(bad):
        raise UsageError(f"{what} has class {labels[bad[0]]} at image {bad[0]}; expected 0 to {CLASSES - 1}: {SOURCE}")
    return data.reshape(-1, channels, height, width).transpose(0, 2, 3, 1), labels


def _numbers(kind: str, shape: tuple[int, ...], code: bytes) -> np.ndarray:
    """An empty array, to be filled by its state."""
    return np.ndarray.__new__(np.ndarray, (0,), np.int8)


def _type(name: bytes | str, *flags: object) -> np.dtype:
    """A type of numbers by its name; that of objects is refused."""
    found = np.dtype(name.decode() if isinstance(name, bytes) else name)
    if found.hasobject:
        raise pickle.UnpicklingError(f"it holds an array of type {found}")
    return found


class _Restricted(pickle.Unpickler):
    """Reads dicts, lists, numbers, strings and arrays of numbers: a pickle may otherwise run any code."""

    KNOWN = {
        ("numpy.core.multiarray", "_reconstruct"): _numbers,
        ("numpy._core.multiarray", "_reconstruct"): _numbers,
        ("numpy", "ndarray"): "ndarray",
        ("numpy", "dtype"): _type,
    }

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in self.KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no file of CIFAR-10 does")
        return self.KNOWN[module, name]
