"""Where the project keeps what is costly to make again: exact solutions, and compiled programs."""

import os
from pathlib import Path

import jax

from experiments import errors
from experiments.errors import UsageError


def folder() -> Path:
    """``$FLOWMAP_CACHE``, by default ``~/.cache/flowmap``."""
    return Path(os.environ.get("FLOWMAP_CACHE") or Path.home() / ".cache" / "flowmap")


def check_writable(folder: Path, *, name: str) -> None:
    """Creates a folder and checks that files can be written in it.

    Args:
      folder: the folder.
      name: of the option or variable that named it.

    Raises:
      UsageError: if not.
    """
    # Of this process alone: others may check the same folder at the same moment.
    probe = folder / f".writable-{os.getpid()}"
    try:
        errors.MADE.extend(path for path in (folder, *folder.parents) if not path.exists())
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise UsageError(
            f"cannot write into {name}={folder} ({error.strerror}); name a folder that you may write to"
        ) from error


def keep_compiled() -> None:
    """Keeps every compiled program on disk, so that a second start of the same configuration compiles nothing.

    Raises:
      UsageError: if the folder cannot be written.
    """
    check_writable(folder(), name="FLOWMAP_CACHE")
    jax.config.update("jax_compilation_cache_dir", str(folder() / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
