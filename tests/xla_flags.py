"""Flags of XLA for the tests, set before the first import of JAX: the number of CPU devices, and quick compilation."""

from collections.abc import Iterable
import mmap
from pathlib import Path

import jaxlib

# The older emitter of loops compiles in two thirds of the time; a program in one part takes a tenth less of one core.
QUICK = {"xla_cpu_use_fusion_emitters": "false", "xla_cpu_parallel_codegen_split_count": "1"}


def known(names: Iterable[str]) -> list[str]:
    """Those flags that the installed XLA has: the library holds their names, and ends the process at another one."""
    for library in Path(jaxlib.__file__).parent.glob("libjax_common.*"):
        with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return [name for name in names if content.find(name.encode()) >= 0]
    return []


def flags(*, devices: int) -> str:
    """Value of XLA_FLAGS for that many CPU devices."""
    quick = [f"--{name}={QUICK[name]}" for name in known(QUICK)]
    return " ".join([f"--xla_force_host_platform_device_count={devices}", *quick])
