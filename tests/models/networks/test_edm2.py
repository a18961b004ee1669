import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.flow_map_model import FlowMapModel, bind, count_parameters, initialize
from models.networks import edm2
from models.networks import magnitude_preserving as layers

SMALL = edm2.EDM2(channels=8, multipliers=(1, 2), blocks=1, attention=(4,))
SHAPE = (8, 8, 3)


@pytest.mark.parametrize(
    ("network", "side", "expected"), [(edm2.cifar10(), 32, 54_673_314), (edm2.celeba64(), 64, 124_264_485)]
)
def test_the_papers_networks_have_the_papers_number_of_parameters(network, side, expected):
    model = FlowMapModel(network, std=0.5, variance=edm2.LogVariance())
    params = jax.eval_shape(lambda: initialize(model, jax.random.key(0), (side, side, 3)))
    assert count_parameters(params) == expected


@pytest.fixture(scope="module")
def trained():
    """Parameters with gains that are not zero, so that times and output matter."""
    params = SMALL.init(jax.random.key(0), jnp.zeros(2), jnp.ones(2), jnp.zeros((2, *SHAPE)))
    return jax.tree_util.tree_map_with_path(lambda path, leaf: leaf + 0.5 if path[-1].key == "gain" else leaf, params)


def inputs(batch=4):
    keys = jax.random.split(jax.random.key(1), 3)
    s, t = jnp.sort(jax.random.uniform(keys[0], (2, batch)), axis=0)
    return s, t, jax.random.normal(keys[1], (batch, *SHAPE)), jax.random.normal(keys[2], (batch, *SHAPE))


def test_activations_keep_their_size():
    x = jax.random.normal(jax.random.key(0), (64, 16))
    for y in (
        layers.mixed(x, jax.random.normal(jax.random.key(1), x.shape), share=0.3),
        layers.joined(x, jax.random.normal(jax.random.key(2), (64, 48))),
        layers.silu(jax.random.normal(jax.random.key(3), (64, 1024))),
        layers.positional(jax.random.uniform(jax.random.key(4), (64,)), channels=32),
    ):
        assert float(jnp.mean(jnp.square(y))) == pytest.approx(1, abs=0.1)
    layer = layers.Linear(256, (3, 3))
    image = jax.random.normal(jax.random.key(5), (4, 8, 8, 32))
    y = layer.apply(layer.init(jax.random.key(6), image), image)
    # The border sees zeros beside the image.
    assert float(jnp.mean(jnp.square(y[:, 1:-1, 1:-1]))) == pytest.approx(1, abs=0.1)


@pytest.mark.slow
def test_only_the_direction_of_a_weight_matters(trained):
    s, t, x, _ = inputs()
    scaled = jax.tree_util.tree_map_with_path(
        lambda path, leaf: 3 * leaf if path[-1].key == layers.WEIGHT else leaf, trained
    )
    apply = jax.jit(SMALL.apply)
    found = apply(trained, s, t, x)
    np.testing.assert_allclose(apply(scaled, s, t, x), found, atol=2e-3)
    projected = layers.project(scaled)
    np.testing.assert_allclose(apply(projected, s, t, x), found, atol=2e-3)
    kernel = projected["params"]["first"]["weight"]
    np.testing.assert_allclose(jnp.mean(jnp.square(kernel), axis=(0, 1, 2)), 1.0, atol=1e-3)
    assert projected["params"]["gain"] == trained["params"]["gain"]


@pytest.mark.slow
def test_the_network_starts_at_zero_and_knows_both_times(trained):
    s, t, x, _ = inputs()
    fresh = SMALL.init(jax.random.key(0), s, t, x)
    apply = jax.jit(SMALL.apply)
    assert not apply(fresh, s, t, x).any()
    at = apply(trained, s, t, x)
    assert float(jnp.abs(apply(trained, s + 0.1, t + 0.1, x) - at).max()) > 1e-3  # another s, the same gap
    assert float(jnp.abs(apply(trained, s, t + 0.1, x) - at).max()) > 1e-3  # another gap


@pytest.mark.slow
def test_forward_derivatives_inside_backward_ones_agree_with_differences(trained, x64):
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), trained)
    s, t, x, w = (value.astype(jnp.float64) for value in inputs(batch=2))

    def energy(s):
        """Of the gradient with respect to x: reverse mode; the jvp below goes through it."""
        value, back = jax.vjp(lambda x: SMALL.apply(params, s, t, x), x)
        return jnp.sum(back(jnp.ones_like(value))[0] * w)

    slope = jax.jvp(energy, (s,), (jnp.ones_like(s),))[1]
    step = 2e-3  # angles are float32
    difference = (energy(s + step) - energy(s - step)) / (2 * step)
    assert abs(float(slope)) > 1e-3
    assert float(slope) == pytest.approx(float(difference), rel=1e-3)


@pytest.mark.slow
def test_examples_do_not_see_each_other(trained):
    s, t, x, _ = inputs()
    v = jax.jit(bind(FlowMapModel(SMALL, std=1.0), {"params": {"network": trained["params"]}}))
    changed = v(s, t, x.at[0].add(1.0))
    np.testing.assert_allclose(changed[1:], v(s, t, x)[1:], atol=1e-5)


@pytest.mark.slow
def test_recomputing_changes_nothing_and_bfloat16_little(trained):
    s, t, x, _ = inputs()

    def gradient(network):
        return jax.jit(jax.grad(lambda params: jnp.sum(network.apply(params, s, t, x) * x)))(trained)

    plain, again, half = (gradient(SMALL.clone(**fields)) for fields in ({}, {"remat": True}, {"dtype": "bfloat16"}))
    norm = float(jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(plain))))
    for other, bound in ((again, 1e-5), (half, 0.05)):
        gap = jax.tree.map(lambda a, b: jnp.sum(jnp.square(a - b)), plain, other)
        assert float(jnp.sqrt(sum(jax.tree.leaves(gap)))) < bound * norm
    assert SMALL.clone(dtype="bfloat16").apply(trained, s, t, x).dtype == x.dtype


def test_images_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match=r"images have shape \(9, 9, 3\); expected .* a multiple of 2"):
        SMALL.init(jax.random.key(0), jnp.zeros(1), jnp.ones(1), jnp.zeros((1, 9, 9, 3)))
    with pytest.raises(ValueError, match=r"images have shape \(64,\); expected"):
        SMALL.init(jax.random.key(0), jnp.zeros(1), jnp.ones(1), jnp.zeros((1, 64)))
