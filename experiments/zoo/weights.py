"""A file of weights: the arrays by safetensors, and in its metadata what the run's folder says of them.

The metadata have one entry, ``flowmap``, so that equal contents are equal bytes: JSON with the fields of ``Weights``,
the number of the format, and a checksum. Reading runs no code.
"""

from collections.abc import Mapping
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments import files
from experiments.errors import UsageError
from experiments.zoo import names

FORMAT = 1
ENTRY = "flowmap"
DTYPES = ("float32", "float16")


class Weights(NamedTuple):
    """What a file of weights holds.

    Attributes:
      config: the configuration, as ``config.json`` has it.
      run: fields of the run's ``run.json``.
      step: number of updates made.
      budget: what the training took, see ``uses.export``.
      scores: of these very numbers, see ``uses.export``; empty if they were not scored.
      licence: what its author states; may be empty.
      arrays: {name, such as "network.Dense_0.kernel": array}; empty if the metadata alone were read.
    """

    config: Mapping[str, Any]
    run: Mapping[str, Any]
    step: int
    budget: Mapping[str, Any]
    scores: Mapping[str, Any]
    licence: str
    arrays: Mapping[str, np.ndarray] = {}


KINDS = {"config": dict, "run": dict, "step": int, "budget": dict, "scores": dict, "licence": str}


def write(path: Path, weights: Weights) -> None:
    """Writes a file of weights; WriteError if that fails."""
    # Where it is needed alone: commands on folders do without the package.
    from safetensors.numpy import save

    fields = {name: getattr(weights, name) for name in KINDS}
    record = {"format": FORMAT, "checksum": _checksum(fields, weights.arrays), **fields}
    arrays = {name: np.ascontiguousarray(array) for name, array in weights.arrays.items()}
    files.write_bytes(path, save(arrays, {ENTRY: json.dumps(record)}))


def read(workdir: Path | str) -> Weights:
    """A whole file of weights.

    Args:
      workdir: its path, or the name of a map that comes with the project.

    Returns:
      its content, whose checksum was compared.

    Raises:
      UsageError: if there is none, or it is damaged, of another program or of a later version.
    """
    return _read(workdir, whole=True)


def describe(workdir: Path | str) -> Weights:
    """The same without the arrays, and without a look at the checksum, which is over both."""
    return _read(workdir, whole=False)


def _read(workdir: Path | str, *, whole: bool) -> Weights:
    from safetensors import SafetensorError, safe_open

    path = names.located(workdir)
    if not path.exists():
        raise UsageError(
            f"{workdir} does not exist; expected the folder of a run, a file that experiments.export has written, or "
            f"one of {', '.join(names.names())}"
        )
    if not path.is_file():  # whoever opens a pipe waits for ever
        raise UsageError(f"{workdir} is no file; expected one that experiments.export has written")
    try:
        with safe_open(path, framework="numpy") as file:
            found = (file.metadata() or {}).get(ENTRY)
            arrays = {name: file.get_tensor(name) for name in file.keys()} if whole else {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        # The last three where numpy has no such type as the file says.
        raise _damaged(workdir, str(error).partition("\n")[0][:200]) from error
    if found is None:
        raise UsageError(
            f"{workdir} has no metadata {ENTRY!r}, which say what map its weights are of; expected a file that "
            "experiments.export has written"
        )
    try:
        record = files.parse_json(found.encode())
        version = record.pop("format")
        if type(version) is not int or version < 1:
            raise ValueError(f"format {version!r}, which is no whole number from 1")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise _damaged(workdir, f"its metadata: {error}") from error
    if version > FORMAT:
        raise UsageError(
            f"{workdir} was written by a later version of the project (format {version}, this one knows {FORMAT}); "
            "update the project"
        )
    if wrong := [name for name, kind in KINDS.items() if type(record.get(name)) is not kind]:
        raise _damaged(workdir, f"its metadata: {wrong[0]} is {record.get(wrong[0])!r}"[:200])
    fields = {name: record[name] for name in KINDS}
    if whole and record.get("checksum") != _checksum(fields, arrays):
        raise _damaged(workdir, f"its content does not have the checksum {record.get('checksum')}"[:200])
    return Weights(**fields, arrays=arrays)


def _damaged(workdir: Path | str, reason: str) -> UsageError:
    return UsageError(f"{workdir} is damaged ({reason}); fetch it or export it again")


def _checksum(fields: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    found = hashlib.sha256(json.dumps(fields, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(f"{name} {array.dtype} {array.shape}".encode())
        found.update(array.data)
    return found.hexdigest()


def flat(tree: Any) -> dict[str, np.ndarray]:
    """The arrays of a tree of dictionaries, by the names on the way to them, with dots between."""
    found = jax.tree_util.tree_leaves_with_path(tree)
    return {".".join(str(key.key) for key in path): np.asarray(leaf) for path, leaf in found}


def fitted(arrays: Mapping[str, np.ndarray], example: Any, *, where: Path | str) -> Any:
    """The tree that was flattened, with the types of an example.

    Args:
      arrays: as ``flat`` gives them, maybe of fewer bits.
      example: a tree of arrays, or of their shapes and types.
      where: the file, for messages.

    Returns:
      the tree, in the memory of the host.

    Raises:
      UsageError: if names or shapes differ.
    """
    leaves, structure = jax.tree_util.tree_flatten_with_path(example)
    expected = {".".join(str(key.key) for key in path): leaf for path, leaf in leaves}
    for name in sorted(expected.keys() | arrays.keys()):
        there, here = (tree[name].shape if name in tree else None for tree in (arrays, expected))
        if there != here:
            raise UsageError(
                f"{where} does not fit the network of its own configuration ({name} has shape {there} there, {here} "
                "here); export it again"
            )
    found = [np.asarray(arrays[name], leaf.dtype) for name, leaf in expected.items()]
    return jax.tree_util.tree_unflatten(structure, found)
