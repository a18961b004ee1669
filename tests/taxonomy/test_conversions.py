import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from taxonomy import conversions, exact, exact_map, flow_map
from taxonomy.arrays import expand
from taxonomy.interpolants import LINEAR
from tests.helpers import inputs, tiny, tiny_params

pytestmark = pytest.mark.usefixtures("x64")
MEAN = np.array([1.3, -0.4])
COVARIANCE = np.array([[0.6, 0.2], [0.2, 0.3]])

# name: (output from v, v from output), both of (., s, x); std only matters to EDM.
OUTPUTS = {
    "denoiser": (conversions.denoiser_from_velocity, conversions.velocity_from_denoiser),
    "trigflow": (conversions.trigflow_from_velocity, conversions.velocity_from_trigflow),
    "edm": (
        lambda v, s, x: conversions.edm_from_velocity(v, s, x, std=0.5),
        lambda output, s, x: conversions.velocity_from_edm(output, s, x, std=0.5),
    ),
    "decay": (
        lambda v, s, x: conversions.decay_from_velocity(v, x),
        lambda output, s, x: conversions.velocity_from_decay(output, x),
    ),
}


def gaussian():
    return exact.gaussian(LINEAR, mean=MEAN, covariance=COVARIANCE)


def mixture():
    return exact.mixture(
        LINEAR,
        weights=np.array([0.3, 0.7]),
        means=np.array([[-2.0], [1.0]]),
        covariances=np.array([[[0.25]], [[0.64]]]),
    )


# The maps as their papers write them, in their own variables: from the output F at x to X_{s,t}(x).
def map_of_denoiser(psi, s, t, x):
    # CTM, in sigma: G = (sigma_t / sigma_s) x_sigma + (1 - sigma_t / sigma_s) g.
    ratio = expand(conversions.sigma_from_time(t) / conversions.sigma_from_time(s), x)
    x_sigma = expand(conversions.scale_sigma(s), x) * x
    return (ratio * x_sigma + (1 - ratio) * psi) / expand(conversions.scale_sigma(t), x)


def map_of_trigflow(output, s, t, x):
    turn = expand(conversions.angle_from_time(s) - conversions.angle_from_time(t), x)
    x_tau = expand(conversions.scale_angle(s), x) * x
    return (jnp.cos(turn) * x_tau - jnp.sin(turn) * output) / expand(conversions.scale_angle(t), x)


def denoiser_of_edm(output, s, x, std=0.5):
    sigma = expand(conversions.sigma_from_time(s), x)
    x_sigma = expand(conversions.scale_sigma(s), x) * x
    c_skip, c_out = std**2 / (sigma**2 + std**2), sigma * std / jnp.sqrt(sigma**2 + std**2)
    return c_skip * x_sigma + c_out * output


def map_of_edm(output, s, t, x):
    return map_of_denoiser(denoiser_of_edm(output, s, x), s, t, x)


def map_of_decay(output, s, t, x):
    gap = expand(t - s, x)
    return (1 - gap) * x + gap * output


MAPS = {"denoiser": map_of_denoiser, "trigflow": map_of_trigflow, "edm": map_of_edm, "decay": map_of_decay}


@pytest.mark.parametrize("shape", [(2,), (3, 2, 1)])
@pytest.mark.parametrize("name", OUTPUTS)
def test_there_and_back(name, shape):
    keys = jax.random.split(jax.random.key(0), 3)
    v, x = jax.random.normal(keys[0], (6, *shape)), jax.random.normal(keys[1], (6, *shape))
    s = 0.95 * jax.random.uniform(keys[2], (6,))
    there, back = OUTPUTS[name]
    np.testing.assert_allclose(back(there(v, s, x), s, x), v, atol=1e-13)
    np.testing.assert_allclose(there(back(v, s, x), s, x), v, atol=1e-13)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("name", OUTPUTS)
def test_every_output_makes_the_same_map(name, backward):
    s, _, t, x, _ = inputs()
    s, t = (t, s) if backward else (s, t)
    v = tiny(tiny_params())(s, t, x)
    mapped = x + (t - s)[:, None] * v
    np.testing.assert_allclose(MAPS[name](OUTPUTS[name][0](v, s, x), s, t, x), mapped, atol=1e-12)
    np.testing.assert_allclose(conversions.velocity_from_map(mapped, s, t, x), v, atol=1e-12)


def test_edm_at_unit_standard_deviation_is_minus_trigflow():
    s, _, _, x, v = inputs()
    np.testing.assert_allclose(
        conversions.edm_from_velocity(v, s, x), -conversions.trigflow_from_velocity(v, s, x), atol=1e-14
    )
    np.testing.assert_allclose(
        conversions.velocity_from_edm(v, s, x), conversions.velocity_from_trigflow(-v, s, x), atol=1e-14
    )


def test_the_velocity_of_a_sample_becomes_the_regression_target_of_each_output():
    s, _, _, x0, x1 = inputs()
    x, v, std = LINEAR.position(s, x0, x1), LINEAR.velocity(s, x0, x1), 0.5
    tau, sigma = conversions.angle_from_time(s)[:, None], conversions.sigma_from_time(s)[:, None]
    c_skip, c_out = std**2 / (sigma**2 + std**2), sigma * std / np.sqrt(sigma**2 + std**2)
    expected = {
        "denoiser": x1,
        "trigflow": jnp.cos(tau) * x0 - jnp.sin(tau) * x1,
        "edm": (x1 - c_skip * (x1 + sigma * x0)) / c_out,
        "decay": x1 - x0 + x,
    }
    for name, target in expected.items():
        np.testing.assert_allclose(OUTPUTS[name][0](v, s, x), target, atol=1e-12, err_msg=name)


def test_the_denoiser_on_the_diagonal_is_the_posterior_mean_and_at_the_end_the_map():
    flow, (s, _, _, x, _) = gaussian(), inputs()
    one = jnp.ones_like(s)
    np.testing.assert_allclose(
        conversions.denoiser_from_velocity(flow.v(s, s, x), s, x), flow.posterior_mean(s, x), atol=1e-13
    )
    np.testing.assert_allclose(
        conversions.denoiser_from_velocity(flow.v(s, one, x), s, x), flow_map.jump(flow.v, s, one, x), atol=1e-13
    )


def test_rules_in_terms_of_the_denoiser():
    # For any network: each residual of v is the stated combination of psi and its derivatives.
    s, u, t, x, _ = inputs()
    v = tiny(tiny_params())

    def psi(s, t, x):
        return conversions.denoiser_from_velocity(v(s, t, x), s, x)

    def jump(s, t, x):
        return flow_map.jump(v, s, t, x)

    S, U, T = s[:, None], u[:, None], t[:, None]
    mapped = jump(s, t, x)

    average, d_t = flow_map.average_d_t(v, s, t, x)
    denoiser, d_t_psi = jax.jvp(lambda t: psi(s, t, x), (t,), (jnp.ones_like(t),))
    lagrangian = average + (T - S) * d_t - v(t, t, mapped)
    found = denoiser + (T - S) * (1 - T) / (1 - S) * d_t_psi - psi(t, t, mapped)
    np.testing.assert_allclose(found, (1 - T) * lagrangian, atol=1e-12)

    b = v(s, s, x)
    eulerian = b + (T - S) * flow_map.total_derivative(v, s, t, x, b)[1] - average
    d_s_psi = flow_map.total_derivative(psi, s, t, x, b)[1]
    found = (T - S) / (1 - S) * d_s_psi + (1 - T) / (1 - S) ** 2 * (psi(s, s, x) - denoiser)
    np.testing.assert_allclose(found, eulerian, atol=1e-12)

    a = (1 - T) * (U - S) / ((1 - U) * (T - S))
    assert np.all((a >= 0) & (a <= 1))
    middle = jump(s, u, x)
    found = denoiser - a * psi(s, u, x) - (1 - a) * psi(u, t, middle)
    np.testing.assert_allclose((T - S) / (1 - S) * found, mapped - jump(u, t, middle), atol=1e-12)


def test_the_map_of_scaled_points_is_the_scaled_map():
    # The maps of Gaussian data in the papers' variables, y = c_t x, against c_t X_{s,t}(y / c_s).
    flow, (s, _, t, _, y) = gaussian(), inputs()
    values, axes = np.linalg.eigh(COVARIANCE)

    def conjugate(scale_s, scale_t, y):
        return scale_t[:, None] * flow_map.jump(flow.v, s, t, y / scale_s[:, None])

    def between(data, noise, y):
        # y = data x1 + noise x0 at both ends: the means and the standard deviations along the axes of the data.
        (means_s, stds_s), (means_t, stds_t) = (
            (d[:, None] * (MEAN @ axes)[None], np.sqrt(d[:, None] ** 2 * values[None] + n[:, None] ** 2))
            for d, n in zip(data, noise, strict=True)
        )
        return (means_t + stds_t / stds_s * (np.asarray(y) @ axes - means_s)) @ axes.T

    sigmas = [np.asarray(conversions.sigma_from_time(time)) for time in (s, t)]
    ve = conjugate(conversions.scale_sigma(s), conversions.scale_sigma(t), y)
    np.testing.assert_allclose(ve, between([np.ones(5)] * 2, sigmas, y), atol=1e-12)

    angles = [np.asarray(conversions.angle_from_time(time)) for time in (s, t)]
    circle = conjugate(conversions.scale_angle(s), conversions.scale_angle(t), y)
    np.testing.assert_allclose(circle, between([np.cos(a) for a in angles], [np.sin(a) for a in angles], y), atol=1e-12)


def test_the_probability_flows_of_edm_and_trigflow_are_our_path():
    # Both papers' equations, each in its own variables, for data with two modes, from sigma = 4 to sigma = 0.1.
    flow = mixture()

    @jax.jit
    def edm(sigma, x):
        t = conversions.time_from_sigma(sigma)
        return (x - flow.posterior_mean(t[None], (x / conversions.scale_sigma(t))[None])[0]) / sigma

    @jax.jit
    def trigflow(tau, x):
        # dx/dtau = F, which is E[cos(tau) x0 - sin(tau) x1 | x].
        s = conversions.time_from_angle(tau)
        point = (x / conversions.scale_angle(s))[None]
        return conversions.trigflow_from_velocity(flow.b(s[None], point), s[None], point)[0]

    s, t = (conversions.time_from_sigma(jnp.array([sigma])) for sigma in (4.0, 0.1))
    x = jnp.array([[0.3]])
    end = exact_map.solve(flow.b, s, t, x, tolerance=1e-11)
    for field, clock, scale in (
        (edm, conversions.sigma_from_time, conversions.scale_sigma),
        (trigflow, conversions.angle_from_time, conversions.scale_angle),
    ):
        span, start = (float(clock(s)[0]), float(clock(t)[0])), np.asarray(scale(s) * x[0])
        solution = solve_ivp(lambda time, y, f=field: np.asarray(f(time, y)), span, start, rtol=1e-10, atol=1e-11)
        np.testing.assert_allclose(solution.y[:, -1] / scale(t), end[0], atol=1e-8)


def test_times_and_points_of_the_papers():
    t = jnp.linspace(0, 1, 11)
    x0, x1 = jnp.full((11, 1), 0.4), jnp.full((11, 1), -1.1)
    x, inner = LINEAR.position(t, x0, x1), slice(1, None)
    np.testing.assert_allclose(conversions.time_from_sigma(conversions.sigma_from_time(t)), t, atol=1e-15)
    np.testing.assert_allclose(conversions.time_from_angle(conversions.angle_from_time(t)), t, atol=1e-15)
    sigma, tau = conversions.sigma_from_time(t)[:, None], conversions.angle_from_time(t)[:, None]
    np.testing.assert_allclose((conversions.scale_sigma(t)[:, None] * x)[inner], (x1 + sigma * x0)[inner], atol=1e-14)
    np.testing.assert_allclose(
        conversions.scale_angle(t)[:, None] * x, jnp.cos(tau) * x1 + jnp.sin(tau) * x0, atol=1e-14
    )
    # Not normalized on purpose: the factors of a path need not lie on the circle.
    alpha, noise = jnp.linspace(0.1, 1, 11), jnp.linspace(2, 0, 11)
    s = conversions.time_from_vp(alpha, noise)
    np.testing.assert_allclose(
        conversions.scale_vp(alpha, noise)[:, None] * LINEAR.position(s, x0, x1),
        alpha[:, None] * x1 + noise[:, None] * x0,
        atol=1e-14,
    )
    # A variance-preserving path is the circle.
    np.testing.assert_allclose(
        conversions.scale_vp(jnp.cos(tau), jnp.sin(tau))[:, 0], conversions.scale_angle(t), atol=1e-14
    )


@pytest.mark.parametrize("name", ["trigflow", "edm", "decay"])
def test_outputs_are_regular_at_both_ends_and_the_map_at_the_data_is_the_identity(name):
    _, _, _, x, output = inputs()
    there, back = OUTPUTS[name]
    for time in (0.0, 1.0):
        s = jnp.full(5, time)
        for function in (there, back):
            value, slope = jax.jvp(lambda s, f=function: f(output, s, x), (s,), (jnp.ones_like(s),))
            assert np.isfinite(value).all()
            assert np.isfinite(slope).all()
    one = jnp.ones(5)
    np.testing.assert_array_equal(x + (one - one)[:, None] * back(output, one, x), x)
    # The consistency function f(x, s) = X_{s,1}(x), whatever the network says.
    np.testing.assert_array_equal(conversions.denoiser_from_velocity(back(output, one, x), one, x), x)
    # The consistency functions f(x, s) = X_{s,1}(x) as published, whatever the network says.
    published = {"trigflow": map_of_trigflow(output, one, one, x), "edm": denoiser_of_edm(output, one, x), "decay": x}
    np.testing.assert_array_equal(published[name], x)


def test_the_floor_of_the_denoiser_bounds_the_velocity():
    x, psi, s = jnp.zeros((3, 1)), jnp.ones((3, 1)), jnp.array([0.5, 0.95, 1.0])
    found = conversions.velocity_from_denoiser(psi, s, x, floor=0.05)
    np.testing.assert_allclose(found[:, 0], [2.0, 20.0, 20.0], rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s, x: conversions.velocity_from_map(x, s, s, x), r"s = t = 0.25 in example 0; expected s != t"),
        (lambda s, x: conversions.velocity_from_denoiser(x, s / s, x), r"received s = 1; expected s < 1 or floor > 0"),
        (lambda s, x: conversions.velocity_from_denoiser(x, s, x, floor=-1.0), r"floor = -1.0; expected"),
        (lambda s, x: conversions.velocity_from_edm(x, s, x, std=0.0), r"std = 0.0; expected a positive number"),
        (lambda s, x: conversions.edm_from_velocity(x, s, x, std=-1.0), r"std = -1.0; expected a positive number"),
        # The function itself: the check of shapes of this run would answer first.
        (lambda s, x: inspect.unwrap(conversions.denoiser_from_velocity)(x, s[:1], x), r"pass one time per example"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(jnp.array([0.25, 0.5]), jnp.ones((2, 3)))


def test_known_times_are_checked_outside_of_jit_only():
    s, x = jnp.ones(2), jnp.ones((2, 3))
    assert np.isnan(jax.jit(conversions.velocity_from_map)(x, s, s, x)).all()
