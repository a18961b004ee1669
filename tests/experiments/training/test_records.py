"""``run.json``: the data and the teachers of a run, and its starts; points in other units train alike."""

import json
import os

import jax
import numpy as np
import pytest

from experiments import datasets
from experiments.errors import UsageError
from experiments.training import parts, records, runs
from experiments.training.loop import train
from experiments.uses.inversion import invert
from experiments.uses.rewards import of_map
from experiments.uses.sample import sample
from tests.experiments.small_runs import small

X = np.random.default_rng(0).standard_normal((60, 2)).astype(np.float32)


def configured(path, **training):
    # Clipping at a fixed norm would depend on the units.
    config = small("flow_matching", **({"optimizer": "adam", "steps": 10, "grad_clip_norm": 1e6} | training))
    config.network.update({"point_features": 0, "time_features": 0})
    config.dataset = str(path)
    return config


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Runs on points, on 3 x + 50 and on 0.1 x."""
    folder = tmp_path_factory.mktemp("runs")
    for name, x in (("plain", X), ("far", 3 * X + 50), ("small", 0.1 * X)):
        np.save(folder / f"{name}.npy", x)
        train(configured(folder / f"{name}.npy"), folder / name, quiet=True)
    return folder


def test_points_in_other_units_train_alike(trained):
    plain, far, small = (runs.load_trained(trained / name).sample(50, steps=3) for name in ("plain", "far", "small"))
    np.testing.assert_allclose(far, 3 * plain + 50, atol=2e-3)
    np.testing.assert_allclose(small, 0.1 * plain, atol=1e-4)


def test_points_of_unequal_spreads_train_alike_if_coordinates_are_scaled(tmp_path):
    spreads, place = np.array([20, 0.001]), np.array([50, -3])
    samples = []
    for name, x in (("plain", X), ("uneven", spreads * X + place)):
        np.save(tmp_path / f"{name}.npy", x)
        config = configured(f"{tmp_path / name}.npy,scale=coordinates", grad_clip_norm=1.0)
        train(config, tmp_path / name, quiet=True)
        samples.append(runs.load_trained(tmp_path / name).sample(50, steps=3))
    np.testing.assert_allclose((samples[1] - place) / spreads, samples[0], atol=2e-3)


def test_everything_that_is_written_is_in_the_units_of_the_data(trained):
    run = runs.load_trained(trained / "far")
    np.testing.assert_allclose(run.dataset.truth.train.mean(), 50, atol=1)
    held_out = invert.held_out(run.dataset, 6, 0)
    np.testing.assert_allclose(run.dataset.in_own_units(held_out), run.dataset.truth.test[:6], atol=1e-5)
    reward = of_map(lambda x: x[:, 0], run.dataset)
    np.testing.assert_allclose(reward(held_out), run.dataset.truth.test[:6, 0], atol=1e-5)
    out = trained / "far.npz"
    sample(trained / "far", out, count=20)
    assert abs(np.load(out)["samples"].mean() - 50) < 5


def test_a_start_is_recorded_for_each_time_that_steps_are_made(trained):
    found = json.loads((trained / "plain/run.json").read_text())
    assert [start["step"] for start in found["starts"]] == [0]
    train(configured(trained / "plain.npy"), trained / "plain", quiet=True)  # has nothing to do
    records.add_start(trained / "plain", step=5, devices=4)
    starts = records.read(trained / "plain")["starts"]
    assert [(start["step"], start["devices"]) for start in starts] == [(0, jax.local_device_count()), (5, 4)]
    assert set(starts[1]) == {"step", "time", *records.machine(1)}


def test_a_run_is_sampled_where_its_data_are_not_and_refuses_other_data(trained, monkeypatch, tmp_path):
    place = trained / "small.npy"
    expected = sample(trained / "small", tmp_path / "a.npz", count=9)[0]
    held = place.read_bytes()
    monkeypatch.chdir(tmp_path)
    try:
        np.save(place, 5 * X)
        for use in (
            lambda: sample(trained / "small", tmp_path / "b.npz", count=9),
            lambda: runs.load_trained(trained / "small"),
            lambda: train(configured(place), trained / "small", quiet=True),
        ):
            with pytest.raises(UsageError, match=r"small.npy is not the one that .*small was trained on \(.*std is"):
                use()
        assert not (tmp_path / "b.npz").exists()
        place.unlink()
        np.testing.assert_array_equal(sample(trained / "small", tmp_path / "b.npz", count=9)[0], expected)
        with pytest.raises(UsageError, match=r"no file .*small.npy"):
            runs.load_trained(trained / "small")
    finally:
        place.write_bytes(held)


def test_data_of_a_relative_path_are_those_of_the_start(trained, monkeypatch, tmp_path):
    monkeypatch.chdir(trained)
    np.save(trained / "here.npy", X)
    config = configured("here.npy")
    (tmp_path / "run").mkdir()
    records.write(tmp_path / "run", {"data": records.of_data(config, datasets.load("here.npy"))})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    np.save("here.npy", 5 * X)
    assert records.load_data(config, tmp_path / "run").std == datasets.load(str(trained / "here.npy")).std
    os.remove(trained / "here.npy")
    with pytest.raises(UsageError, match="is not the one that"):
        records.load_data(config, tmp_path / "run")


def test_a_run_of_an_earlier_version_goes_on_without_a_centre(tmp_path):
    np.save(tmp_path / "x.npy", X + 5)
    config = configured(tmp_path / "x.npy")
    (tmp_path / "run").mkdir()
    records.write(tmp_path / "run", {"format": 2})
    (tmp_path / "run/config.json").write_text(json.dumps(config.to_dict()))
    assert parts.load_parts(config, tmp_path / "run")[0].centre is None
    assert records.load_data(config, tmp_path / "run").centre is None
    assert parts.load_parts(config, tmp_path / "new")[0].centre is not None


@pytest.mark.parametrize("change", [{"data": []}, {"data": {"std": 1}}, {"teachers": []}, {"starts": {}}])
def test_a_damaged_record_is_named(tmp_path, change):
    records.write(tmp_path, {"format": 2, **change})
    with pytest.raises(UsageError, match=r"run.json is damaged \("):
        records.read(tmp_path)


def test_a_teacher_that_was_trained_further_is_refused(trained, tmp_path):
    config = configured(trained / "plain.npy")
    config.teacher = str(trained / "plain")
    known = records.of_teachers(config)
    assert known["teacher"]["folder"] == str(trained / "plain")
    assert known["teacher"]["step"] == 10
    records.write(tmp_path, {"teachers": known})
    records.check_teachers(tmp_path, config)
    records.write(tmp_path, {"teachers": {"teacher": known["teacher"] | {"step": 5}}})
    with pytest.raises(UsageError, match=r"teacher=.*plain was at step 5, is at 10 since"):
        records.check_teachers(tmp_path, config)
