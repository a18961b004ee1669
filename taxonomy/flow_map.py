"""The algebra of a flow map: X and its derivatives from any average velocity ``v(s, t, x)``, one jvp each."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from taxonomy.arrays import expand, ratio
from taxonomy.shapes import PerExample, Points
from taxonomy.spaces import FLAT, Space

AverageVelocity = Callable[[PerExample, PerExample, Points], Points]  # v(s, t, x)
Velocity = Callable[[PerExample, Points], Points]  # b(t, x)
AverageDivergence = Callable[[PerExample, PerExample, Points], PerExample]  # D(s, t, x), of div b along the path


def jump(v: AverageVelocity, s: PerExample, t: PerExample, x: Points, *, space: Space = FLAT) -> Points:
    """``X_{s,t}(x) = x + (t - s) v_{s,t}(x)``: where the path through x at time s is at time t.

    On a curved space ``X_{s,t}(x) = exp_x((t - s) v_{s,t}(x))``, with v tangent at x.

    Args:
      v: average velocity, (s [batch], t [batch], x [batch, ...]) -> [batch, ...].
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1]; t < s goes back towards the noise.
      x: [batch, ...]; points at time s.
      space: in which the points move.

    Returns:
      [batch, ...]; points at time t.

    Reference: Boffi, Albergo, Vanden-Eijnden, "How to build a consistency model", arXiv 2505.18825, Sec. 2; on curved
      spaces Davis, Albergo, Boffi, Bronstein, Bose, "Generalised flow maps", arXiv 2510.21608. Same time direction.
    """
    return space.exp(x, expand(t - s, x) * v(s, t, x))


def legs(grid: jax.Array) -> tuple[jax.Array, jax.Array]:
    """``(t_0 .. t_{N-1}), (t_1 .. t_N)``: where the N legs of a grid of times begin and end.

    Args:
      grid: [N + 1]; times.

    Returns:
      two arrays [N].

    Raises:
      ValueError: if the grid has fewer than two times.
    """
    if grid.ndim != 1 or grid.shape[0] < 2:
        raise ValueError(f"grid of times has shape {grid.shape}; expected (N + 1,) with N >= 1 steps")
    return grid[:-1], grid[1:]


def along(step: Callable[..., Any], state: Any, grid: jax.Array, *extra: Any, trajectory: bool = False) -> Any:
    """``state <- step(s, t, state, ...)`` over the legs (s, t) of a grid: what all samplers and solvers here are.

    Args:
      step: (s [batch], t [batch], state, one of each extra) -> state.
      state: points [batch, ...] at the first time of the grid, or a tuple that begins with them.
      grid: [N + 1]; times in any order.
      *extra: arrays of N entries, such as keys.
      trajectory: whether to return the states at all times.

    Returns:
      the state at the last time, or with a leading axis [N + 1], the first one included.

    Raises:
      ValueError: if the grid has fewer than two times.
    """
    points = jax.tree.leaves(state)[0]

    def leg(state: Any, inputs: tuple[Any, ...]) -> tuple[Any, Any]:
        s, t = (jnp.full(points.shape[:1], time, points.dtype) for time in inputs[:2])
        moved = step(s, t, state, *inputs[2:])
        return moved, moved if trajectory else None

    last, passed = jax.lax.scan(leg, state, (*legs(grid), *extra))
    if not trajectory:
        return last
    return jax.tree.map(lambda first, later: jnp.concatenate([first[None], later]), state, passed)


def diagonal(v: AverageVelocity) -> Velocity:
    """``b_t(x) = v_{t,t}(x)``: the velocity field that a flow map contains (tangent condition).

    Args:
      v: average velocity of a flow map.

    Returns:
      velocity field b(t, x), (t [batch], x [batch, ...]) -> [batch, ...].
    """
    return lambda t, x: v(t, t, x)


def d_t(v: AverageVelocity, s: PerExample, t: PerExample, x: Points, *, space: Space = FLAT) -> tuple[Points, Points]:
    """``(X_{s,t}(x), d/dt X_{s,t}(x))`` by one jvp in the target time.

    Args:
      v: average velocity.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].
      x: [batch, ...]; points at time s.
      space: in which the points move.

    Returns:
      two arrays [batch, ...]: the mapped points and their derivative in t.
    """
    return jax.jvp(lambda t: jump(v, s, t, x, space=space), (t,), (jnp.ones_like(t),))


def d_s(v: AverageVelocity, s: PerExample, t: PerExample, x: Points, *, space: Space = FLAT) -> tuple[Points, Points]:
    """``(X_{s,t}(x), d/ds X_{s,t}(x))`` by one jvp in the source time, x held fixed.

    Args:
      v: average velocity.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].
      x: [batch, ...]; points at time s.
      space: in which the points move.

    Returns:
      two arrays [batch, ...]: the mapped points and their derivative in s.
    """
    return jax.jvp(lambda s: jump(v, s, t, x, space=space), (s,), (jnp.ones_like(s),))


def advect(
    v: AverageVelocity, s: PerExample, t: PerExample, x: Points, w: Points, *, space: Space = FLAT
) -> tuple[Points, Points]:
    """``(X_{s,t}(x), grad X_{s,t}(x) . w)`` by one jvp in space.

    Args:
      v: average velocity.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].
      x: [batch, ...]; points at time s.
      w: [batch, ...]; directions at x, tangent ones on a curved space.
      space: in which the points move.

    Returns:
      two arrays [batch, ...]: the mapped points and the pushed-forward directions.
    """
    return jax.jvp(lambda x: jump(v, s, t, x, space=space), (x,), (w,))


def d_source(
    v: AverageVelocity, s: PerExample, t: PerExample, x: Points, w: Points, *, space: Space = FLAT
) -> tuple[Points, Points]:
    """``(X_{s,t}(x), d/ds X_{s,t}(x) + grad X_{s,t}(x) . w)``: the source moves in time and along w, one jvp.

    Args:
      v: average velocity.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].
      x: [batch, ...]; points at time s.
      w: [batch, ...]; velocity of the source point.
      space: in which the points move.

    Returns:
      two arrays [batch, ...]: the mapped points and their total derivative; zero for the exact map along w = b_s.
    """
    return jax.jvp(lambda s, x: jump(v, s, t, x, space=space), (s, x), (jnp.ones_like(s), w))


def total_derivative(v: AverageVelocity, s: PerExample, t: PerExample, x: Points, w: Points) -> tuple[Points, Points]:
    """``(v_{s,t}(x), D_s[w] v)`` with ``D_s[w] v = d/ds v_{s,t}(x) + grad v_{s,t}(x) . w``, one jvp.

    Args:
      v: average velocity.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].
      x: [batch, ...]; points at time s.
      w: [batch, ...]; velocity of the source point.

    Returns:
      two arrays [batch, ...]: the average velocity and its derivative along the moving source.

    Reference: Geng, Deng, Bai, Kolter, He, "Mean flows for one-step generative modeling", arXiv 2505.13447,
      eq. (6) and (8). There time runs from data (0) to noise (1): t_paper = 1 - s, r_paper = 1 - t, u = -v, and
      du/dt_paper along the paper's velocity equals D_s[w] v here.
    """
    return jax.jvp(lambda s, x: v(s, t, x), (s, x), (jnp.ones_like(s), w))


def average_d_t(v: AverageVelocity, s: PerExample, t: PerExample, x: Points) -> tuple[Points, Points]:
    """``(v_{s,t}(x), d/dt v_{s,t}(x))`` by one jvp in the target time.

    Args:
      v: average velocity.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].
      x: [batch, ...]; points at time s.

    Returns:
      two arrays [batch, ...]: the average velocity and its derivative in t.
    """
    return jax.jvp(lambda t: v(s, t, x), (t,), (jnp.ones_like(t),))


def midpoint_step(b: Velocity, s: PerExample, t: PerExample, x: Points) -> Points:
    """One step of the midpoint method for ``dx/dt = b_t(x)``, of second order: ``x + (t - s) b_u(x + (u - s) b_s(x))``.

    Of the same order and cost as Heun's method, but without the velocity at time t: an exact velocity is singular at
    t = 1 off the data, and one step of Heun's there can throw a point far away.

    Args:
      b: velocity field.
      s: [batch]; times at which the points are.
      t: [batch]; times to go to; u is the middle.
      x: [batch, ...]; points at time s.

    Returns:
      [batch, ...]; points at time t, with a local error of order (t - s)^3.
    """
    u = (s + t) / 2
    return x + expand(t - s, x) * b(u, x + expand(u - s, x) * b(s, x))


def integrated(b: Velocity, *, steps: int) -> AverageVelocity:
    """The flow map of a velocity field, by a fixed number of midpoint steps, as an average velocity.

    Args:
      b: velocity field.
      steps: number of equal midpoint steps between s and t; at least 1.

    Returns:
      average velocity v(s, t, x) with ``x + (t - s) v`` the numerical solution at t; ``v_{t,t} = b_t``.

    Raises:
      ValueError: if steps is smaller than 1.
    """
    if steps < 1:
        raise ValueError(f"steps = {steps}; expected at least 1")

    def v(s: jax.Array, t: jax.Array, x: jax.Array) -> jax.Array:
        y = x
        for k in range(steps):
            y = midpoint_step(b, s + (t - s) * (k / steps), s + (t - s) * ((k + 1) / steps), y)
        gap = jnp.broadcast_to(expand(t - s, x), x.shape)
        return ratio(y - x, gap, b(s, x))

    return v
