"""Optimizers against their formulas: moments, clipping, and what Muon takes for a matrix."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.training.optimizers import OPTIMIZERS, optimizer, update_ema
from tests.experiments.training.test_step import config_for


def of(name, **options):
    given = {"learning_rate": 0.1, "schedule": "constant", "optimizer": name}
    return optimizer(config_for(**(given | options)).training)


def moves(transformation, gradients):
    """The updates that gradients lead to, one after the other."""
    params = jnp.zeros(3)
    state, found, update = transformation.init(params), [], jax.jit(transformation.update)
    for gradient in gradients:
        change, state = update(jnp.asarray(gradient), state, params)
        found.append(np.asarray(change))
    return found


def test_adam_has_the_moments_of_its_options():
    gradients = np.array([[1.0, -2.0, 0.5], [3.0, 1.0, -0.1], [0.2, -1.0, 2.0]])
    mean = square = 0
    for k, (gradient, found) in enumerate(zip(gradients, moves(of("adam", beta2=0.7), gradients), strict=True), 1):
        mean, square = 0.9 * mean + 0.1 * gradient, 0.7 * square + 0.3 * gradient**2
        np.testing.assert_allclose(found, -0.1 * mean / (1 - 0.9**k) / np.sqrt(square / (1 - 0.7**k)), rtol=1e-4)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_reads_its_second_decay(name):
    # RAdam divides by the second moment from the sixth step on.
    gradients = np.random.default_rng(0).standard_normal((12, 3))
    short, long = (moves(of(name, beta2=beta2), gradients)[-1] for beta2 in (0.7, 0.999))
    assert np.abs(short / long - 1).max() > 0.05


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_gradients_are_clipped_before_the_optimizer_sees_them(name):
    direction, usual = np.array([0.6, 0.0, -0.8]), np.array([1.0, 2.0, 0.5])
    at_limit, huge = (moves(of(name, grad_clip_norm=2.0), [usual, size * direction, usual]) for size in (2.0, 1e4))
    np.testing.assert_allclose(huge, at_limit, rtol=1e-5)
    # And what is shorter is left as it is.
    shorter = moves(of(name, grad_clip_norm=2.0), [usual, 0.5 * direction, usual])
    assert np.abs(shorter[-1] - at_limit[-1]).max() > 1e-3


def test_muon_takes_a_kernel_for_one_matrix():
    """Its update has all singular values near one another; Adam's has not."""
    kernel = jnp.float32(np.random.default_rng(0).standard_normal((3, 3, 2, 5)) * [1.0, 0.3, 0.1, 3.0, 0.01])
    spread = {}
    for name in ("adam", "muon"):
        transformation = of(name, grad_clip_norm=1e9)
        params = {"kernel": jnp.zeros_like(kernel), "matrix": jnp.zeros((18, 5)), "vector": jnp.zeros(5)}
        gradient = {"kernel": kernel, "matrix": kernel.reshape(18, 5), "vector": kernel[0, 0, 0]}
        change, _ = jax.jit(transformation.update)(gradient, transformation.init(params), params)
        values = np.linalg.svd(np.asarray(change["kernel"]).reshape(18, 5), compute_uv=False)
        spread[name] = values.max() / values.min()
        np.testing.assert_allclose(np.sign(change["vector"]), -np.sign(gradient["vector"]))
    assert spread["muon"] < 2 < spread["adam"]
    np.testing.assert_allclose(change["kernel"].reshape(18, 5), change["matrix"], rtol=1e-3, atol=1e-6)


def test_the_decay_of_an_average_rises_to_its_limit():
    # (1 + k) / (10 + k) at k = 0, 8, 80, and the limit from where it is smaller.
    for made, decay in ((0, 0.1), (8, 0.5), (80, 0.9), (10_000, 0.95)):
        found = update_ema(jnp.zeros(()), jnp.ones(()), decay=0.95, step=jnp.asarray(made))
        np.testing.assert_allclose(found, 1 - decay, rtol=1e-4)


def test_the_chain_clips_the_norm_of_all_weights_together():
    transformation = of("adam", grad_clip_norm=1.0)
    params = {"a": jnp.zeros(2), "b": jnp.zeros(2)}
    gradient = {"a": jnp.array([3.0, 0.0]), "b": jnp.array([0.0, 4.0])}
    _, state = transformation.update(gradient, transformation.init(params), params)
    mean = optax.tree.get(state, "mu")
    np.testing.assert_allclose([mean["a"][0], mean["b"][1]], [0.1 * 0.6, 0.1 * 0.8], rtol=1e-5)
