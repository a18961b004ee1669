"""Vectors that a network is told: their effect on a map, and their layout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import networks
from models.conditions import Condition
from models.flow_map_model import FlowMapModel, bind, initialize
from taxonomy import told
from taxonomy.interpolants import LINEAR
from taxonomy.noise_paths import Driven

pytestmark = pytest.mark.usefixtures("x64")


def given():
    """(s, t, x) in the precision of the test."""
    return jnp.array([0.1, 0.3]), jnp.array([0.6, 0.3]), jnp.array([[0.2, -0.4], [0.5, 0.1]])


def test_a_path_of_noise_pushes_the_map_and_is_not_seen_on_the_diagonal():
    record, std = told.noise_path(terms=3, strength=1.5), 0.7
    s, t, x = given()
    assert record.size(2) == 6
    network = networks.build("mlp", width=8, depth=1, vector=6)
    model = FlowMapModel(network, std=std, effect=record.effect(LINEAR, std))
    params = initialize(model, jax.random.key(0), (2,))
    vectors = jax.vmap(lambda key: record.sample(key, (2,)))(jax.random.split(jax.random.key(1)))
    v = bind(model, params, Condition(vector=vectors))
    coefficients = told.coefficients(vectors, x, terms=3)
    driven = Driven(path=LINEAR, noise_std=std, strength=1.5)
    # At s = t the network computes the drift alone, whatever the path; the push is known.
    other = bind(model, params, Condition(vector=-vectors))
    drift = v(t, t, x) - driven.push(coefficients, t)
    np.testing.assert_allclose(drift, other(t, t, x) + driven.push(coefficients, t), rtol=1e-6)
    # On a jump the network reads the path between s and t.
    change = v(s, t, x) - other(s, t, x) - 2 * driven.mean_push(coefficients, s, t)
    assert float(jnp.abs(change[0]).max()) > 1e-3
    with pytest.raises(ValueError, match="received no vector; expected 6 numbers"):
        bind(model, params)(s, t, x)


def test_a_point_on_the_way_is_its_time_and_its_coordinates_in_units_of_the_noise():
    _, t, x = given()
    vectors = told.vectors_of(t, x, noise_std=0.5)
    np.testing.assert_allclose(vectors, np.concatenate([t[:, None], 2 * x], axis=1))
    record = told.point_on_the_way()
    assert record.size(2) == 3
    assert float(record.sample(jax.random.key(0), (2,))[0]) == 0


def test_bad_numbers_are_named():
    with pytest.raises(ValueError, match="terms = 0; expected at least 1 polynomial"):
        told.noise_path(terms=0, strength=1.0)
    with pytest.raises(ValueError, match="noise = -1.0; expected a strength"):
        told.noise_path(terms=2, strength=-1.0)
