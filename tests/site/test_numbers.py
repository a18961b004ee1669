"""The numbers behind the figures are those of the library: exact velocities and paths, learnt jumps, the law."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.training import runs
from experiments.uses.steering import truth
from experiments.zoo import names, weights
from models import steering
from taxonomy import exact_map, exact_planar
from taxonomy.flow_map import jump
from taxonomy.interpolants import LINEAR

pytestmark = pytest.mark.site
METHODS = ("lsd", "esd", "psd_m", "mean_flow", "flow_matching")
REWARDS = ({"centre": [0.75, 0.75], "strength": 8}, {"centre": [-0.2, 0.1], "strength": 1.5})


def quadratic(reward):
    """The reward of the page, in JAX."""
    return lambda x: -reward["strength"] * jnp.sum(jnp.square(x - jnp.array([reward["centre"]], x.dtype)), -1) / 2


def draws(count, seed=0):
    rng = np.random.default_rng(seed)
    s, t = np.sort(rng.uniform(size=(2, count)), axis=0)
    s[: count // 4], t[: count // 4] = 0, 1
    return s, t, rng.normal(size=(count, 2)) / np.sqrt(3)


def test_every_method_of_the_page_has_a_map(opened):
    options = opened.page.locator("#drag select[name=method] option")
    assert tuple(options.evaluate_all("options => options.map(option => option.value)")) == METHODS
    assert {f"zoo:checkerboard/{method}" for method in METHODS} <= set(names.names())


def test_numbers_of_16_bits_are_read_exactly(opened):
    bits = np.arange(2**16, dtype=np.uint16)
    found = np.array(opened.page.evaluate("bits => window.explorer.halves(bits)", bits.tolist()))
    np.testing.assert_array_equal(found, bits.view(np.float16))  # NaN and infinity among them
    numbers = ~np.isnan(found)
    np.testing.assert_array_equal(np.signbit(found[numbers]), bits[numbers] >= 2**15)


@pytest.mark.parametrize("method", METHODS)
def test_the_maps_of_the_page_have_numbers_of_16_bits(method):
    arrays = weights.read(f"zoo:checkerboard/{method}").arrays
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float16)}
    assert names.located(f"zoo:checkerboard/{method}").stat().st_size < 160_000


@pytest.mark.parametrize("method", METHODS)
def test_learnt_jumps_are_those_of_the_library(method, opened):
    loaded = runs.load_trained(f"zoo:checkerboard/{method}")
    v = loaded.network()
    euler = loaded.objective.sampler == "euler"
    s, t, x = draws(600)
    # Flow matching learns velocities alone; its map is one Euler step.
    average = v(*map(jnp.float32, (s, s if euler else t, x)))
    expected = np.asarray(x + (t - s)[:, None] * average)
    found = opened.page.evaluate(
        "([method, s, t, x]) => window.explorer.learntJumps(method, s, t, x)",
        [method, s.tolist(), t.tolist(), x.ravel().tolist()],
    )
    found = np.array(found).reshape(-1, 2)
    assert np.abs(expected - x).max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-4)
    if not euler:
        np.testing.assert_allclose(jump(v, *map(jnp.float32, (s, t, x))), expected, atol=1e-5)


def test_exact_velocities_are_those_of_the_library(opened, x64):
    _, t, x = draws(400, seed=1)
    t[:50], t[50:100] = 0, 1e-4
    t = np.minimum(t, 0.999)
    expected = np.asarray(exact_planar.checkerboard().exact_flow(LINEAR).b(jnp.asarray(t), jnp.asarray(x)))
    found = opened.page.evaluate("([t, x]) => window.explorer.velocities(t, x)", [t.tolist(), x.tolist()])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_exact_jumps_are_those_of_the_library(opened, x64):
    flow = exact_planar.checkerboard().exact_flow(LINEAR)
    s, t, x = draws(100, seed=2)
    s[50:75], t[50:75] = t[50:75], s[50:75]  # back towards the noise
    # Points of the path: back from any point at a late time the path may leave for infinity.
    x = np.asarray(jax.jit(lambda *given: exact_map.solve(flow.b, *given))(np.zeros(100), s, x))
    expected = np.asarray(jax.jit(lambda *given: exact_map.solve(flow.b, *given))(s, t, x))
    found = opened.page.evaluate(
        "([s, t, x]) => window.explorer.exactJumps(s, t, x)", [s.tolist(), t.tolist(), x.tolist()]
    )
    assert np.abs(expected - x).max() > 0.3
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_means_are_those_of_the_library(opened, x64):
    _, t, x = draws(300, seed=3)
    t[:50], t[50:100] = 0, 1e-4
    t = np.minimum(t, 0.999)
    ahead = steering.mean_look_ahead(exact_planar.checkerboard().exact_flow(LINEAR).b, LINEAR)
    expected = np.asarray(ahead(jnp.asarray(t), jnp.asarray(x)))
    found = opened.page.evaluate("([t, x]) => window.explorer.means(t, x)", [t.tolist(), x.tolist()])
    np.testing.assert_allclose(found, expected, atol=1e-3)
    # Noise says nothing about where it goes: every mean is that of the data.
    np.testing.assert_allclose(np.array(found)[:50], 0, atol=1e-9)


@pytest.mark.parametrize("look", ["mean", "map"])
def test_values_of_look_aheads_and_their_gradients_are_those_of_the_library(look, opened):
    loaded = runs.load_trained("zoo:checkerboard/lsd")
    v = loaded.network()
    reward, (_, _, x) = REWARDS[0], draws(200, seed=4)
    ahead = (
        steering.map_look_ahead(v)
        if look == "map"
        else steering.mean_look_ahead(lambda t, x: v(t, t, x), loaded.interpolant)
    )
    for time in (0.0, 0.3, 0.8):
        t = jnp.full(200, time, jnp.float32)
        h = steering.value_of(quadratic(reward), ahead)
        value, gradient = map(np.asarray, steering.value_and_gradient(h, t, jnp.float32(x)))
        found = opened.page.evaluate(
            """async ([look, reward, t, x]) => {
              const { value, gradient, velocity } = await window.explorer.known(look, reward, t, x);
              return [[...value], [...gradient], [...velocity]];
            }""",
            [look, reward, time, x.ravel().tolist()],
        )
        assert np.abs(gradient).max() > 1
        np.testing.assert_allclose(found[0], value, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(np.reshape(found[1], (-1, 2)), gradient, rtol=1e-3, atol=5e-3)
        np.testing.assert_allclose(np.reshape(found[2], (-1, 2)), v(t, t, jnp.float32(x)), atol=1e-3)


@pytest.mark.parametrize("reward", REWARDS, ids=["corner", "middle"])
def test_the_tilted_law_is_that_of_quadrature(reward, opened):
    expected = truth.tilted(runs.load_trained("zoo:checkerboard/lsd").dataset.truth, quadratic(reward)).bin_mass(24)
    found = np.reshape(opened.page.evaluate("reward => window.explorer.tiltedMass(reward)", reward), (24, 24))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert expected.max() > 1e-3

    count = 20_000
    x = np.reshape(
        opened.page.evaluate("([reward, count]) => window.explorer.drawTilted(reward, count)", [reward, count]), (-1, 2)
    )
    counts = np.histogram2d(*x.T, bins=24, range=[(-1, 1), (-1, 1)])[0]
    assert counts.sum() == count
    likely = expected * count > 20
    chi2 = np.sum((counts - count * expected)[likely] ** 2 / (count * expected)[likely])
    assert abs(chi2 - likely.sum()) < 5 * np.sqrt(2 * likely.sum())
