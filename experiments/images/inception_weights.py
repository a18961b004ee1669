"""Weights of the Inception network of FID: from the public PyTorch file to a .npz that is checked when it is read."""

from collections.abc import Mapping
import hashlib
import json
from pathlib import Path

import jax
import numpy as np

from experiments import files
from experiments.datasets import arrays
from experiments.errors import UsageError

Variables = Mapping[str, Mapping]

SOURCE = "pt_inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{SOURCE}"
# The sha256 of known files of weights; by the custom of PyTorch a name ends in its first digits.
KNOWN = {SOURCE: "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"}
REMEDY = (
    f"download {URL} (sha256 {KNOWN[SOURCE]}) and convert it: python -m experiments.inception "
    f"--convert={SOURCE} --out=inception.npz"
)
# The classes of the source, which FID does not look at.
UNUSED = {"fc.weight": (1008, 2048), "fc.bias": (1008,)}
COUNTER = "num_batches_tracked"  # of training; some versions of PyTorch store it with every normalization
LEAVES = {
    ("params", "conv", "kernel"): "conv.weight",
    ("params", "bn", "scale"): "bn.weight",
    ("params", "bn", "bias"): "bn.bias",
    ("batch_stats", "bn", "mean"): "bn.running_mean",
    ("batch_stats", "bn", "var"): "bn.running_var",
}


def named(variables: Variables) -> dict[str, object]:
    """Leaves of a tree by their paths, such as "params/Mixed_5b/branch1x1/conv/kernel"."""
    leaves, _ = jax.tree.flatten_with_path(variables)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def source_name(name: str) -> str:
    """The name in the source of a leaf of ours: "Mixed_5b.branch1x1.conv.weight"."""
    collection, *modules, kind, leaf = name.split("/")
    return ".".join([*modules, LEAVES[collection, kind, leaf]])


def from_source(state: Mapping[str, np.ndarray], shapes: Variables) -> dict[str, np.ndarray]:
    """Our arrays from those of the source.

    Args:
      state: {name: array} of the source; kernels are [out, in, height, width].
      shapes: shapes of our variables.

    Returns:
      {name: float32 array}; kernels are [height, width, in, out].

    Raises:
      UsageError: if names are missing or unknown, or an array has another shape or is not finite.
    """
    wanted = {name: source_name(name) for name in named(shapes)}
    missing = {*wanted.values(), *UNUSED} - set(state)
    unknown = {name for name in state if not name.endswith(COUNTER)} - {*wanted.values(), *UNUSED}
    for what, names in (("lacks", missing), ("has unknown", unknown)):
        if names:
            raise UsageError(
                f"the weights {what} {len(names)} arrays, such as {min(names)}; expected those of {SOURCE}: {REMEDY}"
            )
    arrays = {}
    expected = {source: (name, named(shapes)[name].shape) for name, source in wanted.items()}
    for source, (name, shape) in expected.items():
        array = np.asarray(state[source], np.float32)
        array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array
        _check(source, array, shape)
        arrays[name] = array
    for source, shape in UNUSED.items():
        _check(source, np.asarray(state[source]), shape)
    return arrays


def _check(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise UsageError(f"array {name} of the weights has shape {array.shape}; expected {shape}: {REMEDY}")
    if not np.isfinite(array).all():
        raise UsageError(f"array {name} of the weights contains NaN or infinity: {REMEDY}")


def digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    """The sha256 of names, shapes and numbers."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], np.dtype("<f4"))
        digest.update(f"{name} {array.shape}\n".encode() + array.tobytes())
    return digest.hexdigest()


def save(path: Path, arrays: Mapping[str, np.ndarray], *, source: str, source_sha256: str) -> str:
    """Writes arrays with a record of where they come from; returns the sha256 of the arrays."""
    record = {"source": source, "source_sha256": source_sha256, "sha256": digest_of(arrays)}
    files.write_arrays(path, record=json.dumps(record), **arrays)
    return record["sha256"]


def convert(path: Path, out: Path, shapes: Variables) -> str:
    """Converts the public file.

    Args:
      path: the PyTorch file.
      out: the .npz.
      shapes: shapes of our variables.

    Returns:
      the sha256 of the arrays.

    Raises:
      UsageError: if the file is missing, is another one or cannot be read, or torch is not installed; nothing is
        written.
    """
    if out.suffix != ".npz":
        raise UsageError(f"--out={out}; expected a file that ends in .npz")
    if not path.is_file():
        raise UsageError(f"no file --convert={path}; {REMEDY}")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 not in KNOWN.values():
        raise UsageError(f"--convert={path} has sha256 {sha256}; expected that of {SOURCE}: {REMEDY}")
    try:
        import torch
    except ImportError as error:
        raise UsageError("converting weights needs the package torch, nothing else does: pip install torch") from error
    state = torch.load(path, map_location="cpu", weights_only=True)
    converted = from_source({name: array.numpy() for name, array in state.items()}, shapes)
    return save(out, converted, source=path.name, source_sha256=sha256)


def load(path: Path, shapes: Variables) -> tuple[Variables, str]:
    """Reads converted weights and checks them.

    Args:
      path: the .npz that ``convert`` has written.
      shapes: shapes of our variables.

    Returns:
      (variables of the network, sha256 of the arrays).

    Raises:
      UsageError: if there is no such file, it is damaged, or it was made from other weights.
    """
    if not path.is_file():
        raise UsageError(f"no file of Inception weights {path}; {REMEDY}")
    names = named(shapes)
    try:
        found = arrays.read(path, ["record", *names])
        record = json.loads(str(found.pop("record")))
        source_sha256, expected = record["source_sha256"], record["sha256"]
    except (arrays.UnreadableError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"{path} holds no weights of Inception ({reason}); {REMEDY}") from error
    if source_sha256 not in KNOWN.values():
        raise UsageError(
            f"{path} was made from a file with sha256 {source_sha256}; expected that of {SOURCE}: {REMEDY}"
        )
    for name, array in found.items():
        _check(name, array, names[name].shape)
    digest = digest_of(found)
    if digest != expected:
        raise UsageError(f"{path} is damaged: sha256 {digest[:16]}..., written with {expected[:16]}...; {REMEDY}")
    return jax.tree.unflatten(jax.tree.structure(shapes), list(found.values())), digest
