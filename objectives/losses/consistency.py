"""Consistency objectives: neighbouring points of one path must be sent to the same end point."""

from jax.lax import stop_gradient as sg
import jax.numpy as jnp

from taxonomy import flow_map, times
from taxonomy.arrays import squared_norm
from taxonomy.flow_map import AverageVelocity
from taxonomy.shapes import PerExample, Points

STOP_GRADIENT = ("target", "none")


def consistency(
    v: AverageVelocity,
    w: AverageVelocity,
    x_s: Points,
    s: PerExample,
    u: PerExample,
    t: PerExample,
    *,
    x_u: Points,
    stop_gradient: str = "target",
) -> PerExample:
    """``|X_{s,t}(I_s) - sg[ Y_{u,t}(x_u) ]|^2`` at finite step u - s: consistency training and distillation.

    Args:
      v: average velocity of the student; its map X is a consistency model at t = 1.
      w: average velocity of the map Y that makes the target: the model itself or its EMA.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      u: [batch]; times of the neighbours, s <= u <= t. Where u = t the target is the neighbour itself.
      t: [batch]; end times, 1 in the papers.
      x_u: [batch, ...]; the neighbours at time u: ``I_u`` of the same noise and data (CT), or one ODE step of a
        teacher from ``I_s`` (CD, ``flow_map.midpoint_step``; Heun's in the paper).
      stop_gradient: "target", as above, or "none".

    Returns:
      [batch]; one squared residual per example; of order (u - s)^2, see ``weighting.inverse_step``. With CT the
      target is biased at finite step and unbiased in the limit.

    Raises:
      ValueError: on an unknown stop_gradient, or, outside of jit, unless s <= u <= t.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)  # X_{s,t}(x) = x + 2 (t - s)
      >>> x_s, s, u, t = jnp.zeros((1, 1)), jnp.zeros(1), jnp.array([0.5]), jnp.ones(1)
      >>> consistency(v, v, x_s, s, u, t, x_u=jnp.ones((1, 1))).tolist()  # both reach 2
      [0.0]
      >>> consistency(v, v, x_s, s, u, t, x_u=jnp.zeros((1, 1))).tolist()  # 2 against 1
      [1.0]

    Reference: Song, Dhariwal, Chen, Sutskever, "Consistency models", arXiv 2303.01469, eq. (7) and (10). There noise
      grows with time: ``x_sigma = x1 + sigma x0``; s = 1 / (1 + sigma) and ``I_s = s x_sigma``.
    """
    if stop_gradient not in STOP_GRADIENT:
        raise ValueError(f"stop_gradient = {stop_gradient!r}; expected one of {', '.join(STOP_GRADIENT)}")
    times.check_order(s, u, t, needed_by="consistency")
    target = flow_map.jump(w, u, t, x_u)
    if stop_gradient == "target":
        target = sg(target)
    return squared_norm(flow_map.jump(v, s, t, x_s) - target)


def trajectory(
    v: AverageVelocity,
    w: AverageVelocity,
    x_s: Points,
    s: PerExample,
    u: PerExample,
    t: PerExample,
    *,
    inner: AverageVelocity,
    x_u: Points,
) -> PerExample:
    """``|Y_{t,1}( X_{s,t}(I_s) ) - sg[ Y_{t,1}( Z_{u,t}(x_u) ) ]|^2``: two jumps to t, compared at the data.

    The weights of the outer jump are not trained, but the gradient flows through its input.

    Args:
      v: average velocity of the student.
      w: average velocity of the map Y of the outer jump: the student's EMA.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      u: [batch]; times in between; u = t is the regression on the teacher's trajectory.
      t: [batch]; target times in [0, 1]; t = 1 is ``consistency``.
      inner: average velocity of the map Z that takes the teacher's point to t: the student, or its EMA.
      x_u: [batch, ...]; where a teacher's ODE takes them at time u.

    Returns:
      [batch]; one squared residual per example.

    Raises:
      ValueError: outside of jit, unless s <= u <= t.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)  # X_{s,t}(x) = x + 2 (t - s)
      >>> x_s, s, u, t = jnp.zeros((1, 1)), jnp.zeros(1), jnp.array([0.25]), jnp.array([0.5])
      >>> trajectory(v, v, x_s, s, u, t, inner=v, x_u=0.5 * jnp.ones((1, 1))).tolist()
      [0.0]

    Reference: Kim et al., "Consistency trajectory models", arXiv 2310.02279, without the adversarial term; there
      noise grows with time, see ``consistency``.
    """
    times.check_order(s, u, t, needed_by="trajectory")
    end = jnp.ones_like(t)
    estimate = flow_map.jump(w, t, end, flow_map.jump(v, s, t, x_s))
    target = flow_map.jump(w, t, end, flow_map.jump(inner, u, t, x_u))
    return squared_norm(estimate - sg(target))


def straightness(
    v: AverageVelocity,
    w: AverageVelocity,
    x_s: Points,
    s: PerExample,
    u: PerExample,
    t: PerExample,
    *,
    x_u: Points,
) -> PerExample:
    """``|v_{s,t}(I_s) - sg[ w_{u,t}(x_u) ]|^2``: the average velocity does not change along the path.

    A prior, not a rule: the exact map fulfils it only where paths are straight.

    Args:
      v: average velocity of the student.
      w: average velocity that makes the target: the model itself, or its EMA.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      u: [batch]; times of the neighbours.
      t: [batch]; the common target times, the ends of segments.
      x_u: [batch, ...]; the neighbours ``I_u`` of the same noise and data.

    Returns:
      [batch]; one squared residual per example.

    Examples:
      >>> import jax.numpy as jnp
      >>> x_s, s, u, t = jnp.zeros((1, 1)), jnp.zeros(1), jnp.array([0.5]), jnp.ones(1)
      >>> v = lambda s, t, x: x
      >>> straightness(v, v, x_s, s, u, t, x_u=jnp.ones((1, 1))).tolist()  # average velocities 0 and 1
      [1.0]

    Reference: consistency flow matching, arXiv 2407.02398, whose second term it is. Same time direction.
    """
    return squared_norm(v(s, t, x_s) - sg(w(u, t, x_u)))
