import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import grids
from models.diffusion_samplers import adaptive, ancestral, ddim, euler_maruyama, heun, noise_level
from models.samplers import euler
from taxonomy import exact, flow_map
from taxonomy.interpolants import INTERPOLANTS, LINEAR, TRIGONOMETRIC

MEAN, COVARIANCE, STD = np.array([1.0, -0.5]), np.diag([0.5, 0.2]), 0.8


def flow(path):
    return exact.gaussian(path, mean=MEAN, covariance=COVARIANCE, noise_std=STD)


def noise(count):
    return STD * jax.random.normal(jax.random.key(0), (count, 2))


def exact_end(path, x):
    return flow_map.jump(flow(path).v, jnp.zeros(len(x)), jnp.ones(len(x)), x)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", INTERPOLANTS)
def test_heun_is_of_second_order(name):
    path, x = INTERPOLANTS[name], noise(3)
    errors = []
    for n in (32, 64):
        # The last step is Euler's, as long as the others: small at its end, where it would hide the order.
        grid = jnp.concatenate([0.9 * grids.uniform(n), jnp.array([0.9 + 1e-9])])
        expected = flow_map.jump(flow(path).v, jnp.zeros(3), jnp.full(3, 0.9), x)
        errors.append(float(jnp.abs(heun(flow(path).b, x, grid) - expected).max()))
    np.testing.assert_allclose(errors[0] / errors[1], 4, rtol=0.1)


def test_the_last_step_of_heun_is_eulers():
    def b(t, x):
        return jnp.where(t[:, None] == 1, jnp.nan, -x)

    assert jnp.isfinite(heun(b, noise(3), grids.uniform(3))).all()
    np.testing.assert_allclose(heun(b, noise(3), grids.uniform(1)), euler(b, noise(3), grids.uniform(1)))


@pytest.mark.usefixtures("x64")
def test_ddim_is_eulers_method_on_the_linear_path():
    x, grid = noise(4), jnp.array([0.0, 0.3, 0.5, 1.0])
    np.testing.assert_allclose(
        ddim(flow(LINEAR).b, LINEAR, x, grid, trajectory=True), euler(flow(LINEAR).b, x, grid, trajectory=True)
    )
    away = ddim(flow(TRIGONOMETRIC).b, TRIGONOMETRIC, x, grid) - euler(flow(TRIGONOMETRIC).b, x, grid)
    assert float(jnp.abs(away).max()) > 1e-3


@pytest.mark.usefixtures("x64")
def test_ddim_visits_the_same_points_on_every_path_but_for_their_scale():
    times = jnp.array([0.0, 0.3, 0.5, 1.0])
    levels = jnp.concatenate([jnp.array([jnp.inf]), LINEAR.alpha(times[1:]) / LINEAR.beta(times[1:])])
    others = grids.time_of_level(TRIGONOMETRIC, levels)
    x = noise(4)
    one = ddim(flow(LINEAR).b, LINEAR, x, times, trajectory=True)
    other = ddim(flow(TRIGONOMETRIC).b, TRIGONOMETRIC, x, others, trajectory=True)
    for k in (1, 2, 3):
        np.testing.assert_allclose(one[k] / LINEAR.beta(times[k]), other[k] / TRIGONOMETRIC.beta(others[k]), atol=1e-9)


@pytest.mark.parametrize("name", INTERPOLANTS)
@pytest.mark.parametrize("kind", ["ancestral", "euler_maruyama"])
def test_stochastic_samplers_reach_the_law_of_the_data(kind, name):
    path, count = INTERPOLANTS[name], 20_000
    b, x, grid = flow(path).b, noise(count), grids.uniform(100)

    def sample(key, x):
        if kind == "ancestral":
            return ancestral(b, path, key, x, grid, noise_std=STD)
        return euler_maruyama(b, path, key, x, grid, noise_std=STD, noise=noise_level(path, noise_std=STD, level=1.0))

    samples = jax.jit(sample)(jax.random.key(1), x)
    # Five standard errors of 20,000 samples, and one over the number of steps.
    np.testing.assert_allclose(samples.mean(axis=0), MEAN, atol=5 * 0.7 / 141 + 0.01)
    np.testing.assert_allclose(np.cov(samples.T), COVARIANCE, atol=5 * 0.5 / 100 + 0.01)
    assert abs(np.corrcoef(samples[:, 0], x[:, 0])[0, 1]) < 0.9


def test_without_noise_both_are_deterministic_ones():
    path, x, grid, key = TRIGONOMETRIC, noise(5), grids.uniform(5), jax.random.key(1)
    b = flow(path).b
    np.testing.assert_allclose(
        ancestral(b, path, key, x, grid, noise_std=STD, eta=0.0), ddim(b, path, x, grid), atol=1e-5
    )
    none = noise_level(path, noise_std=STD, level=0.0)
    np.testing.assert_allclose(
        euler_maruyama(b, path, key, x, grid, noise_std=STD, noise=none), euler(b, x, grid), atol=1e-5
    )


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("path", [LINEAR, TRIGONOMETRIC])
def test_steps_of_stochastic_samplers_by_hand(path):
    """With the predictions of the exact flow in place of the velocity, and a key of its own for each step."""
    exactly, x, key = flow(path), noise(4), jax.random.key(2)
    times = [0.0, 0.4, 0.7, 1.0]

    @jax.jit
    def both(key, x):
        noise, grid = noise_level(path, noise_std=STD, level=0.9), jnp.array(times)
        walked = ancestral(exactly.b, path, key, x, grid, noise_std=STD, eta=0.6)
        return walked, euler_maruyama(exactly.b, path, key, x, grid, noise_std=STD, noise=noise)

    walked, moved = both(key, x)
    mean, velocity, score = map(jax.jit, (exactly.posterior_mean, exactly.b, exactly.score))
    y, z = x, x
    for (s, t), k in zip(itertools.pairwise(times), jax.random.split(key, 3), strict=True):
        time, fresh = jnp.full(4, s), jax.random.normal(k, x.shape)
        (alpha_s, beta_s), (alpha_t, beta_t) = ((path.alpha(u), path.beta(u)) for u in (s, t))
        data = mean(time, y)
        kept = (y - beta_s * data) / alpha_s
        # The variance of x_t given x_s and the data, of DDPM.
        variance = 0.6**2 * alpha_t**2 * (1 - (beta_s * alpha_t / (beta_t * alpha_s)) ** 2)
        y = beta_t * data + np.sqrt(alpha_t**2 - variance) * kept + np.sqrt(variance) * STD * fresh
        epsilon = 0.9 * STD * np.sqrt(2 * alpha_s * beta_s) if t < 1 else 0.0
        drift = velocity(time, z) + epsilon**2 / 2 * score(time, z)
        z = z + (t - s) * drift + epsilon * np.sqrt(t - s) * fresh
    np.testing.assert_allclose(walked, y, atol=1e-9)
    np.testing.assert_allclose(moved, z, atol=1e-9)


def test_ancestral_steps_draw_from_the_posterior_if_the_data_are_one_point():
    """Then data are predicted exactly, and every step is exact at any length."""
    point = exact.gaussian(LINEAR, mean=np.array([0.7, 0.1]), covariance=np.zeros((2, 2)), noise_std=STD)
    points = ancestral(
        point.b,
        LINEAR,
        jax.random.key(1),
        noise(20_000),
        jnp.array([0.0, 0.3, 0.8, 1.0]),
        noise_std=STD,
        trajectory=True,
    )
    for t, x in zip((0.0, 0.3, 0.8, 1.0), points, strict=True):
        np.testing.assert_allclose(x.mean(axis=0), t * np.array([0.7, 0.1]), atol=5 * STD / 141)
        np.testing.assert_allclose(np.cov(x.T), (1 - t) ** 2 * STD**2 * np.eye(2), atol=5 * STD**2 / 100)


def test_noise_forgets_a_wrong_start_at_the_known_rate():
    """A start that is off by d ends off by ``d sqrt(S_1 / S_0) exp(-int epsilon^2 / (2 S) dt)``, S the variance."""
    count, off = 20_000, np.array([1.0, -2.0])
    b, x, grid, key = flow(LINEAR).b, noise(count) + off[None], grids.uniform(200), jax.random.key(1)

    @jax.jit
    def ends(level):
        noise_of = noise_level(LINEAR, noise_std=STD, level=level)
        return euler_maruyama(b, LINEAR, key, x, grid, noise_std=STD, noise=noise_of)

    t = (np.arange(4000)[:, None] + 0.5) / 4000
    variance = (1 - t) ** 2 * STD**2 + t**2 * np.diag(COVARIANCE)
    for level in (0.0, 1.0, 2.0):
        rate = np.mean(level**2 * STD**2 * t * (1 - t) / variance, axis=0)
        kept = np.sqrt(np.diag(COVARIANCE)) / STD * np.exp(-rate)
        # Five standard errors, and one over the number of steps.
        np.testing.assert_allclose(ends(level).mean(axis=0), MEAN + kept * off, atol=5 * 0.7 / 141 + 0.01)


@pytest.mark.usefixtures("x64")
def test_the_adaptive_sampler_counts_its_evaluations_and_meets_its_tolerance():
    x, expected = noise(6), exact_end(LINEAR, noise(6))
    found = [adaptive(flow(LINEAR).b, x, tolerance=tolerance, until=1 - 1e-6) for tolerance in (1e-3, 1e-7)]
    errors = [float(jnp.abs(result.x - expected).max()) for result in found]
    assert errors[0] < 1e-2
    assert errors[1] < 1e-5
    assert 8 <= int(found[0].evaluations) < int(found[1].evaluations) < 400


@pytest.mark.usefixtures("x64")
def test_the_last_step_of_the_adaptive_sampler_is_eulers_and_a_thousandth_long():
    # dx/dt = 2 t: solved up to u exactly, and then along the slope there.
    found = adaptive(lambda t, x: 2 * t[:, None] + 0 * x, jnp.zeros((2, 2)), tolerance=1e-6)
    np.testing.assert_allclose(found.x, 1 - 1e-6, rtol=1e-9)


def test_bad_input():
    b, x, key, grid = flow(LINEAR).b, noise(2), jax.random.key(0), grids.uniform(2)
    with pytest.raises(ValueError, match="eta = 2; expected a number in"):
        ancestral(b, LINEAR, key, x, grid, noise_std=STD, eta=2)
    with pytest.raises(ValueError, match=r"tolerance = 0, until = 0.999; expected tolerance > 0"):
        adaptive(b, x, tolerance=0)
    with pytest.raises(ValueError, match="grid of times has shape"):
        heun(b, x, jnp.zeros(1))
