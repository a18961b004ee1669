"""The tables of data sets, and the one check that every data set that is drawn passes before it is used."""

from collections.abc import Callable, Mapping
import functools
from pathlib import Path
import re
from typing import NamedTuple

import jax
import numpy as np

from experiments import paths
from experiments.datasets import (
    categorical,
    cifar10,
    curved,
    digits,
    files,
    folders,
    generated,
    hub,
    latents,
    patches,
    planar,
)
from experiments.datasets.dataset import Dataset, Planar
from experiments.errors import UsageError, nearest
from taxonomy import simplex

DATASETS: dict[str, Callable[[], Dataset]] = {
    **planar.PLANAR,
    "paired_gaussians": planar.paired_gaussians,
    **curved.CURVED,
    **categorical.CATEGORICAL,
    "digits": digits.digits,
}


class Kind(NamedTuple):
    """Data sets that are named KIND:WHAT,option=value,...

    Attributes:
      load: (what, options) -> the data set.
      what: what stands behind the colon, for messages; "" for nothing, "PATH" for a file or folder, "NAME" for what is
        downloaded.
      options: text -> value, of each option; ValueError for another text.
    """

    load: Callable[..., Dataset]
    what: str
    options: Mapping[str, Callable[[str], object]]


FORM = {"side": int, "crop": int, "filter": str}
KINDS: dict[str, Kind] = {
    "patches": Kind(patches.patches, "", {"side": int}),
    "cifar10": Kind(cifar10.cifar10, "PATH", {"checksum": str}),
    "images": Kind(folders.images, "PATH", {**FORM, "labels": str}),
    "huggingface": Kind(
        hub.huggingface, "NAME", {"config": str, "split": str, "test": str, "image": str, "label": str, **FORM}
    ),
    "latents": Kind(latents.latents, "PATH", {"scale": latents.scale_of}),
    "embedded": Kind(planar.embedded, "PLANAR", {"dimensions": int}),
    "generated": Kind(generated.generated, "HEIGHTxWIDTHxCHANNELS", {"classes": int, "count": int}),
}
# Data sets of this many names are kept: their examples stay in memory.
KEPT = 2


def load(name: str, *, centred: bool = True) -> Dataset:
    """Loads a data set by name, or from a file of the user's own, and checks it.

    Args:
      name: a key of ``DATASETS``; KIND:WHAT,option=value,... with a key of ``KINDS`` (a path holds no comma); or a path
        that ends in .npy or .npz, perhaps with options behind it: digits.npz,range=0..1.
      centred: whether a user's own points are centred; runs of earlier versions trained on them as they are.

    Returns:
      the data set; the same object again for a KIND:WHAT that has not changed.

    Raises:
      UsageError: on an unknown name or option (the nearest is suggested), a file that cannot be used (see
        ``files.load`` and the modules of ``KINDS``), or data of a wrong shape or with NaN.
    """
    try:
        return _load(name, centred)
    except OSError as error:  # of a path: not readable, too long
        raise UsageError(f"data set {name[:200]!r} cannot be read ({type(error).__name__}: {error})"[:500]) from error


def place(name: str) -> Path | None:
    """The file or folder that a data set's name holds; None if it holds none. UsageError on a wrong option."""
    kind, _, rest = name.partition(":")
    if kind in KINDS:
        path = rest.split(",")[0]
        of_path = path and KINDS[kind].what == "PATH"
        return paths.of_user(path, name=f"--config.dataset={kind}:") if of_path else None
    found = files.address(name)
    return paths.of_user(found.path, name="--config.dataset") if found else None


def is_built_in(name: str) -> bool:
    """Whether a data set comes with the project or its packages, and not from a place that may change."""
    kind = name.partition(":")[0]
    return name in DATASETS or (kind in KINDS and KINDS[kind].what not in ("PATH", "NAME"))


def absolute(name: str) -> str:
    """The name of the same data set from any working folder."""
    found = place(name)
    if found is None:
        return name
    # Of KIND:PATH,option=value,... a comma ends the path; of a file it does not.
    kind, colon, rest = name.partition(":")
    if kind not in KINDS:
        kind, colon, rest = "", "", name
    path = str(found.absolute())
    if kind and "," in path:
        return name
    options = rest.split(",")[1:] if kind else re.split(r"(?<=\.np[yz]),", rest, maxsplit=1, flags=re.IGNORECASE)[1:]
    return kind + colon + ",".join([path, *options])


def _load(name: str, centred: bool) -> Dataset:
    kind, _, rest = name.partition(":")
    if kind in KINDS:
        typed = rest.split(",")[0]
        path = paths.of_user(typed, name=f"--config.dataset={kind}:") if typed else Path()
        changed = path.stat().st_mtime_ns if rest and path.exists() else None
        return _of_kind(kind, rest, str(path.absolute()), changed)
    if found := files.address(name):
        path = paths.of_user(found.path, name="--config.dataset")
        return files.load(path, range=found.range, scale=found.scale, centred=centred)
    if name not in DATASETS:
        known = [*DATASETS, *(f"{kind}:{KINDS[kind].what}".rstrip(":") for kind in KINDS)]
        raise UsageError(f"unknown data set {name!r}; {nearest(name, known)}, or a path to a .npy or .npz file")
    dataset = DATASETS[name]()
    check(dataset)
    return dataset


@functools.lru_cache(maxsize=KEPT)
def _of_kind(kind: str, rest: str, path: str, changed: int | None) -> Dataset:
    """A data set KIND:WHAT,option=value,...; ``path`` and ``changed`` tell whether it is the one that is kept."""
    load, what, known = KINDS[kind]
    given = rest.split(",") if rest else []
    first = [given.pop(0)] if what and given else []
    if what and not (first and first[0]):
        raise UsageError(f"data set {kind} is incomplete; expected --config.dataset={kind}:{what}")
    options = {}
    for part in given:
        option, equals, value = part.partition("=")
        if option not in known or not equals:
            raise UsageError(f"unknown option {part!r} of data set {kind}; {nearest(option, known)}; as in side=64")
        try:
            options[option] = known[option](value)
        except ValueError as error:
            expected = {int: "a whole number", latents.scale_of: "a number, or channels"}[known[option]]
            raise UsageError(f"data set {kind} with {option}={value}; expected {expected}") from error
    if what == "PATH":
        first = [paths.of_user(first[0], name=f"--config.dataset={kind}:")]
    dataset = load(*first, **options)
    if dataset.records is None:
        check(dataset)
    return dataset


def check(dataset: Dataset, *, draws: int = 4096) -> None:
    """Draws examples and checks their shape and that every number is finite.

    Args:
      dataset: the data set.
      draws: number of examples drawn.

    Raises:
      UsageError: saying what was found.
    """
    examples = np.asarray(jax.vmap(dataset.sample)(jax.random.split(jax.random.key(0), draws)))
    if examples.shape[1:] != dataset.shape:
        raise UsageError(f"data set {dataset.name} gives examples of shape {examples.shape[1:]}, not {dataset.shape}")
    finite = np.isfinite(examples).all(axis=tuple(range(1, examples.ndim)))
    if not finite.all():
        raise UsageError(
            f"data set {dataset.name}: {np.mean(~finite):.2%} of {draws} drawn examples contain NaN or infinity; "
            "expected finite numbers: clean the data before training"
        )
    if dataset.categories:
        try:
            simplex.check_on(examples.reshape(draws, -1), categories=dataset.categories, name="examples")
        except ValueError as error:
            raise UsageError(f"data set {dataset.name}: {error}") from error
    # Data in a plane of more dimensions state the spread within it.
    spread = float((dataset.truth.project(examples) if isinstance(dataset.truth, Planar) else examples).std())
    if not 0.8 * dataset.std <= spread <= 1.25 * dataset.std:
        raise UsageError(
            f"data set {dataset.name} states a standard deviation of {dataset.std:.4g}, but its examples have "
            f"{spread:.4g}: correct `std`, which scales the network and the noise"
        )
