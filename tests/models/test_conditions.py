"""What networks are told beside times and point: labels, the scale of guidance, keys of dropout."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import conditions, networks
from models.conditions import Condition, Dropout, inverse_scale, labels_of

SMALL = {
    "mlp": {"width": 8, "depth": 1},
    "unet": {"channels": 8, "multipliers": (1, 1), "blocks": 1, "attention": (), "dropout": 0.5},
    "edm2": {"channels": 8, "multipliers": (1, 1), "blocks": 1, "attention": (), "dropout": 0.5},
    "dit": {"width": 8, "depth": 1, "heads": 2, "dropout": 0.5},
}
S, T = jnp.array([0.1, 0.3, 0.5]), jnp.array([0.4, 0.3, 0.9])
X = jax.random.normal(jax.random.key(0), (3, 4, 4, 1))
VECTOR = jnp.arange(6.0).reshape(3, 2) / 6


@pytest.fixture(scope="module", params=SMALL)
def apply(request):
    """(condition) -> output of a network whose weights are all away from zero; its kind."""
    network = networks.build(request.param, classes=3, guided=True, vector=2, **SMALL[request.param])
    params = network.init(jax.random.key(1), S, T, X, Condition(vector=jnp.zeros((3, 2))))
    keys = jax.random.split(jax.random.key(2), len(jax.tree.leaves(params)))
    leaves, structure = jax.tree.flatten(params)
    moved = [leaf + 0.3 * jax.random.normal(key, leaf.shape) for leaf, key in zip(leaves, keys, strict=True)]
    params = jax.tree.unflatten(structure, moved)
    return jax.jit(lambda condition: network.apply(params, S, T, X, condition)), request.param


def test_what_is_told_changes_its_own_row_alone(apply):
    apply, kind = apply
    keys = jax.random.split(jax.random.key(3), 3)
    vector = jax.random.normal(jax.random.key(5), (3, 2))
    whole = Condition(jnp.array([0, 1, 2]), jnp.array([1.0, 2.0, 3.0]), keys, vector)
    at = apply(whole)
    changes = {
        "label": whole.label.at[1].set(0),
        "scale": whole.scale.at[1].set(5.0),
        "dropout": keys.at[1].set(jax.random.key(9)),
        "vector": vector.at[1].add(1.0),
    }
    for name, value in changes.items():
        change = jnp.abs(apply(whole._replace(**{name: value})) - at).max(axis=(1, 2, 3))
        if name != "dropout" or kind != "mlp":
            assert change[1] > 1e-4, name
        np.testing.assert_allclose(change[jnp.array([0, 2])], 0, atol=1e-5)


def test_nothing_told_is_no_label_and_scale_one(apply):
    apply, _ = apply
    np.testing.assert_allclose(
        apply(Condition(vector=VECTOR)),
        apply(Condition(jnp.full(3, 3), jnp.ones(3), vector=VECTOR)),
        atol=1e-5,
        err_msg="label of none",
    )


def test_what_was_observed_ends_with_a_one_and_nothing_is_zero():
    numbers, kept = jnp.array([[0.0, 2.0], [3.0, 4.0]]), jnp.array([True, False])
    np.testing.assert_array_equal(conditions.observation(numbers, kept=kept), [[0, 2, 1], [0, 0, 0]])
    np.testing.assert_array_equal(conditions.observation(numbers), [[0, 2, 1], [3, 4, 1]])


def test_the_condition_of_nothing_keeps_the_vector_of_a_method():
    whole = Condition(jnp.zeros(3, int), jnp.full(3, 2.0), None, VECTOR)
    of_method = conditions.of_nothing(whole, observed=False)
    assert of_method.label is None
    assert of_method.scale is None
    np.testing.assert_array_equal(of_method.vector, VECTOR)
    np.testing.assert_array_equal(conditions.of_nothing(whole, observed=True).vector, 0)
    assert conditions.of_nothing(Condition(), observed=True).vector is None


@pytest.mark.parametrize("kind", ["unet", "edm2", "dit"])
def test_an_observed_picture_lies_beside_the_points_pixel_by_pixel(kind):
    network = networks.build(kind, vector=4 * 4 * 2 + 1, beside=2, **SMALL[kind])
    pictures = jax.random.normal(jax.random.key(6), (3, 4, 4, 2))
    told = Condition(vector=conditions.observation(pictures.reshape(3, -1)))
    shown = conditions.beside(X, told, channels=2)
    np.testing.assert_allclose(shown, jnp.concatenate([X, pictures, jnp.ones((3, 4, 4, 1))], axis=-1))
    params = network.init(jax.random.key(1), S, T, X, told)
    names = {jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)}
    assert not any("vector" in name for name in names), "the picture enters as a picture alone"
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(2), len(leaves))
    moved = [leaf + 0.3 * jax.random.normal(key, leaf.shape) for leaf, key in zip(leaves, keys, strict=True)]
    apply = jax.jit(functools.partial(network.apply, jax.tree.unflatten(structure, moved), S, T, X))
    at, other = apply(told), apply(told._replace(vector=told.vector.at[1].set(0.0)))
    change = jnp.abs(other - at).max(axis=(1, 2, 3))
    assert change[1] > 1e-4
    np.testing.assert_allclose(change[jnp.array([0, 2])], 0, atol=1e-5)


def test_a_scale_is_read_as_its_inverse_and_no_label_as_the_number_of_classes():
    np.testing.assert_allclose(inverse_scale(Condition(scale=jnp.array([1.0, 2.0, 4.0])), 3), [1.0, 0.5, 0.25])
    np.testing.assert_array_equal(inverse_scale(Condition(), 2), 1.0)
    np.testing.assert_array_equal(labels_of(Condition(), 2, classes=7), 7)
    np.testing.assert_array_equal(labels_of(Condition(label=jnp.array([4, 0])), 2, classes=7), [4, 0])


def test_dropout_keeps_the_mean_and_drops_its_share():
    layer, x = Dropout(0.25, 1), jnp.full((64, 500), 2.0)
    keys = jax.random.split(jax.random.key(4), 64)
    dropped = layer.apply({}, x, keys)
    assert set(np.unique(dropped)) == {0.0, np.float32(2 / 0.75)}
    # Three standard errors of 32,000 draws.
    assert abs(float((dropped == 0).mean()) - 0.25) < 3 * np.sqrt(0.25 * 0.75 / 32_000)
    assert not np.array_equal(dropped, Dropout(0.25, 2).apply({}, x, keys))
    np.testing.assert_array_equal(layer.apply({}, x, None), x)
    # A row's mask is that of its key, wherever the row stands.
    np.testing.assert_array_equal(layer.apply({}, x[:7], keys[5:12]), dropped[5:12])


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Condition(label=jnp.zeros(3, int)), "received labels and has no classes"),
        (Condition(scale=jnp.ones(3)), "guidance scale, which is none of its inputs"),
        (Condition(vector=jnp.ones((3, 2))), "received a vector, which is none of its inputs"),
        (Condition(dropout=jax.random.split(jax.random.key(0), 2)), "dropout of shape \\(2,\\) for 3 points"),
    ],
)
def test_what_a_network_does_not_know_is_refused(condition, message):
    network = networks.build("mlp", **SMALL["mlp"])
    with pytest.raises(ValueError, match=message):
        network.init(jax.random.key(0), S, T, X, condition)


def test_a_network_that_is_told_a_vector_needs_one_of_its_size():
    network = networks.build("mlp", vector=2, **SMALL["mlp"])
    with pytest.raises(ValueError, match="received no vector; expected 2 numbers for each of 3 points"):
        network.init(jax.random.key(0), S, T, X)
    with pytest.raises(ValueError, match="vector of shape \\(3, 4\\) for 3 points"):
        network.init(jax.random.key(0), S, T, X, Condition(vector=jnp.ones((3, 4))))
