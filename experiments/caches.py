"""Where the project keeps what is costly to make again: exact solutions, and compiled programs."""

import os
from pathlib import Path
import warnings

import jax

from experiments import errors, files, paths
from experiments.errors import OF_THE_DISK, UsageError

VARIABLE = "FLOWMAP_CACHE"
PROBE_BYTES = 64 * 1024


def folder() -> Path:
    """``$FLOWMAP_CACHE``, by default ``~/.cache/flowmap``; UsageError if there is no home folder either."""
    if named := os.environ.get(VARIABLE):
        return paths.of_user(named, name=VARIABLE)
    try:
        return paths.home() / ".cache" / "flowmap"
    except KeyError as error:
        raise UsageError(
            f"there is no home folder to keep compiled programs in (HOME is not set, and the system knows no user "
            f"{os.getuid()}); set {VARIABLE} to a folder that you may write to"
        ) from error


def check_writable(folder: Path, *, name: str) -> None:
    """Creates a folder and checks that files with something in them can be written there.

    Args:
      folder: the folder.
      name: of the option or variable that named it.

    Raises:
      UsageError: if not, because of the path.
      WriteError: if not, because of the disk.
    """
    try:
        errors.MADE.extend(path for path in (folder, *folder.parents) if not path.exists())
        folder.mkdir(parents=True, exist_ok=True)
        # A full disk takes an empty file.
        files.try_out(folder, PROBE_BYTES)
    except OSError as error:
        if error.errno in OF_THE_DISK:
            raise files.cannot_write(folder, error, name=name) from error
        reason = "it is a link to nothing" if files.is_dangling(folder) else error.strerror
        raise UsageError(
            f"cannot write into {name}={folder} ({reason}); name a folder that you may write to"
        ) from error


def keep_compiled() -> None:
    """Keeps every compiled program on disk, so that a second start of the same configuration compiles nothing.

    Raises:
      UsageError: if the folder cannot be written.
    """
    check_writable(folder(), name=VARIABLE)
    jax.config.update("jax_compilation_cache_dir", str(folder() / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # A program that cannot be kept costs time at the next start, and nothing else.
    warnings.filterwarnings("ignore", "Error writing persistent compilation cache")
