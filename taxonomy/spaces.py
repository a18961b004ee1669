"""Spaces in which points move: flat space, spheres and flat tori, each by a few formulas.

A flow map on a space jumps along geodesics, ``X_{s,t}(x) = exp_x((t - s) v_{s,t}(x))`` with a tangent vector v. In flat
space ``exp_x(w) = x + w``, and everything is as without a space. A path carries its space (``Interpolant.space``).
"""

from collections.abc import Callable
import math
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from taxonomy.shapes import Points

Angles = TypeVar("Angles", jax.Array, np.ndarray)
SMALL = 1e-4  # squared angles below which sines are series: derivatives at equal points stay finite
OFF = 1e-4  # share of its radius by which a point may lie off a sphere


class Space(NamedTuple):
    """A space; points x and tangent vectors w are arrays [batch, ..., coordinates].

    Attributes:
      name: for messages, such as "a sphere".
      exp: (x, w) -> the point at the end of the geodesic that leaves x with velocity w and lasts one unit of time.
      log: (x, y) -> the shortest w with ``exp(x, w) = y``; its length is the distance.
      tangent: (x, w) -> the tangent vector at x nearest to w.
      embed: x -> what a network is shown of a point, continuous where coordinates are not: [batch, ..., features].
      pull: (x, a) -> the tangent vector at x that belongs to a vector a at ``embed(x)``.
      uniform: (key, shape) -> points that are uniform on the space; None where no such law exists.
      onto: numbers near the space -> the point of it that belongs to them.
      off: points [n, ...] -> [n], how far each lies off the space, in its own coordinates.
      expected: what a point is, for messages.
      curved: whether jumps leave the straight lines of the coordinates.
    """

    name: str
    exp: Callable[[jax.Array, jax.Array], jax.Array]
    log: Callable[[jax.Array, jax.Array], jax.Array]
    tangent: Callable[[jax.Array, jax.Array], jax.Array]
    embed: Callable[[jax.Array], jax.Array]
    pull: Callable[[jax.Array, jax.Array], jax.Array]
    uniform: Callable[[jax.Array, tuple[int, ...]], jax.Array] | None
    onto: Callable[[jax.Array], jax.Array]
    off: Callable[[np.ndarray], np.ndarray]
    expected: str
    curved: bool


def distance(space: Space, x: Points, y: Points) -> jax.Array:
    """The length of the shortest geodesic between x and y.

    Args:
      space: the space.
      x: [batch, ...]; points.
      y: [batch, ...]; points.

    Returns:
      [batch].
    """
    return jnp.sqrt(jnp.sum(space.log(x, y) ** 2, axis=tuple(range(1, x.ndim))))


def check_on(space: Space, points: ArrayLike, *, name: str) -> None:
    """Checks that points lie on a space.

    Args:
      space: the space.
      points: [n, ...].
      name: what the points are, for the message.

    Raises:
      ValueError: naming the first point that does not, and how many there are.
    """
    points = np.asarray(points, np.float64)
    off = space.off(points)
    bad = np.flatnonzero(~(off <= OFF))
    if bad.size:
        shown = np.array2string(points[bad[0]], precision=4, separator=", ")
        raise ValueError(
            f"{bad.size} of {len(points)} {name} do not lie on {space.name}, first number {bad[0]}: {shown} is "
            f"{off[bad[0]]:.3g} off; expected {space.expected}"
        )


def _flat() -> Space:
    return Space(
        name="flat space",
        exp=lambda x, w: x + w,
        log=lambda x, y: y - x,
        tangent=lambda x, w: w,
        embed=lambda x: x,
        pull=lambda x, a: a,
        uniform=None,
        onto=lambda x: x,
        off=lambda points: np.zeros(len(points)),
        expected="numbers",
        curved=False,
    )


FLAT = _flat()


def _inner(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.sum(x * y, axis=-1, keepdims=True)


def _cos_and_sinc(square: jax.Array) -> tuple[jax.Array, jax.Array]:
    """``cos a`` and ``sin a / a`` of ``a = square^(1/2)``, smooth at zero."""
    small = square < SMALL
    angle = jnp.sqrt(jnp.where(small, 1.0, square))
    near = jnp.where(small, square, 0.0)
    cos = jnp.where(small, 1 - near / 2 * (1 - near / 12 * (1 - near / 30)), jnp.cos(angle))
    return cos, jnp.where(small, 1 - near / 6 * (1 - near / 20 * (1 - near / 42)), jnp.sin(angle) / angle)


def _angle_over_sine(cos: jax.Array, square: jax.Array) -> jax.Array:
    """``a / sin a`` from ``cos a`` and ``square = sin^2 a``, smooth at zero; 1 at the far end, which has no limit."""
    small = square < SMALL
    sine = jnp.sqrt(jnp.where(small, 1.0, square))
    near = jnp.where(small & (cos > 0), square, 0.0)
    series = 1 + near / 6 * (1 + near * 9 / 20 * (1 + near * 25 / 42))
    return jnp.where(small, series, jnp.arctan2(sine, jnp.where(small, 0.0, cos)) / sine)


def sphere(*, radius: float = 1.0) -> Space:
    """The sphere ``|x| = radius`` in its surrounding space, with the distance along great circles.

        exp_x(w) = cos(a) x + sin(a) / a w,             a = |w| / radius
        log_x(y) = a / sin(a) (y - cos(a) x),           cos(a) = <x, y> / radius^2

    Args:
      radius: positive.

    Returns:
      the space; points are unit vectors times the radius. At the point opposite to x no geodesic is the shortest: there
      log is about zero.

    Raises:
      ValueError: if the radius is not positive.
    """
    if not radius > 0:
        raise ValueError(f"radius = {radius}; expected a positive number")

    def exp(x: jax.Array, w: jax.Array) -> jax.Array:
        cos, sinc = _cos_and_sinc(_inner(w, w) / radius**2)
        return cos * x + sinc * w

    def log(x: jax.Array, y: jax.Array) -> jax.Array:
        # By the length that x has, and not the radius: rounding of it would pass for a distance of near points.
        cos = _inner(x, y) / _inner(x, x)
        across = y - cos * x
        return _angle_over_sine(cos, _inner(across, across) / radius**2) * across

    def tangent(x: jax.Array, w: jax.Array) -> jax.Array:
        return w - _inner(x, w) / radius**2 * x

    def onto(x: jax.Array) -> jax.Array:
        return radius * x / jnp.sqrt(_inner(x, x))

    return Space(
        name="a sphere",
        exp=exp,
        log=log,
        tangent=tangent,
        embed=lambda x: x / radius,
        pull=tangent,
        uniform=lambda key, shape: onto(jax.random.normal(key, shape)),
        onto=onto,
        off=lambda points: np.abs(np.sqrt((points**2).sum(axis=-1)).reshape(len(points), -1) / radius - 1).max(axis=1),
        expected="vectors of the sphere's length: divide each by its own",
        curved=True,
    )


SPHERE = sphere()


def wrapped(angle: Angles) -> Angles:
    """The angle in [-pi, pi] that differs by whole turns."""
    return angle - 2 * math.pi * (angle / (2 * math.pi)).round()


def _torus() -> Space:
    def embed(x: jax.Array) -> jax.Array:
        return jnp.concatenate([jnp.cos(x), jnp.sin(x)], axis=-1)

    def pull(x: jax.Array, a: jax.Array) -> jax.Array:
        along_cos, along_sin = jnp.split(a, 2, axis=-1)
        return jnp.cos(x) * along_sin - jnp.sin(x) * along_cos

    return Space(
        name="a torus",
        exp=lambda x, w: wrapped(x + w),
        log=lambda x, y: wrapped(y - x),
        tangent=lambda x, w: w,
        embed=embed,
        pull=pull,
        uniform=lambda key, shape: jax.random.uniform(key, shape, minval=-math.pi, maxval=math.pi),
        onto=wrapped,
        off=lambda points: np.maximum(np.abs(points.reshape(len(points), -1)).max(axis=1) - math.pi, 0),
        expected="angles in [-pi, pi], in radians",
        curved=True,
    )


# Each coordinate is an angle; geodesics are straight lines that come back on the other side.
TORUS = _torus()
