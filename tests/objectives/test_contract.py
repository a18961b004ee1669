"""One table of every loss; each row inherits the whole contract.

``library`` is the loss as users call it, with one set of parameters. ``by_hand`` writes the same residual again, with
the parameters of everything that is stopped passed separately: equal values, and a gradient that equals the central
difference of ``by_hand`` in its first argument, say that exactly the right part is stopped.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.consistency import consistency, continuous_consistency
from objectives.direct import flow_matching
from objectives.eulerian import central, discrete, eulerian
from objectives.integral import end, interior
from objectives.lagrangian import lagrangian, pulled_back, round_trip
from objectives.progressive import progressive
from taxonomy import exact, flow_map
from taxonomy.interpolants import INTERPOLANTS
from tests.helpers import directional, inner, inputs, tiny, tiny_params

pytestmark = pytest.mark.usefixtures("x64")


class Case(NamedTuple):
    library: object  # (params, data) -> [batch]
    by_hand: object  # (params, stopped params, data) -> [batch]
    exact: object  # (ExactFlow, data) -> [batch], zero at the exact map; None if only a mean vanishes there


def X(p, s, t, x):
    return x + (t - s)[:, None] * tiny(p)(s, t, x)


def derivative(f, *directions):
    points, tangents = zip(*directions, strict=True)
    return jax.jvp(f, points, tangents)[1]


def square(r):
    return (r**2).sum(axis=1)


def one(t):
    return jnp.ones_like(t)


def d_t(p, s, t, x):
    return derivative(lambda t: X(p, s, t, x), (t, one(t)))


def d_s(p, s, t, x):
    return derivative(lambda s: X(p, s, t, x), (s, one(s)))


def push(p, s, t, x, w):
    return derivative(lambda x: X(p, s, t, x), (x, w))


def two_legs(p, s, u, t, x):
    """Average velocity of two jumps."""
    return (X(p, u, t, X(p, s, u, x)) - x) / (t - s)[:, None]


def average_d_t(p, s, t, x):
    return derivative(lambda t: tiny(p)(s, t, x), (t, one(t)))


def along(p, s, t, x, w):
    """D_s[w] v."""
    return derivative(lambda s, x: tiny(p)(s, t, x), (s, one(s)), (x, w))


def gap(d):
    return (d.t - d.s)[:, None]


def teacher(t, x):
    return jnp.sin(x + t[:, None]) * x[:, ::-1]


def own(p):
    return flow_map.diagonal(tiny(p))


CASES = {
    "flow_matching": Case(
        lambda p, d: flow_matching(tiny(p), d.w, d.x, d.t),
        lambda p, f, d: square(tiny(p)(d.t, d.t, d.x) - d.w),
        lambda e, d: flow_matching(e.v, e.b(d.t, d.x), d.x, d.t),
    ),
    "lsd": Case(
        lambda p, d: lagrangian(tiny(p), own(p), d.x, d.s, d.t),
        lambda p, f, d: square(d_t(p, d.s, d.t, d.x) - own(f)(d.t, X(f, d.s, d.t, d.x))),
        lambda e, d: lagrangian(e.v, flow_map.diagonal(e.v), d.x, d.s, d.t),
    ),
    "lsd, nothing stopped": Case(
        lambda p, d: lagrangian(tiny(p), own(p), d.x, d.s, d.t, stop_gradient="none"),
        lambda p, f, d: square(d_t(p, d.s, d.t, d.x) - own(p)(d.t, X(p, d.s, d.t, d.x))),
        lambda e, d: lagrangian(e.v, flow_map.diagonal(e.v), d.x, d.s, d.t, stop_gradient="none"),
    ),
    "lmd": Case(
        lambda p, d: lagrangian(tiny(p), teacher, d.x, d.s, d.t, stop_gradient="none"),
        lambda p, f, d: square(d_t(p, d.s, d.t, d.x) - teacher(d.t, X(p, d.s, d.t, d.x))),
        lambda e, d: lagrangian(e.v, e.b, d.x, d.s, d.t, stop_gradient="none"),
    ),
    "lmd, teacher's input stopped": Case(
        lambda p, d: lagrangian(tiny(p), teacher, d.x, d.s, d.t),
        lambda p, f, d: square(d_t(p, d.s, d.t, d.x) - teacher(d.t, X(f, d.s, d.t, d.x))),
        lambda e, d: lagrangian(e.v, e.b, d.x, d.s, d.t),
    ),
    "esd": Case(
        lambda p, d: eulerian(tiny(p), own(p)(d.s, d.x), d.x, d.s, d.t),
        lambda p, f, d: square(d_s(p, d.s, d.t, d.x) + push(f, d.s, d.t, d.x, own(f)(d.s, d.x))),
        lambda e, d: eulerian(e.v, e.v(d.s, d.s, d.x), d.x, d.s, d.t),
    ),
    "esd, velocity stopped": Case(
        lambda p, d: eulerian(tiny(p), own(p)(d.s, d.x), d.x, d.s, d.t, stop_gradient="velocity"),
        lambda p, f, d: square(d_s(p, d.s, d.t, d.x) + push(p, d.s, d.t, d.x, own(f)(d.s, d.x))),
        lambda e, d: eulerian(e.v, e.v(d.s, d.s, d.x), d.x, d.s, d.t, stop_gradient="velocity"),
    ),
    "esd, nothing stopped": Case(
        lambda p, d: eulerian(tiny(p), own(p)(d.s, d.x), d.x, d.s, d.t, stop_gradient="none"),
        lambda p, f, d: square(d_s(p, d.s, d.t, d.x) + push(p, d.s, d.t, d.x, own(p)(d.s, d.x))),
        lambda e, d: eulerian(e.v, e.v(d.s, d.s, d.x), d.x, d.s, d.t, stop_gradient="none"),
    ),
    "emd": Case(
        lambda p, d: eulerian(tiny(p), teacher(d.s, d.x), d.x, d.s, d.t, stop_gradient="none"),
        lambda p, f, d: square(d_s(p, d.s, d.t, d.x) + push(p, d.s, d.t, d.x, teacher(d.s, d.x))),
        lambda e, d: eulerian(e.v, e.b(d.s, d.x), d.x, d.s, d.t, stop_gradient="none"),
    ),
    "mean_flow": Case(
        lambda p, d: eulerian(tiny(p), d.w, d.x, d.s, d.t, stop_gradient="target"),
        # In the paper's variables: time from data to noise, u = -v, velocity e - x.
        lambda p, f, d: square(mean_flow_in_its_own_convention(p, f, d)),
        lambda e, d: eulerian(e.v, e.b(d.s, d.x), d.x, d.s, d.t, stop_gradient="target"),
    ),
    "ayf_lmd": Case(
        lambda p, d: lagrangian(tiny(p), teacher, d.x, d.s, d.t, stop_gradient="target"),
        lambda p, f, d: square(
            tiny(p)(d.s, d.t, d.x) - teacher(d.t, X(f, d.s, d.t, d.x)) + gap(d) * average_d_t(f, d.s, d.t, d.x)
        ),
        lambda e, d: lagrangian(e.v, e.b, d.x, d.s, d.t, stop_gradient="target"),
    ),
    "fmm": Case(
        lambda p, d: pulled_back(tiny(p), tiny(p), d.w, d.x, d.s, d.t),
        lambda p, f, d: square(d_t(p, d.s, d.t, X(p, d.t, d.s, d.x)) - d.w),
        lambda e, d: pulled_back(e.v, e.v, e.b(d.t, d.x), d.x, d.s, d.t),
    ),
    "fmm, round trip": Case(
        lambda p, d: round_trip(tiny(p), d.x, d.s, d.t),
        lambda p, f, d: square(X(p, d.s, d.t, X(p, d.t, d.s, d.x)) - d.x),
        lambda e, d: round_trip(e.v, d.x, d.s, d.t),
    ),
    "lmf": Case(
        lambda p, d: pulled_back(tiny(p), tiny(p), d.w, d.x, d.s, d.t, stop_gradient="target"),
        lambda p, f, d: square(
            tiny(p)(d.s, d.t, X(f, d.t, d.s, d.x)) - d.w + gap(d) * average_d_t(f, d.s, d.t, X(f, d.t, d.s, d.x))
        ),
        lambda e, d: pulled_back(e.v, e.v, e.b(d.t, d.x), d.x, d.s, d.t, stop_gradient="target"),
    ),
    "improved_mean_flow": Case(
        lambda p, d: eulerian(tiny(p), d.w, d.x, d.s, d.t, stop_gradient="target", tangent=tiny(p)(d.s, d.s, d.x)),
        lambda p, f, d: square(tiny(p)(d.s, d.t, d.x) - d.w - gap(d) * along(f, d.s, d.t, d.x, own(f)(d.s, d.x))),
        lambda e, d: eulerian(e.v, e.b(d.s, d.x), d.x, d.s, d.t, stop_gradient="target", tangent=e.v(d.s, d.s, d.x)),
    ),
    "alpha_flow": Case(
        lambda p, d: discrete(tiny(p), tiny(p), d.w, d.x, d.s, d.u, d.t),
        lambda p, f, d: square(
            tiny(p)(d.s, d.t, d.x) - (X(f, d.u, d.t, d.x + (d.u - d.s)[:, None] * d.w) - d.x) / gap(d)
        ),
        # Zero if the first leg is the exact one.
        lambda e, d: discrete(e.v, e.v, e.v(d.s, d.u, d.x), d.x, d.s, d.u, d.t),
    ),
    "tim": Case(
        lambda p, d: central(
            tiny(p),
            tiny(p),
            d.w,
            d.x,
            d.s,
            d.t,
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
        lambda p, d: end(tiny(p), tiny(p), d.w, d.x, d.s, d.u, d.t),
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
    "ct": Case(
        lambda p, d: consistency(tiny(p), tiny(p), d.x, d.x + d.w, d.s, d.u, d.t),
        lambda p, f, d: square(X(p, d.s, d.t, d.x) - X(f, d.u, d.t, d.x + d.w)),
        lambda e, d: consistency(e.v, e.v, d.x, flow_map.jump(e.v, d.s, d.u, d.x), d.s, d.u, d.t),
    ),
    "ct, nothing stopped": Case(
        lambda p, d: consistency(tiny(p), tiny(p), d.x, d.x + d.w, d.s, d.u, d.t, stop_gradient="none"),
        lambda p, f, d: square(X(p, d.s, d.t, d.x) - X(p, d.u, d.t, d.x + d.w)),
        lambda e, d: consistency(e.v, e.v, d.x, flow_map.jump(e.v, d.s, d.u, d.x), d.s, d.u, d.t, stop_gradient="none"),
    ),
    "ct_continuous": Case(
        lambda p, d: continuous_consistency(tiny(p), d.w, d.x, d.s, d.t),
        lambda p, f, d: square(
            X(p, d.s, d.t, d.x) - X(f, d.s, d.t, d.x) - d_s(f, d.s, d.t, d.x) - push(f, d.s, d.t, d.x, d.w)
        ),
        lambda e, d: continuous_consistency(e.v, e.b(d.s, d.x), d.x, d.s, d.t),
    ),
}


def mean_flow_in_its_own_convention(p, f, d):
    def u(params, z, r, t):
        return -tiny(params)(1 - t, 1 - r, z)

    r, t, velocity = 1 - d.t, 1 - d.s, -d.w
    du_dt = derivative(lambda z, r, t: u(f, z, r, t), (d.x, velocity), (r, jnp.zeros_like(r)), (t, one(t)))
    return u(p, d.x, r, t) - (velocity - (t - r)[:, None] * du_dt)


class Data(NamedTuple):
    s: jax.Array
    u: jax.Array
    t: jax.Array
    x: jax.Array
    w: jax.Array


def data(**options):
    return Data(*inputs(**options))


@pytest.mark.parametrize("name", CASES)
def test_value_is_the_formula(name):
    p, d = tiny_params(), data()
    found = CASES[name].library(p, d)
    assert found.shape == (5,)
    assert found.dtype == jnp.float64
    np.testing.assert_allclose(found, CASES[name].by_hand(p, p, d), rtol=1e-12)
    assert np.all(np.asarray(found) > 1e-6)


@pytest.mark.parametrize("name", CASES)
def test_gradient_is_the_central_difference_with_the_stopped_part_held(name):
    p, d, direction = tiny_params(), data(), tiny_params(seed=9)
    gradient = jax.grad(lambda p: CASES[name].library(p, d).sum())(p)
    expected = directional(lambda q: CASES[name].by_hand(q, p, d).sum(), p, direction, 1e-5)
    np.testing.assert_allclose(inner(gradient, direction), expected, rtol=1e-7)


@pytest.mark.parametrize("interpolant", INTERPOLANTS)
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.exact])
def test_zero_at_the_exact_map(name, interpolant):
    flow = exact.gaussian(
        INTERPOLANTS[interpolant], mean=jnp.array([1.0, -0.5]), covariance=jnp.array([[0.5, 0.1], [0.1, 0.2]])
    )
    loss = CASES[name].exact(flow, data(batch=50))
    assert float(loss.max()) < 1e-20


@pytest.mark.parametrize("name", CASES)
def test_each_example_stands_for_itself(name):
    p, d = tiny_params(), data()
    together = CASES[name].library(p, d)
    reverse = CASES[name].library(p, jax.tree.map(lambda a: a[::-1], d))
    np.testing.assert_allclose(reverse[::-1], together, rtol=1e-13)
    alone = jnp.stack([CASES[name].library(p, jax.tree.map(lambda a, i=i: a[i : i + 1], d))[0] for i in range(5)])
    np.testing.assert_allclose(alone, together, rtol=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_compiled_equals_eager_and_keeps_float32(name):
    p, d = tiny_params(), data()
    np.testing.assert_allclose(jax.jit(CASES[name].library)(p, d), CASES[name].library(p, d), rtol=1e-12)
    p32, d32 = jax.tree.map(lambda a: a.astype(jnp.float32), (p, d))
    low = CASES[name].library(p32, d32)
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, CASES[name].library(p, d), rtol=1e-3)


OWN = ("lsd", "esd", "esd, velocity stopped", "psd")


@pytest.mark.parametrize("name", OWN)
def test_on_the_diagonal_self_distillation_has_no_residual_and_no_gradient(name):
    p, d = tiny_params(), data()
    d = d._replace(t=d.s, u=d.s)
    value, gradient = jax.value_and_grad(lambda p: CASES[name].library(p, d).sum())(p)
    assert float(value) < 1e-28
    assert all(float(jnp.abs(g).max()) < 1e-13 for g in jax.tree.leaves(gradient))
