"""From noise to data in N steps, on any grid of times."""

import jax
import jax.numpy as jnp

from taxonomy import flow_map
from taxonomy.arrays import expand
from taxonomy.flow_map import AverageVelocity, Velocity
from taxonomy.interpolants import Interpolant


def uniform_grid(steps: int) -> jax.Array:
    """``0, 1/N, ..., 1``: the times of N equal steps, shape [N + 1]."""
    return jnp.linspace(0.0, 1.0, steps + 1)


def _legs(grid: jax.Array) -> tuple[jax.Array, jax.Array]:
    if grid.ndim != 1 or grid.shape[0] < 2:
        raise ValueError(f"grid of times has shape {grid.shape}; expected (N + 1,) with N >= 1 steps")
    return grid[:-1], grid[1:]


def composition(v: AverageVelocity, x: jax.Array, grid: jax.Array) -> jax.Array:
    """``X_{t_{N-1}, t_N} o ... o X_{t_0, t_1}(x)``: N jumps; one jump is one-step generation.

    Args:
      v: average velocity of the map.
      x: [batch, ...]; points at the first time of the grid.
      grid: [N + 1]; times in any order; reversed times go from data to noise.

    Returns:
      [batch, ...]; points at the last time of the grid.

    Raises:
      ValueError: if the grid has fewer than two times.
    """

    def leg(x: jax.Array, times: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        s, t = (jnp.full(x.shape[:1], time, x.dtype) for time in times)
        return flow_map.jump(v, s, t, x), None

    return jax.lax.scan(leg, x, _legs(grid))[0]


def euler(b: Velocity, x: jax.Array, grid: jax.Array) -> jax.Array:
    """``x <- x + (t_{k+1} - t_k) b_{t_k}(x)``: N Euler steps of ``dx/dt = b_t(x)``.

    Args:
      b: velocity field; ``flow_map.diagonal(v)`` for a trained model.
      x: [batch, ...]; points at the first time of the grid.
      grid: [N + 1]; times.

    Returns:
      [batch, ...]; points at the last time of the grid.

    Raises:
      ValueError: if the grid has fewer than two times.
    """
    return composition(lambda s, t, x: b(s, x), x, grid)


def restart(
    v: AverageVelocity, interpolant: Interpolant, key: jax.Array, x: jax.Array, grid: jax.Array, *, base_std: float
) -> jax.Array:
    """Consistency sampling: jump to the data, mix with fresh noise down to the next time, and jump again.

        y = X_{t_k, 1}(x),   x <- alpha_{t_{k+1}} z + beta_{t_{k+1}} y,   z ~ N(0, base_std^2 I)

    Args:
      v: average velocity of the map; only ``X_{s,1}`` is used.
      interpolant: the path between noise and data.
      key: typed PRNG key of the fresh noise.
      x: [batch, ...]; noise at time 0.
      grid: [N + 1]; times from 0 to 1.
      base_std: standard deviation of the noise.

    Returns:
      [batch, ...]; data.

    Raises:
      ValueError: if the grid has fewer than two times.

    Reference: Song, Dhariwal, Chen, Sutskever, "Consistency models", arXiv 2303.01469, Algorithm 1, where noise grows
      with time.
    """
    _, ends = _legs(grid)

    def leg(x: jax.Array, inputs: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        s, t, key = inputs
        s, t = jnp.full(x.shape[:1], s, x.dtype), jnp.full(x.shape[:1], t, x.dtype)
        y = flow_map.jump(v, s, jnp.ones_like(s), x)
        z = base_std * jax.random.normal(key, x.shape, x.dtype)
        return expand(interpolant.alpha(t), x) * z + expand(interpolant.beta(t), x) * y, None

    return jax.lax.scan(leg, x, (grid[:-1], ends, jax.random.split(key, ends.shape[0])))[0]


def one_jump(v: AverageVelocity, x: jax.Array, grid: jax.Array) -> jax.Array:
    """``X_{t_0, t_N}(x)``: the whole way at once, for maps that were trained from the noise alone.

    Args:
      v: average velocity of the map.
      x: [batch, ...]; points at the first time of the grid.
      grid: [N + 1]; times, of which only the ends are used.

    Returns:
      [batch, ...]; points at the last time of the grid.

    Raises:
      ValueError: if the grid has fewer than two times.
    """
    _legs(grid)
    return composition(v, x, grid[jnp.array([0, -1])])
