"""From noise to data by a flow map, in N jumps on any grid of times; ``diffusion_samplers`` has the classical ways.

Under the exact map all of them keep the law: a jump carries ``p_s`` to ``p_t``, and fresh noise of the right size
carries ``p_t`` back to the law ``p_s`` of an earlier time.
"""

import jax
import jax.numpy as jnp
import numpy as np

from models.grids import Grid, Trajectory, time_of_level
from taxonomy import flow_map
from taxonomy.arrays import expand
from taxonomy.flow_map import AverageVelocity, Velocity, along, legs
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points
from taxonomy.spaces import FLAT, Space


def composition(
    v: AverageVelocity, x: Points, grid: Grid, *, space: Space = FLAT, trajectory: bool = False
) -> Points | Trajectory:
    """``X_{t_{N-1}, t_N} o ... o X_{t_0, t_1}(x)``: N jumps; one jump is one-step generation.

    Args:
      v: average velocity of the map.
      x: [batch, ...]; points at the first time of the grid.
      grid: [N + 1]; times in any order; reversed times go from data to noise.
      space: in which the points move.
      trajectory: whether to return the points at all times.

    Returns:
      [batch, ...] at the last time of the grid, or [N + 1, batch, ...].

    Raises:
      ValueError: if the grid has fewer than two times.
    """
    return along(lambda s, t, x: flow_map.jump(v, s, t, x, space=space), x, grid, trajectory=trajectory)


def euler(b: Velocity, x: Points, grid: Grid, *, space: Space = FLAT, trajectory: bool = False) -> Points | Trajectory:
    """``x <- x + (t_{k+1} - t_k) b_{t_k}(x)``: N Euler steps of ``dx/dt = b_t(x)``.

    Args:
      b: velocity field; ``flow_map.diagonal(v)`` for a trained model.
      x: [batch, ...]; points at the first time of the grid.
      grid: [N + 1]; times.
      space: in which the points move.
      trajectory: whether to return the points at all times.

    Returns:
      [batch, ...] at the last time of the grid, or [N + 1, batch, ...].

    Raises:
      ValueError: if the grid has fewer than two times.
    """
    return composition(lambda s, t, x: b(s, x), x, grid, space=space, trajectory=trajectory)


def one_jump(
    v: AverageVelocity, x: Points, grid: Grid, *, space: Space = FLAT, trajectory: bool = False
) -> Points | Trajectory:
    """``X_{t_0, t_N}(x)``: the whole way at once, for maps that were trained from the noise alone.

    Args:
      v: average velocity of the map.
      x: [batch, ...]; points at the first time of the grid.
      grid: [N + 1]; times, of which only the ends are used.
      space: in which the points move.
      trajectory: whether to return the first points, too.

    Returns:
      [batch, ...] at the last time of the grid, or [2, batch, ...].

    Raises:
      ValueError: if the grid has fewer than two times.
    """
    legs(grid)
    return composition(v, x, grid[jnp.array([0, -1])], space=space, trajectory=trajectory)


def noised(path: Interpolant, key: jax.Array, s: PerExample, t: PerExample, x: Points, *, noise_std: float) -> Points:
    """``(beta_s / beta_t) x + sqrt(alpha_s^2 - (beta_s alpha_t / beta_t)^2) z``: from the law ``p_t`` back to ``p_s``.

    Args:
      path: the interpolant.
      key: typed PRNG key of the fresh noise z.
      s: [batch]; times to go back to, s <= t.
      t: [batch]; times of the points, in (0, 1].
      x: [batch, ...]; points at time t.
      noise_std: standard deviation of the noise.

    Returns:
      [batch, ...]; points at time s. It is the random walk from data to noise, seen at two times.
    """
    ratio = path.beta(s) / path.beta(t)
    std = noise_std * jnp.sqrt(jnp.maximum(path.alpha(s) ** 2 - (ratio * path.alpha(t)) ** 2, 0.0))
    return expand(ratio, x) * x + expand(std, x) * jax.random.normal(key, x.shape, x.dtype)


def renoising(
    v: AverageVelocity,
    path: Interpolant,
    key: jax.Array,
    x: Points,
    grid: Grid,
    *,
    noise_std: float,
    trajectory: bool = False,
) -> Points | Trajectory:
    """Consistency sampling: jump to the data, mix with fresh noise down to the next time, and jump again.

        y = X_{t_k, 1}(x),   x <- alpha_{t_{k+1}} z + beta_{t_{k+1}} y,   z ~ N(0, noise_std^2 I)

    Args:
      v: average velocity of the map; only ``X_{s,1}`` is used.
      path: the interpolant.
      key: typed PRNG key of the fresh noise.
      x: [batch, ...]; noise at time 0.
      grid: [N + 1]; times from 0 to 1.
      noise_std: standard deviation of the noise.
      trajectory: whether to return the points at all times.

    Returns:
      [batch, ...]; data, or [N + 1, batch, ...].

    Raises:
      ValueError: if the grid has fewer than two times.

    Reference: Song, Dhariwal, Chen, Sutskever, "Consistency models", arXiv 2303.01469, Algorithm 1, where noise grows
      with time.
    """
    return gamma_sampling(v, path, key, x, grid, noise_std=noise_std, gamma=1.0, trajectory=trajectory)


def gamma_sampling(
    v: AverageVelocity,
    path: Interpolant,
    key: jax.Array,
    x: Points,
    grid: Grid,
    *,
    noise_std: float,
    gamma: float,
    trajectory: bool = False,
) -> Points | Trajectory:
    """Jump past the next time to u, and back to it by fresh noise of standard deviation ``gamma alpha``.

        alpha_u / beta_u = sqrt(1 - gamma^2) alpha_t / beta_t
        x <- (beta_t / beta_u) X_{s,u}(x) + gamma alpha_t z,    z ~ N(0, noise_std^2 I)

    gamma = 0 is ``composition``, gamma = 1 is ``renoising``, whose u is 1.

    Args:
      v: average velocity of the map.
      path: the interpolant.
      key: typed PRNG key of the fresh noise.
      x: [batch, ...]; noise at time 0.
      grid: [N + 1]; times from 0 to 1.
      noise_std: standard deviation of the noise.
      gamma: in [0, 1].
      trajectory: whether to return the points at all times.

    Returns:
      [batch, ...]; data, or [N + 1, batch, ...].

    Raises:
      ValueError: if gamma lies outside of [0, 1], or the grid has fewer than two times.

    Reference: Kim et al., "Consistency trajectory models", arXiv 2310.02279, Algorithm 3, in noise levels
      sigma = alpha / beta that grow with their time.
    """
    if not 0 <= gamma <= 1:
        raise ValueError(
            f"gamma = {gamma}; expected a number in [0, 1]: 0 composes jumps, 1 goes to the data each time"
        )

    def step(s: PerExample, t: PerExample, x: Points, key: jax.Array) -> Points:
        # At t = 1 there is no noise to be added, and u = 1.
        beyond = jnp.sqrt(1 - gamma**2) * path.alpha(t) / path.beta(t)
        u = jnp.ones_like(t) if gamma == 1 else jnp.maximum(time_of_level(path, beyond), t) if gamma > 0 else t
        y = flow_map.jump(v, s, u, x)
        z = noise_std * jax.random.normal(key, x.shape, x.dtype)
        return expand(path.beta(t) / path.beta(u), x) * y + expand(gamma * path.alpha(t), x) * z

    keys = jax.random.split(key, legs(grid)[0].shape[0])
    return along(step, x, grid, keys, trajectory=trajectory)


def restart(
    v: AverageVelocity,
    path: Interpolant,
    key: jax.Array,
    x: Points,
    grid: Grid,
    *,
    noise_std: float,
    back_to: float = 0.3,
    at: int = -1,
    repeats: int = 1,
    trajectory: bool = False,
) -> Points | Trajectory:
    """Composition that goes back once on its way: noise down to an earlier time and the jump again, several times.

    Args:
      v: average velocity of the map.
      path: the interpolant.
      key: typed PRNG key of the fresh noise.
      x: [batch, ...]; noise at time 0.
      grid: [N + 1]; times from 0 to 1.
      noise_std: standard deviation of the noise.
      back_to: time in [0, 1) to go back to, earlier than that of the grid at which it happens.
      at: index in the grid of the time at which it happens; -1 for the data.
      repeats: how often; each costs one jump.
      trajectory: whether to return the points at all times of the grid, and after each repeat.

    Returns:
      [batch, ...]; data, or [N + 1 + repeats, batch, ...].

    Raises:
      ValueError: if the grid has fewer than two times, repeats < 1, or back_to is no earlier time (where the grid is
        known, that is not an argument of compiled code).

    Reference: Xu et al., "Restart sampling for improving generative processes", arXiv 2306.14878, there by an ODE
      solver, with a time that grows with the noise.
    """
    if repeats < 1:
        raise ValueError(f"repeats = {repeats}; expected at least 1")
    at = range(legs(grid)[0].shape[0] + 1)[at]
    # Times inside of compiled code are not known yet.
    if not isinstance(grid, jax.core.Tracer) and not 0 <= back_to < np.asarray(grid)[at]:
        raise ValueError(
            f"back_to = {back_to}; expected a time from 0 to before {np.asarray(grid)[at]:g}, which restart goes back "
            "from"
        )
    high, low = grid[at], jnp.asarray(back_to, grid.dtype)

    def again(s: PerExample, t: PerExample, x: Points, key: jax.Array) -> Points:
        return flow_map.jump(v, s, t, noised(path, key, s, t, x, noise_std=noise_std))

    parts = [composition(v, x, grid[: at + 1], trajectory=True) if at else x[None]]
    keys = jax.random.split(key, repeats)
    for k in range(repeats):
        parts.append(along(again, parts[-1][-1], jnp.stack([low, high]), keys[k : k + 1], trajectory=True)[1:])
    if at < grid.shape[0] - 1:
        parts.append(composition(v, parts[-1][-1], grid[at:], trajectory=True)[1:])
    points = jnp.concatenate(parts)
    return points if trajectory else points[-1]
