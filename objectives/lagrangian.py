"""Lagrangian objectives: moving the target time t must follow the velocity at the mapped point."""

import jax
from jax.lax import stop_gradient as sg

from taxonomy import flow_map
from taxonomy.arrays import expand, squared_norm
from taxonomy.flow_map import AverageVelocity, Velocity

STOP_GRADIENT = ("velocity", "none", "target")
PULLED_BACK = ("none", "target")


def lagrangian(
    v: AverageVelocity, b: Velocity, x_s: jax.Array, s: jax.Array, t: jax.Array, *, stop_gradient: str = "velocity"
) -> jax.Array:
    """``|d/dt X_{s,t}(I_s) - b_t(X_{s,t}(I_s))|^2``: LSD with the model's own velocity, LMD with a teacher's.

        "velocity":  |d/dt X - sg[ b_t( sg[X] ) ]|^2                        LSD as recommended; through the jvp
        "none":      |d/dt X - b_t(X)|^2                                    LMD; through the input of b too
        "target":    |v_{s,t} - sg[ b_t(X) - (t - s) d/dt v_{s,t} ]|^2      AYF-LMD; the jvp is not differentiated

    Args:
      v: average velocity of the student.
      b: velocity field that makes the target: ``flow_map.diagonal(v)`` (self-distillation) or a teacher.
      x_s: [batch, ...]; points ``I_s`` at time s. The derivative is taken at these points, not at the mapped ones.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1]; t < s is allowed. At s = t residual and gradient are zero for b = v_{t,t}.
      stop_gradient: one of the three above, which have the same value and differ in their gradient.

    Returns:
      [batch]; one squared residual per example.

    Raises:
      ValueError: on an unknown stop_gradient.

    Reference: LSD: Boffi, Albergo, Vanden-Eijnden, "How to build a consistency model: learning flow maps via
      self-distillation", arXiv 2505.18825, Prop. 2.3. LMD: the same authors, "Flow map matching with stochastic
      interpolants", arXiv 2406.07507, Sec. 3 (Lagrangian map distillation). Same time direction in both. AYF-LMD:
      Sabour, Fidler, Kreis, "Align your flow", arXiv 2506.14603, whose gradient is this one times (t - s) / 2; there
      noise is at time 1 and the source is called t.
    """
    if stop_gradient == "target":
        average, derivative = flow_map.average_d_t(v, s, t, x_s)
        gap = expand(t - s, x_s)
        return squared_norm(average - sg(b(t, x_s + gap * average) - gap * derivative))
    mapped, d_mapped = flow_map.d_t(v, s, t, x_s)
    if stop_gradient == "velocity":
        velocity = sg(b(t, sg(mapped)))
    elif stop_gradient == "none":
        velocity = b(t, mapped)
    else:
        raise ValueError(f"stop_gradient = {stop_gradient!r}; expected one of {', '.join(STOP_GRADIENT)}")
    return squared_norm(d_mapped - velocity)


def pulled_back(
    v: AverageVelocity,
    w: AverageVelocity,
    velocity: jax.Array,
    x_t: jax.Array,
    s: jax.Array,
    t: jax.Array,
    *,
    stop_gradient: str = "none",
) -> jax.Array:
    """The Lagrangian rule at the source of ``I_t``, ``y = Y_{t,s}(I_t)``, so that the velocity is that of ``I_t``.

        "none":    |d/dt X_{s,t}(y) - velocity|^2                            FMM; also through y
        "target":  |v_{s,t}(sg[y]) - sg[ velocity - (t - s) d/dt v ]|^2      LMF; the jvp is not differentiated

    Because the velocity is evaluated at ``I_t`` itself, the sample's own ``dI_t`` may be used, without a teacher.

    Args:
      v: average velocity of the student, trained in both directions of time.
      w: average velocity of the map Y that pulls back: the student itself.
      velocity: [batch, ...]; at ``I_t``: the sample's ``dI_t``, or a teacher's ``b_t(I_t)``.
      x_t: [batch, ...]; points ``I_t`` at time t.
      s: [batch]; times in [0, 1].
      t: [batch]; times in [0, 1], on either side of s. At s = t this is flow matching.
      stop_gradient: "none" or "target", as above.

    Returns:
      [batch]; one squared residual per example.

    Raises:
      ValueError: on an unknown stop_gradient.

    Reference: FMM: Boffi, Albergo, Vanden-Eijnden, arXiv 2406.07507, Sec. 3 (flow map matching; with
      ``round_trip`` added). LMF: the Lagrangian mean flow of "Riemannian mean flow", arXiv 2602.07744, in flat space.
      Same time direction in both.
    """
    if stop_gradient == "none":
        source = flow_map.jump(w, t, s, x_t)
        return squared_norm(flow_map.d_t(v, s, t, source)[1] - velocity)
    if stop_gradient == "target":
        source = sg(flow_map.jump(w, t, s, x_t))
        average, derivative = flow_map.average_d_t(v, s, t, source)
        return squared_norm(average - sg(velocity - expand(t - s, x_t) * derivative))
    raise ValueError(f"stop_gradient = {stop_gradient!r}; expected one of {', '.join(PULLED_BACK)}")


def round_trip(v: AverageVelocity, x_t: jax.Array, s: jax.Array, t: jax.Array) -> jax.Array:
    """``|X_{s,t}( X_{t,s}(I_t) ) - I_t|^2``: the map back is the inverse, the second term of FMM.

    Args:
      v: average velocity of the student, trained in both directions of time.
      x_t: [batch, ...]; points ``I_t`` at time t.
      s: [batch]; times in [0, 1].
      t: [batch]; times in [0, 1].

    Returns:
      [batch]; one squared residual per example.

    Reference: arXiv 2406.07507, Sec. 3 (flow map matching). Same time direction.
    """
    return squared_norm(flow_map.jump(v, s, t, flow_map.jump(v, t, s, x_t)) - x_t)
