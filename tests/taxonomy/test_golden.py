"""Closed forms that no other test uses: distribution functions, look-ahead, posterior paths, re-noising."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from taxonomy import exact, exact_map, flow_map
from taxonomy.interpolants import INTERPOLANTS, LINEAR

pytestmark = pytest.mark.usefixtures("x64")
MEAN = np.array([1.3, -0.4])
COVARIANCE = np.array([[0.6, 0.2], [0.2, 0.3]])
# In one dimension.
WEIGHTS, MEANS, STDS = np.array([0.3, 0.7]), np.array([-2.0, 1.0]), np.array([0.5, 0.8])


def gaussian(name="linear"):
    return exact.gaussian(INTERPOLANTS[name], mean=MEAN, covariance=COVARIANCE)


def mixture(name="linear"):
    return exact.mixture(
        INTERPOLANTS[name], weights=WEIGHTS, means=MEANS[:, None], covariances=STDS[:, None, None] ** 2
    )


def distribution(name, t, x):
    """F_t(x) of the mixture in one dimension."""
    alpha, beta = (float(f(jnp.array(t))) for f in (INTERPOLANTS[name].alpha, INTERPOLANTS[name].beta))
    return float(np.sum(WEIGHTS * norm.cdf((x - beta * MEANS) / np.sqrt(alpha**2 + beta**2 * STDS**2))))


def map_by_inversion(name, s, t, x):
    """F_t^{-1}(F_s(x)): in one dimension the flow keeps the order of points, hence their quantiles."""
    level = distribution(name, s, x)
    return brentq(lambda y: distribution(name, t, y) - level, -15, 15, xtol=1e-14, rtol=1e-14)


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_in_one_dimension_the_map_keeps_quantiles_and_its_slope_is_the_ratio_of_densities(name):
    flow = mixture(name)
    s, t = jnp.array([0.0, 0.1, 0.4, 0.9, 1.0, 0.5]), jnp.array([1.0, 0.8, 0.6, 0.2, 0.0, 1.0])
    x = jnp.array([-0.5, 0.25, -1.3, 1.1, 0.7, -0.4])[:, None]
    found = exact_map.solve_with_jacobian(flow.b, s, t, x, tolerance=1e-11)
    expected = [map_by_inversion(name, *(float(value) for value in row)) for row in zip(s, t, x[:, 0], strict=True)]
    np.testing.assert_allclose(found.x[:, 0], expected, atol=1e-9)
    log_slope = flow.log_density(s, x) - flow.log_density(t, found.x)
    np.testing.assert_allclose(found.log_det, log_slope, atol=1e-8)
    np.testing.assert_allclose(found.jacobian[:, 0, 0], jnp.exp(log_slope), rtol=1e-8)


def test_a_rotated_product_of_mixtures_has_the_rotated_product_of_maps():
    # Four modes in the plane, and a map that is known: each coordinate on its own before the rotation.
    angle = 0.6
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    pairs = [(i, j) for i in range(2) for j in range(2)]
    flow = exact.mixture(
        LINEAR,
        weights=np.array([WEIGHTS[i] * WEIGHTS[j] for i, j in pairs]),
        means=np.array([turn @ MEANS[[i, j]] for i, j in pairs]),
        covariances=np.array([turn @ np.diag(STDS[[i, j]] ** 2) @ turn.T for i, j in pairs]),
    )
    s, t, x = 0.05, 0.9, np.array([[0.4, -1.0], [-0.8, 0.3]])
    expected = np.array([[map_by_inversion("linear", s, t, value) for value in row] for row in x @ turn]) @ turn.T
    found = exact_map.solve(flow.b, jnp.full(2, s), jnp.full(2, t), jnp.asarray(x), tolerance=1e-11)
    np.testing.assert_allclose(found, expected, atol=1e-9)


# Recomputed by another program: base N(0, I), s = .2, t = .9.
GOLDEN_LOG_DET = {"linear": -0.7364210632836846, "trigonometric": -0.8768787750164956}


@pytest.mark.parametrize("name", GOLDEN_LOG_DET)
def test_log_determinant_of_the_gaussian_map(name):
    v, s, t, x = gaussian(name).v, jnp.array([0.2]), jnp.array([0.9]), jnp.array([0.7, -1.1])
    jacobian = jax.jacfwd(lambda x: flow_map.jump(v, s, t, x[None])[0])(x)
    np.testing.assert_allclose(jnp.linalg.slogdet(jacobian)[1], GOLDEN_LOG_DET[name], atol=1e-14)
    path = INTERPOLANTS[name]
    variances = [path.alpha(time) ** 2 * np.eye(2) + path.beta(time) ** 2 * COVARIANCE for time in (0.2, 0.9)]
    before, after = (np.linalg.slogdet(variance)[1] for variance in variances)
    np.testing.assert_allclose((after - before) / 2, GOLDEN_LOG_DET[name], atol=1e-14)


def test_the_best_consistency_model_of_centred_data():
    # X_{s,1}(x) = c x / sqrt((1 - s)^2 + s^2 c^2).
    c, s, x = 0.6, jnp.array([0.0, 0.3, 0.8, 1.0]), jnp.array([[1.0], [-2.0], [0.5], [0.7]])
    v = exact.gaussian(LINEAR, mean=np.zeros(1), covariance=np.array([[c**2]])).v
    expected = c * x / jnp.sqrt((1 - s) ** 2 + s**2 * c**2)[:, None]
    np.testing.assert_allclose(flow_map.jump(v, s, jnp.ones(4), x), expected, atol=1e-14)


def test_velocities_at_both_ends():
    # b_0(x) = E[x1] - x and b_1(x) = x: at each end the other sample is independent of x.
    flow, x = mixture(), jnp.array([[-1.7], [0.0], [0.4], [2.0]])
    np.testing.assert_allclose(flow.b(jnp.zeros(4), x), WEIGHTS @ MEANS - x, atol=1e-13)
    np.testing.assert_allclose(flow.b(jnp.ones(4), x), x, atol=1e-13)


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_the_average_of_the_velocity_along_the_path_is_the_average_velocity(name):
    # v_{s,t}(x) is the mean of b_u(X_{s,u}(x)) over u ~ U[s, t], for data with two modes.
    flow, s, t, x = mixture(name), 0.1, 0.85, 0.25
    nodes, weights = np.polynomial.legendre.leggauss(40)
    times = s + (t - s) * (nodes + 1) / 2
    points = np.array([[map_by_inversion(name, s, u, x)] for u in times])
    mean = weights / 2 @ np.asarray(flow.b(jnp.asarray(times), jnp.asarray(points))[:, 0])
    np.testing.assert_allclose(mean, (map_by_inversion(name, s, t, x) - x) / (t - s), atol=1e-12)


def reward(x):
    return jnp.sin(2 * x[:, 0]) + x[:, 0] * x[:, -1] ** 2


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_the_reward_of_the_look_ahead_is_constant_along_the_path(name):
    # (d/dt + b . grad) r(X_{t,1}(x)) = 0; not so for the reward of the posterior mean.
    flow = gaussian(name)
    t, x = jnp.array([0.05, 0.4, 0.8]), jnp.array([[0.3, -0.7], [1.0, 0.4], [-0.5, 0.2]])

    def along(look_ahead):
        return jax.jvp(lambda t, x: reward(look_ahead(t, x)), (t, x), (jnp.ones_like(t), flow.b(t, x)))[1]

    np.testing.assert_allclose(along(lambda t, x: flow_map.jump(flow.v, t, jnp.ones_like(t), x)), 0, atol=1e-12)
    assert float(jnp.abs(along(flow.posterior_mean)).min()) > 1e-2


def test_the_reward_of_the_look_ahead_is_constant_with_two_modes():
    # By the slope of the map, p_t / p_1, and by differences in t: neither uses the path from t.
    flow, h = mixture(), 1e-4
    for t, x in ((0.2, 0.1), (0.6, -0.9)):
        points = [map_by_inversion("linear", t + k * h, 1.0, x) for k in (-2, -1, 0, 1, 2)]
        d_t = (8 * (points[3] - points[1]) - (points[4] - points[0])) / (12 * h)
        time, start, end = jnp.array([t]), jnp.array([[x]]), jnp.array([[points[2]]])
        slope = jnp.exp(flow.log_density(time, start) - flow.log_density(jnp.ones(1), end))[0]
        change = jax.jvp(reward, (end,), ((d_t + slope * flow.b(time, start)),))[1]
        np.testing.assert_allclose(change, 0, atol=1e-8)


def test_the_velocity_of_a_posterior_follows_from_the_velocity_of_the_path():
    # x_t and the inner point I_s = (1 - s) z + s x1 are two noisy views of x1. Together they are one view, of precision
    # P = t^2 / (1 - t)^2 + s^2 / (1 - s)^2 and at the time of that precision (GLASS flows, arXiv 2509.25170).
    weights = np.array([0.3, 0.7])
    means = np.array([[1.0, -0.5], [-1.0, 0.3]])
    covariances = np.array([[[0.5, 0.2], [0.2, 0.3]], [[0.2, -0.1], [-0.1, 0.4]]])
    flow = exact.mixture(LINEAR, weights=weights, means=means, covariances=covariances)
    t, x_t = 0.35, np.array([0.2, -0.3])

    # The posterior of x1 given x_t is a mixture again, in closed form.
    totals = (1 - t) ** 2 * np.eye(2) + t**2 * covariances
    gains = t * covariances @ np.linalg.inv(totals)
    offsets = x_t - t * means
    squares = np.einsum("ki,kij,kj->k", offsets, np.linalg.inv(totals), offsets)
    labels = weights * np.exp(-squares / 2) / np.sqrt(np.linalg.det(totals))
    posterior = exact.mixture(
        LINEAR,
        weights=labels / labels.sum(),
        means=means + np.einsum("kij,kj->ki", gains, offsets),
        covariances=(1 - t) ** 2 / t * gains,
    )

    s = jnp.array([0.0, 0.2, 0.5, 0.9])
    inner = jax.random.normal(jax.random.key(0), (4, 2))
    precision = t**2 / (1 - t) ** 2 + s**2 / (1 - s) ** 2
    pooled = (t / (1 - t) ** 2 * x_t)[None] + (s / (1 - s) ** 2)[:, None] * inner
    time = jnp.sqrt(precision) / (1 + jnp.sqrt(precision))
    point = time[:, None] * pooled / precision[:, None]
    denoised = point + (1 - time)[:, None] * flow.b(time, point)
    np.testing.assert_allclose((denoised - inner) / (1 - s)[:, None], posterior.b(s, inner), atol=1e-12)


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_jumps_over_any_partition_make_the_one_jump(name):
    v, x = gaussian(name).v, jnp.array([[0.3, -0.7], [1.0, 0.4]])
    ends = jnp.array([0.1, 0.0]), jnp.array([0.9, 1.0])
    # The second partition leaves the interval and comes back.
    for shares in ((0.0, 0.3, 0.4, 1.0), (0.0, 0.8, 0.2, 1.0)):
        times = [(1 - share) * ends[0] + share * ends[1] for share in shares]
        y = x
        for s, t in itertools.pairwise(times):
            y = flow_map.jump(v, s, t, y)
        np.testing.assert_allclose(y, flow_map.jump(v, *ends, x), atol=1e-13)


def moments(t):
    return t * MEAN, (1 - t) ** 2 * np.eye(2) + t**2 * COVARIANCE


def pushed(v, s, t, mean, covariance):
    """Moments of X_{s,t}(x) for x of the given moments; the map of a Gaussian path is affine."""

    def jump(x):
        return flow_map.jump(v, jnp.array([s]), jnp.array([t]), x[None])[0]

    jacobian = np.asarray(jax.jacfwd(jump)(jnp.asarray(mean)))
    return np.asarray(jump(jnp.asarray(mean))), jacobian @ covariance @ jacobian.T


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize(("s", "t"), [(0.0, 0.4), (0.3, 0.7), (0.5, 0.9)])
def test_gamma_sampling_keeps_the_marginal(gamma, s, t):
    # Past t to the time u of noise level sqrt(1 - gamma^2) sigma_t, then fresh noise up to t (CTM, arXiv 2310.02279).
    u = 1 / (1 + np.sqrt(1 - gamma**2) * (1 - t) / t)
    mean, covariance = pushed(gaussian().v, s, u, *moments(s))
    variance = (1 - t) ** 2 - (t / u) ** 2 * (1 - u) ** 2
    np.testing.assert_allclose(variance, gamma**2 * (1 - t) ** 2, atol=1e-15)
    expected_mean, expected_covariance = moments(t)
    np.testing.assert_allclose(t / u * mean, expected_mean, atol=1e-13)
    np.testing.assert_allclose((t / u) ** 2 * covariance + variance * np.eye(2), expected_covariance, atol=1e-13)
    # At 0 the composition of jumps; at 1 a jump to the data and fresh noise, the sampler of consistency models.
    if gamma in (0, 1):
        np.testing.assert_allclose(u, 1 if gamma else t, rtol=1e-14)


def test_sampling_by_restarts_keeps_the_marginals_at_every_time():
    v, grid = gaussian().v, (0.0, 0.2, 0.6, 0.9, 1.0)
    mean, covariance = moments(0.0)
    for s, t in itertools.pairwise(grid):
        mean, covariance = pushed(v, s, 1.0, mean, covariance)
        mean, covariance = t * mean, t**2 * covariance + (1 - t) ** 2 * np.eye(2)
        for found, expected in zip((mean, covariance), moments(t), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-13)
