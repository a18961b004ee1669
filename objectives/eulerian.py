"""Eulerian objectives: moving the source along the path must leave the target where it is."""

import jax
from jax.lax import stop_gradient as sg

from taxonomy import flow_map
from taxonomy.arrays import expand, squared_norm
from taxonomy.flow_map import AverageVelocity

STOP_GRADIENT = ("advection", "velocity", "none", "target")


def eulerian(
    v: AverageVelocity,
    velocity: jax.Array,
    x_s: jax.Array,
    s: jax.Array,
    t: jax.Array,
    *,
    stop_gradient: str = "advection",
) -> jax.Array:
    """``|d/ds X_{s,t}(I_s) + grad X_{s,t}(I_s) . w|^2`` with w the velocity at ``I_s``: ESD, EMD and MeanFlow.

        "advection":  |d/ds X + sg[ grad X . w ]|^2               ESD as recommended (called "full" by its authors)
        "velocity":   |d/ds X + grad X . sg[w]|^2                 ESD, called "convex" by its authors
        "none":       |d/ds X + grad X . w|^2                     ESD without stop-gradient; EMD
        "target":     |v_{s,t} - sg[ w + (t - s) D_s[w] v ]|^2    MeanFlow; the jvp is not differentiated

    All four have the same value and differ in their gradient. Only linear use of w inside the stopped part keeps a
    noisy ``w = dI_s`` unbiased: "advection" and "target" do, "velocity" and "none" add a variance term.

    Args:
      v: average velocity of the student.
      velocity: [batch, ...]; w at ``I_s``: the model's own ``v_{s,s}(I_s)`` (ESD), a teacher's ``b_s(I_s)`` (EMD), or
        the sample's ``dI_s`` (MeanFlow).
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1]; t < s is allowed. At s = t the residual is ``w - v_{t,t}``.
      stop_gradient: one of the four above.

    Returns:
      [batch]; one squared residual per example.

    Raises:
      ValueError: on an unknown stop_gradient.

    Reference: ESD: Boffi, Albergo, Vanden-Eijnden, arXiv 2505.18825, Prop. 2.3. EMD: arXiv 2406.07507, Sec. 3
      (Eulerian map distillation). Same time direction. MeanFlow: Geng, Deng, Bai, Kolter, He, arXiv 2505.13447,
      eq. (9) and (10), where time runs from data to noise: s = 1 - t_paper, t = 1 - r_paper, v = -u, w = -v_paper.
    """
    if stop_gradient == "advection":
        advected = sg(flow_map.advect(v, s, t, x_s, velocity)[1])
        residual = flow_map.d_s(v, s, t, x_s)[1] + advected
    elif stop_gradient == "velocity":
        residual = flow_map.d_source(v, s, t, x_s, sg(velocity))[1]
    elif stop_gradient == "none":
        residual = flow_map.d_source(v, s, t, x_s, velocity)[1]
    elif stop_gradient == "target":
        average, derivative = flow_map.total_derivative(v, s, t, x_s, velocity)
        residual = average - sg(velocity + expand(t - s, x_s) * derivative)
    else:
        raise ValueError(f"stop_gradient = {stop_gradient!r}; expected one of {', '.join(STOP_GRADIENT)}")
    return squared_norm(residual)
