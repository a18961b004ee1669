"""The average divergence D_{s,t} of a map under the three rules: log-densities in as few steps as samples (F2D2).

Along a path the log-density falls by the divergence of the velocity, so that one more average replaces an integral:

    (t - s) D_{s,t}(x) = integral over u from s to t of div b_u(X_{s,u}(x)) = log |det grad X_{s,t}(x)|
    log p_t(X_{s,t}(x)) = log p_s(x) - (t - s) D_{s,t}(x)

D obeys the rules of the average velocity, with ``div b`` in place of b. It needs no Jacobian of the map, whose cost
grows with the dimension. Divergences and points of the map are given, and held: what is trained is d alone.
"""

import jax
from jax.lax import stop_gradient as sg
import jax.numpy as jnp

from taxonomy.arrays import ratio
from taxonomy.flow_map import AverageDivergence
from taxonomy.shapes import PerExample, Points

STOP_GRADIENT = ("derivative", "none")


def diagonal(d: AverageDivergence, x_t: Points, t: PerExample, *, divergence: PerExample) -> PerExample:
    """``(D_{t,t}(I_t) - div b_t(I_t))^2``: over no time, the average divergence is the divergence.

    Args:
      d: average divergence of the student.
      x_t: [batch, ...]; points ``I_t`` at time t.
      t: [batch]; times in [0, 1].
      divergence: [batch]; ``div b_t(I_t)``, or an estimate without bias.

    Returns:
      [batch]; one squared residual per example.

    Examples:
      >>> import jax.numpy as jnp
      >>> d = lambda s, t, x: x[:, 0]
      >>> diagonal(d, jnp.ones((1, 2)), jnp.zeros(1), divergence=jnp.array([3.0])).tolist()  # (1 - 3)^2
      [4.0]

    Reference: Ai, He, Gu, Salakhutdinov, Kolter, Boffi, Simchowitz, "Joint distillation for fast likelihood evaluation
      and sampling in flow-based models" (F2D2), arXiv 2512.02636, L_div and the tangent condition of Prop. 3.3. Same
      time direction; the source is called t there and the target s, and D there is -D here.
    """
    return jnp.square(d(t, t, x_t) - sg(divergence))


def lagrangian(
    d: AverageDivergence,
    x_s: Points,
    s: PerExample,
    t: PerExample,
    *,
    divergence: PerExample,
    stop_gradient: str = "derivative",
) -> PerExample:
    """``(d/dt [(t - s) D_{s,t}(I_s)] - div b_t(X_{s,t}(I_s)))^2``: the end moves, and the divergence there is added.

        "derivative":  (D_{s,t} + (t - s) sg[d/dt D_{s,t}] - div b_t)^2    as published; the jvp is not differentiated
        "none":        (D_{s,t} + (t - s) d/dt D_{s,t} - div b_t)^2

    Args:
      d: average divergence of the student.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1]; t < s is allowed. At s = t this is ``diagonal``.
      divergence: [batch]; ``div b_t`` at the end of the jump, ``X_{s,t}(I_s)``, or an estimate without bias.
      stop_gradient: one of the two above.

    Returns:
      [batch]; one squared residual per example.

    Raises:
      ValueError: on an unknown stop_gradient.

    Examples:
      >>> import jax.numpy as jnp
      >>> d = lambda s, t, x: t - s  # of the integral (t - s)^2
      >>> x_s, s, t = jnp.ones((1, 2)), jnp.zeros(1), jnp.ones(1)
      >>> lagrangian(d, x_s, s, t, divergence=jnp.array([2.0])).tolist()
      [0.0]

    Reference: arXiv 2512.02636, Prop. 3.3 (Lagrangian), where D is -D here; what is stopped is read in the authors'
      code, Keely-Ai/JAX-F2D2, py/common/losses.py, lsd_term, where D has the sign of here. Same time direction.
    """
    if stop_gradient not in STOP_GRADIENT:
        raise ValueError(f"stop_gradient = {stop_gradient!r}; expected one of {', '.join(STOP_GRADIENT)}")
    average, derivative = jax.jvp(lambda t: d(s, t, x_s), (t,), (jnp.ones_like(t),))
    held = sg(derivative) if stop_gradient == "derivative" else derivative
    return jnp.square(average + (t - s) * held - sg(divergence))


def eulerian(
    d: AverageDivergence, x_s: Points, s: PerExample, t: PerExample, *, velocity: Points, divergence: PerExample
) -> PerExample:
    """``(D_{s,t}(I_s) - sg[ div b_s(I_s) + (t - s) D_s[w] d ])^2`` with w the velocity at ``I_s``: the start moves.

    ``D_s[w] d = d/ds D_{s,t}(I_s) + grad D_{s,t}(I_s) . w`` is one jvp. The rule knows b alone, no jump of the map.

    Args:
      d: average divergence of the student.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1]; t < s is allowed. At s = t this is ``diagonal``.
      velocity: [batch, ...]; w at ``I_s``: ``b_s(I_s)``, or the sample's ``dI_s``, whose noise leaves no bias.
      divergence: [batch]; ``div b_s(I_s)``, or an estimate without bias.

    Returns:
      [batch]; one squared residual per example.

    Examples:
      >>> import jax.numpy as jnp
      >>> d = lambda s, t, x: t + s  # of the integral t^2 - s^2, along any path
      >>> x_s, s, t = jnp.ones((1, 2)), jnp.array([0.25]), jnp.ones(1)
      >>> eulerian(d, x_s, s, t, velocity=jnp.ones((1, 2)), divergence=jnp.array([0.5])).tolist()
      [0.0]

    Reference: arXiv 2512.02636, Prop. 3.3 (Eulerian) and MeanFlow-F2D2, Sec. 3.2, with the sample's velocity. Same time
      direction; the source is called t there and the target s, and D there is -D here.
    """
    average, derivative = jax.jvp(lambda s, x: d(s, t, x), (s, x_s), (jnp.ones_like(s), sg(velocity)))
    return jnp.square(average - sg(divergence + (t - s) * derivative))


def semigroup(
    d: AverageDivergence,
    target: AverageDivergence,
    x_s: Points,
    s: PerExample,
    u: PerExample,
    t: PerExample,
    *,
    reached: Points,
) -> PerExample:
    """``(D_{s,t}(I_s) - sg[ (1-g) D_{s,u}(I_s) + g D_{u,t}(X_{s,u}(I_s)) ])^2`` with ``g = (t - u) / (t - s)``.

    The integral over a jump is the sum of those over its two legs. The rule has no divergence in it: without
    ``diagonal`` beside it, every constant head obeys it.

    Args:
      d: average divergence of the student.
      target: average divergence that makes the two legs: the student itself, or its EMA.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      u: [batch]; times between s and t.
      t: [batch]; target times in [0, 1]; t < s is allowed.
      reached: [batch, ...]; ``X_{s,u}(I_s)``, where the map is at the time between.

    Returns:
      [batch]; one squared residual per example.

    Examples:
      >>> import jax.numpy as jnp
      >>> d = lambda s, t, x: t + s  # of the integral t^2 - s^2
      >>> x_s, s, u, t = jnp.ones((1, 2)), jnp.zeros(1), jnp.array([0.25]), jnp.ones(1)
      >>> semigroup(d, d, x_s, s, u, t, reached=2 * x_s).tolist()
      [0.0]

    Reference: arXiv 2512.02636, Prop. 3.3 (semigroup) and Shortcut-F2D2, with u the midpoint. Same time direction; the
      source is called t there and the target s, and D there is -D here.
    """
    second_weight = ratio(t - u, t - s, otherwise=0.5)
    legs = (1 - second_weight) * target(s, u, x_s) + second_weight * target(u, t, reached)
    return jnp.square(d(s, t, x_s) - sg(legs))
