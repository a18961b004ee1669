"""One process at a time: locks on what a folder is used for, which the system releases when their process ends."""

from collections.abc import Iterator
import contextlib
from datetime import datetime
import errno
import fcntl
import json
import os
from pathlib import Path
import socket
import sys

from experiments import caches, files
from experiments.errors import UsageError

# Of file systems that have no locks.
UNKNOWN = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}


@contextlib.contextmanager
def alone(folder: Path, *, use: str, name: str) -> Iterator[None]:
    """Holds a folder for one use; created if it is not there, and removed again if bad input ends the use at once.

    The lock is the system's (flock) on the file ``.lock-USE``, which says who holds it. A process that is killed
    releases it. Where the file system has no locks, a warning says so.

    Args:
      folder: the folder.
      use: "train", or the command that writes its results there.
      name: of the option that named the folder.

    Yields:
      nothing.

    Raises:
      UsageError: if another process holds it, or the folder cannot be written.
      WriteError: if the disk is full.
    """
    made = [part for part in (folder, *folder.parents) if not part.exists()]
    caches.check_writable(folder, name=name)
    path = folder / f".lock-{use}"
    descriptor = _taken(path, use, name=f"{name}={folder}")
    refused = False
    try:
        yield
    except UsageError:
        refused = True
        raise
    finally:
        # Removed while it is held: who waits for it sees that the file is another one.
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)
        with contextlib.suppress(OSError):  # what holds something stays
            for part in made if refused else ():
                part.rmdir()


def _taken(path: Path, use: str, *, name: str) -> int:
    """The descriptor of the locked file of that path."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
        except OSError as error:
            raise files.cannot_write(path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(descriptor)
            os.close(descriptor)
            what = "trains" if use == "train" else f"writes the results of {use}"
            raise UsageError(
                f"another process{holder}, {what} here ({name}); wait for it, end it, or take another folder"
            ) from error
        except OSError as error:
            if error.errno not in UNKNOWN:
                os.close(descriptor)
                raise files.cannot_write(path, error) from error
            print(f"warning: {path.parent} has no locks ({error.strerror}); start nothing twice there", file=sys.stderr)
        if _is_still(path, descriptor):
            _sign(descriptor)
            return descriptor
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the opened file is the one of that path: its last holder may have removed it in between."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _sign(descriptor: int) -> None:
    record = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now().isoformat(" ", "seconds")}
    # Who holds the lock is a courtesy: it holds without.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(record).encode(), 0)


def _holder(descriptor: int) -> str:
    """Who holds a lock, as a part of a message; empty if it has not said so yet."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads(os.pread(descriptor, 1000, 0))
        return f", {int(record['pid'])} on {record['host']} since {record['since']}"
    return ""
