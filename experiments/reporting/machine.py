"""What the machine can do: its matmul peak as measured, and what it is."""

from collections.abc import Mapping, Sequence
import math
import os
import platform
import resource
import sys
import time
from typing import Any

import jax
import numpy as np

# Sides of the matrices: large enough that starting a product costs nothing, small enough for the memory.
SIDES = {"cpu": (512, 1024, 2048), "other": (2048, 4096, 8192)}


def matmul_peak(
    devices: Sequence[jax.Device], *, sides: Sequence[int] | None = None, repeats: int = 2, seconds: float = 0.2
) -> float:
    """The most that products of square float32 matrices reach, in the precision that networks use by default.

    Args:
      devices: each multiplies matrices of its own, all at the same time.
      sides: sides of the matrices; by default those of ``SIDES``.
      repeats: measurements per side; the fastest counts.
      seconds: time of one measurement, in which the machine must keep up what it does.

    Returns:
      operations per second of all devices together.
    """
    product = jax.jit(lambda a, b: a @ b)
    best = 0.0
    for side in sides or SIDES.get(devices[0].platform, SIDES["other"]):
        pair = np.random.default_rng(0).standard_normal((2, side, side), dtype=np.float32)
        placed = [jax.device_put((pair[0], pair[1]), device) for device in devices]

        def rate(calls: int) -> float:
            start = time.perf_counter()
            for _ in range(calls):
                jax.block_until_ready([product(*operands) for operands in placed])  # noqa: B023
            return calls * 2 * side**3 * len(devices) / (time.perf_counter() - start)  # noqa: B023

        rate(1)  # compiles
        calls = math.ceil(seconds * rate(1) / (2 * side**3 * len(devices)))
        best = max(best, *(rate(calls) for _ in range(repeats)))
    return best


class Peak:
    """The matmul peak of one device and of all local ones, the best of all measurements so far."""

    def __init__(self, *, sides: Sequence[int] | None = None):
        """Measures for the first time.

        Args:
          sides: see ``matmul_peak``.
        """
        self._sides = sides
        self.one = self.all = 0.0
        self.measure()

    def measure(self) -> None:
        """Measures again: between the times that are compared with it, so that both see the machine alike."""
        devices = jax.local_devices()
        self.one = max(self.one, matmul_peak(devices[:1], sides=self._sides))
        together = self.one if len(devices) == 1 else matmul_peak(devices, sides=self._sides)
        self.all = max(self.all, together)

    def of(self, devices: int) -> float:
        """Operations per second that this number of devices can reach; devices that share cores have one peak."""
        return min(devices * self.one, max(self.one, self.all))


def record() -> dict[str, str | int]:
    """What identifies the machine in a report."""
    device = jax.local_devices()[0]
    return {
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "devices": jax.local_device_count(),
        "device_kind": device.device_kind,
        "backend": device.platform,
        "jax": jax.__version__,
    }


def text(record: Mapping[str, Any]) -> str:
    """What ``record`` gives, in the words of a footer line."""
    return f"{record['cpus']} CPU cores, {record['device_kind']}, jax {record['jax']}"


def peak_memory() -> float:
    """Most memory that this process has held so far, in gigabytes."""
    # Kilobytes on Linux, bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
