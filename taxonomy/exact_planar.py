"""Distributions in the plane with exact paths: the checkerboard, a spiral, two moons, eight Gaussians.

data = exact_planar.checkerboard()
flow = data.exact_flow(LINEAR)                                    # velocity, score and density in closed form
examples = jax.vmap(data.sample)(jax.random.split(key, 1000))
ends = exact_map.solve(flow.b, s, t, x)                           # the flow map, by a solver
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from taxonomy import exact, exact_data
from taxonomy.exact import ExactFlow
from taxonomy.interpolants import Interpolant

CURVE_POINTS = 400  # much closer to each other than the blur: the density is smooth along the curve


class Distribution(NamedTuple):
    """A distribution in the plane: an equal mixture of squares or of round Gaussians.

    Attributes:
      name: its name.
      places: [pieces, 2]; lower corners of the squares, or centres of the Gaussians.
      width: side of a square, or standard deviation of a Gaussian.
      std: standard deviation of all coordinates.
      sample: key -> one example, [2].
      exact_flow: interpolant -> the exact path from noise of standard deviation ``std`` to this distribution.
      classes: number of classes, 0 for none; each piece is one.
      label: key -> [], the class of the example that ``sample`` draws from the same key; None without classes.
      squares: whether the pieces are squares.
    """

    name: str
    places: np.ndarray
    width: float
    std: float
    sample: Callable[[jax.Array], jax.Array]
    exact_flow: Callable[[Interpolant], ExactFlow]
    classes: int = 0
    label: Callable[[jax.Array], jax.Array] | None = None
    squares: bool = False


def checkerboard() -> Distribution:
    """Uniform on the 8 even squares of a 4 x 4 board on [-1, 1]^2, lower left included; density 0.5.

    Returns:
      the distribution.

    Reference: Boffi, Albergo, Vanden-Eijnden, arXiv 2505.18825, Sec. 4 and the authors' public code.
    """

    def sample(key: jax.Array) -> jax.Array:
        key_square, key_point = jax.random.split(key)
        square = jax.random.randint(key_square, (), 0, 8)
        row = square // 2
        column = 2 * (square % 2) + row % 2
        return (jnp.stack([column, row]) + jax.random.uniform(key_point, (2,))) / 2 - 1

    std = float(np.sqrt(1 / 3))
    lows = np.array([[i / 2 - 1, j / 2 - 1] for i in range(4) for j in range(4) if (i + j) % 2 == 0])

    def exact_flow(interpolant: Interpolant) -> ExactFlow:
        return exact_data.boxes(interpolant, lows=lows, highs=lows + 0.5, noise_std=std)

    return Distribution("checkerboard", lows, 0.5, std, sample, exact_flow, squares=True)


def blurred_points(name: str, centres: np.ndarray, *, blur: float) -> Distribution:
    """An equal mixture of round Gaussians; along a curve the centres lie much closer than the blur.

    Args:
      name: its name.
      centres: [pieces, 2]; they are moved so that their mean is 0.
      blur: standard deviation of each Gaussian, positive.

    Returns:
      the distribution; each centre is a class where there are less than 200: closer points are a curve.
    """
    centres = centres - centres.mean(axis=0)

    def centre(key: jax.Array) -> jax.Array:
        return jax.random.randint(key, (), 0, len(centres))

    def sample(key: jax.Array) -> jax.Array:
        key_centre, key_blur = jax.random.split(key)
        return jnp.asarray(centres, jnp.float32)[centre(key_centre)] + blur * jax.random.normal(key_blur, (2,))

    std = float(np.sqrt(np.mean(centres**2) + blur**2))

    def exact_flow(interpolant: Interpolant) -> ExactFlow:
        return exact.mixture(
            interpolant,
            weights=np.full(len(centres), 1 / len(centres)),
            means=centres,
            covariances=np.broadcast_to(blur**2 * np.eye(2), (len(centres), 2, 2)),
            noise_std=std,
        )

    def label(key: jax.Array) -> jax.Array:
        return centre(jax.random.split(key)[0])

    if len(centres) < CURVE_POINTS // 2:
        return Distribution(name, centres, blur, std, sample, exact_flow, len(centres), label)
    return Distribution(name, centres, blur, std, sample, exact_flow)


def spiral() -> Distribution:
    """One arm of an Archimedean spiral, uniform in angle over one and a half turns, blurred by 0.02."""
    angle = np.pi * (1 + 3 * (np.arange(CURVE_POINTS) + 0.5) / CURVE_POINTS)
    radius = 0.9 * angle / (4 * np.pi)
    return blurred_points("spiral", radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1), blur=0.02)


def two_moons() -> Distribution:
    """Two interleaved half circles of radius 0.6, blurred by 0.05."""
    angle = np.pi * (np.arange(CURVE_POINTS // 2) + 0.5) / (CURVE_POINTS // 2)
    upper = 0.6 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    lower = 0.6 * np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=-1)
    return blurred_points("two_moons", np.concatenate([upper, lower]), blur=0.05)


def eight_gaussians() -> Distribution:
    """Eight Gaussians of standard deviation 0.06, equally spaced on a circle of radius 0.8; each is a class."""
    angle = 2 * np.pi * np.arange(8) / 8
    return blurred_points("eight_gaussians", 0.8 * np.stack([np.cos(angle), np.sin(angle)], -1), blur=0.06)
