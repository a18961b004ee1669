import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.conditions import Condition
from models.networks import dit

SMALL = dit.DiT(width=16, depth=2, heads=2, patch=2)
SHAPE = (4, 4, 3)


def perturbed(network, *inputs):
    """Parameters near the first ones at which nothing is zero."""
    params = network.init(jax.random.key(0), *inputs)
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(7), len(leaves))
    moved = [leaf + 0.1 * jax.random.normal(key, leaf.shape) for leaf, key in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(structure, moved)


def inputs(batch=3):
    keys = jax.random.split(jax.random.key(1), 3)
    s, t = jnp.sort(jax.random.uniform(keys[0], (2, batch)), axis=0)
    return s, t, jax.random.normal(keys[1], (batch, *SHAPE)), jax.random.normal(keys[2], (batch, *SHAPE))


def weights_of(dim, depth, patch, *, classes, channels):
    """Counted on paper: two embedders of a time, labels, patches, blocks, the last layer."""
    embedders = 2 * (256 * dim + dim + dim * dim + dim)
    block = 3 * dim * dim + 3 * dim + dim * dim + dim + 8 * dim * dim + 5 * dim + 6 * dim * dim + 6 * dim
    pixels = patch * patch * channels
    return (
        embedders
        + (classes + 1) * dim
        + pixels * dim
        + dim
        + depth * block
        + 2 * dim * dim
        + 2 * dim
        + dim * pixels
        + pixels
    )


@pytest.mark.parametrize(("name", "millions"), [("B/4", 131), ("B/2", 131), ("L/2", 459), ("XL/2", 676)])
def test_presets_have_the_published_sizes(name, millions):
    network = dit.preset(name)
    x = jnp.zeros((1, 32, 32, 4))
    params = jax.eval_shape(lambda: network.init(jax.random.key(0), jnp.zeros(1), jnp.ones(1), x))
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    assert round(count / 1e6) == millions
    assert count == weights_of(network.width, network.depth, network.patch, classes=1000, channels=4)


@pytest.mark.slow
def test_the_network_starts_at_zero_and_knows_both_times():
    s, t, x, _ = inputs()
    assert not SMALL.init_with_output(jax.random.key(0), s, t, x)[0].any()
    params, apply = perturbed(SMALL, s, t, x), jax.jit(SMALL.apply)
    at = apply(params, s, t, x)
    assert float(jnp.abs(apply(params, s + 0.25, t + 0.25, x) - at).max()) > 1e-3
    assert float(jnp.abs(apply(params, s, t + 0.25, x) - at).max()) > 1e-3


def test_the_gap_alone():
    s, t, x, _ = inputs()
    network = SMALL.clone(time_embedding="gap")
    params, apply = perturbed(network, s, t, x), jax.jit(network.apply)
    at = apply(params, s, t, x)
    np.testing.assert_allclose(apply(params, s + 0.25, t + 0.25, x), at, atol=1e-5)
    assert float(jnp.abs(apply(params, s, t + 0.25, x) - at).max()) > 1e-3


@pytest.mark.slow
def test_blocks_of_one_time_see_no_other():
    s, t, x, _ = inputs()
    network = SMALL.clone(target_only_blocks=1)
    params = perturbed(network, s, t, x)

    def after(s, t):
        _, kept = network.apply(params, s, t, x, capture_intermediates=lambda module, _: isinstance(module, dit.Block))
        blocks = kept["intermediates"]
        return [blocks[f"block_{k}"]["__call__"][0] for k in range(2)]

    early, late = after(s, t)
    same, moved = after(s, t + 0.25)
    np.testing.assert_array_equal(early, same)
    assert float(jnp.abs(late - moved).max()) > 1e-3
    assert float(jnp.abs(after(s + 0.25, t)[0] - early).max()) > 1e-3


@pytest.mark.slow
def test_tokens_in_place_of_modulation():
    s, t, x, _ = inputs()
    network = SMALL.clone(time_tokens=2, classes=5)
    label = jnp.arange(3)
    params, apply = perturbed(network, s, t, x), jax.jit(network.apply)
    at = apply(params, s, t, x, Condition(label))
    assert at.shape == x.shape
    for other in (apply(params, s + 0.05, t, x, Condition(label)), apply(params, s, t + 0.05, x, Condition(label))):
        assert float(jnp.abs(other - at).max()) > 1e-4


def test_patches_are_put_back_where_they_were():
    """With blocks that do nothing and a last layer that undoes the first, the network is the identity."""
    s, t, x, _ = inputs()
    network = dit.DiT(width=16, depth=1, heads=2, patch=2)
    params = network.init(jax.random.key(0), s, t, x)["params"]
    # 12 numbers of a patch into the first 12 of 16 channels and out again.
    params["patches"]["kernel"], params["last"]["kernel"] = jnp.eye(12, 16), jnp.eye(16, 12)
    found = network.apply({"params": params}, s, t, x)

    def patches(image):
        return [image[i : i + 2, j : j + 2].reshape(-1) for i in (0, 2) for j in (0, 2)]

    for k, image in enumerate(x):
        for p, (patch, out) in enumerate(zip(patches(image), patches(found[k]), strict=True)):
            h = jnp.pad(patch, (0, 4)) + dit.positions(2, 16)[p]
            np.testing.assert_allclose(out, ((h - h.mean()) / jnp.std(h))[:12], atol=1e-4)


def test_positions_tell_places_apart():
    found = dit.positions(4, 16)
    gaps = np.linalg.norm(found[:, None] - found[None], axis=-1)
    assert gaps[~np.eye(16, dtype=bool)].min() > 0.5


@pytest.mark.slow
def test_forward_derivatives_inside_backward_ones_agree_with_differences(x64):
    s, t, x, w = (value.astype(jnp.float64) for value in inputs())
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), perturbed(SMALL, s, t, x))

    @jax.jit
    def energy(x):
        value, back = jax.vjp(lambda x: SMALL.apply(params, s, t, x), x)
        return jnp.sum(back(jnp.ones_like(value))[0] * w)

    slope = jax.jvp(energy, (x,), (w,))[1]
    step = 1e-3
    difference = (energy(x + step * w) - energy(x - step * w)) / (2 * step)
    assert abs(float(slope)) > 1e-3
    assert float(slope) == pytest.approx(float(difference), rel=2e-3)


@pytest.mark.slow
def test_recomputing_changes_nothing_and_bfloat16_little():
    s, t, x, _ = inputs()
    params = perturbed(SMALL, s, t, x)

    def gradient(network):
        return jax.jit(jax.grad(lambda params: jnp.sum(network.apply(params, s, t, x) * x)))(params)

    plain, again, half = (gradient(SMALL.clone(**fields)) for fields in ({}, {"remat": True}, {"dtype": "bfloat16"}))
    norm = float(jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(plain))))
    for other, bound in ((again, 1e-5), (half, 0.05)):
        gap = jax.tree.map(lambda a, b: jnp.sum(jnp.square(a - b)), plain, other)
        assert float(jnp.sqrt(sum(jax.tree.leaves(gap)))) < bound * norm


@pytest.mark.parametrize(
    ("fields", "shape", "message"),
    [
        ({}, (5, 5, 3), "a side that patches of 2 divide"),
        ({}, (64,), r"images have shape \(64,\)"),
        ({"time_embedding": "both_of_them"}, SHAPE, "time_embedding = 'both_of_them'; expected one of both, gap, ends"),
        (
            {"target_only_blocks": 2},
            SHAPE,
            "target_only_blocks = 2; expected 0 <= target_only_blocks < depth = 2",
        ),
        ({"target_only_blocks": 1, "time_tokens": 1}, SHAPE, "expected time_tokens = 0"),
    ],
)
def test_bad_input(fields, shape, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(
            lambda: SMALL.clone(**fields).init(jax.random.key(0), jnp.zeros(1), jnp.ones(1), jnp.zeros((1, *shape)))
        )


def test_an_unknown_preset():
    with pytest.raises(ValueError, match="DiT preset 'B/3'; expected one of B/4, B/2"):
        dit.preset("B/3")


def test_times_are_embedded_slowly():
    """No feature changes faster than the time itself: the rules differentiate the network in its times."""
    t = jnp.linspace(0, 1, 11)
    _, slopes = jax.jvp(dit.time_features, (t,), (jnp.ones_like(t),))
    assert float(jnp.abs(slopes).max()) <= 1
    half = np.exp(-np.log(10_000) * np.arange(128) / 128)
    expected = np.concatenate([np.cos(0.3 * half), np.sin(0.3 * half)])
    np.testing.assert_allclose(dit.time_features(jnp.array([0.3]))[0], expected, atol=1e-6)
