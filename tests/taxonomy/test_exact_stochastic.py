"""The exact stochastic map of Gaussian data: rules, an independent solver, the law at the end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taxonomy import characterizations, exact, exact_stochastic, flow_map
from taxonomy.interpolants import INTERPOLANTS, LINEAR
from taxonomy.noise_paths import Driven

pytestmark = pytest.mark.usefixtures("x64")
MEAN, COVARIANCE, STD = np.array([0.4, -0.3]), np.array([[0.5, 0.1], [0.1, 0.2]]), 0.7
S, U, T = jnp.array([0.1, 0.3, 0.0]), jnp.array([0.4, 0.5, 0.3]), jnp.array([0.9, 0.6, 1.0])
X = jnp.array([[0.3, -0.5], [0.9, 0.2], [-0.4, 0.1]])
COEFFICIENTS = jax.random.normal(jax.random.key(0), (3, 4, 2))


def parts(name="linear", strength=1.2):
    driven = Driven(path=INTERPOLANTS[name], noise_std=STD, strength=strength)
    flow = exact.gaussian(INTERPOLANTS[name], mean=MEAN, covariance=COVARIANCE, noise_std=STD)
    v = exact_stochastic.gaussian(driven, mean=MEAN, covariance=COVARIANCE)(jnp.asarray(COEFFICIENTS))
    return driven, flow, v, driven.velocity(driven.drift(flow.b, flow.score), COEFFICIENTS)


@pytest.fixture(scope="module", params=INTERPOLANTS)
def made(request):
    with jax.enable_x64(True):
        _, flow, v, velocity = parts(request.param)
        yield jax.jit(v), velocity, flow


def test_the_closed_form_is_the_solution_of_each_path(made):
    v, velocity, _ = made
    # Times that all examples share; 400 steps of a method of fourth order.
    s, t = jnp.full(3, 0.1), jnp.full(3, 0.9)
    grid = jnp.concatenate([jnp.linspace(0.1, 0.9, 401), jnp.ones(1)])
    solved = jax.jit(lambda x: exact_stochastic.solve(velocity, x, grid, trajectory=True)[-2])(X)
    np.testing.assert_allclose(flow_map.jump(v, s, t, X), solved, atol=1e-8)


def test_the_diagonal_is_drift_and_push_and_all_rules_hold(made):
    v, velocity, _ = made
    np.testing.assert_allclose(v(U, U, X), velocity(U, X), rtol=1e-12)
    own = flow_map.diagonal(v)
    np.testing.assert_allclose(characterizations.lagrangian(v, own, S, T, X), 0, atol=1e-6)
    np.testing.assert_allclose(characterizations.semigroup(v, S, U, T, X), 0, atol=1e-6)


def test_without_noise_on_the_way_it_is_the_ordinary_map():
    _, flow, v, _ = parts(strength=0.0)
    np.testing.assert_allclose(v(S, T, X), flow.v(S, T, X), rtol=1e-9)


def test_the_runge_kutta_solver_is_of_fourth_order_and_skips_the_last_time():
    _, _, v, velocity = parts()
    start, exact_end = X, flow_map.jump(v, jnp.zeros(3), jnp.full(3, 0.8), X)
    errors = []
    for steps in (8, 16):
        # Up to the step before the last, which is of the midpoint method.
        grid = jnp.concatenate([jnp.linspace(0, 0.8, steps + 1), jnp.ones(1)])
        errors.append(
            float(jnp.abs(exact_stochastic.solve(velocity, start, grid, trajectory=True)[-2] - exact_end).max())
        )
    assert errors[1] < 1e-4
    assert errors[0] / errors[1] > 12

    def infinite_at_the_end(t, x):
        return jnp.where(t[:, None] < 1, velocity(t, x), jnp.nan)

    whole = exact_stochastic.solve(infinite_at_the_end, start, jnp.linspace(0, 1, 101))
    np.testing.assert_allclose(whole, flow_map.jump(v, jnp.zeros(3), jnp.ones(3), X), atol=1e-3)


def test_the_variance_at_the_end_grows_to_that_of_the_data():
    driven, variance = Driven(path=LINEAR, noise_std=STD, strength=1.2), 0.3
    found = [exact_stochastic.end_variance(driven, variance, terms=terms) for terms in (0, 1, 2, 3, 6, 12)]
    assert np.all(np.diff(found) > 0)
    assert found[0] < 0.85 * variance
    np.testing.assert_allclose(found[-1], variance, rtol=1e-3)
    # By Monte Carlo, from the map itself.
    count = 20_000
    keys = jax.random.split(jax.random.key(1))
    start, paths = STD * jax.random.normal(keys[0], (count, 1)), jax.random.normal(keys[1], (count, 2, 1))
    v = exact_stochastic.gaussian(driven, mean=[0.0], covariance=[[variance]])(paths)
    end = np.asarray(jax.jit(lambda x: flow_map.jump(v, jnp.zeros(count), jnp.ones(count), x))(start))
    assert abs(end.var() - found[2]) < 4 * found[2] * np.sqrt(2 / count)
