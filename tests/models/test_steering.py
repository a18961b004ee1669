import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import diffusion_samplers, grids, steering, tilting
from taxonomy import exact, flow_map, predictions, tilted
from taxonomy.interpolants import LINEAR, TRIGONOMETRIC
from taxonomy.tilted import LinearQuadratic

BASE_STD = 0.7
MEAN, COVARIANCE = np.array([0.4, -0.2]), np.array([[0.25, 0.08], [0.08, 0.1]])
PARTS = {
    "weights": np.array([0.4, 0.6]),
    "means": np.array([[-0.8, 0.2], [0.7, -0.2]]),
    "covariances": np.array([[[0.04, 0.01], [0.01, 0.05]], [[0.05, 0.0], [0.0, 0.04]]]),
}
COUNT, STEPS = 8000, 20


def reward():
    return LinearQuadratic(jnp.asarray(0.0), jnp.array([-1.5, 1.0]), jnp.array([[0.8, 0.2], [0.2, 0.4]]))


def gaussian(interpolant=LINEAR):
    return exact.gaussian(interpolant, mean=MEAN, covariance=COVARIANCE, noise_std=BASE_STD)


def noise(key=0, count=COUNT):
    return BASE_STD * jax.random.normal(jax.random.key(key), (count, 2))


@pytest.mark.usefixtures("x64")
def test_the_value_of_the_exact_map_is_constant_along_the_path():
    flow, t = gaussian(), jnp.array([0.0, 0.3, 0.7, 0.9])
    x = noise(count=4)
    by_map = steering.value_of(reward(), steering.map_look_ahead(flow.v))
    assert float(jnp.abs(steering.drift_of_value(by_map, flow.b, t, x)).max()) < 1e-6
    by_mean = steering.value_of(reward(), steering.mean_look_ahead(flow.b, LINEAR))
    assert float(jnp.abs(steering.drift_of_value(by_mean, flow.b, t, x)).min()) > 1e-2


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("interpolant", [LINEAR, TRIGONOMETRIC])
def test_score_and_mean_from_the_velocity(interpolant):
    flow = exact.mixture(interpolant, **PARTS, noise_std=BASE_STD)
    t, x = jnp.array([0.0, 0.3, 0.7, 0.95]), noise(count=4)
    found = predictions.score_from_velocity(interpolant, t, x, flow.b(t, x), noise_std=BASE_STD)
    np.testing.assert_allclose(found, flow.score(t, x), rtol=1e-9)
    found = steering.mean_look_ahead(flow.b, interpolant)(t, x)
    np.testing.assert_allclose(found, flow.posterior_mean(t, x), rtol=1e-9)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("interpolant", [LINEAR, TRIGONOMETRIC])
def test_guidance_by_the_true_value_is_the_velocity_to_the_tilted_law(interpolant):
    flow = exact.mixture(interpolant, **PARTS, noise_std=BASE_STD)
    aim = tilted.tilt(reward(), **PARTS)
    to_aim = exact.mixture(
        interpolant, weights=aim.weights, means=aim.means, covariances=aim.covariances, noise_std=BASE_STD
    )

    def value(t, x):
        """Log E[e^r | x_t]: the normalization of the posterior's tilt."""
        # p(x1 | x_t) e^r is the tilt of the data by both, over p_t(x).
        return to_aim.log_density(t, x) - flow.log_density(t, x) + aim.log_z

    def gain(t):
        return steering.guidance_gain(t, interpolant, noise_std=BASE_STD)

    t, x = jnp.array([0.1, 0.4, 0.8, 0.97]), noise(count=4)
    np.testing.assert_allclose(steering.guided(flow.b, value, gain)(t, x), to_aim.b(t, x), rtol=1e-9)
    # The value itself, by the posterior of one of these points.
    measured = tilted.measurement(
        interpolant.beta(t[1]) * jnp.eye(2), x[1], noise_std=float(interpolant.alpha(t[1])) * BASE_STD
    )
    at_x = tilted.tilt(measured, **PARTS)
    expected = tilted.tilt(reward(), weights=at_x.weights, means=at_x.means, covariances=at_x.covariances).log_z
    np.testing.assert_allclose(value(t, x)[1], expected, rtol=1e-9)


def test_systematic_resampling_takes_every_point_in_its_share():
    log_weights = jnp.log(jnp.array([0.5, 0.25, 0.125, 0.125]).repeat(8) / 8) + 3.0
    for seed in range(3):
        times = jnp.bincount(steering.systematic(jax.random.key(seed), log_weights), length=32)
        expected = 32 * np.asarray(jax.nn.softmax(log_weights))
        assert np.all(np.abs(np.asarray(times) - expected) < 1 + 1e-4)
    np.testing.assert_allclose(steering.effective_share(log_weights), 1 / (4 * (0.25 + 0.0625 + 2 / 64)), rtol=1e-5)
    np.testing.assert_allclose(steering.effective_share(jnp.zeros(5)), 1.0, rtol=1e-6)
    one = jnp.where(jnp.arange(5) == 3, 0.0, -jnp.inf)
    np.testing.assert_array_equal(steering.systematic(jax.random.key(0), one), 3)


def test_the_best_candidate_and_the_drawn_one():
    candidates = jnp.array([0.0, 1.0, 2.0]).reshape(3, 1, 1) * jnp.ones((1, 20_000, 1))
    best = steering.best_of(lambda x: x[:, 0], candidates)
    np.testing.assert_array_equal(best, 2.0)
    drawn = np.asarray(steering.best_of(lambda x: x[:, 0], candidates, key=jax.random.key(0)))
    shares = np.exp(np.arange(3)) / np.exp(np.arange(3)).sum()
    for k in range(3):
        assert abs((drawn == k).mean() - shares[k]) < 4 * np.sqrt(shares[k] * (1 - shares[k]) / 20_000)


def test_systematic_resampling_is_right_on_average():
    """Of two points with weights 0.3 and 0.7 each is taken in its share; one offset for all would take the second."""
    log_weights = jnp.log(jnp.array([0.3, 0.7]))
    chosen = jax.vmap(lambda key: steering.systematic(key, log_weights))(jax.random.split(jax.random.key(0), 4000))
    # The first is chosen once with probability 0.6, or not: five standard errors.
    np.testing.assert_allclose((chosen == 0).sum(axis=1).mean(), 0.6, atol=5 * np.sqrt(0.24 / 4000))


def test_a_point_without_weight_is_never_chosen(monkeypatch):
    # The uniform number may be 0, which is the edge of the first point.
    monkeypatch.setattr(jax.random, "uniform", lambda key, shape: 0.0)
    chosen = steering.systematic(jax.random.key(0), jnp.array([-jnp.inf, 0.0]))
    np.testing.assert_array_equal(chosen, [1, 1])


def test_the_gain_of_guidance_is_bounded_at_the_noise():
    t = jnp.array([0.0, 0.01, 0.04, 0.5, 1.0])
    found = steering.guidance_gain(t, LINEAR, noise_std=BASE_STD)
    np.testing.assert_allclose(found, BASE_STD**2 * (1 - t) / np.array([0.04, 0.04, 0.04, 0.5, 1.0]), rtol=1e-5)


def steps(v, b, look_ahead, score, *, strength, **options):
    """Trajectory tilting of one setting, jitted."""
    h = steering.value_of(reward(), look_ahead)
    run = jax.jit(
        lambda key, x: tilting.tilting(
            v,
            h,
            score,
            key,
            x,
            grids.uniform(STEPS),
            diffusion=tilting.falling(noise_std=BASE_STD, noise=strength),
            **options,
        )
    )
    return run(jax.random.key(5), noise())


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("constancy", [True, False])
def test_without_diffusion_the_weights_are_those_of_importance_sampling(constancy):
    flow = gaussian()
    found = steps(
        flow.v, flow.b, steering.map_look_ahead(flow.v), flow.score, strength=0.0, constancy=constancy, threshold=0.0
    )
    x = noise()
    zero = jnp.zeros(COUNT)
    ends = flow_map.jump(flow.v, zero, zero + 1, x)
    np.testing.assert_allclose(found.x, ends, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.log_weights, reward()(ends), rtol=1e-9, atol=1e-12)
    assert not found.resampled.any()


@functools.cache
def mixture_steps(*, mean, constancy, strength=0.7):
    flow = exact.mixture(LINEAR, **PARTS, noise_std=BASE_STD)

    def velocity(t, x):
        return flow.b(t, x)

    def v(s, t, x):
        """The flow map by 16 midpoint steps, in a loop that compiles once."""

        def leg(k, y):
            ends = (s + (t - s) * k / 16, s + (t - s) * (k + 1) / 16)
            return flow_map.midpoint_step(velocity, *ends, y)

        y = jax.lax.scan(lambda y, k: (leg(k, y), None), x, jnp.arange(16))[0]
        gap = (t - s)[:, None]
        return jnp.where(gap == 0, velocity(s, x), (y - x) / jnp.where(gap == 0, 1.0, gap))

    ahead = steering.mean_look_ahead(velocity, LINEAR) if mean else steering.map_look_ahead(v)
    return steps(v, velocity, ahead, flow.score, strength=strength, constancy=constancy)


def distance(found):
    """Distance of the weighted mean from that of the tilted law, and a bound on its Monte-Carlo error."""
    aim = tilted.tilt(reward(), **PARTS)
    w = np.asarray(jax.nn.softmax(found.log_weights), np.float64)
    mean = w @ np.asarray(found.x)
    # Five standard errors of as many independent points as the smallest effective sample size on the way.
    effective = COUNT * float(found.shares.min())
    bound = 5 * np.sqrt(float(jnp.trace(aim.covariance)) / effective)
    return float(np.linalg.norm(mean - aim.mean)), bound, w


@pytest.mark.slow
def test_trajectory_tilting_samples_the_true_tilted_law_of_a_mixture():
    found = mixture_steps(mean=False, constancy=True)
    error, bound, w = distance(found)
    assert error < bound < 0.12
    aim = tilted.tilt(reward(), **PARTS)
    left = w @ (np.asarray(found.x)[:, 0] < 0)
    # The two components are three standard deviations away from 0 and more.
    assert abs(left - aim.weights[0]) < bound
    second = np.einsum("n,ni,nj->ij", w, *(2 * [np.asarray(found.x) - np.asarray(aim.mean)]))
    np.testing.assert_array_less(np.abs(second - aim.covariance), 2 * bound)


@pytest.mark.slow
def test_the_mean_as_look_ahead_is_biased_unless_its_change_is_weighed():
    exact_error, _, _ = distance(mixture_steps(mean=False, constancy=True))
    error, bound, _ = distance(mixture_steps(mean=True, constancy=True))
    assert error > bound
    assert error > 3 * exact_error
    error, bound, _ = distance(mixture_steps(mean=True, constancy=False))
    assert error < bound


def test_the_stochastic_sampler_keeps_the_law():
    flow = gaussian()
    x = jax.jit(
        lambda key, x: diffusion_samplers.euler_maruyama(
            flow.b,
            LINEAR,
            key,
            x,
            grids.uniform(100),
            noise_std=BASE_STD,
            noise=tilting.falling(noise_std=BASE_STD, noise=1.0),
        )
    )(jax.random.key(3), noise())
    x = np.asarray(x)
    # Four standard errors, and 0.02 for the steps, which are of first order.
    spread = np.sqrt(np.diagonal(COVARIANCE))
    np.testing.assert_array_less(np.abs(x.mean(0) - MEAN), 4 * spread / COUNT**0.5 + 0.02)
    bound = 4 * np.sqrt(2 / COUNT) * np.outer(spread, spread) + 0.02
    np.testing.assert_array_less(np.abs(np.cov(x.T) - COVARIANCE), bound)


def test_a_grid_of_one_time_is_refused():
    def transport(s, t, x):
        return x

    with pytest.raises(ValueError, match=r"grid of times has shape \(1,\), substeps = 1"):
        tilting.tilting(
            transport,
            lambda t, x: t,
            lambda t, x: x,
            jax.random.key(0),
            noise(count=2),
            jnp.zeros(1),
            diffusion=lambda t: t,
            substeps=1,
        )
