"""The small U-Net: its parameters counted on paper, its derivatives against differences, its symmetries."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.networks.unet import GroupNorm, UNet, time_features

SMALL = UNet(channels=8, multipliers=(1, 2), blocks=1, attention=(2,))


def inputs(count=3, side=4, colours=1):
    keys = jax.random.split(jax.random.key(0), 2)
    s, gap = jax.random.uniform(keys[0], (2, count))
    return s, s + (1 - s) * gap, jax.random.normal(keys[1], (count, side, side, colours))


@pytest.fixture(scope="module")
def trained():
    """Weights away from those at the start, of which many are zero."""
    params = SMALL.init(jax.random.key(1), *inputs())
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(2), len(leaves))
    moved = [leaf + 0.2 * jax.random.normal(key, leaf.shape) for leaf, key in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(structure, moved)


def test_number_of_parameters():
    """Counted on paper for channels c = 8, levels c and 2c, one block each, an embedding of 4c, one colour."""

    def conv(a, b, side=3):
        return side**2 * a * b + b

    def dense(a, b):
        return a * b + b

    def block(a, b, attention=False):
        found = 2 * a + conv(a, b) + dense(32, 2 * b) + 2 * b + conv(b, b) + (conv(a, b, 1) if a != b else 0)
        return found + (2 * b + dense(b, 3 * b) + dense(b, b) if attention else 0)

    embedding = 2 * dense(9, 32) + dense(32, 32)
    encoder = conv(1, 8) + block(8, 8) + block(8, 16, True)
    middle = block(16, 16, True) + block(16, 16)
    # The skips: the first convolution and a block of 8, the halved image of 8 and a block of 16.
    decoder = block(16 + 16, 16, True) + block(16 + 8, 16, True) + conv(16, 8) + block(8 + 8, 8) + block(8 + 8, 8)
    expected = embedding + encoder + middle + decoder + 2 * 8 + conv(8, 1)
    params = jax.eval_shape(lambda: SMALL.init(jax.random.key(0), *inputs()))
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == expected


def test_starts_at_zero_and_each_example_is_on_its_own(trained):
    s, t, x = inputs()
    np.testing.assert_array_equal(SMALL.apply(SMALL.init(jax.random.key(0), s, t, x), s, t, x), jnp.zeros_like(x))
    apply = jax.jit(SMALL.apply)
    at = apply(trained, s, t, x)
    for changed in (apply(trained, s.at[0].add(0.1), t, x), apply(trained, s, t.at[0].add(0.1), x)):
        assert float(jnp.abs(changed[0] - at[0]).max()) > 1e-3
        np.testing.assert_allclose(changed[1:], at[1:], atol=1e-5)


@pytest.mark.slow
def test_reverse_over_forward_against_differences(trained, x64):
    """Gradient in the weights of a derivative along (s, x): what the Eulerian losses need."""
    s, t, x = (value.astype(jnp.float64) for value in inputs())
    trained = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), trained)
    keys = iter(jax.random.split(jax.random.key(5), len(jax.tree.leaves(trained))))
    direction = jax.tree.map(lambda leaf: 0.1 * jax.random.normal(next(keys), leaf.shape), trained)

    def tangent(params):
        along = jax.jvp(lambda s, x: SMALL.apply(params, s, t, x), (s, x), (jnp.ones_like(s), jnp.sin(x)))[1]
        return jnp.sum(along * jnp.cos(x))

    gradient = jax.jit(jax.grad(tangent))(trained)
    found = sum(jnp.vdot(g, d) for g, d in zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True))
    value = jax.jit(lambda h: tangent(jax.tree.map(lambda p, d: p + h * d, trained, direction)))
    step = 1e-3
    differences = (8 * (value(step) - value(-step)) - (value(2 * step) - value(-2 * step))) / (12 * step)
    np.testing.assert_allclose(found, differences, rtol=1e-4)


def test_group_norm_against_numpy():
    x = np.random.default_rng(0).normal(3.0, 2.0, (2, 3, 3, 16)).astype(np.float32)
    found = GroupNorm().apply(GroupNorm().init(jax.random.key(0), jnp.asarray(x)), jnp.asarray(x))
    for image, made in zip(x, found, strict=True):
        for group in (slice(0, 8), slice(8, 16)):
            part = image[..., group]
            np.testing.assert_allclose(made[..., group], (part - part.mean()) / part.std(), atol=1e-4)


def test_sides_that_cannot_be_halved_and_odd_channels_are_refused():
    s, t, _ = inputs()
    with pytest.raises(ValueError, match=r"shape \(5, 5, 1\).*a multiple of 2"):
        SMALL.init(jax.random.key(0), s, t, jnp.zeros((3, 5, 5, 1)))
    with pytest.raises(ValueError, match="17 channels do not divide into 2 groups; expected a multiple of 8"):
        GroupNorm().init(jax.random.key(0), jnp.zeros((1, 2, 2, 17)))


def test_times_are_embedded_in_few_harmonics():
    expected = [0.3, *np.sin(0.3 * np.pi * np.arange(1, 5)), *np.cos(0.3 * np.pi * np.arange(1, 5))]
    np.testing.assert_allclose(time_features(jnp.array([0.3]))[0], expected, atol=1e-6)
