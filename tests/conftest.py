"""A strict session: four CPU devices, rank promotion raises, warnings are errors (setup.cfg)."""

import os
import tempfile

from tests.xla_flags import flags

os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags(devices=4)}"
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
from jaxtyping import install_import_hook
import pytest

import tests.typechecker  # noqa: F401  # the hook looks it up by name and does not import it

# Shapes and types are checked at each call; int passes for float. It must stand before anything imports the rooms.
CHECKED = ["taxonomy", "objectives", "models"]
install_import_hook(CHECKED, "tests.typechecker.check")

# Reference sets and compiled programs of this run of the tests alone, shared by its workers: none is read from the
# user's cache, none is left there.
if "FLOWMAP_TESTS" not in os.environ:
    _cache = tempfile.TemporaryDirectory(prefix="flowmap-tests-")
    os.environ["FLOWMAP_TESTS"] = _cache.name
os.environ["FLOWMAP_CACHE"] = os.environ["FLOWMAP_TESTS"]

jax.config.update("jax_numpy_rank_promotion", "raise")
# Compiling takes most of the time of the suite; nothing here measures speed.
jax.config.update("jax_disable_most_optimizations", True)
jax.config.update("jax_compilation_cache_dir", os.path.join(os.environ["FLOWMAP_TESTS"], "compiled"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture(scope="module", autouse=True)
def forgetting():
    """Compiled programs of a module are freed after it: thousands of them use up the memory maps of a process."""
    yield
    jax.clear_caches()


@pytest.fixture
def x64():
    """Runs a test in float64."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)
