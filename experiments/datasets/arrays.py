"""The one reader of arrays in .npy and .npz files: what a file says of itself is judged before it is unpacked."""

from collections.abc import Iterable
import math
import os
from pathlib import Path
from typing import IO, NamedTuple
import zipfile

import numpy as np

SINGLE = "x"  # name of the array of a .npy file
# A member that unpacks to more than this and by more than that is no data: deflate reaches 1000 times on nothing.
PACKED_BYTES, PACKED_RATIO = 2**28, 100
MAGIC = len(np.lib.format.magic(1, 0))
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class UnreadableError(Exception):
    """Why a file, or an array in it, cannot be read: the part of a message that stands in brackets."""


class Header(NamedTuple):
    """What a file says of an array.

    Attributes:
      shape: its shape.
      dtype: its type.
      fault: why it cannot be read; "" if nothing speaks against it.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    fault: str = ""


def headers(path: Path) -> dict[str, Header]:
    """What a file says of its arrays; none is read.

    Args:
      path: a file of ``numpy.save`` or ``numpy.savez``, whatever its name.

    Returns:
      {name: header}, ``SINGLE`` in a file of one; a member of an archive that is no array has a fault.

    Raises:
      UnreadableError: if it is no regular file, or none of these two kinds.
    """
    try:
        with _opened(path) as file:
            if not _is_archive(file, path):
                return {SINGLE: _header(file, os.fstat(file.fileno()).st_size)}
            with zipfile.ZipFile(file) as archive:
                return {_name(member): _of_member(archive, member) for member in archive.infolist()}
    except UnreadableError:
        raise
    except Exception as error:  # a damaged archive may raise anything
        raise UnreadableError(_reason(error)) from error


def read(path: Path, names: Iterable[str] | None = None, *, mapped: bool = False) -> dict[str, np.ndarray]:
    """Arrays of a file.

    Args:
      path: a file of ``numpy.save`` or ``numpy.savez``, whatever its name.
      names: of the arrays that are wanted; None for all.
      mapped: whether a file of one array is mapped into memory, so that it may be larger than that.

    Returns:
      {name: array}.

    Raises:
      UnreadableError: as ``headers``; if an array is not there, or damaged, packed as no data are, encrypted, holds
        Python objects, promises more than the file holds, or needs more memory than is free.
    """
    found = headers(path)
    wanted = list(found if names is None else names)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise UnreadableError(f"no array {missing[0]} in it")
    faults = [found[name].fault for name in wanted if found[name].fault]
    if faults:
        raise UnreadableError(faults[0])
    try:
        with _opened(path) as file:
            archived = _is_archive(file, path)
            if mapped and not archived:
                return {SINGLE: np.lib.format.open_memmap(path, mode="r")}
            needed, free = sum(_bytes(found[name]) for name in wanted), _free_memory()
            if needed > free:
                raise UnreadableError(f"it needs {size(needed)} of memory, and {size(free)} are free")
            if not archived:
                return {SINGLE: np.lib.format.read_array(file, allow_pickle=False)}
            with zipfile.ZipFile(file) as archive:
                return {name: _member(archive, name) for name in wanted}
    except UnreadableError:
        raise
    except Exception as error:  # zlib.error, EOFError, NotImplementedError, MemoryError, ...
        raise UnreadableError(_reason(error)) from error


def size(count: float) -> str:
    """A number of bytes for messages, such as "1.5 GB"."""
    power = min(int(math.log(max(count, 1), 1000)), 6)
    return f"{count / 1000**power:.4g} {('bytes', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB')[power]}"


def _opened(path: Path) -> IO[bytes]:
    # A pipe or a device would be waited for, or read without end.
    if path.is_dir():
        raise UnreadableError("it is a folder")
    if not path.is_file():
        raise UnreadableError("it is no regular file" if path.exists() else "no such file")
    return path.open("rb")


def _is_archive(file: IO[bytes], path: Path) -> bool:
    start = file.read(MAGIC)
    file.seek(0)
    if start.startswith(np.lib.format.MAGIC_PREFIX):
        return False
    # An archive without members begins in another way, and some begin with other bytes.
    if zipfile.is_zipfile(file):
        file.seek(0)
        return True
    raise UnreadableError("it begins as no file of numpy does" if start else "it is empty")


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _of_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Header:
    nothing = Header((), np.dtype("V"))
    if member.flag_bits & 1:
        return nothing._replace(fault=f"member {member.filename} is encrypted")
    try:
        with archive.open(member) as file:
            found = _header(file, member.file_size)
    except Exception as error:
        return nothing._replace(fault=f"member {member.filename}: {_reason(error)}")
    if found.fault:
        return found._replace(fault=f"member {member.filename}: {found.fault}")
    packed = max(member.compress_size, 1)
    if member.file_size > max(PACKED_BYTES, PACKED_RATIO * packed):
        unpacked = f"member {member.filename} unpacks from {size(packed)} to {size(member.file_size)}"
        return found._replace(fault=f"{unpacked}, as no data do; if it is meant, save it by numpy.save")
    return found


def _member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    # Of several members of one name an archive knows the last.
    member = next(member for member in reversed(archive.infolist()) if _name(member) == name)
    with archive.open(member) as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
        # The checksum is compared at the end of a member, which lies behind its array.
        file.read(1)
        return array


def _header(file: IO[bytes], held: int) -> Header:
    """The header at the start of a file of so many bytes."""
    start = file.read(MAGIC)
    if len(start) < MAGIC or not start.startswith(np.lib.format.MAGIC_PREFIX):
        return Header((), np.dtype("V"), "it is no array")
    version = (start[-2], start[-1])
    if version not in HEADERS:
        return Header((), np.dtype("V"), f"version {version} of the format is for no array of numbers")
    shape, _, dtype = HEADERS[version](file)
    found = Header(shape, dtype)
    if dtype.hasobject:
        return found._replace(fault="it holds Python objects, which are never read")
    if min(shape, default=0) < 0:
        return found._replace(fault=f"it has shape {shape}")
    rest = held - file.tell()
    if _bytes(found) > rest:
        return found._replace(fault=f"its header promises {size(_bytes(found))}, {size(rest)} are there")
    return found


def _bytes(header: Header) -> int:
    return math.prod(header.shape) * header.dtype.itemsize


def _free_memory() -> float:
    """Bytes that can be had without swapping; infinity where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError, IndexError):
        return math.inf
