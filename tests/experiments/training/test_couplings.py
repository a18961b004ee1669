"""Runs whose paths do not begin in independent noise: trained, kept, sampled and scored."""

import jax
import numpy as np
import pytest

from experiments import settings
from experiments.errors import UsageError
from experiments.evaluation import scoring
from experiments.sampling.by_name import Options
from experiments.settings import couplings
from experiments.training import devices as mapping
from experiments.training import records, runs
from experiments.training.loop import train
from tests.experiments.small_runs import small
from tests.experiments.training.test_step import config_for, dispatch_of


def run_of(folder, name="lsd", **training):
    config = small(name, steps=5, **training)
    config.evaluation.update({"samples": 60, "points": 50})
    train(config, folder, quiet=True)
    return runs.load_trained(folder)


@pytest.fixture(scope="module")
def to_data(tmp_path_factory):
    """A map to the data alone, from another data set that lies in a file."""
    folder = tmp_path_factory.mktemp("coupled")
    points = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32) + 5
    np.save(folder / "start.npy", points)
    return folder, run_of(folder / "run", "ct", source=str(folder / "start.npy"))


def test_a_run_starts_where_its_configuration_says(to_data):
    folder, run = to_data
    assert run.dataset.start.name == "start.npy"
    held = run.dataset.start.held_out
    starts = np.asarray(run.dataset.starts(jax.random.key(0), 20, held_out=True))
    assert np.abs(starts[:, None] - np.asarray(held)[None]).max(axis=-1).min(axis=1).max() == 0
    assert records.read(folder / "run")["source"]["examples"] == 54


def test_a_map_to_the_data_is_sampled_by_one_jump(to_data):
    _, run = to_data
    assert run.objective.sampler == "one_jump"
    np.testing.assert_array_equal(run.sample(8, steps=1), run.sample(8, steps=4))
    with pytest.raises(
        UsageError, match="paths of this run begin at start.npy.*the sampler gamma needs Gaussian noise"
    ):
        run.sample(8, sampler="gamma", options=Options(gamma=0.5))


def test_no_exact_map_is_compared_with_and_the_rest_is_scored(to_data):
    _, run = to_data
    values, pictures = scoring.score_map(run)
    assert values["map_error"] is None
    assert values["tangent"] is None
    assert values["lagrangian"] > 0
    assert values["curvature"] >= 0
    assert set(pictures) == {"learned", "own"}
    np.testing.assert_array_equal(pictures["own"][0], pictures["learned"][0])


def test_another_source_is_another_run(to_data):
    folder, _ = to_data
    np.save(folder / "start.npy", np.random.default_rng(1).normal(size=(60, 2)).astype(np.float32))
    with pytest.raises(UsageError, match="data set start.npy is not the one that .* was trained on"):
        runs.load_trained(folder / "run")


def test_what_is_saved_by_earlier_versions_begins_in_noise():
    config = small()
    assert couplings.is_noise(config)
    assert {name: config.training[name] for name in couplings.DEFAULTS} == couplings.DEFAULTS
    assert not settings.objective_of(config).needs_noise


def test_a_run_with_matched_noise_is_the_same_on_any_number_of_devices():
    # 12 and 4 examples of its two terms on each of four devices: groups of 16 lie across them.
    curves = []
    for devices in (1, 4):
        config = config_for("lsd", optimizer="adam", coupling="optimal_transport", coupling_group=16)
        run, state = dispatch_of(config, devices=devices, steps=3)
        curves.append(mapping.on_host(run(state)[1]).metrics)
    for name, values in curves[0].items():
        np.testing.assert_allclose(curves[1][name], values, rtol=2e-5, err_msg=name)
    free, state = dispatch_of(config_for("lsd", optimizer="adam"), devices=1, steps=3)
    assert np.abs(mapping.on_host(free(state)[1]).metrics["loss"] - curves[0]["loss"]).max() > 1e-3
