"""A folder of pictures, each decoded when it is asked for."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
import hashlib
import os
from pathlib import Path

import numpy as np

from experiments.datasets import pictures, ranges, stored, told
from experiments.datasets.dataset import Dataset
from experiments.datasets.examples import Examples
from experiments.errors import UsageError

COMMON = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".gif", ".ppm")  # of ``pictures.ENDINGS``, for messages
HASHED = 500  # files of which the bytes are in the digest; of more, evenly spaced ones
# Folders that other programs keep below a folder of pictures; those that begin with a dot are hidden anyway.
HOUSEKEEPING = ("@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found")


def images(
    path: Path, *, side: int | None = None, crop: int | None = None, filter: str = "box", labels: str = ""
) -> Dataset:
    """All pictures below a folder: three channels if any of them has some, else grey.

    Pictures are as a viewer shows them: see ``pictures``. A square is cut from the centre of each and resized. The
    headers of all files are read at once, so that a file that is no picture is found now; pictures themselves are
    decoded when they are asked for, those kept for evaluation now. If the folder has sub-folders train and test, these
    are the splits; otherwise a fixed tenth is held out.

    Args:
      path: the folder; files are in the order of their names. Those that Pillow does not read by their ending, hidden
        ones, those below hidden folders and below ``HOUSEKEEPING`` are left out, and counted in ``Dataset.told``.
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
    left: Counter[str] = Counter()
    files = [_files(root, left) for root in roots]
    if given:
        others = [child for child in path.iterdir() if child not in roots and not _is_hidden(child.name)]
        left["beside train and test"] += sum(len(_found(child, Counter())) for child in others)
    every = [file for found in files for file in found]
    with ThreadPoolExecutor(stored.THREADS) as pool:
        headers = list(pool.map(_header, every))
    sizes = {
        form.size(header.width, header.height, f"picture {file}"): file
        for header, file in zip(headers, every, strict=True)
    }
    if len(sizes) > 1:
        (one, first), (other, second), *_ = sizes.items()
        raise UsageError(
            f"pictures of {path} have several sizes: {first} is {one[1]} x {one[0]}, {second} is {other[1]} x "
            f"{other[0]}; expected one: give side=64 or so"
        )
    channels = max(header.channels for header in headers)
    size = (*next(iter(sizes)), channels)
    folders = sorted({file.relative_to(roots[0]).parts[0] for file in files[0] if file.parent != roots[0]})
    names = sorted({_class(file, roots[0]) for file in files[0]}) if labels else []
    if labels and len(names) < 2:
        raise UsageError(f"{roots[0]} has pictures in {len(names)} sub-folder; labels=folders expects at least 2")
    parts = [_examples(root, found, form, size, names) for root, found in zip(roots, files, strict=True)]
    dataset = stored.dataset(path.absolute().name, *parts, size=size, classes=len(names) or None)
    check_bright(dataset, str(path))
    notes = Counter(note for header in headers for note in header.notes)
    notes["grey, as three equal colours"] = sum(header.channels < channels for header in headers)
    unused = (
        ("sub-folders are no classes (labels=folders would make them so)",) if len(folders) > 1 > len(names) else ()
    )
    said = told.contents(dataset, parts[0], parts[1] if given else None, kind="pictures", names=names)
    return dataset._replace(
        told=(said, *told.counted("of them", notes), *told.counted("left out", left), *unused),
        source=_source(path, every, (form, names)),
    )


def _source(root: Path, files: Sequence[Path], read_as: object) -> str:
    """The names and sizes of all files, and the bytes of some, as a digest."""
    found = hashlib.sha256(repr(read_as).encode())
    step = max(1, len(files) // HASHED)
    for number, file in enumerate(files):
        found.update(repr((file.relative_to(root).as_posix(), file.stat().st_size)).encode())
        if number % step == 0:
            found.update(file.read_bytes())
    return found.hexdigest()


def check_bright(dataset: Dataset, what: str) -> None:
    """UsageError if the pictures kept for evaluation have no bright pixel, as masks and levels 0 .. 16 have none."""
    fault = ranges.darkness(round((float(dataset.truth.train.max()) + 1) * 127.5))
    if fault:
        raise UsageError(f"{what}: {fault}")


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in HOUSEKEEPING


def _found(root: Path, left: Counter[str]) -> list[Path]:
    """All pictures below a folder, by their names; counts in ``left`` what is left out, by its reason."""
    found = []
    for path in sorted(root.rglob("*")):
        *folders, name = path.relative_to(root).parts
        if path.is_dir():
            # Python does not follow them, and some would lead in a circle.
            left["linked folder, not followed"] += path.is_symlink()
            left["unreadable folder"] += not os.access(path, os.R_OK | os.X_OK)
        elif any(map(_is_hidden, folders)):
            left["below hidden folders"] += path.suffix.lower() in pictures.ENDINGS
        elif _is_hidden(name):
            left["hidden"] += path.suffix.lower() in pictures.ENDINGS
        elif path.suffix.lower() not in pictures.ENDINGS:
            left[path.suffix or "without an ending"] += 1
        elif not path.is_file():
            left["no regular file"] += 1
        else:
            found.append(path)
    return found


def _files(root: Path, left: Counter[str]) -> list[Path]:
    found = _found(root, left)
    if not found:
        raise UsageError(
            "; ".join(
                [
                    f"{root} holds no pictures",
                    f"expected files that end in {', '.join(COMMON)} or as another format of Pillow",
                    *told.counted("left out", left),
                ]
            )
        )
    return found


def _unreadable(path: Path, error: Exception) -> UsageError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return UsageError(f"picture {path} cannot be read ({reason}); mend it, or take it out of the folder")


def _header(path: Path) -> pictures.Header:
    """What is known of a picture, which is not decoded."""
    try:
        with pictures.opened(path) as picture:
            return pictures.header(picture, f"picture {path}")
    except UsageError:
        raise
    except Exception as error:  # a damaged file may raise anything
        raise _unreadable(path, error) from error


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
            with pictures.opened(path) as picture:
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
