"""What is measured of maps that are told something: distances, and exact maps in place of learned ones."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
import numpy as np
import pytest

from experiments import datasets
from experiments.errors import UsageError
from experiments.metrics import exact_map
from experiments.settings import protocol
from experiments.uses.randomness import paths, posterior, randomness
from models import posterior as by_flow
from objectives.build import OBJECTIVES
from taxonomy import told
from taxonomy.interpolants import LINEAR
from taxonomy.noise_paths import Driven


def run_of(name, map_of):
    """A run whose map is given: (exact flow, standard deviation of the noise, vectors) -> v(s, t, x)."""
    dataset, objective = datasets.load("eight_gaussians"), OBJECTIVES[name]()
    flow = dataset.exact_path(LINEAR)

    def drawn(key, count):
        return jax.vmap(lambda key: objective.told.sample(key, (2,)))(jax.random.split(key, count))

    return SimpleNamespace(
        name=name,
        dataset=dataset,
        interpolant=LINEAR,
        objective=objective,
        protocol=protocol.Protocol(),
        config=SimpleNamespace(objective=SimpleNamespace(options=ConfigDict({"terms": 3, "noise": 1.0}))),
        told=drawn,
        map=lambda vector: map_of(flow, dataset.std, vector),
    )


def test_sliced_distance_of_a_shift_is_its_length_over_the_root_of_two():
    a = jax.random.normal(jax.random.key(0), (3, 50, 2))
    shift = jnp.array([[[0.3, -0.4]]])
    np.testing.assert_allclose(posterior.sliced_distance(a, a + shift), 0.5 / np.sqrt(2), rtol=1e-5)
    assert posterior.sliced_distance(a, a[:, ::-1]) == 0


@pytest.mark.slow
def test_the_exact_stochastic_map_has_no_error_path_by_path(monkeypatch):
    monkeypatch.setattr(paths, "SOLVER_STEPS", 40)
    monkeypatch.setattr(paths, "OTHER_TERMS", (0,))
    monkeypatch.setattr(paths, "JUMPS", (1,))

    def exact(flow, std, vectors):
        driven = Driven(path=LINEAR, noise_std=std, strength=1.0)
        noise = told.coefficients(vectors, jnp.zeros((len(vectors), 2)), terms=3)
        return exact_map.scanned(driven.velocity(driven.drift(flow.b, flow.score), noise), steps=60)

    found = paths.measure(run_of("ito_map", exact), count=32, samples=500, seed=0)
    jump, silent, own, perfect = found.rows
    assert jump["relative"] < 0.01
    assert own["terms"] == 3
    assert own["relative"] < 1e-3
    assert (silent["terms"], perfect["what"]) == (0, "perfect samples")
    assert all(row["law"] > 0 for row in found.rows)
    assert found.curves.shape == (41, 2 * paths.SHOWN, 2)


def test_the_exact_posterior_map_scores_like_exact_samples():
    def exact(flow, std, vectors):
        velocity = by_flow.inner_velocity(flow.b, vectors[:, 0], vectors[:, 1:] * std)
        return exact_map.scanned(velocity, steps=12)

    found = posterior.measure(run_of("posterior_map", exact), times=(0.5,), points=4, samples=400, seed=0)
    by_name = {row["what"]: row for row in found.rows}
    floor = by_name["exact samples"]["sliced"]
    assert by_name["posterior_map, 1 jump"]["sliced"] < 2 * floor + 0.01
    assert by_name["flow of the exact velocity"]["sliced"] < 2 * floor + 0.01
    assert set(found.shown) == {0.5}


TIMES = {"1": "asked at t = 1", "0": "such as 0.5", "x": "with commas"}


@pytest.mark.parametrize(("text", "message"), TIMES.items())
def test_times_that_cannot_be_are_named(text, message):
    with pytest.raises(UsageError, match=message):
        randomness.times_of([text])
    assert randomness.times_of([]) == randomness.TIMES
