"""The true tilted law ``p_1(x) e^{r(x)} / Z`` in the plane: masses of bins by quadrature, and exact samples."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets.dataset import Dataset, Planar
from experiments.errors import UsageError
from experiments.uses.rewards import Reward

NODES = 4  # Gauss-Legendre nodes per axis and cell
CELLS = 96  # least number of cells per axis, into which bins are cut
DRAWN = 1 << 16  # data drawn at once for rejection
TRIES = 128


def tilted(truth: Planar, reward: Reward) -> Planar:
    """The tilted law, as metrics want it.

    Args:
      truth: the law of the data.
      reward: r.

    Returns:
      Planar of the tilted law; Z is the integral over the box, outside of which the data have next to no mass.
    """
    nodes, weights = np.polynomial.legendre.leggauss(NODES)

    @functools.cache
    def mass(bins: int) -> np.ndarray:
        pieces = -(-CELLS // bins)
        edges = np.linspace(*truth.box, bins * pieces + 1)
        half = (edges[1] - edges[0]) / 2
        axis = ((edges[:-1] + half)[:, None] + half * nodes).ravel()
        axis_weights = np.tile(weights * half, bins * pieces)
        masses = np.empty((len(axis), len(axis)))
        for i, first in enumerate(axis):
            points = np.stack([np.full_like(axis, first), axis], axis=-1)
            masses[i] = truth.density(points) * np.exp(values(points) - top) * axis_weights[i] * axis_weights
        per_bin = NODES * pieces
        return masses.reshape(bins, per_bin, bins, per_bin).sum(axis=(1, 3))

    compiled = jax.jit(reward)

    def values(points: np.ndarray) -> np.ndarray:
        return np.asarray(compiled(jnp.asarray(points, jnp.float32)), np.float64)

    low, high = truth.box
    coarse = np.stack(np.meshgrid(*(2 * [np.linspace(low, high, 97)]), indexing="ij"), -1).reshape(-1, 2)
    top = float(values(coarse).max())
    total = mass(48).sum()

    def bin_mass(bins: int) -> np.ndarray:
        return mass(bins) / total

    def density(points: np.ndarray) -> np.ndarray:
        return truth.density(points) * np.exp(values(points) - top) / total

    return Planar(truth.box, bin_mass, density, truth.in_support)


def samples(dataset: Dataset, reward: Reward, *, count: int, seed: int, name: str) -> np.ndarray:
    """Independent samples of the tilted law: data are accepted with probability ``e^{r(x) - max r}``.

    The maximum is that of the data drawn first; where later data exceed it, they are accepted like the maximum.

    Args:
      dataset: the data set.
      reward: r.
      count: number of samples.
      seed: seed.
      name: name of the reward, for messages.

    Returns:
      [count, ...].

    Raises:
      UsageError: if so few data are accepted that the samples cannot be had.
    """
    key = jax.random.key(seed)
    compiled, kept, reached, top = jax.jit(reward), [], 0, None
    for k in range(TRIES):
        key_data, key_accept = jax.random.split(jax.random.fold_in(key, k))
        x = dataset.draw(key_data, DRAWN)
        r = np.asarray(compiled(x), np.float64)
        top = r.max() if top is None else top
        accepted = np.asarray(x)[np.log(np.asarray(jax.random.uniform(key_accept, (DRAWN,)))) < r - top]
        kept.append(accepted)
        reached += len(accepted)
        if reached >= count:
            return np.concatenate(kept)[:count]
    raise UsageError(
        f"--reward={name} leaves {reached} of {TRIES * DRAWN} data; expected {count} samples of the tilted law: take "
        "a weaker reward, or fewer --samples"
    )
