"""Flow maps towards the simplex: data that are categories, as one-hot vectors, and the mean denoiser between them.

A point is L positions of K numbers, flat. Noise fills the space, the data are corners of a product of L simplices, and
paths are straight: ``I_t = (1 - t) x0 + t x1``. The mean denoiser ``psi_{s,t} = x + (1 - s) v_{s,t}`` is an average of
posterior means ``E[x1 | X_{s,u}]``, so that each position of it is a distribution over the categories.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
import numpy as np
from numpy.typing import ArrayLike

from taxonomy.arrays import expand, ratio
from taxonomy.shapes import PerExample, Points

LogProbabilities = Float[Array, "batch positions categories"]
# The logarithm of the mean denoiser, (s [batch], t [batch], x [batch, ...]) -> [batch, positions, categories].
LogDenoiser = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
OFF = 1e-4  # by which probabilities may miss a sum of 1


def share(s: PerExample, t: PerExample) -> PerExample:
    """``(t - s) / (1 - s)``, the share of the way to the mean denoiser that a jump from s to t goes; 1 at s = t = 1.

    Args:
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [s, 1].

    Returns:
      [batch]; in [0, 1].
    """
    return ratio(t - s, 1 - s, otherwise=1.0)


def jump(psi: jax.Array, s: PerExample, t: PerExample, x: Points) -> Points:
    """``X_{s,t}(x) = x + (t - s) / (1 - s) (psi - x)``: a jump by its mean denoiser.

    Args:
      psi: [batch, positions, categories]; ``psi_{s,t}(x)``.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [s, 1].
      x: [batch, ...]; points at time s.

    Returns:
      [batch, ...]; at t = 1 it is psi itself.

    Reference: Potaptchik et al., "Discrete flow maps", arXiv 2604.09784; Roos et al., "Categorical flow maps", arXiv
      2602.12233. Same time direction.
    """
    return x + expand(share(s, t), x) * (psi.reshape(x.shape) - x)


def corners(codes: ArrayLike, *, categories: int) -> np.ndarray:
    """Categories as points: one corner of a simplex for each position, flat.

    Args:
      codes: [n, positions]; whole numbers in 0 .. categories - 1.
      categories: number of them.

    Returns:
      [n, positions * categories]; zeros and ones.

    Raises:
      ValueError: on a code that is no category.
    """
    codes = np.asarray(codes)
    if codes.min() < 0 or codes.max() >= categories:
        raise ValueError(
            f"codes from {codes.min()} to {codes.max()} of {categories} categories; expected 0 to {categories - 1}"
        )
    return np.eye(categories)[codes].reshape(len(codes), -1)


def nearest(points: np.ndarray, *, categories: int) -> np.ndarray:
    """The category of each position that a point is nearest to: the largest number.

    Args:
      points: [n, positions * categories].
      categories: number of them.

    Returns:
      [n, positions]; whole numbers in 0 .. categories - 1.
    """
    return np.asarray(points).reshape(len(points), -1, categories).argmax(axis=-1)


def check_on(points: ArrayLike, *, categories: int, name: str) -> None:
    """Checks that each position of some points is a distribution over the categories.

    Args:
      points: [n, positions * categories].
      categories: number of them.
      name: what the points are, for the message.

    Raises:
      ValueError: in one line, with the first point that is none.
    """
    points = np.asarray(points, np.float64)
    count, numbers = points.shape
    if numbers % categories:
        raise ValueError(f"{name} have {numbers} numbers each; expected a multiple of {categories} categories")
    by_position = points.reshape(count, -1, categories)
    # Written so that NaN is off, too.
    fine = (by_position >= -OFF).all(axis=-1) & (np.abs(by_position.sum(axis=-1) - 1) <= OFF)
    if fine.all():
        return
    first, position = np.argwhere(~fine)[0]
    found = by_position[first, position]
    shown = ", ".join(f"{number:.3g}" for number in found[:4]) + (", ..." if categories > 4 else "")
    raise ValueError(
        f"{(~fine).any(axis=1).sum()} of {count} {name} are no distributions, first position {position} of number "
        f"{first}: ({shown}) sums to {found.sum():.4g}; expected {categories} numbers that are not negative and sum to "
        "1 in each position"
    )


def log_denoiser(psi: Points, *, categories: int) -> LogProbabilities:
    """The logarithm of a mean denoiser that is known as points; zeros give the smallest number that there is.

    Args:
      psi: [batch, positions * categories]; distributions.
      categories: number of them.

    Returns:
      [batch, positions, categories].
    """
    return jnp.log(jnp.maximum(psi, jnp.finfo(psi.dtype).tiny)).reshape(len(psi), -1, categories)
