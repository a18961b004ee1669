"""Reads a file of ``experiments.export`` with nothing but the definition of its format."""

import json
from pathlib import Path
import struct

import numpy as np


def read(path: Path) -> tuple[dict, dict, dict[str, np.ndarray]]:
    """(header of the weights, description of the map, {name: array})."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header, numbers = json.loads(content[8 : 8 + length]), content[8 + length :]
    described = json.loads(header.pop("__metadata__")["flow_map"])
    arrays = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        arrays[name] = np.frombuffer(numbers[start:end], "<f2").reshape(entry["shape"])
    assert sum(array.nbytes for array in arrays.values()) == len(numbers)
    return header, described, arrays
