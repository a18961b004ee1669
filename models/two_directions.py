"""What a map that goes both ways is good for: from data to noise, back, and to other data through the noise.

The inverse of a jump from noise to data is the jump ``X_{1,0}`` of the same map, one evaluation as well. A network
knows it only if jumps back in time were trained (``Objective.both_directions``); it is computed here in any case.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models import grids, samplers
from taxonomy.arrays import expand, ratio, squared_norm
from taxonomy.flow_map import AverageVelocity
from taxonomy.shapes import PerExample, Points


def _grid(steps: int, until: float) -> grids.Grid:
    if not 0 <= until < 1:
        raise ValueError(f"until = {until}; expected a time in [0, 1), 0 for the noise")
    return until + (1 - until) * grids.uniform(steps)


def invert(v: AverageVelocity, x_1: Points, *, steps: int = 1, until: float = 0.0) -> Points:
    """``X_{1,u}(x1)``: the point at time u whose path leads to x1; the latent of a data point for u = 0.

    Args:
      v: average velocity of a map that was trained in both directions.
      x_1: [batch, ...]; data.
      steps: number of equal jumps back; at least 1.
      until: time u in [0, 1) at which to stop.

    Returns:
      [batch, ...]; points at time u.

    Raises:
      ValueError: if steps < 1 or the time lies outside of [0, 1).

    Reference: inverse jumps are trained by the full-square time law of Boffi, Albergo, Vanden-Eijnden, "Flow map
      matching", arXiv 2406.07507. Same time direction.
    """
    return samplers.composition(v, x_1, _grid(steps, until)[::-1])


def regenerate(v: AverageVelocity, x: Points, *, steps: int = 1, until: float = 0.0) -> Points:
    """``X_{u,1}(x)``: the way back of ``invert``.

    Args:
      v: average velocity of the map.
      x: [batch, ...]; points at time u.
      steps: number of equal jumps; at least 1.
      until: the time u in [0, 1), as it was given to ``invert``.

    Returns:
      [batch, ...]; data.

    Raises:
      ValueError: as ``invert``.
    """
    return samplers.composition(v, x, _grid(steps, until))


def round_trip(v: AverageVelocity, x_1: Points, *, steps: int = 1) -> Points:
    """``X_{0,1}(X_{1,0}(x1))``: x1 itself for an exact map: an error that needs no exact solution.

    Args:
      v: average velocity of the map.
      x_1: [batch, ...]; data.
      steps: number of equal jumps of each way; at least 1.

    Returns:
      [batch, ...]; data. A map can be its own inverse and still be wrong: this is a necessary condition only.

    Raises:
      ValueError: if steps < 1.
    """
    return regenerate(v, invert(v, x_1, steps=steps), steps=steps)


def edit(v: AverageVelocity, w: AverageVelocity, x_1: Points, *, steps: int = 1, until: float = 0.0) -> Points:
    """``Y_{u,1}(X_{1,u}(x1))``: invert with the map X of one condition, regenerate with the map Y of another.

    Points keep their place within the law: X maps x1 to its noise z, and Y maps z to its data. With
    u = 0 everything may change; the later u, the more of x1 is kept, and the less of the other condition is reached.

    Args:
      v: average velocity of the map X of the condition that x1 has.
      w: average velocity of the map Y of the condition that is wanted.
      x_1: [batch, ...]; data of the first condition.
      steps: number of equal jumps of each way; at least 1.
      until: time u in [0, 1).

    Returns:
      [batch, ...]; data. Their law is that of the second condition exactly if both maps are and u = 0.

    Raises:
      ValueError: as ``invert``.

    Reference: Su, Song, Meng, Ermon, "Dual diffusion implicit bridges", arXiv 2203.08382 (u = 0, by ODE solves, where
      time runs from data to noise); Meng et al., "SDEdit", arXiv 2108.01073, stops on the way, but adds noise.
    """
    return regenerate(w, invert(v, x_1, steps=steps, until=until), steps=steps, until=until)


def spherical(a: Points, b: Points, share: PerExample) -> Points:
    """The great circle between two noises: ``sin((1 - w) h)/sin h a/|a| + sin(w h)/sin h b/|b|``, h their angle.

    The length goes linearly from |a| to |b|. The result is as long as noise, about ``noise_std dim^(1/2)``
    whatever noise_std. A straight line between independent noises is shorter by ``2^(1/2)`` in its middle, where a map
    has seen nothing in high dimension.

    Args:
      a: [batch, ...]; noise, not zero.
      b: [batch, ...]; noise, not zero, and not opposite to a: between opposite points no circle is shortest.
      share: [batch]; w in [0, 1], 0 for a and 1 for b.

    Returns:
      [batch, ...]; noise.

    Reference: Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985; for latents White, "Sampling
      generative networks", arXiv 1609.04468.
    """
    length_a, length_b = (jnp.sqrt(squared_norm(x)) for x in (a, b))
    unit_a, unit_b = a / expand(length_a, a), b / expand(length_b, b)
    # Not by the arc cosine, which loses half of the digits of small angles.
    angle = 2 * jnp.arctan2(jnp.sqrt(squared_norm(unit_a - unit_b)), jnp.sqrt(squared_norm(unit_a + unit_b)))
    of_a = ratio(jnp.sin((1 - share) * angle), jnp.sin(angle), 1 - share)
    of_b = ratio(jnp.sin(share * angle), jnp.sin(angle), share)
    length = (1 - share) * length_a + share * length_b
    return expand(length * of_a, a) * unit_a + expand(length * of_b, b) * unit_b


def rotation(a: Points, b: Points, share: PerExample) -> Points:
    """``cos(pi w / 2) a + sin(pi w / 2) b``: for independent noises again noise of exactly the same law, at every w.

    In high dimension independent noises are almost perpendicular and of almost equal length, and this is ``spherical``.
    In the plane only this keeps the law; regenerated points in between then have the law of the data.

    Args:
      a: [batch, ...]; noise.
      b: [batch, ...]; noise, independent of a.
      share: [batch]; w in [0, 1], 0 for a and 1 for b.

    Returns:
      [batch, ...]; noise.
    """
    angle = jnp.pi / 2 * share
    return expand(jnp.cos(angle), a) * a + expand(jnp.sin(angle), b) * b


PATHS = {"spherical": spherical, "rotation": rotation}


def interpolate(
    v: AverageVelocity,
    a: Points,
    b: Points,
    shares: Float[Array, " shares"],
    *,
    steps: int = 1,
    path: str = "spherical",
) -> Float[Array, "shares batch *point"]:
    """``X_{0,1}`` along a path between ``X_{1,0}(a)`` and ``X_{1,0}(b)``: from one data point to another through noise.

    Args:
      v: average velocity of a map that was trained in both directions.
      a: [batch, ...]; data.
      b: [batch, ...]; data.
      shares: [points]; positions in [0, 1], 0 at a and 1 at b.
      steps: number of equal jumps of each way; at least 1.
      path: "spherical" or "rotation", see the functions of these names.

    Returns:
      [points, batch, ...]; data; at the shares 0 and 1 the round trips of a and b.

    Raises:
      ValueError: if steps < 1 or there is no such path.
    """
    if path not in PATHS:
        raise ValueError(f"path = {path!r}; expected one of {', '.join(PATHS)}")
    z_a, z_b = invert(v, a, steps=steps), invert(v, b, steps=steps)
    noises = jax.vmap(lambda w: PATHS[path](z_a, z_b, jnp.full(a.shape[:1], w, a.dtype)))(shares)
    flat = regenerate(v, noises.reshape(-1, *a.shape[1:]), steps=steps)
    return flat.reshape(noises.shape)
