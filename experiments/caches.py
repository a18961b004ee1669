"""Where the project keeps what is costly to make again: exact solutions, and compiled programs."""

import os
from pathlib import Path

import jax


def folder() -> Path:
    """``$FLOWMAP_CACHE``, by default ``~/.cache/flowmap``."""
    return Path(os.environ.get("FLOWMAP_CACHE") or Path.home() / ".cache" / "flowmap")


def keep_compiled() -> None:
    """Keeps every compiled program on disk, so that a second start of the same configuration compiles nothing."""
    jax.config.update("jax_compilation_cache_dir", str(folder() / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
