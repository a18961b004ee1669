"""The rules on a curved space, here the torus of two angles, written with sines and cosines in place of turns."""

import jax.numpy as jnp

from objectives.losses import riemannian
from taxonomy.spaces import FLAT, TORUS
from tests.helpers import tiny
from tests.objectives.cases_shared import Case, X, along, d_s, d_t, gap, own, push, square


def around(a):
    return jnp.arctan2(jnp.sin(a), jnp.cos(a))


def end_of_legs(f, d):
    return around(X(f, d.u, d.t, around(X(f, d.s, d.u, d.x))))


CASES = {
    "riemannian_lsd": Case(
        lambda p, d: riemannian.lagrangian(tiny(p), own(p), d.x, d.s, d.t, space=TORUS),
        lambda p, f, d: square(d_t(p, d.s, d.t, d.x) - own(f)(d.t, around(X(f, d.s, d.t, d.x)))),
        lambda e, d: riemannian.lagrangian(e.v, e.b, d.x, d.s, d.t, space=FLAT),
    ),
    "riemannian_lsd, nothing stopped": Case(
        lambda p, d: riemannian.lagrangian(tiny(p), own(p), d.x, d.s, d.t, space=TORUS, stop_gradient="none"),
        lambda p, f, d: square(d_t(p, d.s, d.t, d.x) - own(p)(d.t, around(X(p, d.s, d.t, d.x)))),
        lambda e, d: riemannian.lagrangian(e.v, e.b, d.x, d.s, d.t, space=FLAT, stop_gradient="none"),
    ),
    "riemannian_esd": Case(
        lambda p, d: riemannian.eulerian(tiny(p), d.x, d.s, d.t, velocity=own(p)(d.s, d.x), space=TORUS),
        lambda p, f, d: square(d_s(p, d.s, d.t, d.x) + push(f, d.s, d.t, d.x, own(f)(d.s, d.x))),
        lambda e, d: riemannian.eulerian(e.v, d.x, d.s, d.t, velocity=e.b(d.s, d.x), space=FLAT),
    ),
    "riemannian_esd, only the velocity stopped": Case(
        lambda p, d: riemannian.eulerian(
            tiny(p), d.x, d.s, d.t, velocity=own(p)(d.s, d.x), space=TORUS, stop_gradient="velocity"
        ),
        lambda p, f, d: square(d_s(p, d.s, d.t, d.x) + push(p, d.s, d.t, d.x, own(f)(d.s, d.x))),
        lambda e, d: riemannian.eulerian(
            e.v, d.x, d.s, d.t, velocity=e.b(d.s, d.x), space=FLAT, stop_gradient="velocity"
        ),
    ),
    "riemannian_psd": Case(
        lambda p, d: riemannian.progressive(tiny(p), tiny(p), d.x, d.s, d.u, d.t, space=TORUS),
        lambda p, f, d: square(around(X(p, d.s, d.t, d.x) - end_of_legs(f, d))),
        lambda e, d: riemannian.progressive(e.v, e.v, d.x, d.s, d.u, d.t, space=FLAT),
    ),
    "riemannian_psd, of average velocities": Case(
        lambda p, d: riemannian.progressive(tiny(p), tiny(p), d.x, d.s, d.u, d.t, space=TORUS, of_points=False),
        lambda p, f, d: square(tiny(p)(d.s, d.t, d.x) - around(end_of_legs(f, d) - d.x) / gap(d)),
        lambda e, d: riemannian.progressive(e.v, e.v, d.x, d.s, d.u, d.t, space=FLAT, of_points=False),
    ),
    "riemannian_mean_flow": Case(
        lambda p, d: riemannian.mean_flow(tiny(p), d.x, d.s, d.t, velocity=d.w, space=TORUS),
        lambda p, f, d: square(tiny(p)(d.s, d.t, d.x) - d.w - gap(d) * along(f, d.s, d.t, d.x, d.w)),
        lambda e, d: riemannian.mean_flow(e.v, d.x, d.s, d.t, velocity=e.b(d.s, d.x), space=FLAT),
    ),
}
