"""Whether jax finds the platform that the environment asks for: every command that computes looks before it begins."""

import os

import jax

from experiments.errors import UsageError

VARIABLES = ("JAX_PLATFORMS", "JAX_PLATFORM_NAME")
EXTRAS = {"cuda": "cuda", "gpu": "cuda", "tpu": "tpu"}  # platform -> the extra of setup.cfg that installs it


def check() -> None:
    """Starts jax; UsageError if a variable of the environment asks for a platform that is not there."""
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # jax asserts that a plugin without a device is no platform
        asked = next((name for name in VARIABLES if os.environ.get(name)), None)
        if asked is None or jax.distributed.is_initialized():
            raise
        raise UsageError(f"{asked}={os.environ[asked]}: {_advice(os.environ[asked])}") from error


def _advice(asked: str) -> str:
    jax.config.update("jax_platforms", None)
    jax.config.update("jax_platform_name", "")
    try:
        found = ", ".join(sorted({device.platform for device in jax.devices()}))
    except (RuntimeError, AssertionError):
        found = "none"
    extra = next((extra for platform, extra in EXTRAS.items() if platform in asked.lower()), None)
    install = f"; on a machine with one, pip install -e '.[{extra}]' installs it" if extra else ""
    return f"jax finds no such platform here, but {found}; unset the variable to take what is there{install}"
