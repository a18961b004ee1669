"""Data on the sphere and the torus: charts, noise, what trains there, and the lines that refuse the rest."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets, settings
from experiments.configs import sphere, torus
from experiments.datasets import curved
from experiments.errors import UsageError
from experiments.evaluation import scoring
from experiments.metrics import planar_table
from experiments.sampling import by_name
from experiments.settings import networks, spaces
from experiments.settings.protocol import Protocol
from models import samplers
from models.flow_map_model import bind, initialize
from objectives.build import OBJECTIVES
from taxonomy.interpolants import LINEAR, TRIGONOMETRIC
from taxonomy.spaces import FLAT, check_on

CONFIGS = {"sphere": sphere, "torus": torus}


def small(name, method="riemannian_lsd"):
    config = CONFIGS[name].get_config(method)
    config.network.update({"width": 8, "depth": 1})
    return config, datasets.load(name)


def test_the_chart_of_the_sphere_keeps_areas_and_points():
    points = np.asarray(datasets.load("sphere").noise(jax.random.key(0), 40_000))
    chart = curved.equal_area(points)
    np.testing.assert_allclose(curved.from_equal_area(chart), points, atol=1e-3)
    counts = np.histogram2d(*chart.T, bins=4, range=[(-1, 1)] * 2)[0]
    np.testing.assert_allclose(counts, 2500, atol=250)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_model_moves_on_the_space_and_knows_no_cut(name):
    config, dataset = small(name)
    model = networks.build(config, settings.objective_of(config), dataset)
    v = bind(model, initialize(model, jax.random.key(0), dataset.shape))
    x = dataset.noise(jax.random.key(1), 20)
    s, t = jnp.zeros(20), jnp.ones(20)
    velocity = v(s, t, x)
    np.testing.assert_allclose(dataset.space.tangent(x, velocity), velocity, atol=1e-6)
    assert float(jnp.abs(velocity).max()) > 1e-2
    if name == "torus":
        np.testing.assert_allclose(v(s, t, x + 2 * np.pi), velocity, atol=1e-4)
    grid = jnp.linspace(0, 1, 4)
    for made in (
        samplers.composition(v, x, grid, space=dataset.space),
        samplers.euler(lambda t, x: v(t, t, x), x, grid, space=dataset.space),
        samplers.one_jump(v, x, grid, space=dataset.space),
    ):
        check_on(dataset.space, made, name="samples")
        assert float(jnp.abs(dataset.space.log(x, made)).max()) > 1e-2


@pytest.mark.parametrize("name", CONFIGS)
def test_data_and_noise_lie_on_the_space(name):
    dataset = datasets.load(name)
    check_on(dataset.space, dataset.draw(jax.random.key(0), 500), name="examples")
    check_on(dataset.space, dataset.noise(jax.random.key(0), 500), name="noise")
    assert dataset.noise(jax.random.key(0)).shape == dataset.shape
    assert dataset.path(LINEAR).space is dataset.space
    assert datasets.load("spiral").path(TRIGONOMETRIC) is TRIGONOMETRIC


@pytest.mark.parametrize("name", CONFIGS)
def test_samples_are_scored_in_the_chart_and_their_distances_around_it(name):
    dataset = datasets.load(name)
    true, other = (np.asarray(dataset.draw(jax.random.key(k), 4000)) for k in (0, 1))
    noise = np.asarray(dataset.noise(jax.random.key(2), 4000))
    protocol = Protocol(samples=4000, pairs=500)
    perfect, bad = (scoring.score(x, dataset, true, protocol) for x in (other, noise))
    assert set(perfect) == {metric.name for metric in planar_table.CURVED_METRICS}
    for metric in planar_table.CURVED_METRICS:
        sign = 1 if metric.better == "lower" else -1
        assert sign * perfect[metric.name] < sign * bad[metric.name] - 1e-3, metric.name


def test_lines_over_the_edge_of_a_chart_are_not_drawn():
    dataset = datasets.load("torus")
    curves = np.array([[[3.0, 0.0], [0.0, 0.0]], [[-3.0, 0.1], [0.1, 0.0]]])
    drawn = scoring._drawn(dataset, curves)
    assert np.isnan(drawn[1, 0]).all()
    np.testing.assert_array_equal(drawn[:, 1], curves[:, 1])


def test_methods_of_flat_space_are_refused():
    config, dataset = small("sphere", "lsd")
    message = (
        "data set sphere lies on a sphere, and lsd moves points along straight lines; expected one of flow_matching"
    )
    with pytest.raises(UsageError, match=message):
        networks.build(config, settings.objective_of(config), dataset)


@pytest.mark.parametrize(
    ("options", "output", "message"),
    [
        ({}, "denoiser", "leave out --config.network.output=denoiser"),
        ({"velocity": "pooled"}, "velocity", "a pooled velocity averages along straight lines; take velocity=sample"),
    ],
)
def test_what_has_no_meaning_there_is_refused(options, output, message):
    objective, (config, dataset) = OBJECTIVES["flow_matching"](**options), small("torus", "flow_matching")
    with pytest.raises(UsageError, match=message):
        spaces.check(objective, output=output, dataset=dataset, config=config)
    spaces.check(objective, output=output, dataset=datasets.load("spiral"), config=config)


def test_other_paths_samplers_and_uses_are_refused():
    dataset = datasets.load("torus")
    with pytest.raises(UsageError, match="lies on a torus, where the path is the geodesic"):
        dataset.path(TRIGONOMETRIC)
    with pytest.raises(
        UsageError, match="--sampler=ddim adds noise or velocities along straight lines; expected one of"
    ):
        by_name.check_dataset("ddim", dataset)
    by_name.check_dataset("ddim", datasets.load("spiral"))
    with pytest.raises(UsageError, match="data set torus lies on a torus; inversion takes points of flat space"):
        dataset.check_flat(use="inversion")


def test_flat_space_is_the_default():
    assert datasets.load("spiral").space is FLAT
    assert CONFIGS["sphere"].get_config().objective.name == "riemannian_lsd"
