"""Endpoint consistency, and losses that compare the law of the mapped points."""

import jax
import jax.numpy as jnp

from objectives.losses.consistency import consistency, straightness, trajectory
from objectives.losses.consistency_continuous import along_path, clipped, continuous_consistency, trigflow
from objectives.losses.distributional import drifting, moment_matching, velocity_matching
from taxonomy import flow_map
from tests.helpers import tiny
from tests.objectives.cases_shared import (
    Case,
    X,
    d_s,
    derivative,
    jump_of_level,
    level,
    network_of_level,
    one,
    own,
    push,
    square,
    teacher,
)


def ctm(p, f, d):
    """In noise levels; a jump to the data itself is the network g."""
    sigma_s, sigma_u, sigma_t, none = level(d.s), level(d.u), level(d.t), jnp.zeros_like(d.x[:, :1])
    estimate = jump_of_level(p, d.x / d.s[:, None], sigma_s, sigma_t)
    target = jump_of_level(f, (d.x + d.w) / d.u[:, None], sigma_u, sigma_t)
    return square(network_of_level(f, estimate, sigma_t, none) - network_of_level(f, target, sigma_t, none))


def scm(p, f, d, *, warm_up, offset, clip=jnp.inf):
    """In the paper's variables: an angle tau from data to noise, x_tau = cos(tau) x1 + sin(tau) z."""
    x1, z = d.x + (1 - d.s)[:, None] * d.w, d.x - d.s[:, None] * d.w
    tau = jnp.arctan((1 - d.s) / d.s)

    def F(params, x_tau, tau):
        # The end of the path is f = cos(tau) x_tau - sin(tau) F.
        cos, sin = jnp.cos(tau), jnp.sin(tau)
        f = X(params, cos / (cos + sin), one(tau), x_tau / (cos + sin)[:, None])
        return (cos[:, None] * x_tau - f) / sin[:, None]

    cos, sin = jnp.cos(tau)[:, None], jnp.sin(tau)[:, None]
    x_tau, moved = cos * x1 + sin * z, cos * z - sin * x1
    dF = derivative(lambda x, tau: F(f, x, tau), (x_tau, moved), (tau, one(tau)))
    g = -(cos**2) * (F(f, x_tau, tau) - moved) - warm_up * cos * sin * (x_tau + dF)
    if offset is not None:
        g = g / ((g**2).sum(axis=1, keepdims=True) ** 0.5 + offset)
    g = jnp.minimum(jnp.maximum(g, -clip), clip)
    return square(F(p, x_tau, tau) - F(f, x_tau, tau) - g)


def facm(p, f, d):
    """The tangent is the derivative of the end point along the path."""
    end = one(d.s)
    moved = d_s(f, d.s, end, d.x) + push(f, d.s, end, d.x, d.w)
    tangent = (1 - d.s**0.5)[:, None] * jnp.minimum(jnp.maximum(moved, -1), 1)
    return square(tiny(p)(d.s, end, d.x) - tiny(f)(d.s, end, d.x) - tangent)


def ucgm(p, f, d):
    """In the paper's variables: time is the noise level, the network is minus the velocity, f the predicted data."""

    def F(params, x, t):
        return -tiny(params)(1 - t, one(t), x)

    def data(x, t):
        return x - t[:, None] * F(f, x, t)

    t, far, near = 1 - d.s, 1 - d.s / 2, 1 - d.u
    x_far, x_near = d.x + (t - far)[:, None] * d.w, d.x + (t - near)[:, None] * d.w
    slope = (data(x_far, far) - data(x_near, near)) / (far - near)[:, None]
    factor = (4 * t / jnp.sin(1.57 * t))[:, None]
    return square(F(p, d.x, t) - F(f, d.x, t) - factor * jnp.minimum(jnp.maximum(slope, -1), 1))


def imm(p, f, d, *, power=1):
    """The mean over all pairs of one group, pair by pair."""
    x, y, scale, count = X(p, d.s, d.t, d.x), X(f, d.u, d.t, d.x + d.w), 0.7, len(d.x)

    def kernel(a, b):
        if a is b:
            return 1.0
        return jnp.exp(-(((a - b) ** 2).sum() ** (power / 2)) / (2 * power * scale**power))

    pairs = [(i, j) for i in range(count) for j in range(count)]
    x, y = list(x), list(y)
    total = sum(kernel(x[i], x[j]) - 2 * kernel(x[i], y[j]) + kernel(y[i], y[j]) for i, j in pairs)
    return jnp.full(count, total / count**2)


def drift(p, f, d, *, power=1):
    """Point by point: a mean of the others' data and one of the others themselves, each by its own weights."""
    x, y, count, tau = list(X(f, d.s, d.t, d.x)), list(d.w), len(d.x), 0.7
    moved = []
    for i in range(count):
        others = [j for j in range(count) if j != i]

        def towards(points, i=i, others=others):
            weights = [
                jnp.exp(-(((x[i] - points[j]) ** 2).sum() ** (power / 2)) / (power * tau**power)) for j in others
            ]
            return sum(w * (points[j] - x[i]) for w, j in zip(weights, others, strict=True)) / sum(weights)

        moved.append(towards(y) - towards(x))
    return square(X(p, d.s, d.t, d.x) - X(f, d.s, d.t, d.x) - jnp.stack(moved))


CASES = {
    "ct": Case(
        lambda p, d: consistency(tiny(p), tiny(p), d.x, d.s, d.u, d.t, x_u=d.x + d.w),
        lambda p, f, d: square(X(p, d.s, d.t, d.x) - X(f, d.u, d.t, d.x + d.w)),
        lambda e, d: consistency(e.v, e.v, d.x, d.s, d.u, d.t, x_u=flow_map.jump(e.v, d.s, d.u, d.x)),
    ),
    "ct, nothing stopped": Case(
        lambda p, d: consistency(tiny(p), tiny(p), d.x, d.s, d.u, d.t, x_u=d.x + d.w, stop_gradient="none"),
        lambda p, f, d: square(X(p, d.s, d.t, d.x) - X(p, d.u, d.t, d.x + d.w)),
        lambda e, d: consistency(
            e.v, e.v, d.x, d.s, d.u, d.t, x_u=flow_map.jump(e.v, d.s, d.u, d.x), stop_gradient="none"
        ),
    ),
    "ct_continuous": Case(
        lambda p, d: continuous_consistency(tiny(p), d.x, d.s, d.t, velocity=d.w),
        lambda p, f, d: square(
            X(p, d.s, d.t, d.x) - X(f, d.s, d.t, d.x) - d_s(f, d.s, d.t, d.x) - push(f, d.s, d.t, d.x, d.w)
        ),
        lambda e, d: continuous_consistency(e.v, d.x, d.s, d.t, velocity=e.b(d.s, d.x)),
    ),
    "ctm": Case(
        # The outer jump is made by other weights; its input is the student's.
        lambda p, d: trajectory(
            tiny(p), tiny(jax.lax.stop_gradient(p)), d.x, d.s, d.u, d.t, inner=tiny(p), x_u=d.x + d.w
        ),
        ctm,
        lambda e, d: trajectory(e.v, e.v, d.x, d.s, d.u, d.t, inner=e.v, x_u=flow_map.jump(e.v, d.s, d.u, d.x)),
    ),
    "straightness": Case(
        lambda p, d: straightness(tiny(p), tiny(p), d.x, d.s, d.u, d.t, x_u=d.x + d.w),
        lambda p, f, d: square(tiny(p)(d.s, d.t, d.x) - tiny(f)(d.u, d.t, d.x + d.w)),
        None,
    ),
    "scm": Case(
        lambda p, d: trigflow(tiny(p), d.x, d.s, velocity=d.w, normalize=None),
        lambda p, f, d: scm(p, f, d, warm_up=1.0, offset=None),
        lambda e, d: trigflow(e.v, d.x, d.s, velocity=e.b(d.s, d.x), normalize=None),
    ),
    "scm, warming up and normalized": Case(
        lambda p, d: trigflow(tiny(p), d.x, d.s, velocity=d.w, warm_up=0.3),
        lambda p, f, d: scm(p, f, d, warm_up=0.3, offset=0.1),
        None,
    ),
    "scm, clipped": Case(
        lambda p, d: trigflow(tiny(p), d.x, d.s, velocity=d.w, normalize=None, clip=0.5),
        lambda p, f, d: scm(p, f, d, warm_up=1.0, offset=None, clip=0.5),
        lambda e, d: trigflow(e.v, d.x, d.s, velocity=e.b(d.s, d.x), normalize=None, clip=0.5),
    ),
    "facm": Case(
        lambda p, d: clipped(tiny(p), d.x, d.s, velocity=d.w),
        facm,
        lambda e, d: clipped(e.v, d.x, d.s, velocity=e.b(d.s, d.x)),
    ),
    "ucgm": Case(
        lambda p, d: along_path(
            tiny(p),
            tiny(p),
            d.x,
            d.s,
            behind=(d.s / 2, d.x - (d.s / 2)[:, None] * d.w),
            ahead=(d.u, d.x + (d.u - d.s)[:, None] * d.w),
        ),
        ucgm,
        # Along a path of the exact map.
        lambda e, d: along_path(
            e.v,
            e.v,
            d.x,
            d.s,
            behind=(d.s / 2, flow_map.jump(e.v, d.s, d.s / 2, d.x)),
            ahead=(d.u, flow_map.jump(e.v, d.s, d.u, d.x)),
        ),
    ),
    "imm": Case(
        lambda p, d: moment_matching(
            X(p, d.s, d.t, d.x), target=X(p, d.u, d.t, d.x + d.w), group=len(d.x), scale=jnp.full_like(d.s, 0.7)
        ),
        imm,
        None,
        grouped=True,
    ),
    "imm, rbf": Case(
        lambda p, d: moment_matching(
            X(p, d.s, d.t, d.x),
            target=X(p, d.u, d.t, d.x + d.w),
            group=len(d.x),
            scale=jnp.full_like(d.s, 0.7),
            kernel="rbf",
        ),
        lambda p, f, d: imm(p, f, d, power=2),
        None,
        grouped=True,
    ),
    "drifting": Case(
        lambda p, d: drifting(X(p, d.s, d.t, d.x), data=d.w, group=len(d.x), scale=0.7),
        drift,
        None,
        grouped=True,
    ),
    "drifting, gaussian": Case(
        lambda p, d: drifting(X(p, d.s, d.t, d.x), data=d.w, group=len(d.x), scale=0.7, kernel="gaussian"),
        lambda p, f, d: drift(p, f, d, power=2),
        None,
        grouped=True,
    ),
    "velocity_matching": Case(
        lambda p, d: velocity_matching(X(p, d.s, d.t, d.x), learned=own(p)(d.u, d.w), wanted=teacher(d.u, d.w)),
        lambda p, f, d: square(X(p, d.s, d.t, d.x) - X(f, d.s, d.t, d.x) + own(f)(d.u, d.w) - teacher(d.u, d.w)),
        # The generated law is that of the data.
        lambda e, d: velocity_matching(
            flow_map.jump(e.v, d.s, one(d.t), d.x), learned=e.v(d.u, d.u, d.w), wanted=e.b(d.u, d.w)
        ),
    ),
}
