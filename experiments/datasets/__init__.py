"""The table of data sets, and the one check that every data set passes before it is used."""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from experiments.datasets import digits, files, planar
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError, nearest

DATASETS: dict[str, Callable[[], Dataset]] = {
    "checkerboard": planar.checkerboard,
    "spiral": planar.spiral,
    "two_moons": planar.two_moons,
    "eight_gaussians": planar.eight_gaussians,
    "digits": digits.digits,
}


def load(name: str) -> Dataset:
    """Loads a data set by name, or from a file of the user's own, and checks it.

    Args:
      name: a key of ``DATASETS``, or a path that ends in .npy or .npz.

    Returns:
      the data set.

    Raises:
      UsageError: on an unknown name (the nearest is suggested), a file that cannot be used (see ``files.load``), or
        data of a wrong shape or with NaN.
    """
    if name.lower().endswith(files.SUFFIXES):
        return files.load(Path(name).expanduser())
    if name not in DATASETS:
        raise UsageError(f"unknown data set {name!r}; {nearest(name, DATASETS)}, or a path to a .npy or .npz file")
    dataset = DATASETS[name]()
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
    spread = float(examples.std())
    if not 0.8 * dataset.std <= spread <= 1.25 * dataset.std:
        raise UsageError(
            f"data set {dataset.name} states a standard deviation of {dataset.std:.4g}, but its examples have "
            f"{spread:.4g}: correct `std`, which scales the network and the noise"
        )
