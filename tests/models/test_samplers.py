import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import grids
from models.samplers import composition, euler, gamma_sampling, noised, one_jump, renoising, restart
from taxonomy import exact, flow_map
from taxonomy.interpolants import INTERPOLANTS, LINEAR, TRIGONOMETRIC

MEAN, COVARIANCE = np.array([1.0, -0.5]), np.diag([0.5, 0.2])
GRID = [0.0, 0.2, 0.6, 1.0]


def flow(name="linear", *, noise_std=1.0):
    return exact.gaussian(INTERPOLANTS[name], mean=MEAN, covariance=COVARIANCE, noise_std=noise_std)


def noise(count, *, noise_std=1.0, seed=0):
    return noise_std * jax.random.normal(jax.random.key(seed), (count, 2))


def jump(v, s, t, x):
    return flow_map.jump(v, jnp.full(len(x), s), jnp.full(len(x), t), x)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("grid", [[0.0, 1.0], [0.0, 0.3, 0.4, 1.0], [1.0, 0.5, 0.0], [0.2, 0.9, 0.6]])
@pytest.mark.parametrize("name", INTERPOLANTS)
def test_composition_of_the_exact_map_is_one_jump_on_any_grid(name, grid):
    v, x = flow(name).v, jnp.array([[0.3, -0.7], [1.0, 2.0]])
    points = composition(v, x, jnp.array(grid), trajectory=True)
    for time, found in zip(grid, points, strict=True):
        np.testing.assert_allclose(found, jump(v, grid[0], time, x), atol=1e-12)
    np.testing.assert_array_equal(composition(v, x, jnp.array(grid)), points[-1])


@pytest.mark.usefixtures("x64")
def test_euler_converges_at_first_order_to_the_exact_map():
    b, v = flow("linear").b, flow("linear").v
    x = jnp.array([[0.3, -0.7]])
    errors = [float(jnp.abs(euler(b, x, grids.uniform(n)) - jump(v, 0.0, 1.0, x)).max()) for n in (64, 128)]
    np.testing.assert_allclose(errors[0] / errors[1], 2, rtol=0.05)


def test_one_jump_ignores_the_stops():
    x0 = noise(5)
    found = one_jump(flow().v, x0, jnp.array([0.0, 0.3, 0.8]))
    np.testing.assert_allclose(found, jump(flow().v, 0.0, 0.8, x0), rtol=1e-5)


SAMPLERS = {
    "renoising": renoising,
    "gamma": lambda *arguments, **options: gamma_sampling(*arguments, gamma=0.6, **options),
    "restart": lambda *arguments, **options: restart(*arguments, back_to=0.1, at=2, repeats=2, **options),
    "restart at the data": lambda *arguments, **options: restart(*arguments, back_to=0.5, **options),
}


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("name", INTERPOLANTS)
def test_with_the_exact_map_the_law_is_right_at_every_time(name, sampler):
    count, std = 40_000, 0.8
    path, v = INTERPOLANTS[name], flow(name, noise_std=std).v
    points = jax.jit(
        lambda key, x: SAMPLERS[sampler](v, path, key, x, jnp.array(GRID), noise_std=std, trajectory=True)
    )(jax.random.key(1), noise(count, noise_std=std))
    repeated = {"restart": [0.6, 0.6], "restart at the data": [1.0]}.get(sampler, [])
    times = sorted(GRID + repeated)
    assert len(points) == len(times)
    for time, x in zip(times, points, strict=True):
        alpha, beta = float(path.alpha(jnp.float32(time))), float(path.beta(jnp.float32(time)))
        covariance = alpha**2 * std**2 * np.eye(2) + beta**2 * COVARIANCE
        # Five standard errors: a mean has sd / 200, a variance sd^2 / 141.
        np.testing.assert_allclose(x.mean(axis=0), beta * MEAN, atol=5 * 0.8 / 200)
        np.testing.assert_allclose(np.cov(x.T), covariance, atol=5 * 0.64 / 141)
    # Fresh noise: the result is not the deterministic image of the start.
    assert abs(np.corrcoef(points[-1][:, 0], points[0][:, 0])[0, 1]) < 0.95


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_gamma_sampling_lies_between_composition_and_renoising(name):
    path, v, x, grid, key = INTERPOLANTS[name], flow(name).v, noise(50), jnp.array(GRID), jax.random.key(1)
    none, little, all_of_it = (gamma_sampling(v, path, key, x, grid, noise_std=1.0, gamma=g) for g in (0.0, 1e-3, 1.0))
    np.testing.assert_allclose(none, composition(v, x, grid), atol=1e-5)
    np.testing.assert_allclose(little, none, atol=0.01)
    # By hand: to the data and back, with the same keys.
    y = x
    for (s, t), k in zip(itertools.pairwise(GRID), jax.random.split(key, 3), strict=True):
        z = jax.random.normal(k, y.shape)
        y = path.alpha(t) * z + path.beta(t) * jump(v, s, 1.0, y)
    np.testing.assert_allclose(all_of_it, y, atol=1e-5)
    np.testing.assert_allclose(renoising(v, path, key, x, grid, noise_std=1.0), y, atol=1e-5)


def test_one_step_is_one_jump():
    x0, expected = noise(5), jump(flow().v, 0.0, 1.0, noise(5))
    for gamma in (0.0, 0.5, 1.0):
        found = gamma_sampling(flow().v, LINEAR, jax.random.key(1), x0, grids.uniform(1), noise_std=1.0, gamma=gamma)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.usefixtures("x64")
def test_restart_by_hand():
    """Each repeat begins where the last one ended, with noise of its own; by default it goes back to 0.3."""
    path, v, x, key = TRIGONOMETRIC, flow("trigonometric").v, noise(4), jax.random.key(2)
    grid = jnp.array([0.0, 0.6, 1.0])
    found = jax.jit(lambda key, x: restart(v, path, key, x, grid, noise_std=0.8, at=1, repeats=2, trajectory=True))(
        key, x
    )
    jumped = jax.jit(lambda s, t, x: jump(v, s, t, x))
    expected = [x, jumped(0.0, 0.6, x)]
    low, high = (np.array([path.alpha(t), path.beta(t)]) for t in (0.3, 0.6))
    factor = low[1] / high[1]
    std = 0.8 * np.sqrt(low[0] ** 2 - factor**2 * high[0] ** 2)
    for k in jax.random.split(key, 2):
        back = factor * expected[-1] + std * jax.random.normal(k, x.shape)
        expected.append(jumped(0.3, 0.6, back))
    expected.append(jumped(0.6, 1.0, expected[-1]))
    np.testing.assert_allclose(found, np.stack(expected), atol=1e-12)


@pytest.mark.parametrize("path", [LINEAR, TRIGONOMETRIC])
def test_going_back_in_two_steps_is_going_back_in_one(path):
    """The variances of the noise of a random walk add up: s from u from t as s from t."""
    s, u, t = jnp.float32(0.2), jnp.float32(0.5), jnp.float32(0.9)
    one = jnp.ones((1, 2))

    def variance_and_factor(s, t):
        moved = [noised(path, jax.random.key(k), s[None], t[None], one, noise_std=0.7) for k in range(2)]
        z = [jax.random.normal(jax.random.key(k), (1, 2)) for k in range(2)]
        std = (moved[0] - moved[1]) / (z[0] - z[1])
        return std**2, moved[0] - std * z[0]

    direct, factor = variance_and_factor(s, t)
    (first, factor_1), (second, factor_2) = variance_and_factor(u, t), variance_and_factor(s, u)
    np.testing.assert_allclose(factor, factor_1 * factor_2, rtol=1e-4)
    np.testing.assert_allclose(direct, factor_2**2 * first + second, rtol=1e-4)


def test_bad_input():
    v, x, key, grid = flow().v, noise(3), jax.random.key(1), jnp.array(GRID)
    with pytest.raises(ValueError, match="gamma = 1.5; expected a number in"):
        gamma_sampling(v, LINEAR, key, x, grid, noise_std=1.0, gamma=1.5)
    with pytest.raises(ValueError, match="repeats = 0; expected at least 1"):
        restart(v, LINEAR, key, x, grid, noise_std=1.0, repeats=0)
    for back_to in (-0.1, 0.2, 0.5):
        with pytest.raises(ValueError, match=f"back_to = {back_to}; expected a time from 0 to before 0.2"):
            # Compiled, but with a grid that is known.
            jax.jit(lambda x, t=back_to: restart(v, LINEAR, key, x, grid, noise_std=1.0, at=1, back_to=t))(x)
    for bad in (jnp.zeros(1), jnp.zeros((2, 2))):
        with pytest.raises(ValueError, match="grid of times has shape"):
            composition(v, x, bad)


def test_grids_lead_from_noise_to_data():
    for grid in (grids.uniform(4), grids.karras(4), grids.karras(1), grids.given([0, 0.3, 1])):
        assert grid[0] == 0
        assert grid[-1] == 1
        assert (jnp.diff(grid) > 0).all()
    # level^(1/7) is equally spaced between 80 and 0.002 over the standard deviation 0.5 of the paper's data.
    levels = (1 - grids.karras(6)[1:-1].astype(float)) / grids.karras(6)[1:-1]
    roots = np.concatenate([[160 ** (1 / 7)], levels ** (1 / 7)])
    np.testing.assert_allclose(np.diff(roots), (0.004 ** (1 / 7) - 160 ** (1 / 7)) / 5, rtol=1e-3)
    # On another path the same levels are reached at other times.
    other = grids.karras(6, path=TRIGONOMETRIC)[1:-1]
    np.testing.assert_allclose(TRIGONOMETRIC.alpha(other) / TRIGONOMETRIC.beta(other), levels, rtol=1e-3)
    for bad in ([0, 0.5, 0.4, 1], [0.1, 1], [0, 1, 1], [0]):
        with pytest.raises(ValueError, match="expected to increase from 0 to 1"):
            grids.given(bad)
    with pytest.raises(ValueError, match="steps = 0; expected at least 1"):
        grids.uniform(0)
    with pytest.raises(ValueError, match="expected 0 < smallest < largest"):
        grids.karras(3, smallest=200)


@pytest.mark.usefixtures("x64")
def test_the_time_of_a_noise_level():
    t = jnp.array([0.0, 1e-3, 0.2, 0.9, 1.0])
    for path in (LINEAR, TRIGONOMETRIC):
        level = jnp.concatenate([jnp.array([jnp.inf]), path.alpha(t[1:-1]) / path.beta(t[1:-1]), jnp.zeros(1)])
        np.testing.assert_allclose(grids.time_of_level(path, level), t, atol=1e-12)


def test_the_search_finds_the_best_middle_times():
    best = np.array([0.0, 0.17, 0.62, 1.0])
    found = grids.searched(lambda grid: float(np.sum((np.asarray(grid) - best) ** 2)), 3, rounds=3, tries=14)
    np.testing.assert_allclose(found, best, atol=5e-3)
    # A score that is never better than that of the uniform grid leaves it.
    np.testing.assert_allclose(grids.searched(lambda grid: 1.0, 3), grids.uniform(3))
    np.testing.assert_allclose(grids.searched(lambda grid: 1.0, 1), [0.0, 1.0])


def test_the_search_asks_as_often_as_it_says():
    asked = []
    grids.searched(lambda grid: asked.append(grid) or 1.0, 3, tries=5)
    # The uniform grid, and two rounds of two inner times, each in 5 sections of two scores.
    assert len(asked) == 1 + 2 * 2 * 5 * 2


@pytest.mark.parametrize("best", [0.2, 0.8])
def test_the_search_keeps_away_from_times_without_a_score(best):
    """The best time is found on either side of times at which the score is not a number, the uniform grid's too."""

    def score(grid):
        time = float(grid[1])
        return float("nan") if (time > 0.45 if best < 0.5 else time < 0.55) else abs(time - best)

    np.testing.assert_allclose(grids.searched(score, 2, tries=16), [0.0, best, 1.0], atol=5e-3)
