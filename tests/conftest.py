"""A strict session: four CPU devices, rank promotion raises, warnings are errors (setup.cfg)."""

import os
import tempfile

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import pytest

# Reference sets of this run of the tests alone: none is read from the user's cache, none is left there.
_cache = tempfile.TemporaryDirectory(prefix="flowmap-tests-")
os.environ["FLOWMAP_CACHE"] = _cache.name

jax.config.update("jax_numpy_rank_promotion", "raise")
# Compiling takes most of the time of the suite; nothing here measures speed.
jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture
def x64():
    """Runs a test in float64."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)
