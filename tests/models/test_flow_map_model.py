import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.conditions import Condition
from models.flow_map_model import (
    OUTPUTS,
    FlowMapModel,
    bind,
    bind_auxiliary,
    bind_log_variance,
    count_parameters,
    initialize,
)
from models.networks.embeddings import fourier_features
from models.networks.mlp import ACTIVATIONS, MLP, LogVariance, paper_checkerboard
from taxonomy import conversions
from tests.compilations import COMPILATIONS


def model_and_params(std=0.5, shape=(2,), **options):
    model = FlowMapModel(MLP(**{"width": 16, "depth": 2, **options}), std=std)
    return model, initialize(model, jax.random.key(0), shape)


def test_paper_network_has_its_number_of_parameters():
    model = FlowMapModel(paper_checkerboard(), std=0.577)
    params = initialize(model, jax.random.key(0), (2,))
    assert count_parameters(params) == 1_054_210


def test_fresh_weights_are_those_of_init_bit_for_bit_and_one_program():
    model = FlowMapModel(MLP(width=24, depth=3, time_features=2), std=0.5)
    key = jax.random.key(3)
    expected = model.init(key, jnp.zeros((1,)), jnp.zeros((1, 2)), method="everything")
    before = len(COMPILATIONS)
    found = initialize(model, key, (2,))
    assert len(COMPILATIONS) - before == 1
    jax.tree.map(np.testing.assert_array_equal, found, expected)


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


@pytest.mark.parametrize("output", OUTPUTS)
def test_outputs_are_the_same_map_in_other_words(output):
    """With the network replaced by the output of a known velocity, the model is that velocity."""

    class Known(nn.Module):
        @nn.compact
        def __call__(self, s, t, x, condition):
            # The input is x, or x on the circle of TrigFlow.
            if output == "trigflow":
                x = x * jnp.sqrt((1 - s) ** 2 + s**2)[:, None]
            v = jnp.sin(x) + (s + 2 * t)[:, None]
            given = {
                "velocity": v,
                "denoiser": conversions.denoiser_from_velocity(v, s, x),
                "trigflow": conversions.trigflow_from_velocity(v, s, x),
            }
            return given[output]

    s, t, x = jnp.array([0.2, 0.6]), jnp.array([0.7, 0.9]), jnp.array([[0.1, -0.4], [1.0, 0.3]])
    v = bind(FlowMapModel(Known(), std=0.5, output=output), {})
    np.testing.assert_allclose(v(s, t, x), 0.5 * (jnp.sin(x / 0.5) + (s + 2 * t)[:, None]), rtol=1e-5)


def test_parts_have_their_own_weights():
    network = MLP(width=16, depth=2)
    alone = FlowMapModel(network, std=0.5)
    whole = FlowMapModel(network, std=0.5, auxiliary=MLP(width=16, depth=2), variance=LogVariance(width=8))
    params = initialize(whole, jax.random.key(0), (2,))
    # A further part does not change how the map starts.
    for a, b in zip(
        jax.tree.leaves(initialize(alone, jax.random.key(0), (2,))["params"]["network"]),
        jax.tree.leaves(params["params"]["network"]),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    t, x = jnp.array([0.3]), jnp.array([[0.1, -0.4]])
    assert float(jnp.abs(bind_auxiliary(whole, params)(t, x) - bind(whole, params)(t, t, x)).max()) > 1e-4
    np.testing.assert_array_equal(bind_log_variance(whole, params)(t, t), 0.0)
    assert bind_auxiliary(alone, params) is None
    assert bind_log_variance(alone, params) is None


def test_shape_of_images_is_kept():
    model, params = model_and_params(shape=(4, 4, 1))
    x = jnp.ones((3, 4, 4, 1))
    assert bind(model, params)(jnp.zeros(3), jnp.ones(3), x).shape == x.shape


class Told(nn.Module):
    """Gives back what it was told, to be recognized."""

    def __call__(self, s, t, x, condition):
        label = 0 if condition.label is None else condition.label
        return jnp.sin(x) + (s + 10 * t + 100 * label)[:, None]


class TwoTimes(nn.Module):
    def __call__(self, s, t):
        return s - 2 * t


def test_further_parts_are_in_units_of_the_data_and_told_the_condition():
    model = FlowMapModel(Told(), std=0.5, auxiliary=Told(), variance=TwoTimes())
    t, x = jnp.array([0.3, 0.6]), jnp.array([[0.1, -0.4], [1.0, 0.3]])
    condition = Condition(label=jnp.array([2, 5]))
    expected = 0.5 * (jnp.sin(x / 0.5) + (11 * t + 100 * condition.label)[:, None])
    np.testing.assert_allclose(bind_auxiliary(model, {}, condition)(t, x), expected, rtol=1e-6)
    np.testing.assert_allclose(bind(model, {}, condition)(t, t, x), expected, rtol=1e-6)
    np.testing.assert_allclose(bind_log_variance(model, {})(t, t + 0.2), -t - 0.4, rtol=1e-6)


def test_the_denoiser_is_divided_by_no_less_than_a_twentieth():
    v = bind(FlowMapModel(Told(), std=1.0, output="denoiser"), {})
    s, x = jnp.array([0.5, 0.95, 0.99, 1.0]), jnp.array([[0.2], [0.2], [0.2], [0.2]])
    expected = (jnp.sin(x) + 11 * s[:, None] - x) / np.array([[0.5], [0.05], [0.05], [0.05]])
    np.testing.assert_allclose(v(s, s, x), expected, rtol=1e-4)
