"""The density that a flow map or its velocity gives to a point: change of variables, exact in low dimension.

Every function here carries points along and adds up ``log |det|`` of the gradient of the way; ``of_generated`` and
``of_data`` turn this into a log-density, for points that were made from noise and for points that are given.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models.grids import Grid
from taxonomy import flow_map
from taxonomy.arrays import expand, squared_norm
from taxonomy.flow_map import AverageDivergence, AverageVelocity, Velocity
from taxonomy.shapes import PerExample, Points


class Transport(NamedTuple):
    """Points at the end of a way [batch, ...], and ``log |det grad X|`` of the way [batch]."""

    x: jax.Array
    log_det: jax.Array


def log_noise(x_0: Points, *, noise_std: float) -> PerExample:
    """``log N(x0; 0, noise_std^2 I)``.

    Args:
      x_0: [batch, ...]; noise.
      noise_std: standard deviation of the noise, positive.

    Returns:
      [batch]; summed over coordinates.
    """
    dim = x_0[0].size
    return -0.5 * squared_norm(x_0) / noise_std**2 - dim * (jnp.log(noise_std) + 0.5 * jnp.log(2 * jnp.pi))


def of_generated(x_0: Points, forward: Transport, *, noise_std: float) -> PerExample:
    """``log p_1(X_{0,1}(x0)) = log p_0(x0) - log |det grad X_{0,1}(x0)|``.

    Args:
      x_0: [batch, ...]; noise.
      forward: the way from 0 to 1 that begins there.
      noise_std: standard deviation of the noise.

    Returns:
      [batch]; log-density of the law of X_{0,1}(x0) at ``forward.x``, if the map is one to one.

    Reference: change of variables; Chen, Rubanova, Bettencourt, Duvenaud, "Neural ordinary differential equations",
      arXiv 1806.07366, for velocities. Same time direction.
    """
    return log_noise(x_0, noise_std=noise_std) - forward.log_det


def of_data(backward: Transport, *, noise_std: float) -> PerExample:
    """``log p_1(x1) = log p_0(X_{1,0}(x1)) + log |det grad X_{1,0}(x1)|``.

    Args:
      backward: the way from 1 to 0 that begins at the data x1.
      noise_std: standard deviation of the noise.

    Returns:
      [batch]; log-density at x1. By jumps, it integrates to one only if X_{1,0} is one to one and onto.
    """
    return log_noise(backward.x, noise_std=noise_std) + backward.log_det


def jump(v: AverageVelocity, s: PerExample, t: PerExample, x: Points) -> Transport:
    """``X_{s,t}(x)`` with ``log |det grad X_{s,t}(x)|`` by the exact Jacobian: as many jvps as coordinates.

    Args:
      v: average velocity of the map.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].
      x: [batch, ...]; points at time s, of few coordinates.

    Returns:
      Transport.
    """
    mapped, push = jax.linearize(lambda x: flow_map.jump(v, s, t, x), x)
    columns = jax.vmap(push, out_axes=-1)(_axes(x))
    return Transport(mapped, jnp.linalg.slogdet(columns.reshape(x.shape[0], x[0].size, -1))[1])


def _axes(x: Points) -> jax.Array:
    """The unit vectors of all coordinates, each for every example: [dim, batch, ...]."""
    dim = x[0].size
    unit = jnp.eye(dim, dtype=x.dtype).reshape(dim, 1, *x.shape[1:])
    return jnp.broadcast_to(unit, (dim, *x.shape))


def jumps(v: AverageVelocity, x: Points, grid: Grid) -> Transport:
    """N jumps along a grid of times; their log-determinants add up.

    Args:
      v: average velocity of the map.
      x: [batch, ...]; points at the first time of the grid.
      grid: [N + 1]; times in any order: 0 to 1 for ``of_generated``, 1 to 0 for ``of_data``.

    Returns:
      Transport along the whole grid.

    Raises:
      ValueError: if the grid has fewer than two times.
    """
    return _along(lambda s, t, x: jump(v, s, t, x), x, grid)


def jumps_by_head(v: AverageVelocity, d: AverageDivergence, x: Points, grid: Grid) -> Transport:
    """N jumps along a grid of times; ``log |det grad X_{s,t}(x)| = (t - s) D_{s,t}(x)`` of each is what a head learned.

    Args:
      v: average velocity of the map.
      d: its average divergence, see ``divergence_head``.
      x: [batch, ...]; points at the first time of the grid, of any dimension.
      grid: [N + 1]; times in any order: 0 to 1 for ``of_generated``, 1 to 0 for ``of_data``.

    Returns:
      Transport along the whole grid, by two evaluations a jump.

    Raises:
      ValueError: if the grid has fewer than two times.

    Reference: Ai et al., "Joint distillation for fast likelihood evaluation and sampling in flow-based models" (F2D2),
      arXiv 2512.02636. Same time direction; D there is -D here.
    """
    return _along(lambda s, t, x: Transport(flow_map.jump(v, s, t, x), (t - s) * d(s, t, x)), x, grid)


def _along(step: Callable[..., Transport], x: Points, grid: Grid) -> Transport:
    def leg(s: PerExample, t: PerExample, so_far: Transport) -> Transport:
        moved = step(s, t, so_far.x)
        return Transport(moved.x, so_far.log_det + moved.log_det)

    return flow_map.along(leg, Transport(x, jnp.zeros(x.shape[:1], x.dtype)), grid)


Divergence = Callable[[Velocity, jax.Array, jax.Array], Transport]  # (b, t, x) -> (b_t(x), div b_t(x))
Rate = Callable[[jax.Array, jax.Array], Transport]  # (t, x) -> derivatives in time of a Transport
Probes = Float[Array, "probes batch *point"]


def exact_divergence(b: Velocity, t: PerExample, x: Points) -> Transport:
    """``(b_t(x), div b_t(x))`` by as many jvps as coordinates.

    Args:
      b: velocity field.
      t: [batch]; times in [0, 1].
      x: [batch, ...]; points of few coordinates.

    Returns:
      the velocity [batch, ...] and its divergence [batch]: the derivatives in time of a Transport.
    """
    velocity, push = jax.linearize(lambda x: b(t, x), x)
    axes = _axes(x)
    return Transport(velocity, jnp.sum(jax.vmap(push)(axes) * axes, axis=(0, *range(2, axes.ndim))))


def rademacher(key: jax.Array, probes: int, x: Points) -> Probes:
    """Signs +1 and -1 for Hutchinson's estimator: of all probes with unit covariance those of least variance.

    Args:
      key: typed PRNG key.
      probes: their number; at least 1.
      x: [batch, ...]; points that they are for.

    Returns:
      [probes, batch, ...].

    Raises:
      ValueError: if probes < 1.

    Reference: Hutchinson, "A stochastic estimator of the trace of the influence matrix", 1989.
    """
    if probes < 1:
        raise ValueError(f"probes = {probes}; expected at least 1")
    return jax.random.rademacher(key, (probes, *x.shape), x.dtype)


def estimated_divergence(probes: Probes) -> Divergence:
    """``mean over probes e of e . grad b_t(x) e``: Hutchinson's estimate of the divergence, without bias.

    The variance of one probe of signs is ``sum over i < j of (d_i b_j + d_j b_i)^2``. The same probes serve at all
    times of a path; the integrand is then smooth.

    Args:
      probes: [probes, batch, ...]; see ``rademacher``.

    Returns:
      a divergence (b, t, x) -> Transport, as ``exact_divergence``; each probe costs one jvp, whatever the dimension.

    Reference: Grathwohl, Chen, Bettencourt, Sutskever, Duvenaud, "FFJORD", arXiv 1810.01367, Sec. 3.
    """

    def divergence(b: Velocity, t: PerExample, x: Points) -> Transport:
        velocity, push = jax.linearize(lambda x: b(t, x), x)
        products = jax.vmap(push)(probes) * probes
        return Transport(velocity, jnp.mean(jnp.sum(products, axis=tuple(range(2, products.ndim))), axis=0))

    return divergence


def along_ode(
    b: Velocity, x: Points, grid: Grid, *, divergence: Divergence = exact_divergence, method: str = "rk4"
) -> Transport:
    """``dx/dt = b_t(x)`` and ``d log|det| / dt = div b_t(x)`` by a fixed number of steps.

    Args:
      b: velocity field; ``flow_map.diagonal(v)`` for a trained map.
      x: [batch, ...]; points at the first time of the grid.
      grid: [N + 1]; times in any order: 0 to 1 for ``of_generated``, 1 to 0 for ``of_data``.
      divergence: ``exact_divergence``, or ``estimated_divergence`` of some probes.
      method: "rk4" (order 4, NFE 4 a step), "midpoint" (order 2, NFE 2, none at the ends of the
        grid but the first) or "euler" (order 1, NFE 1).

    Returns:
      Transport along the whole grid. Of an exact velocity ``exact_map.solve_with_jacobian`` gives the same by an
      adaptive solver.

    Raises:
      ValueError: on an unknown method, or a grid of fewer than two times.

    Reference: Chen, Rubanova, Bettencourt, Duvenaud, "Neural ordinary differential equations", arXiv 1806.07366,
      Theorem 1; time runs the other way there.
    """
    if method not in METHODS:
        raise ValueError(f"method = {method!r}; expected one of {', '.join(METHODS)}")

    def step(s: PerExample, t: PerExample, x: Points) -> Transport:
        moved = METHODS[method](lambda u, y: divergence(b, u, y), s, t, x)
        return Transport(x + moved.x, moved.log_det)

    return _along(step, x, grid)


def _ahead(x: Points, duration: PerExample, rate: Transport) -> Points:
    return x + expand(duration, x) * rate.x


def _euler(field: Rate, s: PerExample, t: PerExample, x: Points) -> Transport:
    h, rate = t - s, field(s, x)
    return Transport(expand(h, x) * rate.x, h * rate.log_det)


def _midpoint(field: Rate, s: PerExample, t: PerExample, x: Points) -> Transport:
    h = t - s
    rate = field(s + h / 2, _ahead(x, h / 2, field(s, x)))
    return Transport(expand(h, x) * rate.x, h * rate.log_det)


def _rk4(field: Rate, s: PerExample, t: PerExample, x: Points) -> Transport:
    h = t - s
    k1 = field(s, x)
    k2 = field(s + h / 2, _ahead(x, h / 2, k1))
    k3 = field(s + h / 2, _ahead(x, h / 2, k2))
    k4 = field(t, _ahead(x, h, k3))
    mean = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, k1, k2, k3, k4)
    return Transport(expand(h, x) * mean.x, h * mean.log_det)


METHODS = {"euler": _euler, "midpoint": _midpoint, "rk4": _rk4}
STAGES = {"euler": 1, "midpoint": 2, "rk4": 4}  # NFE per step
