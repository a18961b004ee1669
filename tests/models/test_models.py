import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.embeddings import fourier_features
from models.flow_map_model import FlowMapModel, bind, count_parameters, initialize
from models.mlp import ACTIVATIONS, MLP, paper_checkerboard
from models.samplers import composition, euler, restart, uniform_grid
from taxonomy import exact, flow_map
from taxonomy.interpolants import INTERPOLANTS, LINEAR


def model_and_params(std=0.5, shape=(2,), **options):
    model = FlowMapModel(MLP(**{"width": 16, "depth": 2, **options}), std=std)
    return model, initialize(model, jax.random.key(0), shape)


def test_paper_network_has_its_number_of_parameters():
    model = FlowMapModel(paper_checkerboard(), std=0.577)
    params = initialize(model, jax.random.key(0), (2,))
    assert count_parameters(params) == 1_054_210


def test_fourier_features():
    x = jnp.array([[0.3, -1.2], [2.0, 0.1]])
    found = fourier_features(x, count=3, base=2.0)
    expected = [[f(2.0 * k * row[i]) for f in (np.sin, np.cos) for i in (0, 1) for k in (1, 2, 3)] for row in x]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert fourier_features(x, count=0, base=1.0).shape == (2, 0)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_network_reads_both_times_and_all_features(activation):
    model, params = model_and_params(activation=activation, point_features=2, time_features=1)
    v = bind(model, params)
    s, t, x = jnp.array([0.2]), jnp.array([0.7]), jnp.array([[0.1, -0.4]])
    base = v(s, t, x)
    assert base.shape == x.shape
    for other in (v(s + 0.1, t, x), v(s, t + 0.1, x), v(s, t, x + 0.1)):
        assert float(jnp.abs(other - base).max()) > 1e-5
    assert params["params"]["network"]["Dense_0"]["kernel"].shape == (4 + 8 + 4, 16)


def test_model_is_scaled_to_the_data():
    # The same network at another scale of the data gives the same picture, scaled.
    small, params = model_and_params(std=0.5)
    large = FlowMapModel(small.network, std=5.0)
    s, t, x = jnp.array([0.2]), jnp.array([0.7]), jnp.array([[0.1, -0.4]])
    np.testing.assert_allclose(10 * bind(small, params)(s, t, x), bind(large, params)(s, t, 10 * x), rtol=1e-5)


def test_shape_of_images_is_kept():
    model, params = model_and_params(shape=(4, 4, 1))
    x = jnp.ones((3, 4, 4, 1))
    assert bind(model, params)(jnp.zeros(3), jnp.ones(3), x).shape == x.shape


def flow(name="linear"):
    return exact.gaussian(INTERPOLANTS[name], mean=jnp.array([1.0, -0.5]), covariance=jnp.diag(jnp.array([0.5, 0.2])))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("grid", [[0.0, 1.0], [0.0, 0.3, 0.4, 1.0], [1.0, 0.5, 0.0], [0.2, 0.9, 0.6]])
@pytest.mark.parametrize("name", INTERPOLANTS)
def test_composition_of_the_exact_map_is_one_jump_on_any_grid(name, grid):
    v, x = flow(name).v, jnp.array([[0.3, -0.7], [1.0, 2.0]])
    found = composition(v, x, jnp.array(grid))
    ends = (jnp.full(2, time) for time in (grid[0], grid[-1]))
    np.testing.assert_allclose(found, flow_map.jump(v, *ends, x), atol=1e-12)


@pytest.mark.usefixtures("x64")
def test_euler_converges_at_first_order_to_the_exact_map():
    b, v = flow("linear").b, flow("linear").v
    x = jnp.array([[0.3, -0.7]])
    exact_end = flow_map.jump(v, jnp.zeros(1), jnp.ones(1), x)
    errors = [float(jnp.abs(euler(b, x, uniform_grid(n)) - exact_end).max()) for n in (64, 128)]
    np.testing.assert_allclose(errors[0] / errors[1], 2, rtol=0.05)


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_restart_with_the_exact_map_keeps_the_distribution(name):
    x0 = jax.random.normal(jax.random.key(0), (40_000, 2))
    samples = restart(flow(name).v, INTERPOLANTS[name], jax.random.key(1), x0, uniform_grid(4), base_std=1.0)
    np.testing.assert_allclose(samples.mean(axis=0), [1.0, -0.5], atol=0.02)
    np.testing.assert_allclose(np.cov(samples.T), np.diag([0.5, 0.2]), atol=0.02)
    # Fresh noise: the result is not the deterministic image of the start.
    assert abs(np.corrcoef(samples[:, 0], x0[:, 0])[0, 1]) < 0.9


def test_restart_with_one_step_is_one_jump():
    x0 = jax.random.normal(jax.random.key(0), (5, 2))
    found = restart(flow().v, LINEAR, jax.random.key(1), x0, uniform_grid(1), base_std=1.0)
    np.testing.assert_allclose(found, flow_map.jump(flow().v, jnp.zeros(5), jnp.ones(5), x0), rtol=1e-5)


@pytest.mark.parametrize("grid", [jnp.zeros(1), jnp.zeros((2, 2))])
def test_a_grid_without_a_step_is_refused(grid):
    with pytest.raises(ValueError, match="grid of times has shape"):
        composition(lambda s, t, x: x, jnp.zeros((1, 2)), grid)
