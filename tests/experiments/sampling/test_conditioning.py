"""A scale of guidance that is an input of the network is given to it, and refused beyond what was trained."""

import flax.linen as nn
import jax.numpy as jnp
from ml_collections import ConfigDict
import numpy as np
import pytest

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
