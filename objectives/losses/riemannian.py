"""The rules of a flow map on a curved space, where a jump follows a geodesic; in flat space they are those beside it.

The average velocity v is tangent at the source point: ``X_{s,t}(x) = exp_x((t - s) v_{s,t}(x))``. Residuals of moving
points are tangent at the mapped point, and those of the average velocity at the source.
"""

import jax
from jax.lax import stop_gradient as sg
import jax.numpy as jnp

from taxonomy import flow_map, times
from taxonomy.arrays import expand, ratio, squared_norm
from taxonomy.flow_map import AverageVelocity, Velocity
from taxonomy.shapes import PerExample, Points
from taxonomy.spaces import Space

LAGRANGIAN = ("velocity", "none")
EULERIAN = ("advection", "velocity")


def lagrangian(
    v: AverageVelocity,
    b: Velocity,
    x_s: Points,
    s: PerExample,
    t: PerExample,
    *,
    space: Space,
    stop_gradient: str = "velocity",
) -> PerExample:
    """``|d/dt X_{s,t}(I_s) - sg[ b_t(X_{s,t}(I_s)) ]|^2``: LSD on a space, both vectors tangent at the mapped point.

        "velocity":  |d/dt X - sg[ b_t( sg[X] ) ]|^2
        "none":      |d/dt X - b_t(X)|^2

    Args:
      v: average velocity of the student, tangent at the source point.
      b: velocity field that makes the target: ``flow_map.diagonal(v)``.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].
      space: in which the points move.
      stop_gradient: one of the two above, which have the same value and differ in their gradient.

    Returns:
      [batch]; one squared residual per example.

    Raises:
      ValueError: on an unknown stop_gradient.

    Examples:
      >>> import jax.numpy as jnp
      >>> from taxonomy.spaces import TORUS
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)  # a translation: from the angle 3 to 5, which is 5 - 2 pi
      >>> x_s, s, t = 3 * jnp.ones((1, 2)), jnp.zeros(1), jnp.ones(1)
      >>> lagrangian(v, lambda t, x: 2 * jnp.ones_like(x), x_s, s, t, space=TORUS).tolist()
      [0.0]
      >>> lagrangian(v, lambda t, x: jnp.ones_like(x), x_s, s, t, space=TORUS).tolist()
      [2.0]

    Reference: G-LSD: Davis, Albergo, Boffi, Bronstein, Bose, "Generalised flow maps for few-step generative modelling
      on Riemannian manifolds", arXiv 2510.21608; the Lagrangian identity of Woo et al., "Riemannian MeanFlow", arXiv
      2602.07744. Same time direction.
    """
    if stop_gradient not in LAGRANGIAN:
        raise ValueError(f"stop_gradient = {stop_gradient!r}; expected one of {', '.join(LAGRANGIAN)}")
    mapped, d_mapped = flow_map.d_t(v, s, t, x_s, space=space)
    return squared_norm(d_mapped - (sg(b(t, sg(mapped))) if stop_gradient == "velocity" else b(t, mapped)))


def eulerian(
    v: AverageVelocity,
    x_s: Points,
    s: PerExample,
    t: PerExample,
    *,
    velocity: Points,
    space: Space,
    stop_gradient: str = "advection",
) -> PerExample:
    """``|d/ds X_{s,t}(I_s) + dX_{s,t}(I_s)[w]|^2``: ESD on a space, with w the velocity at ``I_s``.

        "advection":  |d/ds X + sg[ dX[w] ]|^2
        "velocity":   |d/ds X + dX[ sg[w] ]|^2

    The differential dX takes tangent vectors at the source to tangent vectors at the mapped point: one jvp through exp.

    Args:
      v: average velocity of the student, tangent at the source point.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].
      velocity: [batch, ...]; w, tangent at ``I_s``: the model's own ``v_{s,s}(I_s)``.
      space: in which the points move.
      stop_gradient: one of the two above.

    Returns:
      [batch]; one squared residual per example.

    Raises:
      ValueError: on an unknown stop_gradient.

    Examples:
      >>> import jax.numpy as jnp
      >>> from taxonomy.spaces import TORUS
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)
      >>> x_s, s, t = 3 * jnp.ones((1, 2)), jnp.zeros(1), jnp.ones(1)
      >>> eulerian(v, x_s, s, t, velocity=jnp.ones((1, 2)), space=TORUS).tolist()  # |-2 + 1|^2 in each coordinate
      [2.0]

    Reference: G-ESD: arXiv 2510.21608, and the public code of arXiv 2602.07744 (dongyeop3813/Riemannian-MeanFlow,
      ``gfm_esd``), which notes that the advected velocity must be pushed forward to the mapped point. There the jump
      goes from t to s.
    """
    if stop_gradient == "advection":
        advected = sg(flow_map.advect(v, s, t, x_s, velocity, space=space)[1])
        return squared_norm(flow_map.d_s(v, s, t, x_s, space=space)[1] + advected)
    if stop_gradient == "velocity":
        return squared_norm(flow_map.d_source(v, s, t, x_s, sg(velocity), space=space)[1])
    raise ValueError(f"stop_gradient = {stop_gradient!r}; expected one of {', '.join(EULERIAN)}")


def mean_flow(
    v: AverageVelocity, x_s: Points, s: PerExample, t: PerExample, *, velocity: Points, space: Space
) -> PerExample:
    """``|v_{s,t}(I_s) - sg[ (t - s) P D_s[w] v - P D_x[w] log_x(y) ]|^2`` at ``y = X_{s,t}(I_s)``: MeanFlow on a space.

    Along the path ``(t - s) v_{s,t}(x) = log_x(y)`` with y fixed; its derivative, projected to the tangent space by P,
    is the identity. In flat space ``-D_x[w] log_x(y) = w``.

    Args:
      v: average velocity of the student, tangent at the source point.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1]; at s = t this is flow matching.
      velocity: [batch, ...]; w, tangent at ``I_s``: the sample's ``dI_s``. The target is linear in it.
      space: in which the points move.

    Returns:
      [batch]; one squared residual per example.

    Examples:
      >>> import jax.numpy as jnp
      >>> from taxonomy.spaces import TORUS
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)
      >>> x_s, s, t = 3 * jnp.ones((1, 2)), jnp.zeros(1), jnp.ones(1)
      >>> mean_flow(v, x_s, s, t, velocity=jnp.ones((1, 2)), space=TORUS).tolist()
      [2.0]

    Reference: the Eulerian identity of Woo et al., arXiv 2602.07744, and their code (``meanflow_loss``), where the jump
      goes from t to s. Zhong et al., arXiv 2603.10718, write it with parallel transport.
    """
    average, derivative = flow_map.total_derivative(v, s, t, x_s, velocity)
    end = space.exp(x_s, expand(t - s, x_s) * average)
    turned = jax.jvp(lambda x: space.log(x, end), (x_s,), (velocity,))[1]
    target = expand(t - s, x_s) * space.tangent(x_s, derivative) - space.tangent(x_s, turned)
    return squared_norm(average - sg(target))


def progressive(
    v: AverageVelocity,
    w: AverageVelocity,
    x_s: Points,
    s: PerExample,
    u: PerExample,
    t: PerExample,
    *,
    space: Space,
    of_points: bool = True,
) -> PerExample:
    """``distance(X_{s,t}(I_s), sg[ Y_{u,t}(Y_{s,u}(I_s)) ])^2``: one jump equals two on a space.

    Not of points, the residual is that of average velocities, ``|v_{s,t}(I_s) - sg[ log_{I_s}(y) / (t - s) ]|^2`` with
    y the end of both legs.

    Args:
      v: average velocity of the student, tangent at the source point.
      w: average velocity of the map Y that makes the two legs: the model itself.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      u: [batch]; intermediate times between s and t.
      t: [batch]; target times in [0, 1], t >= s.
      space: in which the points move.
      of_points: whether mapped points are compared, and not average velocities.

    Returns:
      [batch]; one squared residual per example.

    Raises:
      ValueError: outside of jit, unless s <= u <= t.

    Examples:
      >>> import jax.numpy as jnp
      >>> from taxonomy.spaces import TORUS
      >>> v, w = (lambda s, t, x, a=a: a * jnp.ones_like(x) for a in (2.0, 2.5))
      >>> x_s, s, u, t = 3 * jnp.ones((1, 1)), jnp.zeros(1), jnp.array([0.5]), jnp.ones(1)
      >>> progressive(v, v, x_s, s, u, t, space=TORUS).tolist()
      [0.0]
      >>> [round(float(r), 4) for r in progressive(v, w, x_s, s, u, t, space=TORUS)]
      [0.25]

    Reference: G-PSD: arXiv 2510.21608; the semigroup identity of arXiv 2602.07744 and its code
      (``semigroup_identity_loss``), "x_loss" and "v_loss". Same time direction.
    """
    times.check_order(s, u, t, needed_by="progressive")
    end = sg(flow_map.jump(w, u, t, flow_map.jump(w, s, u, x_s, space=space), space=space))
    if of_points:
        return squared_norm(space.log(end, flow_map.jump(v, s, t, x_s, space=space)))
    gap = jnp.broadcast_to(expand(t - s, x_s), x_s.shape)
    average = v(s, t, x_s)
    return squared_norm(average - ratio(space.log(x_s, end), gap, otherwise=sg(average)))
