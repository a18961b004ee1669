"""The exact flow map of any velocity field, by an adaptive solver with a stated tolerance."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from taxonomy.flow_map import Velocity
from taxonomy.shapes import PerExample, Points
from taxonomy.times import check_unit


class Solution(NamedTuple):
    """Mapped points [batch, dim], their Jacobians [batch, dim, dim] and the log-determinants of these [batch]."""

    x: jax.Array
    jacobian: jax.Array
    log_det: jax.Array


def _integrate(field, s: jax.Array, t: jax.Array, start, *, tolerance: float, max_steps: int):
    # Imported here: who only uses closed forms should not wait for the solver, whose import takes longer than JAX's.
    import diffrax

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Dopri8(),
        t0=s,
        t1=t,
        dt0=None,
        y0=start,
        stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
        max_steps=max_steps,
    )
    return jax.tree.map(lambda y: y[0], solution.ys)


def solve(
    b: Velocity,
    s: PerExample,
    t: PerExample,
    x: Points,
    *,
    tolerance: float = 1e-8,
    max_steps: int = 20_000,
    until: float = 1.0,
) -> Points:
    """``X_{s,t}(x)``: the solution at t of ``dx/dt = b_t(x)`` from x at s, each example with steps of its own.

    Args:
      b: velocity field, (t [batch], x [batch, dim]) -> [batch, dim].
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1]; t < s integrates backward.
      x: [batch, dim]; points at time s.
      tolerance: relative and absolute tolerance of the solver; 1e-8 needs float64.
      max_steps: steps after which the solver gives up with an error.
      until: time of the last step; what is left of the way to t > until is one step of Euler's. Source times must not
        be later.

    Returns:
      [batch, dim]; points at time t. The tolerance holds per step; the error at t is larger where paths part.

    Raises:
      ValueError: if a time lies outside of [0, 1].

    Reference: Prince, Dormand, "High order embedded Runge-Kutta formulae", 1981, as implemented by diffrax (Dopri8).
    """
    check_unit(s, t, needed_by="exact_map.solve")

    def one(s: jax.Array, t: jax.Array, x: jax.Array) -> jax.Array:
        def field(time, y, args):
            return b(jnp.reshape(time, (1,)), y[None])[0]

        last = jnp.minimum(t, until)
        y = _integrate(field, s, last, x, tolerance=tolerance, max_steps=max_steps)
        return y + (t - last) * field(last, y, None)

    return jax.vmap(one)(s, t, x)


def solve_with_jacobian(
    b: Velocity, s: PerExample, t: PerExample, x: Points, *, tolerance: float = 1e-8, max_steps: int = 20_000
) -> Solution:
    """The flow map with its derivatives: ``dJ/dt = grad b_t(X) J`` and ``d log det J / dt = div b_t(X)`` beside it.

    Args:
      b: velocity field, (t [batch], x [batch, dim]) -> [batch, dim].
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].
      x: [batch, dim]; points at time s.
      tolerance: relative and absolute tolerance of the solver.
      max_steps: steps after which the solver gives up with an error.

    Returns:
      Solution; the log-determinant is integrated on its own, not computed from the Jacobian.

    Raises:
      ValueError: if a time lies outside of [0, 1].
    """
    check_unit(s, t, needed_by="exact_map.solve_with_jacobian")

    def one(s: jax.Array, t: jax.Array, x: jax.Array) -> Solution:
        def field(time, state, args):
            def velocity(y):
                return b(jnp.reshape(time, (1,)), y[None])[0]

            gradient = jax.jacfwd(velocity)(state.x)
            return Solution(velocity(state.x), gradient @ state.jacobian, jnp.trace(gradient))

        start = Solution(x, jnp.eye(x.size, dtype=x.dtype), jnp.zeros((), x.dtype))
        return _integrate(field, s, t, start, tolerance=tolerance, max_steps=max_steps)

    return jax.vmap(one)(s, t, x)
