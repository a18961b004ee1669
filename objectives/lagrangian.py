"""Lagrangian objectives: moving the target time t must follow the velocity at the mapped point."""

import jax
from jax.lax import stop_gradient as sg

from taxonomy import flow_map
from taxonomy.arrays import squared_norm
from taxonomy.flow_map import AverageVelocity, Velocity

STOP_GRADIENT = ("velocity", "none")


def lagrangian(
    v: AverageVelocity, b: Velocity, x_s: jax.Array, s: jax.Array, t: jax.Array, *, stop_gradient: str = "velocity"
) -> jax.Array:
    """``|d/dt X_{s,t}(I_s) - b_t(X_{s,t}(I_s))|^2``: LSD with the model's own velocity, LMD with a teacher's.

        "velocity":  |d/dt X - sg[ b_t( sg[X] ) ]|^2      LSD as recommended; the gradient passes through the jvp
        "none":      |d/dt X - b_t(X)|^2                  LMD; the gradient also passes through the input of b

    Args:
      v: average velocity of the student.
      b: velocity field that makes the target: ``flow_map.diagonal(v)`` (self-distillation) or a teacher.
      x_s: [batch, ...]; points ``I_s`` at time s. The derivative is taken at these points, not at the mapped ones.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1]; t < s is allowed. At s = t residual and gradient are zero for b = v_{t,t}.
      stop_gradient: "velocity" or "none", as above.

    Returns:
      [batch]; one squared residual per example.

    Raises:
      ValueError: on an unknown stop_gradient.

    Reference: LSD: Boffi, Albergo, Vanden-Eijnden, "How to build a consistency model: learning flow maps via
      self-distillation", arXiv 2505.18825, Prop. 2.3. LMD: the same authors, "Flow map matching with stochastic
      interpolants", arXiv 2406.07507, Sec. 3 (Lagrangian map distillation). Same time direction in both.
    """
    mapped, d_mapped = flow_map.d_t(v, s, t, x_s)
    if stop_gradient == "velocity":
        velocity = sg(b(t, sg(mapped)))
    elif stop_gradient == "none":
        velocity = b(t, mapped)
    else:
        raise ValueError(f"stop_gradient = {stop_gradient!r}; expected one of {', '.join(STOP_GRADIENT)}")
    return squared_norm(d_mapped - velocity)
