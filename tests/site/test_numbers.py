"""The numbers behind the figures are those of the library: exact velocities and paths, learnt jumps, the law."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.flow_map_model import FlowMapModel, bind
from models.networks.mlp import MLP
from taxonomy import exact_map, exact_planar
from taxonomy.flow_map import jump
from taxonomy.interpolants import LINEAR
from tests.exported import read
from tests.site.build import EXPLORER

pytestmark = pytest.mark.site
MAPS = sorted((EXPLORER / "public" / "maps").glob("*.safetensors"))


def draws(count, seed=0):
    rng = np.random.default_rng(seed)
    s, t = np.sort(rng.uniform(size=(2, count)), axis=0)
    s[: count // 4], t[: count // 4] = 0, 1
    return s, t, rng.normal(size=(count, 2)) / np.sqrt(3)


def test_every_method_of_the_page_has_a_map():
    assert {path.stem for path in MAPS} == {"lsd", "esd", "psd_m", "mean_flow", "flow_matching"}
    assert all(path.stat().st_size < 160_000 for path in MAPS)


@pytest.mark.parametrize("path", MAPS, ids=lambda path: path.stem)
def test_learnt_jumps_are_those_of_the_library(path, opened):
    _, described, arrays = read(path)
    network = MLP(**described["network"])
    layers = {}
    for name, array in arrays.items():
        layer, kind = name.split(".")
        layers.setdefault(layer, {})[kind] = jnp.asarray(array, jnp.float32)
    v = bind(FlowMapModel(network, std=described["std"]), {"params": {"network": layers}})
    s, t, x = draws(600)
    # Flow matching learns velocities alone; its map is one Euler step.
    towards = s if described["sampler"] == "euler" else t
    average = v(*map(jnp.float32, (s, towards, x)))
    expected = np.asarray(x + (t - s)[:, None] * average)
    found = opened.page.evaluate(
        "([method, s, t, x]) => window.explorer.learntJumps(method, s, t, x)",
        [path.stem, s.tolist(), t.tolist(), x.ravel().tolist()],
    )
    found = np.array(found).reshape(-1, 2)
    assert np.abs(expected - x).max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-4)
    if described["sampler"] != "euler":
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


def test_the_law_of_the_page_is_that_of_the_maps(opened):
    data = opened.page.evaluate("() => window.explorer.card('lsd')")["data"]
    exact = exact_planar.checkerboard()
    assert (data["kind"], data["width"]) == ("squares", exact.width)
    np.testing.assert_allclose(sorted(data["places"]), sorted(exact.places.tolist()))
    np.testing.assert_allclose(data["std"], exact.std)
