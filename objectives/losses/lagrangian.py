"""Lagrangian objectives: moving the target time t must follow the velocity at the mapped point."""

from jax.lax import stop_gradient as sg

from taxonomy import flow_map, times
from taxonomy.arrays import expand, squared_norm
from taxonomy.flow_map import AverageVelocity, Velocity
from taxonomy.shapes import PerExample, Points
from taxonomy.spaces import FLAT, Space

STOP_GRADIENT = ("velocity", "none", "target")
PULLED_BACK = ("none", "target")


def lagrangian(
    v: AverageVelocity, b: Velocity, x_s: Points, s: PerExample, t: PerExample, *, stop_gradient: str = "velocity"
) -> PerExample:
    """``|d/dt X_{s,t}(I_s) - b_t(X_{s,t}(I_s))|^2``: LSD with the model's own velocity, LMD with a teacher's.

        "velocity":  |d/dt X - sg[ b_t( sg[X] ) ]|^2                        LSD as recommended; through the jvp
        "none":      |d/dt X - b_t(X)|^2                                    LMD; through the input of b too
        "target":    |v_{s,t} - sg[ b_t(X) - (t - s) d/dt v_{s,t} ]|^2      AYF-LMD; the jvp is not differentiated

    With "none" this is the squared norm of ``taxonomy.characterizations.lagrangian``: one formula, there the residual
    of any map and here a loss.

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

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)  # X_{s,t}(x) = x + 2 (t - s)
      >>> x_s, s, t = jnp.zeros((1, 2)), jnp.zeros(1), jnp.ones(1)
      >>> lagrangian(v, lambda t, x: 2 * jnp.ones_like(x), x_s, s, t).tolist()  # its own velocity: the exact map
      [0.0]
      >>> lagrangian(v, lambda t, x: jnp.ones_like(x), x_s, s, t).tolist()  # |2 - 1|^2 in each of two coordinates
      [2.0]

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
    x_t: Points,
    s: PerExample,
    t: PerExample,
    *,
    velocity: Points,
    stop_gradient: str = "none",
) -> PerExample:
    """The Lagrangian rule at the source of ``I_t``, ``y = Y_{t,s}(I_t)``, so that the velocity is that of ``I_t``.

        "none":    |d/dt X_{s,t}(y) - velocity|^2                            FMM; also through y
        "target":  |v_{s,t}(sg[y]) - sg[ velocity - (t - s) d/dt v ]|^2      LMF; the jvp is not differentiated

    Because the velocity is evaluated at ``I_t`` itself, the sample's own ``dI_t`` may be used, without a teacher.

    Args:
      v: average velocity of the student, trained in both directions of time.
      w: average velocity of the map Y that pulls back: the student itself.
      x_t: [batch, ...]; points ``I_t`` at time t.
      s: [batch]; times in [0, 1].
      t: [batch]; times in [0, 1], on either side of s. At s = t this is flow matching.
      velocity: [batch, ...]; at ``I_t``: the sample's ``dI_t``, or a teacher's ``b_t(I_t)``.
      stop_gradient: "none" or "target", as above.

    Returns:
      [batch]; one squared residual per example.

    Raises:
      ValueError: on an unknown stop_gradient.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)  # X_{s,t}(x) = x + 2 (t - s)
      >>> x_t, s, t = jnp.zeros((1, 2)), jnp.zeros(1), jnp.ones(1)
      >>> pulled_back(v, v, x_t, s, t, velocity=2 * jnp.ones((1, 2))).tolist()
      [0.0]

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


def difference(
    v: AverageVelocity,
    w: AverageVelocity,
    b: Velocity,
    x_s: Points,
    s: PerExample,
    t: PerExample,
    *,
    before: PerExample,
    after: PerExample,
) -> PerExample:
    """``|v_{s,t} - sg[ b_t(Y_{s,t}) - (t - s) (w_{s,q} - w_{s,p}) / (q - p) ]|^2``: the Lagrangian rule without jvp.

    Args:
      v: average velocity of the student.
      w: average velocity of the map Y that makes the target and whose derivative is taken: the model itself.
      b: velocity field, a teacher's.
      x_s: [batch, ...]; points at time s.
      s: [batch]; source times in [0, 1]; 0 in the papers, whose points are then pure noise.
      t: [batch]; target times in [0, 1].
      before: [batch]; p, a little before t.
      after: [batch]; q, a little after t; the error is of second order in their distance if t is the middle.

    Returns:
      [batch]; one squared residual per example.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)  # X_{s,t}(x) = x + 2 (t - s)
      >>> x_s, s, t = jnp.zeros((1, 2)), jnp.zeros(1), jnp.array([0.5])
      >>> b = lambda t, x: 2 * jnp.ones_like(x)
      >>> difference(v, v, b, x_s, s, t, before=t - 0.25, after=t + 0.25).tolist()
      [0.0]

    Reference: FreeFlow, arXiv 2511.19428, whose noise is at time 1.
    """
    derivative = (w(s, after, x_s) - w(s, before, x_s)) / expand(after - before, x_s)
    gap = expand(t - s, x_s)
    return squared_norm(v(s, t, x_s) - sg(b(t, x_s + gap * w(s, t, x_s)) - gap * derivative))


def two_ended_difference(
    v: AverageVelocity, b: Velocity, x_s: Points, s: PerExample, p: PerExample, q: PerExample
) -> PerExample:
    """``|X_{s,p} + (1 - p) (X_{s,q} - X_{s,p}) / (q - p) - sg[ X_{s,p} + (1 - p) b_p(X_{s,p}) ]|^2``: PID.

    The data at which the student's trajectory points at time p, against those of the teacher. Both ends of the
    difference are trained, and only the teacher's data are held fixed, so that the point itself is trained too. The
    value is ``(1 - p)^2`` times the squared Lagrangian residual, up to first order in q - p.

    Args:
      v: average velocity of the student.
      b: velocity field of the teacher.
      x_s: [batch, ...]; points at time s.
      s: [batch]; source times in [0, 1]; 0 in the paper.
      p: [batch]; target times in [0, 1].
      q: [batch]; neighbouring target times, q > p.

    Returns:
      [batch]; one squared residual per example.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)  # X_{s,t}(x) = x + 2 (t - s)
      >>> x_s, s, p, q = jnp.zeros((1, 2)), jnp.zeros(1), jnp.array([0.25]), jnp.array([0.5])
      >>> two_ended_difference(v, lambda t, x: 2 * jnp.ones_like(x), x_s, s, p, q).tolist()
      [0.0]

    Reference: PID, arXiv 2411.08378, and its public code, in noise levels ``sigma = (1 - t) / t``: there the residual
      is ``x - sigma dx/dsigma - sg[D(x, sigma)]``, which is this one.
    """
    near, far = flow_map.jump(v, s, p, x_s), flow_map.jump(v, s, q, x_s)
    left = expand(1 - p, x_s)
    return squared_norm(near + left * (far - near) / expand(q - p, x_s) - sg(near + left * b(p, near)))


def bootstrap(
    v: AverageVelocity,
    w: AverageVelocity,
    b: Velocity,
    x_s: Points,
    s: PerExample,
    u: PerExample,
    t: PerExample,
) -> PerExample:
    """``|X_{s,t}(x_s) - sg[ y + (t - u) b_u(y) ]|^2 / (t - u)^2`` at ``y = Y_{s,u}(x_s)``: a teacher's step further.

    Args:
      v: average velocity of the student.
      w: average velocity of the map Y that makes the target: the model itself, or its EMA.
      b: velocity field of the teacher.
      x_s: [batch, ...]; points at time s.
      s: [batch]; source times in [0, 1]; 0 in BOOT.
      u: [batch]; where the teacher's Euler step starts, s <= u < t.
      t: [batch]; target times in [0, 1].

    Returns:
      [batch]; one squared residual per example, in units of velocity.

    Raises:
      ValueError: outside of jit, unless s <= u <= t.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)  # X_{s,t}(x) = x + 2 (t - s)
      >>> x_s, s, u, t = jnp.zeros((1, 2)), jnp.zeros(1), jnp.array([0.5]), jnp.ones(1)
      >>> bootstrap(v, v, lambda t, x: 2 * jnp.ones_like(x), x_s, s, u, t).tolist()
      [0.0]

    Reference: BOOT, arXiv 2306.05544, there in the mean denoiser and with noise at time 1; the discrete form of
      AYF-LMD, arXiv 2506.14603.
    """
    times.check_order(s, u, t, needed_by="bootstrap")
    y = flow_map.jump(w, s, u, x_s)
    step = expand(t - u, x_s)
    return squared_norm((flow_map.jump(v, s, t, x_s) - sg(y + step * b(u, y))) / step)


def round_trip(v: AverageVelocity, x_t: Points, s: PerExample, t: PerExample, *, space: Space = FLAT) -> PerExample:
    """``|X_{s,t}( X_{t,s}(I_t) ) - I_t|^2``: the map back is the inverse, the second term of FMM.

    Args:
      v: average velocity of the student, trained in both directions of time.
      x_t: [batch, ...]; points ``I_t`` at time t.
      s: [batch]; times in [0, 1].
      t: [batch]; times in [0, 1].
      space: in which the points move; on a curved one the residual is the squared distance.

    Returns:
      [batch]; one squared residual per example.

    Examples:
      >>> import jax.numpy as jnp
      >>> x_t, s, t = jnp.ones((1, 2)), jnp.zeros(1), jnp.ones(1)
      >>> round_trip(lambda s, t, x: 2 * jnp.ones_like(x), x_t, s, t).tolist()  # 2 back and 2 forth
      [0.0]
      >>> round_trip(lambda s, t, x: x, x_t, s, t).tolist()  # X_{1,0}(x) = 0, from where no map returns to 1
      [2.0]

    Reference: arXiv 2406.07507, Sec. 3 (flow map matching). Same time direction.
    """
    back = flow_map.jump(v, t, s, x_t, space=space)
    return squared_norm(space.log(x_t, flow_map.jump(v, s, t, back, space=space)))
