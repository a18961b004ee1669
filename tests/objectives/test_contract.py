"""The contract of every loss in the table ``cases.CASES``, and translations into the variables of papers."""

import jax
from jax.flatten_util import ravel_pytree
import jax.numpy as jnp
import numpy as np
import pytest

from objectives import weighting
from objectives.losses.consistency import straightness
from objectives.losses.consistency_continuous import along_path, clipped, trigflow
from objectives.losses.direct import misalignment
from objectives.losses.distributional import moment_matching
from objectives.losses.eulerian import eulerian
from objectives.losses.lagrangian import bootstrap, difference, lagrangian
from objectives.losses.progressive import progressive
from taxonomy import exact, flow_map
from taxonomy.interpolants import INTERPOLANTS
from taxonomy.times import Times
from tests.helpers import directional, inner, tiny, tiny_params
from tests.objectives.cases import CASES
from tests.objectives.cases_shared import data, denoiser_of_level, level, network_of_level, square, teacher

pytestmark = pytest.mark.usefixtures("x64")


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
def test_order_does_not_matter(name):
    p, d = tiny_params(), data()
    reverse = CASES[name].library(p, jax.tree.map(lambda a: a[::-1], d))
    np.testing.assert_allclose(reverse[::-1], CASES[name].library(p, d), rtol=1e-13)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.grouped])
def test_each_example_stands_for_itself(name):
    p, d = tiny_params(), data()
    alone = jnp.stack([CASES[name].library(p, jax.tree.map(lambda a, i=i: a[i : i + 1], d))[0] for i in range(5)])
    # A cosine is rounded at its size, which is 1, and one less it may be small.
    rounding = 4e-16 if name == "misalignment" else 0
    np.testing.assert_allclose(alone, CASES[name].library(p, d), rtol=1e-13, atol=rounding)


def test_each_group_stands_for_itself():
    d = data(batch=10)
    scale = jnp.repeat(jnp.array([0.5, 2.0]), 5)

    @jax.jit
    def loss(x, y):
        values = moment_matching(x, target=y, group=5, scale=scale)
        return values.sum(), values

    both = jax.jit(jax.value_and_grad(loss, has_aux=True))
    (_, together), gradient = both(d.x, d.w)
    for part in (slice(0, 5), slice(5, 10)):
        alone = moment_matching(d.x[part], target=d.w[part], group=5, scale=scale[part])
        np.testing.assert_allclose(alone, together[part], rtol=1e-13)
    # Any order of either side within its group; the gradient moves with its point.
    order = np.array([2, 4, 0, 1, 3, 5, 9, 8, 7, 6])
    (_, moved), moved_gradient = both(d.x[order], d.w)
    np.testing.assert_allclose(moved, together, rtol=1e-13)
    np.testing.assert_allclose(moved_gradient, gradient[order], rtol=1e-12)
    np.testing.assert_allclose(loss(d.x, d.w[order])[1], together, rtol=1e-13)
    # Across groups it does matter.
    assert np.abs(loss(d.x[::-1], d.w)[1] - together).min() > 1e-3


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


def gradient(loss):
    return ravel_pytree(jax.grad(lambda p: loss(p).sum())(tiny_params()))[0]


def test_misalignment_is_one_minus_the_cosine():
    a, b = jnp.array([[3.0, 0.0], [0.0, 2.0], [1.0, 1.0], [0.0, 0.0]]), jnp.array([[5.0, 0], [7, 0], [-2, -2], [1, 0]])
    np.testing.assert_allclose(misalignment(a, velocity=b), [0, 1, 2, 1], atol=1e-11)
    # Turning costs, growing does not; at length zero everything is finite.
    slope = jax.grad(lambda a: misalignment(a, velocity=b).sum())(a)
    np.testing.assert_allclose(slope[1], [-1 / 2, 0], rtol=1e-11)
    np.testing.assert_allclose(slope[0], 0, atol=1e-11)
    assert np.all(np.isfinite(slope))


def test_difference_tends_to_the_lagrangian_rule_at_second_order():
    d = data()
    limit = gradient(lambda p: lagrangian(tiny(p), teacher, d.x, d.s, d.t, stop_gradient="target"))
    errors = []
    for h in (1e-2, 1e-3):
        around = {"before": d.t - h, "after": d.t + h}
        found = gradient(lambda p, o=around: difference(tiny(p), tiny(p), teacher, d.x, d.s, d.t, **o))
        errors.append(np.linalg.norm(found - limit))
    np.testing.assert_allclose(errors[0] / errors[1], 100, rtol=0.05)


def test_bootstrap_over_its_step_tends_to_the_lagrangian_rule():
    # X_{s,t} - target is (t - u) / (t - s) times a residual of average velocities.
    d = data()
    limit = gradient(lambda p: lagrangian(tiny(p), teacher, d.x, d.s, d.t, stop_gradient="target"))
    errors = []
    for share in (1e-3, 1e-4):
        u = d.t - share * (d.t - d.s)
        found = gradient(lambda p, u=u, a=share: a * bootstrap(tiny(p), tiny(p), teacher, d.x, d.s, u, d.t))
        errors.append(np.linalg.norm(found - limit))
    assert errors[1] < 1e-2 * np.linalg.norm(limit)
    np.testing.assert_allclose(errors[0] / errors[1], 10, rtol=0.05)


def test_boot_in_the_signal_of_its_own_paper():
    # From pure noise the network predicts y = (x_t - sigma_t noise) / alpha_t, and with lambda = log(alpha / sigma)
    # y_t = y_u + (1 - exp(lambda_u - lambda_t)) (D(x_u, u) - y_u) is the exact solution for a constant D.
    p, d = tiny_params(), data()
    zero = jnp.zeros_like(d.s)

    def signal(t):
        return d.x + tiny(p)(zero, t, d.x)

    def log_snr(t):
        return jnp.log(t / (1 - t))[:, None]

    x_u = d.u[:, None] * signal(d.u) + (1 - d.u)[:, None] * d.x
    denoised = x_u + (1 - d.u)[:, None] * teacher(d.u, x_u)
    target = signal(d.u) - jnp.expm1(log_snr(d.u) - log_snr(d.t)) * (denoised - signal(d.u))
    found = bootstrap(tiny(p), tiny(p), teacher, d.x, zero, d.u, d.t)
    np.testing.assert_allclose(found * ((d.t - d.u) / d.t) ** 2, square(signal(d.t) - target), rtol=1e-10)


def test_tangent_step_is_the_stopped_eulerian_gradient():
    d = data()
    limit = gradient(lambda p: eulerian(tiny(p), d.x, d.s, d.t, velocity=d.w, stop_gradient="target"))
    np.testing.assert_allclose(gradient(lambda p: CASES["ayf_emd"].library(p, d)), limit, rtol=1e-11, atol=1e-12)


def test_trigflow_is_the_eulerian_rule_with_a_weight():
    # g = -cos(tau) N_s^2 dX/ds with cos(tau) = s / N_s, and dF = -N_s dv: together s N_s^2.
    d = data()
    norm = jnp.sqrt((1 - d.s) ** 2 + d.s**2)
    end = jnp.ones_like(d.s)
    found = gradient(lambda p: trigflow(tiny(p), d.x, d.s, velocity=d.w, normalize=None))
    expected = gradient(
        lambda p: d.s * norm**2 * eulerian(tiny(p), d.x, d.s, end, velocity=d.w, stop_gradient="target")
    )
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_bounds_of_tangents_bind():
    # Far apart, each coordinate of the tangent is at its bound, whatever the residual.
    p, d = tiny_params(), data()
    far = 1e3 * jnp.sign(d.w)
    bound = square(jnp.ones_like(d.w))
    np.testing.assert_allclose(
        clipped(tiny(p), d.x, d.s, velocity=far, clip=0.3), bound * (0.3 * (1 - d.s**0.5)) ** 2, rtol=1e-12
    )
    sides = {"behind": (d.s, d.x), "ahead": (d.u, d.x + far)}
    factor = 4 * (1 - d.s) / jnp.sin(1.57 * (1 - d.s))
    found = along_path(tiny(p), tiny(p), d.x, d.s, **sides, clip=0.3)
    np.testing.assert_allclose(found, bound * (0.3 * factor) ** 2, rtol=1e-12)


def test_difference_along_the_path_is_finite_at_the_data():
    p, d = tiny_params(), data()
    one = jnp.ones_like(d.s)
    sides = {"behind": (d.u, d.x), "ahead": (one, d.x + d.w)}
    found = along_path(tiny(p), tiny(p), d.x, one, **sides, clip=1e9)
    moved = (d.x + d.w - d.x - (1 - d.u)[:, None] * tiny(p)(d.u, one, d.x)) / (1 - d.u)[:, None]
    np.testing.assert_allclose(found, square(4 / 1.57 * moved), rtol=1e-9)


def test_at_consistency_ratio_zero_the_difference_is_flow_matching():
    # (I_1 - X_{s,1}(I_s)) / (1 - s) = dI - v.
    p, d = tiny_params(), data()
    one = jnp.ones_like(d.s)
    data_end = d.x + (1 - d.s)[:, None] * d.w
    found = along_path(tiny(p), tiny(p), d.x, d.s, behind=(d.s, d.x), ahead=(one, data_end), clip=1e9)
    factor = 4 * (1 - d.s) / jnp.sin(1.57 * (1 - d.s))
    np.testing.assert_allclose(found, factor**2 * square(d.w - tiny(p)(d.s, one, d.x)), rtol=1e-11)


def test_straightness_holds_where_paths_are_straight_only():
    d = data()

    def to_one_point(s, t, x):
        return (jnp.array([[1.0, -0.5]]) - x) / (1 - s)[:, None]

    def to_half_the_width(s, t, x):
        start, end = (jnp.sqrt((1 - time) ** 2 + time**2 / 4) for time in (s, t))
        return ((end / start - 1) / (t - s))[:, None] * x

    for v, straight in ((to_one_point, True), (to_half_the_width, False)):
        x_u = flow_map.jump(v, d.s, d.u, d.x)
        np.testing.assert_allclose(flow_map.jump(v, d.u, d.t, x_u), flow_map.jump(v, d.s, d.t, d.x), rtol=1e-12)
        loss = straightness(v, v, d.x, d.s, d.u, d.t, x_u=x_u)
        assert (loss.max() < 1e-20) if straight else (loss.min() > 1e-6)


def test_shortcut_models_in_their_own_variables():
    # The network sees a time and a step size; one step of 2 d is the mean of two steps of d.
    d = data()
    t, step = d.s, (d.t - d.s) / 2

    def shortcut(params, x, t, step):
        return tiny(params)(t, t + step, x)

    def by_hand(p):
        f = jax.lax.stop_gradient(p)
        first = shortcut(f, d.x, t, step)
        second = shortcut(f, d.x + step[:, None] * first, t + step, step)
        return square(shortcut(p, d.x, t, 2 * step) - (first + second) / 2)

    def library(p):
        return progressive(tiny(p), tiny(p), d.x, d.s, (d.s + d.t) / 2, d.t)

    np.testing.assert_allclose(library(tiny_params()), by_hand(tiny_params()), rtol=1e-11)
    np.testing.assert_allclose(gradient(library), gradient(by_hand), rtol=1e-10, atol=1e-12)


def test_progressive_distillation_in_its_own_variables():
    # z = alpha x1 + sigma x0 on the circle; two steps of DDIM of the teacher, then the data that one step would need.
    p, d = tiny_params(), data()

    def column(f):
        return lambda t: f(t)[:, None]

    norm = column(lambda t: jnp.sqrt(t**2 + (1 - t) ** 2))
    alpha, sigma = column(lambda t: t), column(lambda t: 1 - t)

    def denoised(z, t):
        return denoiser_of_level(teacher, z * norm(t) / alpha(t), level(t))

    def ddim(z, t, t_next):
        x = denoised(z, t)
        return alpha(t_next) / norm(t_next) * x + (sigma(t_next) / norm(t_next)) / (sigma(t) / norm(t)) * (
            z - alpha(t) / norm(t) * x
        )

    z = d.x / norm(d.s)
    after = ddim(ddim(z, d.s, d.u), d.u, d.t)
    noise_ratio = (sigma(d.t) / norm(d.t)) / (sigma(d.s) / norm(d.s))
    target = (after - noise_ratio * z) / (alpha(d.t) / norm(d.t) - noise_ratio * alpha(d.s) / norm(d.s))
    predicted = network_of_level(p, d.x / d.s[:, None], level(d.s), level(d.t))
    signal_to_noise = (d.s / (1 - d.s)) ** 2
    expected = jnp.maximum(signal_to_noise, 1) * square(target - predicted)
    loss = progressive(tiny(p), lambda s, t, x: teacher(s, x), d.x, d.s, d.u, d.t)
    found = weighting.truncated_signal(Times(d.s, d.u, d.t), loss) * loss
    np.testing.assert_allclose(found, expected, rtol=1e-10)
