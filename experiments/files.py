"""The one way to write a file: beside, whole, on disk, and then under its name; and to read a text that may be damaged.

A disk that is full, a limit or a kill leaves the file as it was before. What cannot be written ends a command by one
line that names the file, the reason and the room that is left.
"""

from collections.abc import Iterator
import contextlib
import errno
import io
import itertools
import json
import os
from pathlib import Path
import shutil
import time
from typing import TYPE_CHECKING

import numpy as np

from experiments.errors import OF_THE_DISK, WriteError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNFINISHED = ".unfinished-"  # how the names of files begin that are not whole yet
LEFT_SECONDS = 3600  # after which an unfinished file is that of a killed process
_numbers = itertools.count()


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path beside the file, with its ending, to be written to; what is there at the end becomes the file.

    Args:
      path: the file; through a link, what the link points to.

    Yields:
      the path to write to.

    Raises:
      WriteError: if that fails; the file is as before, and nothing is left beside it.
    """
    target = Path(os.path.realpath(path))
    partial = target.with_name(f"{UNFINISHED}{os.getpid()}-{next(_numbers)}{target.suffix[-16:]}")
    try:
        if target.exists() and not target.is_file():
            raise OSError(errno.EISDIR if target.is_dir() else errno.EINVAL, _kind(target))
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        yield partial
        # A full disk may say so only here.
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text, in UTF-8 whatever the locale; WriteError if that fails."""
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes bytes; WriteError if that fails."""
    with whole(path) as partial:
        partial.write_bytes(content)


def write_json(path: Path, values: object) -> None:
    """Writes values as JSON that people can read; WriteError if that fails."""
    write_text(path, json.dumps(values, indent=2) + "\n")


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes one array as .npy; WriteError if that fails."""
    # Numpy writes past Python into a file, and does not say why it cannot.
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    write_bytes(path, content.getvalue())


def write_arrays(path: Path, *, compressed: bool = False, **arrays: object) -> None:
    """Writes arrays by name as .npz; WriteError if that fails.

    Args:
      path: the file.
      compressed: whether to take the time.
      **arrays: what ``numpy.savez`` takes.
    """
    with whole(path) as partial, partial.open("wb") as file:
        (np.savez_compressed if compressed else np.savez)(file, **arrays)


def write_figure(path: Path, figure: "Figure", **options: object) -> None:
    """Draws a figure of matplotlib in the format of the path's ending; WriteError if that fails.

    Args:
      path: the file.
      figure: the figure.
      **options: of ``savefig``.
    """
    with whole(path) as partial:
        figure.savefig(partial, **options)


def make_folder(folder: Path, *, parents: bool = False) -> None:
    """Makes a folder unless it is there; WriteError if that fails."""
    try:
        folder.mkdir(parents=parents, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


def remove_unfinished(folder: Path) -> None:
    """Removes what a killed process has left in a folder; what is younger may still be written by another one."""
    for left in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                left.unlink()


def size_text(path: Path) -> str:
    """The size of a file, such as "0.29 MB"."""
    return f"{path.stat().st_size / 1e6:.2f} MB"


def try_out(folder: Path, count: int) -> None:
    """Writes so many bytes to a file in a folder, and removes it; OSError if that fails."""
    # Of this process alone: others may try the same folder at the same moment.
    probe = folder / f"{UNFINISHED}{os.getpid()}-{next(_numbers)}"
    try:
        with probe.open("wb") as file:
            file.write(b"\1" * count)
            file.flush()
            os.fsync(file.fileno())
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)


def cannot_write(path: Path, error: BaseException, *, name: str = "") -> WriteError:
    """The error about a file or folder that cannot be written: the reason, and the room that is left there.

    Args:
      path: the file or folder.
      error: what was raised.
      name: of the option or variable that named it.

    Returns:
      the error, to be raised.
    """
    what = f"{name}={path}" if name else path
    reason = f"{reason_of(error)}{_free(path)}"
    return WriteError(f"cannot write {what} ({reason}); make room there or name another place, and start again")


def reason_of(error: BaseException) -> str:
    """The reason of an error of a write in a few words, also of one that a library has wrapped.

    Args:
      error: what was raised.

    Returns:
      such as "No space left on device".
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        seen = seen.__cause__ or seen.__context__
    text = str(error)
    for number in (*sorted(OF_THE_DISK), errno.EROFS, errno.EACCES, errno.ENOENT):
        if os.strerror(number) in text:
            return os.strerror(number)
    return next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)[:200]


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Args:
      path: the file.

    Returns:
      the content.

    Raises:
      OSError: if there is none, or what is there is no file: nothing else is read, since a pipe may never end.
    """
    if not path.is_file():
        if path.exists():
            raise OSError(errno.EINVAL, f"{_kind(path)}; expected a file")
        raise FileNotFoundError(
            errno.ENOENT, "it is a link to nothing" if is_dangling(path) else os.strerror(errno.ENOENT)
        )
    return path.read_bytes()


def read_json(path: Path) -> object:
    """The value in a file of JSON.

    Args:
      path: the file.

    Returns:
      the value.

    Raises:
      OSError: see ``read_bytes``.
      ValueError: if it is not JSON in UTF-8.
    """
    return parse_json(read_bytes(path))


def parse_json(text: bytes) -> object:
    """The value of a text of JSON in UTF-8; ValueError if it is none, or nested deeper than anything written here."""
    try:
        return json.loads(text.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _kind(path: Path) -> str:
    if path.is_dir():
        return "it is a folder"
    return "it is a pipe" if path.is_fifo() else "it is no file"


def is_dangling(path: Path) -> bool:
    """Whether there is a link that points to nothing."""
    return path.is_symlink() and not path.exists()


def _free(path: Path) -> str:
    """The room on the disk of a path, as the end of a reason; empty where nobody can tell."""
    place = Path(os.path.realpath(path))
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        return ""
    return f"; {free / 1e6:,.1f} MB free" if free < 1e10 else f"; {free / 1e9:,.0f} GB free"
