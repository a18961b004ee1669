"""The code of docs/from_your_code.md runs, trains, and gives what the page says."""

import re

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taxonomy import exact
from taxonomy.interpolants import LINEAR
from tests.pages import DOCS, run_blocks

PAGE = (DOCS / "from_your_code.md").read_text()


@pytest.fixture(scope="module")
def page():
    return run_blocks("from_your_code.md", count=6)


@pytest.mark.parametrize("kind", ["arrays", "nnx", "eqx"])
def test_every_kind_of_network_trains(page, kind):
    losses = page[f"losses_of_{kind}"]
    assert len(losses) == 100
    assert np.mean(losses[-10:]) < 0.9 * losses[0]


def test_the_gradient_of_a_module_is_that_of_a_function_of_its_arrays(page):
    batch = page["draw"](jax.random.key(9), 16)
    graph, arrays = nnx.split(page["Network"](5, rngs=nnx.Rngs(1)))
    found = nnx.grad(lambda model: page["lsd"](model, *batch))(nnx.merge(graph, arrays))
    expected = jax.grad(lambda arrays: page["lsd"](nnx.merge(graph, arrays), *batch))(arrays)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        assert np.abs(b).max() > 1e-3


def test_the_same_weights_give_the_same_loss_in_arrays_and_in_a_module(page):
    batch = page["draw"](jax.random.key(9), 16)
    model = page["Network"](64, rngs=nnx.Rngs(1))
    params = {
        "w1": model.first.kernel[...],
        "c1": model.first.bias[...],
        "w2": model.last.kernel[...],
        "c2": model.last.bias[...],
    }
    np.testing.assert_allclose(page["lsd"](model, *batch), page["loss_of_arrays"](params, batch), rtol=1e-5)


def test_wrapped_networks_are_the_exact_ones(page):
    flow = exact.gaussian(LINEAR, mean=jnp.array([1.0, -0.5]), covariance=0.25 * jnp.eye(2))
    s, t, x = jnp.array([0.2, 0.5]), jnp.array([0.9, 0.6]), jnp.array([[0.3, -1.0], [2.0, 0.1]])

    def u(z, r, t):  # the average velocity of the same map, with noise at time 1
        return -flow.v(1 - t, 1 - r, z)

    np.testing.assert_allclose(page["from_mean_flow"](u)(s, t, x), flow.v(s, t, x), rtol=1e-5)

    def denoiser(x_sigma, sigma):  # E[x1 | x1 + sigma e] of a Gaussian of variance 1/4
        return (jnp.array([[1.0, -0.5]]) * sigma[:, None] ** 2 + 0.25 * x_sigma) / (0.25 + sigma[:, None] ** 2)

    np.testing.assert_allclose(page["velocity_from_edm"](denoiser)(s, x), flow.b(s, x), rtol=1e-4)


def test_the_numbers_for_a_port_are_those_of_the_page_and_of_the_formula(page):
    A, c, d, x, s, t = (page[name] for name in ("A", "c", "d", "x", "s", "t"))

    def v(A, s, t, x):
        return np.tanh(x @ A + s[:, None] * c + t[:, None] * d)

    def ends(A, t):
        return x + (t - s)[:, None] * v(A, s, t, x)

    def rule(A):  # what is held fixed has the weights of the page
        derivative = (ends(A, t + 1e-5) - ends(A, t - 1e-5)) / 2e-5
        return np.sum((derivative - v(page["A"], t, t, ends(page["A"], t))) ** 2, axis=1)

    np.testing.assert_allclose(page["values"], rule(A), rtol=1e-4)
    gradient = np.zeros((2, 2))
    for place in np.ndindex(2, 2):
        step = np.zeros((2, 2))
        step[place] = 1e-3
        gradient[place] = (rule(A + step) - rule(A - step)).sum() / 2e-3
    np.testing.assert_allclose(page["gradient"], gradient, rtol=1e-3)
    told = [eval(numbers) for numbers in re.findall(r"# (\[.*\])$", PAGE, re.MULTILINE)]
    np.testing.assert_allclose(page["values"], told[0], atol=1e-5)
    np.testing.assert_allclose(page["gradient"], told[1], atol=1e-4)
