"""A folder of pictures, each decoded when it is asked for."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from experiments.datasets import pictures, stored
from experiments.datasets.dataset import Dataset
from experiments.datasets.examples import Examples
from experiments.errors import UsageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")


def images(
    path: Path, *, side: int | None = None, crop: int | None = None, filter: str = "box", labels: str = ""
) -> Dataset:
    """All pictures below a folder: three channels if any of them has some, else grey.

    A square is cut from the centre of each and resized. The headers of all files are read at once, so that a file that
    is no picture is found now; pictures themselves are decoded when they are asked for, those kept for evaluation now.
    If the folder has sub-folders train and test, these are the splits; otherwise a fixed tenth is held out.

    Args:
      path: the folder; files are in the order of their names, those that are no pictures by their ending are left out.
      side: side of the square that pictures are resized to; without it, all must have one size.
      crop: side of the square that is cut from the centre before; the largest, if only ``side`` is given.
      filter: Pillow's filter for resizing, a key of ``pictures.FILTERS``.
      labels: "folders" to take the sub-folders, in the order of their names, as classes.

    Returns:
      the data set, named like the folder.

    Raises:
      UsageError: if there is no such folder or no picture in it; a file cannot be read, or has another size; an option
        means nothing; classes are asked for and cannot be found.
    """
    form = pictures.Form(side, crop, filter)
    form.check()
    if labels not in ("", "folders"):
        raise UsageError(f"labels={labels}; expected labels=folders, or leave it out")
    if not path.is_dir():
        raise UsageError(f"no folder {path.absolute()}; images:PATH expects a folder of pictures")
    given = (path / "train").is_dir() and (path / "test").is_dir()
    roots = [path / "train", path / "test"] if given else [path]
    files = [_files(root) for root in roots]
    every = [file for found in files for file in found]
    with ThreadPoolExecutor(stored.THREADS) as pool:
        headers = list(pool.map(_header, every))
    sizes = {
        form.size(width, height, f"picture {file}"): file
        for (width, height, _), file in zip(headers, every, strict=True)
    }
    if len(sizes) > 1:
        (one, first), (other, second), *_ = sizes.items()
        raise UsageError(
            f"pictures of {path} have several sizes: {first} is {one[1]} x {one[0]}, {second} is {other[1]} x "
            f"{other[0]}; expected one: give side=64 or so"
        )
    channels = max(channels for *_, channels in headers)
    size = (*next(iter(sizes)), channels)
    names = sorted({_class(file, roots[0]) for file in files[0]}) if labels else []
    if labels and len(names) < 2:
        raise UsageError(f"{roots[0]} has pictures in {len(names)} sub-folder; labels=folders expects at least 2")
    parts = [_examples(root, found, form, size, names) for root, found in zip(roots, files, strict=True)]
    return stored.dataset(path.absolute().name, *parts, size=size, classes=len(names) or None)


def _files(root: Path) -> list[Path]:
    found = sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not found:
        raise UsageError(f"{root} holds no pictures; expected files that end in {', '.join(SUFFIXES)}")
    return found


def _unreadable(path: Path, error: Exception) -> UsageError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return UsageError(f"picture {path} cannot be read ({reason}); mend it, or take it out of the folder")


def _header(path: Path) -> tuple[int, int, int]:
    """(width, height, channels) of a picture, which is not decoded."""
    try:
        with Image.open(path) as picture:
            size, mode = picture.size, picture.mode
    except Exception as error:  # a damaged file may raise anything
        raise _unreadable(path, error) from error
    return (*size, pictures.channels_of(mode, f"picture {path}"))


def _class(path: Path, root: Path) -> str:
    parts = path.relative_to(root).parts
    if len(parts) < 2:
        raise UsageError(f"picture {path} is in no sub-folder of {root}, whose names labels=folders takes as classes")
    return parts[0]


def _examples(
    root: Path, files: Sequence[Path], form: pictures.Form, size: tuple[int, int, int], names: Sequence[str]
) -> Examples:
    def read(number: int) -> np.ndarray:
        path = files[number]
        try:
            with Image.open(path) as picture:
                found = pictures.to_array(picture, form, size[2], f"picture {path}")
        except UsageError:
            raise
        except Exception as error:
            raise _unreadable(path, error) from error
        if found.shape != size:
            raise UsageError(f"picture {path} has become {found.shape}; expected {size}: was it changed?")
        return found

    classes = None
    if names:
        found = [_class(path, root) for path in files]
        unknown = sorted(set(found) - set(names))
        if unknown:
            raise UsageError(
                f"{root} has class {unknown[0]}, which the pictures to train on have not: {', '.join(names)}"
            )
        classes = np.array([names.index(name) for name in found])
    return Examples(str(root), stored.Decoded(read, len(files), size), classes)
