"""Continuous consistency in the variables of later papers: TrigFlow, clipped tangents, differences along the path.

All have the exact ``X_{s,1}`` as their solution; they differ in the weight and in how a tangent is bounded.
"""

import jax
from jax.lax import stop_gradient as sg
import jax.numpy as jnp

from objectives.losses.eulerian import normalized
from taxonomy import conversions, flow_map, times
from taxonomy.arrays import expand, squared_norm
from taxonomy.flow_map import AverageVelocity
from taxonomy.shapes import PerExample, Points, Scalar


def continuous_consistency(
    v: AverageVelocity,
    x_s: Points,
    s: PerExample,
    t: PerExample,
    *,
    velocity: Points,
) -> PerExample:
    """``|X_{s,t} - sg[ X_{s,t} + d/ds X_{s,t} + grad X_{s,t} . w ]|^2``: the limit of ``consistency`` as u -> s.

    The value is the squared Eulerian residual; the gradient is the limit of the gradient of
    ``consistency / (u - s)``, and ``(t - s)`` times that of ``eulerian(..., stop_gradient="target")``.

    Args:
      v: average velocity of the student; its map X is a consistency model at t = 1.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      t: [batch]; end times, 1 in the papers, t >= s.
      velocity: [batch, ...]; w at ``I_s``: the sample's ``dI_s`` (CT) or a teacher's ``b_s(I_s)`` (CD).

    Returns:
      [batch]; one squared residual per example. The derivative is stopped: no gradient passes through the jvp.

    Raises:
      ValueError: outside of jit, unless s <= t.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)  # X_{s,t}(x) = x + 2 (t - s)
      >>> x_s, s, t = jnp.zeros((1, 1)), jnp.zeros(1), jnp.ones(1)
      >>> continuous_consistency(v, x_s, s, t, velocity=2 * jnp.ones((1, 1))).tolist()
      [0.0]
      >>> continuous_consistency(v, x_s, s, t, velocity=3 * jnp.ones((1, 1))).tolist()  # |-2 + 3|^2
      [1.0]

    Reference: Song, Dhariwal, Chen, Sutskever, arXiv 2303.01469, Appendix B (continuous time). Time as in
      ``consistency``.
    """
    times.check_order(s, t, t, needed_by="continuous_consistency")
    end, moved = flow_map.d_source(v, s, t, x_s, velocity)
    return squared_norm(end - sg(end + moved))


def trigflow(
    v: AverageVelocity,
    x_s: Points,
    s: PerExample,
    *,
    velocity: Points,
    warm_up: Scalar | float = 1.0,
    normalize: float | None = 0.1,
    clip: float | None = None,
) -> PerExample:
    """``|F - sg[F + g]|^2`` with F the TrigFlow output of ``X_{s,1}`` and g the tangent of sCM.

        g = -cos^2(tau) (F - dx/dtau) - warm_up cos(tau) sin(tau) (x_tau + dF/dtau)

    on the circle ``x_tau = I_s / N_s``, ``tan(tau) = (1 - s) / s``, ``N_s^2 = (1 - s)^2 + s^2``. At warm_up = 1 it is
    ``g = cos(tau) d/dtau X_{s,1}``. Nothing is divided by a small number.

    Args:
      v: average velocity of the student.
      x_s: [batch, ...]; points ``I_s`` on the linear path.
      s: [batch]; source times in [0, 1].
      velocity: [batch, ...]; w at ``I_s``: the sample's ``dI_s`` (sCT) or a teacher's ``b_s(I_s)`` (sCD).
      warm_up: []; weight of the part with the derivative of F, in [0, 1].
      normalize: positive offset c of ``g / (|g| + c)``; None for no normalization.
      clip: positive bound of each coordinate of g, after the normalization; None for none.

    Returns:
      [batch]; ``|g|^2`` per example, after the normalization and the bound.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: -x / (1 - s)[:, None]  # the exact map to data that are 0: X_{s,1}(x) = 0
      >>> x_s, s = jnp.ones((1, 1)), jnp.array([0.5])
      >>> round(float(trigflow(v, x_s, s, velocity=-2 * x_s)[0]), 6)
      0.0

    Reference: Lu, Song, "Simplifying, stabilizing and scaling continuous-time consistency models", arXiv 2410.11081
      (Algorithm 1), with data of unit standard deviation. There tau runs from 0 (data) to pi / 2 (noise):
      d/dtau = -N_s^2 d/ds.
    """

    def output(s: PerExample, x: Points) -> Points:
        return conversions.trigflow_from_velocity(v(s, jnp.ones_like(s), x), s, x)

    tau = conversions.angle_from_time(s)
    cos, sin = expand(jnp.cos(tau), x_s), expand(jnp.sin(tau), x_s)
    square = expand((1 - s) ** 2 + s**2, x_s)
    value, derivative = jax.jvp(output, (s, x_s), (jnp.ones_like(s), velocity))
    x_tau = expand(conversions.scale_angle(s), x_s) * x_s
    # The velocity on the circle is the F of the path's own velocity.
    moved = conversions.trigflow_from_velocity(velocity, s, x_s)
    tangent = -(cos**2) * (value - moved) - warm_up * cos * sin * (x_tau - square * derivative)
    if normalize is not None:
        tangent = normalized(tangent, offset=normalize)
    if clip is not None:
        tangent = jnp.clip(tangent, -clip, clip)
    return squared_norm(value - sg(value + tangent))


def clipped(
    v: AverageVelocity, x_s: Points, s: PerExample, *, velocity: Points, clip: Scalar | float = 1.0, power: float = 0.5
) -> PerExample:
    """``|v_{s,1} - sg[ v_{s,1} + (1 - s^power) clip(R) ]|^2`` with ``R = w + (1 - s) D_s[w] v - v_{s,1}``: FACM.

    Args:
      v: average velocity of the student.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      velocity: [batch, ...]; w at ``I_s``: the sample's ``dI_s`` or a teacher's ``b_s(I_s)``.
      clip: bound of each coordinate of R, positive.
      power: of s in the factor, positive.

    Returns:
      [batch]; one squared tangent per example.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)  # X_{s,t}(x) = x + 2 (t - s)
      >>> x_s, s = jnp.zeros((1, 1)), jnp.zeros(1)
      >>> clipped(v, x_s, s, velocity=2 * jnp.ones((1, 1))).tolist()
      [0.0]
      >>> clipped(v, x_s, s, velocity=9 * jnp.ones((1, 1)), clip=1.0).tolist()  # R = 7, clipped to 1
      [1.0]

    Reference: FACM, arXiv 2507.03738, and its public code; same time direction. The value of the power is not
      verified.
    """
    end = jnp.ones_like(s)
    average, derivative = flow_map.total_derivative(v, s, end, x_s, velocity)
    residual = velocity + expand(1 - s, x_s) * derivative - average
    tangent = expand(1 - s**power, x_s) * jnp.clip(residual, -clip, clip)
    return squared_norm(average - sg(average + tangent))


def along_path(
    v: AverageVelocity,
    w: AverageVelocity,
    x_s: Points,
    s: PerExample,
    *,
    behind: tuple[PerExample, Points],
    ahead: tuple[PerExample, Points],
    clip: Scalar | float = 1.0,
) -> PerExample:
    """``|v_{s,1} - sg[ w_{s,1} + c_s clip( (Y_{q,1}(I_q) - Y_{p,1}(I_p)) / (q - p) ) ]|^2``: UCGM, without jvp.

    With ``c_s = 4 (1 - s) / sin(1.57 (1 - s))``. The end of the path must not move while the source moves along it.

    Args:
      v: average velocity of the student.
      w: average velocity of the map Y that makes the target.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1).
      behind: p [batch] and ``I_p`` [batch, ...], of the same noise and data.
      ahead: q [batch] and ``I_q`` [batch, ...]: on both sides of s for consistency ratio 1, p = s and
        ``1 - q = ratio (1 - s)`` for a ratio between 0 and 1.
      clip: bound of each coordinate of the difference, positive.

    Returns:
      [batch]; one squared residual per example.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)  # X_{s,t}(x) = x + 2 (t - s)
      >>> x_s, s, step = jnp.ones((1, 1)), jnp.array([0.5]), 0.25
      >>> behind, ahead = (s - step, x_s - 2 * step), (s + step, x_s + 2 * step)
      >>> along_path(v, v, x_s, s, behind=behind, ahead=ahead).tolist()
      [0.0]

    Reference: UCGM, arXiv 2505.07447, and its public code, where time is the noise level 1 - s.
    """
    (p, x_p), (q, x_q) = behind, ahead
    end = jnp.ones_like(s)
    moved = (flow_map.jump(w, q, end, x_q) - flow_map.jump(w, p, end, x_p)) / expand(q - p, x_s)
    # The noise level is kept off 0, where the factor has the limit 4 / 1.57.
    noise = jnp.maximum(1 - s, 1e-6)
    factor = expand(4 * noise / jnp.sin(1.57 * noise), x_s)
    return squared_norm(v(s, end, x_s) - sg(w(s, end, x_s) + factor * jnp.clip(moved, -clip, clip)))
