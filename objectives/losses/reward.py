"""Reward-based learning: a trained map is fine-tuned towards a reward r and kept near what it was.

For maps without any constraint the loss ``-r(X(x0)) + (penalty / 2) |X(x0) - Y(x0)|^2``, Y the reference map, is
minimized point by point: its optimum is the proximal map

    X*(x0) = argmax_y [ r(y) - (penalty / 2) |y - Y(x0)|^2 ],      X* = Y + grad r(X*) / penalty,

and the distribution of X* maximizes ``E_q r - (penalty / 2) W2^2(q, p_1)``: one step of transport along the
reward (Jordan, Kinderlehrer, Otto, "The variational formulation of the Fokker-Planck equation", 1998). This is **not**
the tilted law ``p_1 e^r / Z``, which maximizes ``E_q r - KL(q | p_1)``: no penalty on a deterministic map alone is a
divergence of laws. For ``r(x) = a . x`` and ``p_1 = N(m, C)`` the first is ``N(m + a / penalty, C)`` and the second
``N(m + C a, C)``: equal if ``C = I / penalty``, which is why a penalty of one over the variance of the data is natural.
"""

from collections.abc import Callable

import jax
from jax.lax import stop_gradient as sg
import jax.numpy as jnp
from jaxtyping import Array, Float

from taxonomy import flow_map
from taxonomy.arrays import expand, squared_norm
from taxonomy.flow_map import AverageVelocity, Velocity
from taxonomy.shapes import PerExample, Points

Reward = Callable[[Points], PerExample]


def penalized(reward: Reward, x_1: Points, *, y_1: Points, penalty: float) -> PerExample:
    """``-r(x1) + (penalty / 2) |x1 - sg[y1]|^2``: its minimum is ``x1 = y1 + grad r(x1) / penalty``.

    Args:
      reward: r, [batch, ...] -> [batch].
      x_1: [batch, ...]; what the student makes of some noise.
      y_1: [batch, ...]; what the reference makes of the same noise.
      penalty: inverse of the step along the reward; not negative.

    Returns:
      [batch]; may be negative.

    Raises:
      ValueError: if the penalty is negative.

    Examples:
      >>> import jax.numpy as jnp
      >>> x_1, y_1 = 3 * jnp.ones((1, 1)), jnp.ones((1, 1))
      >>> penalized(lambda x: x[:, 0], x_1, y_1=y_1, penalty=0.5).tolist()  # -3 + |3 - 1|^2 / 4
      [-2.0]
    """
    if penalty < 0:
        raise ValueError(f"penalty = {penalty}; expected a number that is not negative")
    return -reward(x_1) + 0.5 * penalty * squared_norm(x_1 - sg(y_1))


def by_jumps(
    v: AverageVelocity, w: AverageVelocity, reward: Reward, x_0: Points, grid: Float[Array, " times"], *, penalty: float
) -> PerExample:
    """``penalized`` at ``X_{0,1}(x0)``; the gradient goes through one jump, or the few of a grid.

    Args:
      v: average velocity of the student.
      w: average velocity of the frozen reference.
      reward: r, [batch, ...] -> [batch].
      x_0: [batch, ...]; noise.
      grid: [N + 1]; times from 0 to 1; two of them for one jump.
      penalty: see ``penalized``.

    Returns:
      [batch]. The reference is stopped.

    Raises:
      ValueError: if the penalty is negative or the grid has fewer than two times.

    Examples:
      >>> import jax.numpy as jnp
      >>> v, w = (lambda s, t, x: 3 * jnp.ones_like(x)), (lambda s, t, x: jnp.ones_like(x))
      >>> x_0, grid = jnp.zeros((1, 1)), jnp.array([0.0, 1.0])
      >>> by_jumps(v, w, lambda x: x[:, 0], x_0, grid, penalty=0.5).tolist()  # -3 + |3 - 1|^2 / 4
      [-2.0]

    Reference: backpropagation of a reward through a one-step generator, as in Luo et al., "Diff-Instruct++", arXiv
      2410.18881, with a squared distance in place of a divergence. Derived here.
    """
    return penalized(reward, _rolled(v, x_0, grid), y_1=_rolled(w, x_0, grid), penalty=penalty)


def by_euler(
    b: Velocity, c: Velocity, reward: Reward, x_0: Points, grid: Float[Array, " times"], *, penalty: float
) -> PerExample:
    """``penalized`` at the end of N Euler steps of ``dx/dt = b_t(x)``, through all of which the gradient goes.

    The baseline without a map: NFE N, and the activations of N evaluations in memory, in place of one.

    Args:
      b: velocity of the student.
      c: velocity of the frozen reference.
      reward: r, [batch, ...] -> [batch].
      x_0: [batch, ...]; noise.
      grid: [N + 1]; times from 0 to 1.
      penalty: see ``penalized``.

    Returns:
      [batch]. The reference is stopped.

    Raises:
      ValueError: as ``by_jumps``.

    Examples:
      >>> import jax.numpy as jnp
      >>> b, c = (lambda t, x: 3 * jnp.ones_like(x)), (lambda t, x: jnp.ones_like(x))
      >>> x_0, grid = jnp.zeros((1, 1)), jnp.array([0.0, 0.5, 1.0])
      >>> by_euler(b, c, lambda x: x[:, 0], x_0, grid, penalty=0.5).tolist()  # -3 + |3 - 1|^2 / 4
      [-2.0]

    Reference: Clark, Vicol, Swersky, Fleet, "Directly fine-tuning diffusion models on differentiable rewards" (DRaFT),
      arXiv 2309.17400, without penalty; time runs from noise (T) to data (0) there.
    """
    return by_jumps(lambda s, t, x: b(s, x), lambda s, t, x: c(s, x), reward, x_0, grid, penalty=penalty)


def _rolled(v: AverageVelocity, x: Points, grid: Float[Array, " times"]) -> Points:
    return flow_map.along(lambda s, t, x: flow_map.jump(v, s, t, x), x, grid)


def map_distance(v: AverageVelocity, w: AverageVelocity, x_s: Points, s: PerExample, t: PerExample) -> PerExample:
    """``|X_{s,t}(x_s) - sg[Y_{s,t}(x_s)]|^2``: how far the map has moved, at any times.

    Args:
      v: average velocity of the student X.
      w: average velocity of the frozen reference Y.
      x_s: [batch, ...]; points at time s.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].

    Returns:
      [batch]. Its mean over ``I_s`` bounds the squared Wasserstein-2 distance between the two distributions at time t.

    Examples:
      >>> import jax.numpy as jnp
      >>> v, w = (lambda s, t, x: 3 * jnp.ones_like(x)), (lambda s, t, x: jnp.ones_like(x))
      >>> map_distance(v, w, jnp.zeros((1, 1)), jnp.zeros(1), jnp.array([0.5])).tolist()  # |1.5 - 0.5|^2
      [1.0]
    """
    return squared_norm(expand(t - s, x_s) * (v(s, t, x_s) - sg(w(s, t, x_s))))


def tangent_distance(b: Velocity, c: Velocity, x_t: Points, t: PerExample) -> PerExample:
    """``|b_t(x_t) - sg[c_t(x_t)]|^2``: how far the velocity has moved, ``b_t = v_{t,t}`` for a map.

    Args:
      b: velocity of the student.
      c: velocity of the frozen reference.
      x_t: [batch, ...]; points at time t.
      t: [batch]; times in [0, 1].

    Returns:
      [batch]. Along the student's own paths, ``(penalty / 2)`` of its integral over time is the least cost of control
      that moves them. With noise of variance ``1 / penalty`` per unit of time the same integral is the KL divergence of
      the laws of the paths, and the optimum the tilted law if that noise makes x_1 forget x_0. Without noise it is not.

    Examples:
      >>> import jax.numpy as jnp
      >>> b, c = (lambda t, x: 3 * jnp.ones_like(x)), (lambda t, x: jnp.ones_like(x))
      >>> tangent_distance(b, c, jnp.zeros((1, 1)), jnp.zeros(1)).tolist()  # |3 - 1|^2
      [4.0]

    Reference: the quadratic cost of control in Domingo-Enrich, Drozdzal, Karrer, Chen, "Adjoint matching", arXiv
      2409.08861, eq. (5) ff., where the paths are those of an SDE.
    """
    return squared_norm(b(t, x_t) - sg(c(t, x_t)))


def proximal_point(reward: Reward, y: Points, *, penalty: float, steps: int = 200, rate: float = 0.5) -> Points:
    """``argmax_x [ r(x) - (penalty / 2) |x - y|^2 ]`` by damped ascent: the optimum that fine-tuning is measured by.

        x <- x + rate (grad r(x) / penalty + y - x)

    Args:
      reward: r, [batch, ...] -> [batch].
      y: [batch, ...]; points of the reference.
      penalty: see ``penalized``; positive.
      steps: number of iterations.
      rate: step in units of 1 / penalty; the iteration contracts where ``|I - rate (I - hess r / penalty)| < 1``.

    Returns:
      [batch, ...]; a local maximum near y, the only one if r is concave.

    Raises:
      ValueError: if the penalty is not positive.

    Examples:
      >>> import jax.numpy as jnp
      >>> y = jnp.array([[1.0]])
      >>> proximal_point(lambda x: x[:, 0], y, penalty=2.0).tolist()  # y + grad r / penalty
      [[1.5]]

    Reference: Moreau, "Proximité et dualité dans un espace hilbertien", 1965.
    """
    if not penalty > 0:
        raise ValueError(f"penalty = {penalty}; expected a positive number: without it there is no optimum near y")
    gradient = jax.grad(lambda x: jnp.sum(reward(x)))

    def step(x: Points, _: None) -> tuple[Points, None]:
        return x + rate * (gradient(x) / penalty + y - x), None

    return jax.lax.scan(step, y, None, length=steps)[0]
