"""The Eulerian rule, in which the source moves, and the rules of averages and of composition."""

import jax.numpy as jnp

from objectives.losses.eulerian import central, discrete, eulerian, tangent_step
from objectives.losses.integral import end, interior
from objectives.losses.progressive import progressive
from tests.helpers import tiny
from tests.objectives.cases_shared import (
    Case,
    X,
    along,
    d_s,
    derivative,
    gap,
    one,
    own,
    push,
    square,
    teacher,
    two_legs,
)


def in_segments(f, s, u, t, x):
    """From s to u, and from there to t by three jumps of equal length."""
    first, second = (2 * u + t) / 3, (u + 2 * t) / 3
    return X(f, second, t, X(f, first, second, X(f, u, first, X(f, s, u, x))))


def mean_flow(p, f, d):
    """In the paper's variables: time from data to noise, u = -v, velocity e - x."""

    def u(params, z, r, t):
        return -tiny(params)(1 - t, 1 - r, z)

    r, t, velocity = 1 - d.t, 1 - d.s, -d.w
    du_dt = derivative(lambda z, r, t: u(f, z, r, t), (d.x, velocity), (r, jnp.zeros_like(r)), (t, one(t)))
    return square(u(p, d.x, r, t) - (velocity - (t - r)[:, None] * du_dt))


def align_your_flow(p, f, d):
    """In the paper's variables, where the source t is nearer to the noise at 1: the tangent is the derivative of f."""

    def F(params, x, t, s):
        return -tiny(params)(1 - t, 1 - s, x)

    def flow(x, t, s):
        return x + (s - t)[:, None] * F(f, x, t, s)

    t, s = 1 - d.s, 1 - d.t
    tangent = derivative(lambda x, t: flow(x, t, s), (d.x, -d.w), (t, one(t)))
    return square(F(p, d.x, t, s) - F(f, d.x, t, s) - tangent)


def tangent(f, w, d, warm_up):
    return w - tiny(f)(d.s, d.t, d.x) + warm_up * gap(d) * along(f, d.s, d.t, d.x, w)


def length(r):
    return (r**2).sum(axis=1, keepdims=True) ** 0.5


def normalized_tangent(p, f, d):
    g = tangent(f, own(f)(d.s, d.x), d, 1.0)
    return square(tiny(p)(d.s, d.t, d.x) - tiny(f)(d.s, d.t, d.x) - g / (length(g) + 0.1))


CASES = {
    "esd": Case(
        lambda p, d: eulerian(tiny(p), d.x, d.s, d.t, velocity=own(p)(d.s, d.x)),
        lambda p, f, d: square(d_s(p, d.s, d.t, d.x) + push(f, d.s, d.t, d.x, own(f)(d.s, d.x))),
        lambda e, d: eulerian(e.v, d.x, d.s, d.t, velocity=e.v(d.s, d.s, d.x)),
    ),
    "esd, velocity stopped": Case(
        lambda p, d: eulerian(tiny(p), d.x, d.s, d.t, velocity=own(p)(d.s, d.x), stop_gradient="velocity"),
        lambda p, f, d: square(d_s(p, d.s, d.t, d.x) + push(p, d.s, d.t, d.x, own(f)(d.s, d.x))),
        lambda e, d: eulerian(e.v, d.x, d.s, d.t, velocity=e.v(d.s, d.s, d.x), stop_gradient="velocity"),
    ),
    "esd, nothing stopped": Case(
        lambda p, d: eulerian(tiny(p), d.x, d.s, d.t, velocity=own(p)(d.s, d.x), stop_gradient="none"),
        lambda p, f, d: square(d_s(p, d.s, d.t, d.x) + push(p, d.s, d.t, d.x, own(p)(d.s, d.x))),
        lambda e, d: eulerian(e.v, d.x, d.s, d.t, velocity=e.v(d.s, d.s, d.x), stop_gradient="none"),
    ),
    "emd": Case(
        lambda p, d: eulerian(tiny(p), d.x, d.s, d.t, velocity=teacher(d.s, d.x), stop_gradient="none"),
        lambda p, f, d: square(d_s(p, d.s, d.t, d.x) + push(p, d.s, d.t, d.x, teacher(d.s, d.x))),
        lambda e, d: eulerian(e.v, d.x, d.s, d.t, velocity=e.b(d.s, d.x), stop_gradient="none"),
    ),
    "mean_flow": Case(
        lambda p, d: eulerian(tiny(p), d.x, d.s, d.t, velocity=d.w, stop_gradient="target"),
        mean_flow,
        lambda e, d: eulerian(e.v, d.x, d.s, d.t, velocity=e.b(d.s, d.x), stop_gradient="target"),
    ),
    "improved_mean_flow": Case(
        lambda p, d: eulerian(
            tiny(p), d.x, d.s, d.t, velocity=d.w, stop_gradient="target", tangent=tiny(p)(d.s, d.s, d.x)
        ),
        lambda p, f, d: square(tiny(p)(d.s, d.t, d.x) - d.w - gap(d) * along(f, d.s, d.t, d.x, own(f)(d.s, d.x))),
        lambda e, d: eulerian(
            e.v, d.x, d.s, d.t, velocity=e.b(d.s, d.x), stop_gradient="target", tangent=e.v(d.s, d.s, d.x)
        ),
    ),
    "alpha_flow": Case(
        lambda p, d: discrete(tiny(p), tiny(p), d.x, d.s, d.u, d.t, velocity=d.w),
        lambda p, f, d: square(
            tiny(p)(d.s, d.t, d.x) - (X(f, d.u, d.t, d.x + (d.u - d.s)[:, None] * d.w) - d.x) / gap(d)
        ),
        # Zero if the first leg is the exact one.
        lambda e, d: discrete(e.v, e.v, d.x, d.s, d.u, d.t, velocity=e.v(d.s, d.u, d.x)),
    ),
    "tim": Case(
        lambda p, d: central(
            tiny(p),
            tiny(p),
            d.x,
            d.s,
            d.t,
            velocity=d.w,
            behind=(d.s - 0.02, d.x - 0.02 * d.w),
            ahead=(d.s + 0.01, d.x + 0.01 * d.w),
        ),
        lambda p, f, d: square(
            tiny(p)(d.s, d.t, d.x)
            - d.w
            - gap(d) / 0.03 * tiny(f)(d.s + 0.01, d.t, d.x + 0.01 * d.w)
            + gap(d) / 0.03 * tiny(f)(d.s - 0.02, d.t, d.x - 0.02 * d.w)
        ),
        None,
    ),
    "stei": Case(
        lambda p, d: interior(tiny(p), tiny(p), own(p), d.x, d.s, d.u, d.t),
        lambda p, f, d: square(tiny(p)(d.s, d.t, d.x) - own(f)(d.u, X(f, d.s, d.u, d.x))),
        None,
    ),
    "stee": Case(
        lambda p, d: end(tiny(p), tiny(p), d.x, d.s, d.u, d.t, velocity=d.w),
        lambda p, f, d: square(tiny(p)(d.s, d.t, X(f, d.u, d.s, d.x)) - d.w),
        None,
    ),
    "psd": Case(
        lambda p, d: progressive(tiny(p), tiny(p), d.x, d.s, d.u, d.t),
        lambda p, f, d: square(tiny(p)(d.s, d.t, d.x) - two_legs(f, d.s, d.u, d.t, d.x)),
        lambda e, d: progressive(e.v, e.v, d.x, d.s, d.u, d.t),
    ),
    "psd, nothing stopped": Case(
        lambda p, d: progressive(tiny(p), tiny(p), d.x, d.s, d.u, d.t, stop_gradient="none"),
        lambda p, f, d: square(tiny(p)(d.s, d.t, d.x) - two_legs(p, d.s, d.u, d.t, d.x)),
        lambda e, d: progressive(e.v, e.v, d.x, d.s, d.u, d.t, stop_gradient="none"),
    ),
    "psd, three segments": Case(
        lambda p, d: progressive(tiny(p), tiny(p), d.x, d.s, d.u, d.t, segments=3),
        lambda p, f, d: square(tiny(p)(d.s, d.t, d.x) - (in_segments(f, d.s, d.u, d.t, d.x) - d.x) / gap(d)),
        lambda e, d: progressive(e.v, e.v, d.x, d.s, d.u, d.t, segments=3),
    ),
    "ayf_emd": Case(
        lambda p, d: tangent_step(tiny(p), d.x, d.s, d.t, velocity=d.w),
        align_your_flow,
        lambda e, d: tangent_step(e.v, d.x, d.s, d.t, velocity=e.b(d.s, d.x)),
    ),
    "ayf_emd, warming up": Case(
        lambda p, d: tangent_step(tiny(p), d.x, d.s, d.t, velocity=d.w, warm_up=0.3),
        lambda p, f, d: square(tiny(p)(d.s, d.t, d.x) - tiny(f)(d.s, d.t, d.x) - tangent(f, d.w, d, 0.3)),
        None,
    ),
    "ayf_emd, normalized": Case(
        lambda p, d: tangent_step(tiny(p), d.x, d.s, d.t, velocity=own(p)(d.s, d.x), normalize=0.1),
        normalized_tangent,
        lambda e, d: tangent_step(e.v, d.x, d.s, d.t, velocity=e.b(d.s, d.x), normalize=0.1),
    ),
}
