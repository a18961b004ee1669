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


def given():
    """(s, u, t, x) in the precision of the test."""
    s, u, t = jnp.array([0.1, 0.3, 0.0]), jnp.array([0.4, 0.5, 0.3]), jnp.array([0.9, 0.6, 1.0])
    return s, u, t, jnp.array([[0.3, -0.5], [0.9, 0.2], [-0.4, 0.1]])


def parts(name="linear", strength=1.2):
    """(flow, exact map along three paths, their velocity)."""
    driven = Driven(path=INTERPOLANTS[name], noise_std=STD, strength=strength)
    flow = exact.gaussian(INTERPOLANTS[name], mean=MEAN, covariance=COVARIANCE, noise_std=STD)
    paths = jax.random.normal(jax.random.key(0), (3, 4, 2))
    v = jax.jit(exact_stochastic.gaussian(driven, mean=MEAN, covariance=COVARIANCE)(paths))
    return flow, v, driven.velocity(driven.drift(flow.b, flow.score), paths)


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_the_closed_form_is_the_solution_of_each_path_and_obeys_the_rules(name):
    _, v, velocity = parts(name)
    s, u, t, x = given()
    np.testing.assert_allclose(v(u, u, x), velocity(u, x), rtol=1e-12)
    own = flow_map.diagonal(v)
    np.testing.assert_allclose(characterizations.lagrangian(v, own, s, t, x), 0, atol=1e-6)
    np.testing.assert_allclose(characterizations.semigroup(v, s, u, t, x), 0, atol=1e-9)
    # Times that all examples share; a method of fourth order.
    grid = jnp.concatenate([jnp.linspace(0.1, 0.9, 401), jnp.ones(1)])
    solved = jax.jit(lambda x: exact_stochastic.solve(velocity, x, grid, trajectory=True)[-2])(x)
    np.testing.assert_allclose(flow_map.jump(v, jnp.full(3, 0.1), jnp.full(3, 0.9), x), solved, atol=1e-9)


def test_without_noise_on_the_way_and_without_a_pull_it_is_the_ordinary_map():
    flow, v, _ = parts(strength=0.0)
    s, _, t, x = given()
    np.testing.assert_allclose(v(s, t, x), flow.v(s, t, x), rtol=1e-9)


def test_the_runge_kutta_solver_is_of_fourth_order_and_skips_the_last_time():
    _, v, velocity = parts()
    x = given()[3]
    end = flow_map.jump(v, jnp.zeros(3), jnp.full(3, 0.8), x)
    errors = []
    for steps in (8, 16):
        # Up to the step before the last, which is of the midpoint method.
        grid = jnp.concatenate([jnp.linspace(0, 0.8, steps + 1), jnp.ones(1)])
        solved = jax.jit(lambda x, grid: exact_stochastic.solve(velocity, x, grid, trajectory=True)[-2])(x, grid)
        errors.append(float(jnp.abs(solved - end).max()))
    assert errors[1] < 1e-3
    assert errors[0] / errors[1] > 10

    def infinite_at_the_end(t, x):
        return jnp.where(t[:, None] < 1, velocity(t, x), jnp.nan)

    whole = jax.jit(lambda x: exact_stochastic.solve(infinite_at_the_end, x, jnp.linspace(0, 1, 101)))(x)
    np.testing.assert_allclose(whole, flow_map.jump(v, jnp.zeros(3), jnp.ones(3), x), atol=1e-3)


def test_the_variance_at_the_end_grows_to_that_of_the_data():
    driven, variance = Driven(path=LINEAR, noise_std=STD, strength=1.2), 0.3
    found = [exact_stochastic.end_variance(driven, variance, terms=terms) for terms in (0, 1, 2, 12)]
    assert np.all(np.diff(found) > 0)
    assert found[0] < 0.85 * variance
    np.testing.assert_allclose(found[-1], variance, rtol=1e-6)
    # By the map itself: its end is linear in the noise and in the coefficients.
    ones = jnp.concatenate([jnp.zeros((1, 2, 1)), jnp.eye(2)[:, :, None]])
    v = exact_stochastic.gaussian(driven, mean=np.zeros(1), covariance=np.full((1, 1), variance))(ones)
    start = jnp.array([[1.0], [0.0], [0.0]])
    end = flow_map.jump(jax.jit(v), jnp.zeros(3), jnp.ones(3), start)[:, 0]
    np.testing.assert_allclose(end[0] ** 2 * STD**2 + end[1] ** 2 + end[2] ** 2, found[2], rtol=1e-9)
