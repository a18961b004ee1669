"""Eulerian objectives: moving the source along the path must leave the target where it is."""

from jax.lax import stop_gradient as sg
import jax.numpy as jnp

from objectives.losses.direct import misalignment
from taxonomy import flow_map, times
from taxonomy.arrays import expand, ratio, squared_norm
from taxonomy.flow_map import AverageVelocity
from taxonomy.shapes import PerExample, Points, Scalar

STOP_GRADIENT = ("advection", "velocity", "none", "target")


def eulerian(
    v: AverageVelocity,
    x_s: Points,
    s: PerExample,
    t: PerExample,
    *,
    velocity: Points,
    stop_gradient: str = "advection",
    tangent: Points | None = None,
    passed: Scalar | float | None = None,
) -> PerExample:
    """``|d/ds X_{s,t}(I_s) + grad X_{s,t}(I_s) . w|^2`` with w the velocity at ``I_s``: ESD, EMD and MeanFlow.

        "advection":  |d/ds X + sg[ grad X . w ]|^2               ESD as recommended (called "full" by its authors)
        "velocity":   |d/ds X + grad X . sg[w]|^2                 ESD, called "convex" by its authors
        "none":       |d/ds X + grad X . w|^2                     ESD without stop-gradient; EMD
        "target":     |v_{s,t} - sg[ w + (t - s) D_s[w] v ]|^2    MeanFlow; the jvp is not differentiated

    All four have the same value and differ in their gradient. Only linear use of w inside the stopped part keeps a
    noisy ``w = dI_s`` unbiased: "advection" and "target" do, "velocity" and "none" add a variance term.

    Args:
      v: average velocity of the student.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1]; t < s is allowed. At s = t the residual is ``w - v_{t,t}``.
      velocity: [batch, ...]; w at ``I_s``: the model's own ``v_{s,s}(I_s)`` (ESD), a teacher's ``b_s(I_s)`` (EMD), or
        the sample's ``dI_s`` (MeanFlow).
      stop_gradient: one of the four above.
      tangent: [batch, ...]; direction of the derivative in "target" where it is not w: improved MeanFlow takes
        the model's own ``v_{s,s}(I_s)``, which has no noise, and keeps ``w = dI_s`` as what is regressed on.
      passed: []; share of the gradient that passes the derivative ``D_s[w] v`` in "target", in [0, 1]; None for none.
        The value stays the same. Above 0 a noisy w adds a variance term of that share.

    Returns:
      [batch]; one squared residual per example.

    Raises:
      ValueError: on an unknown stop_gradient, or a tangent or a passed share with another mode than "target".

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)  # X_{s,t}(x) = x + 2 (t - s)
      >>> x_s, s, t = jnp.zeros((1, 2)), jnp.zeros(1), jnp.ones(1)
      >>> eulerian(v, x_s, s, t, velocity=2 * jnp.ones((1, 2))).tolist()  # its own velocity: the exact map
      [0.0]
      >>> eulerian(v, x_s, s, t, velocity=jnp.ones((1, 2))).tolist()  # |-2 + 1|^2 in each of two coordinates
      [2.0]

    Reference: ESD: Boffi, Albergo, Vanden-Eijnden, arXiv 2505.18825, Prop. 2.3. EMD: arXiv 2406.07507, Sec. 3
      (Eulerian map distillation). Same time direction. MeanFlow: Geng, Deng, Bai, Kolter, He, arXiv 2505.13447,
      eq. (9) and (10), where time runs from data to noise: s = 1 - t_paper, t = 1 - r_paper, v = -u, w = -v_paper.
      Improved MeanFlow: "Improved mean flows", arXiv 2512.02012, same variables; there the derivative is on the
      side of the prediction, which gives the same gradient as long as it is stopped. The passed share: "Modular
      MeanFlow", arXiv 2508.17426, SG_lambda, as MeanFlow's variables.
    """
    if tangent is not None and stop_gradient != "target":
        raise ValueError(f"a tangent of its own needs stop_gradient = 'target'; received {stop_gradient!r}")
    if passed is not None and stop_gradient != "target":
        raise ValueError(f"a share of the gradient needs stop_gradient = 'target'; received {stop_gradient!r}")
    if stop_gradient == "advection":
        advected = sg(flow_map.advect(v, s, t, x_s, velocity)[1])
        residual = flow_map.d_s(v, s, t, x_s)[1] + advected
    elif stop_gradient == "velocity":
        residual = flow_map.d_source(v, s, t, x_s, sg(velocity))[1]
    elif stop_gradient == "none":
        residual = flow_map.d_source(v, s, t, x_s, velocity)[1]
    elif stop_gradient == "target":
        direction = velocity if tangent is None else sg(tangent)
        average, derivative = flow_map.total_derivative(v, s, t, x_s, direction)
        held = sg(derivative) if passed is None else partly_stopped(derivative, passed=passed)
        residual = average - sg(velocity) - expand(t - s, x_s) * held
    else:
        raise ValueError(f"stop_gradient = {stop_gradient!r}; expected one of {', '.join(STOP_GRADIENT)}")
    return squared_norm(residual)


def partly_stopped(x: Points, *, passed: Scalar | float) -> Points:
    """``passed x + (1 - passed) sg[x]``: the value of x, and a share of its gradient.

    Args:
      x: [batch, ...].
      passed: []; in [0, 1].

    Returns:
      [batch, ...].

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> jax.grad(lambda x: (3 * partly_stopped(x, passed=0.5)).sum())(jnp.ones((1, 2))).tolist()
      [[1.5, 1.5]]

    Reference: SG_lambda of "Modular MeanFlow", arXiv 2508.17426.
    """
    return passed * x + (1 - passed) * sg(x)


def tangent_step(
    v: AverageVelocity,
    x_s: Points,
    s: PerExample,
    t: PerExample,
    *,
    velocity: Points,
    warm_up: Scalar | float = 1.0,
    normalize: float | None = None,
) -> PerExample:
    """``|v_{s,t} - sg[ v_{s,t} + g ]|^2`` with g the Eulerian residual, warmed up and normalized: AYF-EMD.

        R = w - v_{s,t} + warm_up (t - s) D_s[w] v,    g = R / (|R| + normalize)

    The gradient is ``-2 g . grad v``; with warm_up = 1 and no normalization it is that of the
    mode "target" of ``eulerian``.

    Args:
      v: average velocity of the student.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].
      velocity: [batch, ...]; w at ``I_s``: a teacher's ``b_s(I_s)``, or the sample's ``dI_s``.
      warm_up: []; weight of the derivative, in [0, 1]. Below 1 the map is pulled towards straight paths.
      normalize: positive; None for no normalization.

    Returns:
      [batch]; ``|g|^2`` per example.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: jnp.zeros_like(x)
      >>> x_s, s, t, velocity = jnp.zeros((1, 1)), jnp.zeros(1), jnp.ones(1), 3 * jnp.ones((1, 1))
      >>> tangent_step(v, x_s, s, t, velocity=velocity).tolist()  # R = 3
      [9.0]
      >>> tangent_step(v, x_s, s, t, velocity=velocity, normalize=3.0).tolist()  # (3 / (3 + 3))^2
      [0.25]

    Reference: AYF-EMD: Sabour, Fidler, Kreis, "Align your flow", arXiv 2506.14603, where noise is at time 1 and the
      source is called t; the normalization is that of sCM, arXiv 2410.11081.
    """
    average, derivative = flow_map.total_derivative(v, s, t, x_s, velocity)
    residual = velocity - average + warm_up * expand(t - s, x_s) * derivative
    if normalize is not None:
        residual = normalized(residual, offset=normalize)
    return squared_norm(average - sg(average + residual))


def normalized(residual: Points, *, offset: float) -> Points:
    """``r / (|r| + offset)`` per example: large tangents become of length one.

    Args:
      residual: [batch, ...].
      offset: positive.

    Returns:
      [batch, ...].

    Examples:
      >>> import jax.numpy as jnp
      >>> normalized(jnp.array([[0.0, 3.0]]), offset=1.0).tolist()  # of length 3 / (3 + 1)
      [[0.0, 0.75]]
    """
    return residual / expand(jnp.sqrt(squared_norm(residual)) + offset, residual)


def discrete(
    v: AverageVelocity,
    w: AverageVelocity,
    x_s: Points,
    s: PerExample,
    u: PerExample,
    t: PerExample,
    *,
    velocity: Points,
) -> PerExample:
    """``|v_{s,t}(I_s) - sg[ a velocity + (1 - a) w_{u,t}(I_s + (u - s) velocity) ]|^2``: a finite step of the source.

    With ``a = (u - s) / (t - s)``, the share of the first leg, which is an Euler step along the velocity. At a = 1 the
    whole jump is regressed on the velocity; divided by a, the gradient tends to that of MeanFlow as a -> 0.

    Args:
      v: average velocity of the student.
      w: average velocity of the map that makes the second leg: the model itself, or its EMA.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      u: [batch]; times between s and t.
      t: [batch]; target times in [0, 1], t >= s. At s = t this is flow matching.
      velocity: [batch, ...]; at ``I_s``: the sample's ``dI_s``, or a teacher's.

    Returns:
      [batch]; one squared residual per example.

    Raises:
      ValueError: outside of jit, unless s <= u <= t.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)  # X_{s,t}(x) = x + 2 (t - s)
      >>> x_s, s, u, t = jnp.zeros((1, 2)), jnp.zeros(1), jnp.array([0.5]), jnp.ones(1)
      >>> discrete(v, v, x_s, s, u, t, velocity=2 * jnp.ones((1, 2))).tolist()
      [0.0]

    Reference: alpha-Flow, arXiv 2510.20771, whose loss is this one over a; SoFlow, arXiv 2512.15657, half of that. In
      both noise is at time 1.
    """
    times.check_order(s, u, t, needed_by="discrete")
    share = expand(ratio(u - s, t - s, otherwise=1.0), x_s)
    second = w(u, t, x_s + expand(u - s, x_s) * velocity)
    return squared_norm(v(s, t, x_s) - sg(share * velocity + (1 - share) * second))


def central(
    v: AverageVelocity,
    w: AverageVelocity,
    x_s: Points,
    s: PerExample,
    t: PerExample,
    *,
    velocity: Points,
    behind: tuple[PerExample, Points],
    ahead: tuple[PerExample, Points],
    cosine: Scalar | float | None = None,
) -> PerExample:
    """``|v_{s,t}(I_s) - sg[ velocity + (t - s) (w_{q,t}(I_q) - w_{p,t}(I_p)) / (q - p) ]|^2``: MeanFlow without jvp.

    The derivative along the moving source is a central difference along the sample's own path, p < s < q.

    Args:
      v: average velocity of the student.
      w: average velocity whose derivative is taken: the model itself.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].
      velocity: [batch, ...]; the sample's ``dI_s``.
      behind: p [batch] and ``I_p`` [batch, ...], of the same noise and data.
      ahead: q [batch] and ``I_q`` [batch, ...]; with p and q at equal distances h of s the error is of order h^2.
      cosine: weight of one minus the cosine between prediction and target, which is added; None for none.

    Returns:
      [batch]; one squared residual per example.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)  # X_{s,t}(x) = x + 2 (t - s)
      >>> x_s, s, t, step = jnp.zeros((1, 2)), jnp.array([0.5]), jnp.ones(1), 0.25
      >>> behind, ahead = (s - step, x_s - 2 * step), (s + step, x_s + 2 * step)
      >>> central(v, v, x_s, s, t, velocity=2 * jnp.ones((1, 2)), behind=behind, ahead=ahead).tolist()
      [0.0]

    Reference: TiM, "Transition models", arXiv 2509.04394 (h = 0.005), where noise is at time 1.
    """
    (p, x_p), (q, x_q) = behind, ahead
    derivative = (w(q, t, x_q) - w(p, t, x_p)) / expand(q - p, x_s)
    prediction, target = v(s, t, x_s), sg(velocity + expand(t - s, x_s) * derivative)
    distance = squared_norm(prediction - target)
    return distance if cosine is None else distance + cosine * misalignment(prediction, velocity=target)
