"""The worked example of docs/add_a_metric.md is code that runs, that is right, and that tables take up."""

import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets
from experiments.comparison import report
from experiments.metrics import maps
from experiments.metrics.map_table import RESIDUALS, TrainedMap
from experiments.metrics.metric import applying, compute_all
from experiments.metrics.planar_table import PLANAR_METRICS, PlanarSamples
from experiments.settings.protocol import Protocol
from taxonomy.interpolants import LINEAR
from tests.pages import run_blocks


@pytest.fixture(scope="module")
def added():
    return run_blocks("add_a_metric.md", count=3)


def test_the_function_of_the_page_is_its_formula(added):
    x = np.random.default_rng(0).standard_normal((200, 2))
    assert abs(added["energy_distance"](x, x)) < 1e-12
    # Points a and b alone: 2 |a - b|.
    np.testing.assert_allclose(added["energy_distance"](np.zeros((5, 2)), np.array([[3.0, 4.0]] * 7)), 10)
    assert added["energy_distance"](x, x + 1) > added["energy_distance"](x, x + 0.5) > 0


def test_an_entry_of_the_plane_is_scored_and_shown(added):
    dataset, protocol = datasets.load("checkerboard"), Protocol(pairs=100)
    x, y = np.random.default_rng(0).uniform(-1, 1, (2, 300, 2)).astype(np.float32)
    quick = tuple(metric for metric in PLANAR_METRICS if metric.name in ("kl", "in_support"))
    scores = compute_all((*quick, added["entry"]), PlanarSamples(x, dataset, protocol, y))
    assert list(scores) == ["kl", "in_support", "energy"]
    assert scores["energy"] == added["energy_distance"](x[:100], y[:100])
    rows = [{"objective": name, "N": 1, "energy": value} for name, value in (("a", 0.2), ("b", 0.1))]
    assert applying((*quick, added["entry"]), rows) == (added["entry"],)
    _, body = report.by_steps(rows, {"objective": "perfect samples", "energy": 0.01}, added["entry"])
    assert body == [["a", "0.2"], ["b", "**0.1**"], ["perfect samples", "0.01"]]
    higher, neither = (added["entry"]._replace(better=side) for side in ("higher", None))
    assert report.by_steps(rows, rows[0], higher)[1][0] == ["a", "**0.2**"]
    assert not any("**" in cell for line in report.by_steps(rows, rows[0], neither)[1] for cell in line)


def test_an_entry_of_the_map_is_scored_with_its_neighbours(added):
    dataset = datasets.load("checkerboard")
    draws = maps.draw(dataset, LINEAR, seed=0, count=50)

    def trained(v):
        return TrainedMap(v, dataset, draws, reference=None, b=None, backward=False, conditional=False)

    def straight(s, t, x):
        return jnp.ones_like(x)

    def bent(s, t, x):  # X_{0,1}(x) - x - v_{0,0}(x) = (1, 1)
        return jnp.ones_like(x) * t[:, None]

    table = (*RESIDUALS, added["map_entry"])
    assert compute_all(table, trained(straight))["straightness"] == 0
    scores = compute_all(table, trained(bent))
    assert scores["straightness"] == 2
    assert scores["lagrangian"] > 0
