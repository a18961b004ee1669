import dataclasses
import json
import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets
from experiments.errors import DivergedError, UsageError
from experiments.evaluation.evaluate import evaluate
from experiments.metrics import reference
from experiments.metrics.planar_table import PLANAR_METRICS
from experiments.sampling.trained import trained
from experiments.settings import files as config_files
from experiments.training import runs
from experiments.training.loop import train
from models.flow_map_model import FlowMapModel, bind
from taxonomy.flow_map import jump
from tests.experiments.small_runs import small


def test_evaluation_of_a_run(tmp_path):
    config = small()
    train(config, tmp_path)
    rows = evaluate(tmp_path)
    assert [row["N"] for row in rows] == [1, 2, ""]
    assert rows[-1]["objective"] == "perfect samples"
    for metric in PLANAR_METRICS:
        better = 1 if metric.better == "lower" else -1
        if metric.name == "rarest_mode":  # two moons have no separate modes
            assert rows[0][metric.name] is None
            continue
        assert better * rows[-1][metric.name] <= better * rows[0][metric.name], metric.name
    assert np.load(tmp_path / "samples.npz")["2"].shape == (500, 2)
    for picture in ("samples.png", "map_error.png", "trajectories.png"):
        assert (tmp_path / picture).stat().st_size > 5000
    text = (tmp_path / "metrics.md").read_text()
    assert "perfect samples" in text
    assert "triples = 60, tolerance = 1e-08" in text
    assert json.loads((tmp_path / "protocol.json").read_text()) == json.loads(json.dumps(config.evaluation.to_dict()))
    assert evaluate(tmp_path) == rows
    # The map was trained forward only, and two moons have no separate modes.
    absent = {name for name, value in rows[0].items() if value is None}
    assert absent == {"backward_error", "round_trip", "rarest_mode"}


def test_evaluation_compares_with_the_exact_map(tmp_path):
    train(small(), tmp_path)
    row = evaluate(tmp_path)[0]
    run = runs.load_trained(tmp_path)
    exact = reference.load_or_build(run.config, run.dataset)
    mapped = jump(bind(run.model, run.params), *map(jnp.float32, (exact.s, exact.t, exact.x_s)))
    expected = np.mean(np.sum((np.asarray(mapped) - exact.x_t) ** 2, axis=-1))
    np.testing.assert_allclose(row["map_error"], expected, rtol=1e-4)
    np.testing.assert_allclose(row["w2_one_step"] ** 2, row["one_step_error"])


@pytest.mark.slow
def test_flow_matching_is_judged_by_its_euler_step(tmp_path):
    train(small("flow_matching"), tmp_path)
    row = evaluate(tmp_path)[0]
    run = runs.load_trained(tmp_path)
    exact = reference.load_or_build(run.config, run.dataset)
    x = jnp.float32(exact.x_0)
    zero = jnp.zeros(len(x))
    ends = x + bind(run.model, run.params)(zero, zero, x)
    expected = np.mean(np.sum((np.asarray(ends) - exact.x_1) ** 2, axis=-1))
    np.testing.assert_allclose(row["one_step_error"], expected, rtol=1e-4)


@pytest.mark.slow
def test_a_map_of_both_directions_is_judged_on_the_way_back_too(tmp_path):
    config = small()
    config.objective.options.times = "square"
    train(config, tmp_path)
    row = evaluate(tmp_path)[0]
    assert row["backward_error"] > 0
    assert row["round_trip"] > 0
    assert "round trip" in (tmp_path / "metrics.md").read_text()


def test_without_an_exact_velocity_the_rest_is_scored(tmp_path, monkeypatch):
    train(small(), tmp_path)
    known = datasets.load
    monkeypatch.setattr(datasets, "load", lambda name, **options: known(name, **options)._replace(exact_flow=None))
    row = evaluate(tmp_path)[0]
    assert row["map_error"] is row["tangent"] is row["bound_growth"] is None
    assert row["lagrangian"] > 0
    assert row["kl"] > 0
    assert not (tmp_path / "map_error.png").exists()
    config = small("lmd")
    config.teacher = "exact"
    with pytest.raises(UsageError, match="data set two_moons has no exact velocity; take a data set that has one"):
        train(config, tmp_path / "student")
    assert not (tmp_path / "student").exists()


@pytest.mark.slow
def test_evaluation_of_images(tmp_path):
    config = config_files.load("experiments/configs/digits.py:flow_matching")
    config.network.update({"width": 8, "depth": 1})
    config.training.update({"batch_size": 64, "steps": 5, "steps_per_dispatch": 5})
    config.evaluation.update({"samples": 300, "steps": (1, 4), "points": 100, "triples": 40})
    train(config, tmp_path)
    rows = evaluate(tmp_path)
    assert rows[-1]["frechet"] < 0.1 * rows[0]["frechet"]
    assert rows[-1]["mmd2"] < 0.1 * rows[0]["mmd2"]
    assert rows[-1]["entropic_w2"] < 0.8 * rows[0]["entropic_w2"]
    assert 0.3 < rows[-1]["classifier"] < 0.7 < rows[0]["classifier"]
    assert rows[0]["map_error"] > 0
    assert np.load(tmp_path / "samples.npz")["4"].shape == (300, 64)
    assert (tmp_path / "samples.png").stat().st_size > 5000


def test_broken_weights_are_named_by_the_evaluation(tmp_path, monkeypatch):
    train(small(), tmp_path)
    load = runs.load_trained

    def broken(workdir, **options):
        run = load(workdir, **options)
        return dataclasses.replace(run, params=jax.tree.map(lambda p: p * jnp.nan, run.params))

    monkeypatch.setattr(runs, "load_trained", broken)
    with pytest.raises(
        DivergedError, match=r"flow map is NaN or infinite for 100.00% of 60 points, first at \(s, t\) = "
    ):
        evaluate(tmp_path)
    assert not (tmp_path / "metrics.csv").exists()


class Breaking(nn.Module):
    """A network of a model that stays where it is, and gives NaN for positive points from time 1/2 on."""

    def __call__(self, s, t, x, condition):
        return jnp.where((s[:, None] >= 0.5) & (x > 0), jnp.nan, 0 * x)


@pytest.mark.parametrize(("objective", "jump"), [("lsd", "(0.5, 0.75)"), ("flow_matching", "(0.5, 0.75)")])
def test_samples_that_are_not_finite_are_named_with_the_jump(objective, jump):
    config = small(objective)
    run = trained(config, datasets.load(config.dataset), FlowMapModel(Breaking(), 1.0), {}, step=0)
    assert np.isfinite(run.sample(200)).all()
    # Three quarters of the starting points have a positive coordinate.
    start = rf"with 4 steps of {run.objective.sampler}, 7\d.\d\d% of 200 generated samples"
    message = rf"{start} .* after the jump \(s, t\) = {re.escape(jump)}"
    with pytest.raises(DivergedError, match=message):
        run.sample(200, steps=4)
