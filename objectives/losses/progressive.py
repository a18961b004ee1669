"""Progressive objectives: one jump must equal two shorter ones (the semigroup rule)."""

from jax.lax import stop_gradient as sg
import jax.numpy as jnp

from taxonomy import times
from taxonomy.arrays import expand, ratio, squared_norm
from taxonomy.flow_map import AverageVelocity
from taxonomy.shapes import PerExample, Points

STOP_GRADIENT = ("target", "none")


def progressive(
    v: AverageVelocity,
    w: AverageVelocity,
    x_s: Points,
    s: PerExample,
    u: PerExample,
    t: PerExample,
    *,
    stop_gradient: str = "target",
    segments: int = 1,
) -> PerExample:
    """``|v_{s,t}(I_s) - sg[ (1-g) w_{s,u}(I_s) + g w_{u,t}(I_s + (u-s) w_{s,u}(I_s)) ]|^2``: PSD and PFMM.

    With ``g = (t - u) / (t - s)``, the weight of the second leg. Times ``(t - s)^2`` this is the squared difference of
    the points, ``|X_{s,t}(I_s) - Y_{u,t}(Y_{s,u}(I_s))|^2``, the form in which PFMM is published
    (``weighting.gap_squared``); PSD drops the factor because it adds variance to the gradient.

    Args:
      v: average velocity of the student.
      w: average velocity of the map Y that makes the two legs: the model itself (PSD) or a teacher map (PFMM).
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      u: [batch]; intermediate times between s and t: the midpoint (PSD-M) or uniform (PSD-U).
      t: [batch]; target times in [0, 1], t >= s. At s = t residual and gradient are zero for w = v.
      stop_gradient: "target", as above, or "none".
      segments: equal jumps of which the second leg is made: the point is moved from u to t by so many of them.

    Returns:
      [batch]; one squared residual per example.

    Raises:
      ValueError: on an unknown stop_gradient, fewer than one segment, or, outside of jit, unless s <= u <= t.

    Examples:
      >>> import jax.numpy as jnp
      >>> x_s, s, u, t = jnp.ones((1, 1)), jnp.zeros(1), jnp.array([0.5]), jnp.ones(1)
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)
      >>> progressive(v, v, x_s, s, u, t).tolist()  # a constant velocity: one jump equals two
      [0.0]
      >>> w = lambda s, t, x: x  # two legs: 1 -> 1.5 -> 2.25, of average velocity 1.25
      >>> progressive(v, w, x_s, s, u, t).tolist()
      [0.5625]

    Reference: PSD: Boffi, Albergo, Vanden-Eijnden, arXiv 2505.18825, Prop. 2.3. PFMM: the same
      authors, arXiv 2406.07507, Sec. 3 (progressive flow map matching). Same time direction in both. The segments are
      those of RCGM (recursive consistency, N-th order), read in the code of TwinFlow, arXiv 2512.05150, whose first leg
      is a short step along the sample's velocity; noise is at time 1 there.
    """
    if stop_gradient not in STOP_GRADIENT:
        raise ValueError(f"stop_gradient = {stop_gradient!r}; expected one of {', '.join(STOP_GRADIENT)}")
    if segments < 1:
        raise ValueError(f"segments = {segments}; expected a whole number, at least 1")
    times.check_order(s, u, t, needed_by="progressive")
    second_weight = expand(ratio(t - u, t - s, otherwise=0.5), x_s)
    first = w(s, u, x_s)
    second = _average_over(w, u, t, x_s + expand(u - s, x_s) * first, segments=segments)
    target = (1 - second_weight) * first + second_weight * second
    if stop_gradient == "target":
        target = sg(target)
    return squared_norm(v(s, t, x_s) - target)


def _average_over(w: AverageVelocity, u: PerExample, t: PerExample, x_u: Points, *, segments: int) -> Points:
    """The average velocity of equal jumps from u to t."""
    total = jnp.zeros_like(x_u)
    for k in range(segments):
        start, end = ((1 - j / segments) * u + j / segments * t for j in (k, k + 1))
        velocity = w(start, end, x_u)
        x_u, total = x_u + expand(end - start, x_u) * velocity, total + velocity
    return total / segments
