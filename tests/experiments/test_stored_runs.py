"""Runs of version 0.1.0 continue, are scored and sampled with the same numbers; see stored/README.txt."""

import json
from pathlib import Path
import tarfile

import numpy as np
import pytest

from experiments import settings
from experiments.errors import UsageError
from experiments.evaluation.evaluate import evaluate
from experiments.settings import files as config_files
from experiments.settings import old_names
from experiments.settings import saved as saved_config
from experiments.training import checks, logs, runs
from experiments.training.loop import train
from experiments.uses.sample import sample

STORED = Path(__file__).with_name("stored")
EXPECTED = json.loads((STORED / "expected.json").read_text())
# Other processors add in another order. Features of images come from a network that is trained on the spot.
RTOL, OF_FEATURES = 1e-5, 1e-2


@pytest.fixture(params=EXPECTED)
def stored(request, tmp_path):
    """(name, folder) of each run, as it was left after four of eight steps."""
    with tarfile.open(STORED / f"{request.param}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    return request.param, tmp_path / request.param


def some_slow(*names):
    """All stored runs, of which the named ones take ten seconds and more."""
    runs = [pytest.param(name, marks=pytest.mark.slow) if name in names else name for name in EXPECTED]
    return pytest.mark.parametrize("stored", runs, indirect=True)


# Estimators that say nothing today where so few samples are compared.
OF_MORE_SAMPLES = {
    *("classifier", "frechet", "memorization"),
    *("feature_frechet", "feature_kid", "feature_precision", "feature_recall"),
}


def assert_equal_numbers(found, expected):
    # Metrics that came later have no stored number.
    assert found.keys() >= expected.keys()
    for name, value in expected.items():
        if found[name] is None and name in OF_MORE_SAMPLES:
            continue
        if isinstance(value, float):
            rtol = OF_FEATURES if name.startswith("feature_") else RTOL
            np.testing.assert_allclose(found[name], value, rtol=rtol, atol=1e-8, err_msg=name)
        else:
            assert found[name] == value, name


@some_slow("digits_tokens", "digits_decoupled")
def test_a_stored_run_continues_with_the_same_losses(stored):
    name, folder = stored
    train(runs.read_config(folder), folder, quiet=True)
    lines = [line for line in logs.read(folder) if line["step"] > 4]
    assert [line["step"] for line in lines] == [6, 8]
    for line, expected in zip(lines, EXPECTED[name]["resumed"], strict=True):
        line.pop("seconds")
        assert_equal_numbers(line, expected)


@some_slow("checkerboard_lsd", "digits_tokens")
def test_a_stored_run_is_scored_as_before(stored):
    name, folder = stored
    rows = evaluate(folder)
    assert [row["N"] for row in rows] == [1, 4, ""]
    for row, expected in zip(rows, EXPECTED[name]["evaluate"], strict=True):
        assert_equal_numbers(row, expected)


def test_a_stored_run_gives_the_same_samples(stored):
    name, folder = stored
    asked = dict(EXPECTED[name]["sample"])
    values, evaluations, _ = asked.pop("values"), asked.pop("evaluations"), asked.pop("sha256")
    found, counted = sample(folder, folder / "samples.npz", **asked)
    assert counted == evaluations
    np.testing.assert_allclose(np.reshape(found, (4, -1))[:, :8], values, rtol=RTOL, atol=1e-6)


# What the three configurations of old names mean today; every renamed option is in one of them, off its default.
MEANING = {
    "checkerboard_lsd": {
        "objective.options.reduction": "per_example",
        "training.grad_clip_norm": 0.5,
        "training.grad_accumulation": 2,
        "objective_overrides.esc.adaptive_power": 0.0,
        "objective_overrides.lmd.adaptive_power": 1.0,
    },
    "digits_tokens": {
        "training.grad_clip_norm": 0.5,
        "training.keep_checkpoints": 3,
        "training.grad_accumulation": 2,
        "training.device_mapping": "shard_map",
        "network.time_tokens": 2,
        "network.time_embedding": "gap",
        "guidance.scale_is_input": True,
        "guidance.self_mix": 0.5,
        "objective.options.adaptive_power": 0.5,
        "objective.options.reduction": "per_term",
        "objective_overrides.esc.adaptive_power": 0.0,
        "objective_overrides.esc.reduction": "per_term",
        "objective_overrides.ct.last": 18,
    },
    "digits_decoupled": {"network.target_only_blocks": 1, "objective.adaptive_power": 1.0},
}


def test_old_names_and_values_are_read_as_those_of_today(stored):
    name, folder = stored
    values = settings.fields(saved_config.read(folder / "config.json"))
    assert {field: values[field] for field in MEANING[name]} == MEANING[name]
    assert not [field for field in values if old_names.new_name(field)]
    checks.check(runs.read_config(folder), devices=1)


def test_old_names_lead_to_fields_that_exist():
    known = settings.fields(settings.base("mean_flow")) | {
        "objective_overrides": {},
        "objective.options.self_mix": 0.0,  # of guided objectives, which take it from the part ``guidance``
    }
    for old, new in old_names.OLD_NAMES.items():
        assert new in known, old
        assert old not in known
        assert old_names.new_name(old) == new
        assert old_names.new_name(new) is None
    assert old_names.new_name("option_changes.esc.power") == "objective_overrides.esc.adaptive_power"
    assert old_names.new_name("option_changes.ct.last") == "objective_overrides.ct.last"
    assert old_names.new_name("objective_overrides.ct.last") is None


def test_a_file_with_an_old_and_a_new_name_is_refused(stored):
    _, folder = stored
    path = folder / "config.json"
    values = json.loads(path.read_text())
    values["training"]["grad_clip_norm"] = 1.0
    path.write_text(json.dumps(values))
    with pytest.raises(UsageError, match=r"does not know \(training.clip\)"):
        saved_config.read(path)


def test_a_configuration_file_with_an_old_name_is_refused(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(
        "from experiments import settings\n\n\n"
        "def get_config(variant=None):\n"
        "    config = settings.planar('two_moons', variant)\n"
        "    config.training.update({'clip': 1.0})\n"
        "    return config\n"
    )
    with pytest.raises(
        UsageError, match=r"own.py: --config.training.clip has another name now; write --config.training.grad_clip_norm"
    ):
        config_files.load(f"{path}:lsd")
