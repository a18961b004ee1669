"""Scales of guidance and observations that a user asks for: given to the network, or refused in one line."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
import numpy as np
import pytest

from experiments import datasets
from experiments.datasets import observed
from experiments.errors import UsageError
from experiments.sampling import conditioning
from models.flow_map_model import FlowMapModel


class Told(nn.Module):
    """Gives back what it was told, to be recognized."""

    def __call__(self, s, t, x, condition):
        scale = jnp.ones_like(s) if condition.scale is None else condition.scale
        return jnp.zeros_like(x) + (condition.label + 100 * scale)[:, None]


def config(**guidance):
    return ConfigDict(
        {
            "network": {"conditional": True, "observed": ""},
            "guidance": {"scale_is_input": True, "scale": 4.0} | guidance,
        }
    )


def test_the_scale_reaches_the_network():
    model, label, x = FlowMapModel(Told(), 1.0), jnp.array([2, 7]), jnp.zeros((2, 1))
    v = conditioning.conditioned(config(), model, {}, label, scale=2.5)
    np.testing.assert_allclose(v(jnp.zeros(2), jnp.ones(2), x)[:, 0], [252, 257])
    v = conditioning.conditioned(config(scale_is_input=False), model, {}, label)
    np.testing.assert_allclose(v(jnp.zeros(2), jnp.ones(2), x)[:, 0], [102, 107])


@pytest.mark.parametrize("scale", [0.5, 4.5])
def test_a_scale_that_was_not_trained_is_refused(scale):
    conditioning.check_scale(config(), 4.0, sampler="composition")
    with pytest.raises(UsageError, match=f"guidance scale {scale}; this network was trained for scales from 1 to 4"):
        conditioning.check_scale(config(), scale, sampler="composition")


@pytest.fixture
def digits():
    return observed.applied(datasets.load("digits"), "coarse:4")


def test_what_is_asked_for_is_read_once_or_for_each_sample(digits, tmp_path):
    data = digits.draw(jax.random.key(0), 3)
    numbers = np.asarray(digits.observed.of(jax.random.key(1), data))
    np.save(tmp_path / "three.npy", numbers)
    np.save(tmp_path / "one.npy", numbers[0])
    np.save(tmp_path / "bytes.npy", np.full((8, 8), 255, np.uint8))
    each, one, white = (
        conditioning.vectors_asked(digits, 3, given=str(tmp_path / name))
        for name in ("three.npy", "one.npy", "bytes.npy")
    )
    np.testing.assert_allclose(each, digits.observed.encoded(numbers), atol=1e-6)
    np.testing.assert_allclose(one, jnp.broadcast_to(each[:1], each.shape), atol=1e-6)
    # As everywhere, 255 of a byte is white.
    np.testing.assert_allclose(white[:, :-1], 1 / digits.std, rtol=1e-5)
    assert conditioning.vectors_asked(digits, 3, given="") is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "0.5,0.5",
            "holds 2 numbers; expected means over blocks of 4 x 4 pixels as 8x8x1 numbers, once or for each of 3",
        ),
        ("half", "cannot be read .* or a .npy file of them"),
        ("nowhere.npy", "cannot be read"),
        (",".join(["nan"] * 64), "holds NaN or infinity"),
    ],
)
def test_what_is_no_observation_is_refused(digits, given, message):
    with pytest.raises(UsageError, match=message):
        conditioning.vectors_asked(digits, 3, given=given)


class Heard(nn.Module):
    """Gives back the scale and the first number that it was told."""

    def __call__(self, s, t, x, condition):
        scale = jnp.ones_like(s) if condition.scale is None else condition.scale
        return jnp.zeros_like(x) + (condition.vector[:, 0] + 100 * scale)[:, None]


@pytest.mark.parametrize("scale_is_input", [True, False])
def test_an_observation_is_guided_as_a_class_is(scale_is_input):
    own = config(scale_is_input=scale_is_input, scheme="" if not scale_is_input else "mean_flow")
    own.network.update({"conditional": False, "observed": "noisy"})
    own.training = ConfigDict({"label_dropout": 0.1})
    conditioning.check_scale(own, 2.5, sampler="euler")
    model, x = FlowMapModel(Heard(), 1.0), jnp.zeros((2, 1))
    vector = jnp.array([[4.0, 1.0], [6.0, 1.0]])
    v = conditioning.conditioned(own, model, {}, None, scale=2.5, vector=vector)
    found = v(jnp.zeros(2), jnp.ones(2), x)[:, 0]
    # As an input the scale is read; at sampling the map of nothing is subtracted, of which the vector is zero.
    expected = [254, 256] if scale_is_input else [2.5 * 104 - 1.5 * 100, 2.5 * 106 - 1.5 * 100]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
