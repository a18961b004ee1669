"""Derivatives that are not there: values against finite differences, and gradients of parts against the whole one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.symptoms import derivatives
from experiments.symptoms.derivatives import attention, fused, network, residual, rules


@pytest.fixture(scope="module")
def given():
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=(3, 3)) for name in "qkv"}
    s, t = np.sort(rng.uniform(size=(2, 5)), axis=0)
    return weights, rng.normal(size=(5, 2, 3)), s, t


def test_values_at_zero_are_finite_and_derivatives_are_not():
    jump, its, norm, of_norm = derivatives.at_zero()
    assert (jump.fault, jump.cured, its.cured, of_norm.cured) == (2, 2, 1, 0)
    assert np.isnan([its.fault, of_norm.fault]).all()
    assert norm.fault == 0
    np.testing.assert_allclose(norm.cured, 1e-6, rtol=1e-4)


def test_the_kernel_is_attention_forward_and_backward(given, x64):
    weights, x, _, _ = given
    q, k, v = (jnp.asarray(x @ weights[name]) for name in "qkv")
    logits = np.einsum("btd,bud->btu", q, k) / np.sqrt(3)
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(fused(q, k, v), np.einsum("btu,bud->btd", shares, v), rtol=1e-10)
    np.testing.assert_allclose(attention(q, k, v), fused(q, k, v), rtol=1e-12)
    through, plain = (jax.grad(lambda q, f=f: jnp.sum(f(q, k, v) ** 2))(q) for f in (fused, attention))
    np.testing.assert_allclose(through, plain, rtol=1e-10)


def test_losses_of_plain_attention_are_those_of_finite_differences(given, x64):
    weights, x, s, t = (jax.tree.map(jnp.asarray, value) for value in given)
    v, h = network(attention, weights), 1e-5
    found = {name.split("`")[1]: float(loss()) for name, loss in rules(v, x, s, t).items()}

    def end(s, t, x):
        return x + (t - s)[:, None, None] * v(s, t, x)

    of_end = (end(s, t + h, x) - end(s, t - h, x)) / (2 * h) - v(t, t, end(s, t, x))
    w = v(s, s, x)
    of_start = (end(s + h, t, x + h * w) - end(s - h, t, x - h * w)) / (2 * h)
    for name, left in {"lsd": of_end, "esd": of_start}.items():
        np.testing.assert_allclose(found[name], np.mean(np.sum(left**2, axis=(1, 2))), rtol=1e-6)


def test_rules_with_a_derivative_refuse_the_kernel_and_the_others_have_its_value():
    lsd, esd, psd, sdei = derivatives.without_forward_derivative()
    for row in (lsd, esd):
        assert row.fault == "TypeError: can't apply forward-mode autodiff (jvp) to a custom_vjp function"
        assert row.cured > 0
    for row in (psd, sdei):
        np.testing.assert_allclose(row.fault, row.cured, rtol=1e-5)


def test_parts_that_see_only_themselves_have_another_gradient():
    held, of_loss, of_gradient = derivatives.of_sharded_weights()
    assert held.fault == held.cured == len(jax.devices()) == 4
    assert max(of_loss.cured, of_gradient.cured) < 1e-5
    # Each part by itself, once more without devices.
    keys = jax.random.split(jax.random.key(0), 3)
    weights = 0.3 * jax.random.normal(keys[0], (derivatives.DIM, 32))
    x = jax.random.normal(keys[1], (derivatives.BATCH, derivatives.DIM))
    s, t = jnp.sort(jax.random.uniform(keys[2], (2, derivatives.BATCH)), axis=0)
    whole = jax.grad(residual)(weights, x, s, t)
    parts = [jax.grad(residual)(part, x, s, t) for part in jnp.split(weights, 4, axis=1)]
    error = jnp.max(jnp.abs(jnp.concatenate(parts, axis=1) - whole)) / jnp.max(jnp.abs(whole))
    np.testing.assert_allclose(of_gradient.fault, error, rtol=1e-3)
    assert error > 0.3


def test_a_count_of_devices_that_was_named_stays():
    before = jax.config.jax_num_cpu_devices
    derivatives.several_devices(2)
    assert jax.config.jax_num_cpu_devices == before
