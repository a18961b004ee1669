"""Flags of XLA for the tests, set before the first import of JAX: the number of CPU devices, and quick compilation."""

import mmap
from pathlib import Path

import jaxlib

# The older emitter of loops compiles in two thirds of the time.
QUICK = "xla_cpu_use_fusion_emitters"


def known(flag: str) -> bool:
    """Whether the installed XLA has a flag: the library holds their names, and ends the process at another one."""
    for library in Path(jaxlib.__file__).parent.glob("libjax_common.*"):
        with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(flag.encode()) >= 0
    return False


def flags(*, devices: int) -> str:
    """Value of XLA_FLAGS for that many CPU devices."""
    return f"--xla_force_host_platform_device_count={devices}" + (f" --{QUICK}=false" if known(QUICK) else "")
