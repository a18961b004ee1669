import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from models import divergence_head, networks
from models.divergence_head import DivergenceHead
from models.flow_map_model import FlowMapModel


def times(count=4):
    return jnp.linspace(0, 0.5, count), jnp.linspace(0.5, 1, count)


def test_a_head_adds_up_the_coordinates_of_its_network():
    network = networks.build("mlp", width=8, depth=1)
    head, (s, t) = DivergenceHead(network, std=2.0), times()
    params = divergence_head.initialize(head, jax.random.key(0), (3,))
    x = jax.random.normal(jax.random.key(1), (4, 3))
    inside = network.apply({"params": params["params"]["network"]}, s, t, x / 2)
    found = divergence_head.bind(head, params)(s, t, x)
    assert found.shape == (4,)
    np.testing.assert_allclose(found, np.asarray(inside).sum(axis=1), rtol=1e-5)


def test_a_head_beside_a_map_has_a_network_of_its_size_and_is_told_nothing():
    model = FlowMapModel(networks.build("mlp", width=8, depth=1, classes=3, guided=True), std=0.5)
    head, (s, t) = divergence_head.beside(model), times()
    assert (head.std, head.network.width, head.network.depth) == (0.5, 8, 1)
    params = divergence_head.initialize(head, jax.random.key(0), (2,))
    assert np.isfinite(divergence_head.bind(head, params)(s, t, jnp.ones((4, 2)))).all()


class Corner(nn.Module):
    """A network of images that keeps their first row and column."""

    def __call__(self, s, t, x):
        assert x.shape[1:] == (3, 2, 1)
        return x.at[:, 1:, 1:].set(0)


def test_a_head_of_images_takes_them_flat():
    x, (s, t) = jnp.arange(12.0).reshape(2, 6), times(2)
    head = DivergenceHead(Corner(), std=0.5, size=(3, 2, 1))
    np.testing.assert_allclose(head.apply({}, s, t, x), 2 * np.array([0 + 1 + 2 + 4, 6 + 7 + 8 + 10]))
