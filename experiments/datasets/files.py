"""A data set from a file of the user's own: ``--config.dataset=path/to/file.npy`` or ``.npz``.

The file holds one array of examples [n, ...]: float16, float32 or float64, taken as they are, or uint8, of which 0 to
255 become -1 to 1. In a .npz file it is called "x", or is the only one; an array "test" beside it is held out to score
against, otherwise a tenth of the examples is. Integers "y" [n], and "test_y", are the classes 0, 1, ... of examples.
Examples are trained on as vectors; pictures are drawn as such. A .npy file is mapped into memory, so that it may be
larger than that.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from experiments.datasets import stored
from experiments.datasets.dataset import Dataset
from experiments.datasets.examples import DTYPES, Examples
from experiments.errors import UsageError

SUFFIXES = (".npy", ".npz")
NAMES = ("test", "y", "test_y")  # arrays that may lie beside the examples
EXPECTED = f"one array of examples [n, ...] of {', '.join(DTYPES[:-1])} or {DTYPES[-1]}"
REMEDY = "save it by numpy.save, or numpy.savez(path, x=...)"


def load(path: Path) -> Dataset:
    """Loads a data set from a file, having looked at every number in it.

    Args:
      path: a .npy or .npz file.

    Returns:
      the data set, named like the file; examples are vectors, and ``Images.size`` says which pictures they are. Its
      exact velocity is that of the training examples, if they are few. Training examples are in random order.

    Raises:
      UsageError: if there is no such file, it cannot be read, or its examples have a wrong type or shape, are too few,
        are not finite, far from order one, or all the same; if classes are not one for each example.
    """
    train, test = splits(read(path), str(path))
    return stored.dataset(path.name, train, test, size=_size(train.x.shape[1:]))


def splits(arrays: Mapping[str, np.ndarray], what: str) -> tuple[Examples, Examples | None]:
    """The examples of a file to train on, and those to test if it has them; UsageError for classes without examples."""
    if "test_y" in arrays and "test" not in arrays:
        raise UsageError(f'{what} holds "test_y" but no "test"; expected the examples that these are the classes of')
    train = Examples(what, arrays["x"], arrays.get("y"))
    if "test" not in arrays:
        return train, None
    return train, Examples(f'{what}, array "test"', arrays["test"], arrays.get("test_y"))


def _size(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    if len(shape) == 2:
        return (*shape, 1)
    return shape if len(shape) == 3 and shape[-1] in (1, 3) else None


def read(path: Path) -> Mapping[str, np.ndarray]:
    """The arrays "x" and, if they are there, ``NAMES``; UsageError if the file cannot be read."""
    if not path.exists():
        raise UsageError(f"no file {path.absolute()}; --config.dataset expects a .npy or .npz file that exists")
    try:
        if path.suffix.lower() == ".npy":
            return {"x": np.lib.format.open_memmap(path, mode="r")}
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            names = [name for name in found.files if name not in NAMES]
            if "x" not in names and len(names) != 1:
                raise UsageError(
                    f"{path} holds the arrays {', '.join(sorted(found.files)) or '(none)'}; expected the examples as "
                    f'"x", or as the only array beside "test": {REMEDY}'
                )
            chosen = {"x": "x" if "x" in names else names[0], **{name: name for name in NAMES}}
            return {name: found[stored] for name, stored in chosen.items() if stored in found.files}
    except UsageError:
        raise
    except Exception as error:  # a file that is damaged, or of another format, may raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"{path} cannot be read ({reason}); expected {EXPECTED}: {REMEDY}") from error
