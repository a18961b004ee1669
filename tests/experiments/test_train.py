import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
import numpy as np
import pytest
from tensorboardX.proto import event_pb2

from experiments import datasets, engine, logs, runs, settings
from experiments.checkpoints import Checkpoints
from experiments.dry_run import describe
from experiments.errors import UsageError
from experiments.protocol import Protocol
from experiments.train import train
from tests.experiments.small_runs import CONFIG, small

ROOT = Path(__file__).parent.parent.parent


def assert_same_weights(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


def weights(workdir):
    raw = runs.load_trained(workdir, ema=0)
    averaged = runs.load_trained(workdir)
    return raw[3], averaged[3], raw[4]


def test_a_run_leaves_everything_that_a_reader_needs(tmp_path):
    timing = train(small(), tmp_path / "run")
    assert timing.steps > 0
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["devices"] == 4
    assert record["effective_batch"] == 64
    assert record["seed"] == 0
    assert record["packages"]["jax"] == jax.__version__
    assert runs.read_config(tmp_path / "run").to_dict() == small().to_dict()
    records = logs.read(tmp_path / "run")
    assert [line["step"] for line in records] == [5, 10, 15, 20]
    assert {"loss", "raw/diagonal", "raw/lagrangian", "grad_norm", "seconds"} <= records[0].keys()
    events = [path for path in (tmp_path / "run/tensorboard").iterdir() if "tfevents" in path.name]
    assert b"raw/lagrangian" in events[0].read_bytes()
    assert event_pb2.Event is not None
    assert weights(tmp_path / "run")[2] == 20


def test_the_same_command_continues_and_a_finished_run_stays(tmp_path):
    config = small(checkpoint_every=5)
    train(config, tmp_path / "whole")
    whole = weights(tmp_path / "whole")
    train(config, tmp_path / "whole")
    assert_same_weights(whole, weights(tmp_path / "whole"))
    assert len(logs.read(tmp_path / "whole")) == 4


def saved_steps(workdir):
    # A checkpoint under way has a longer name; it is renamed when it is complete.
    return [int(path.name) for path in workdir.glob("checkpoints/*") if path.name.isdigit()]


COMMAND = [
    sys.executable,
    "-m",
    "experiments.train",
    f"--config={CONFIG}:lsd",
    "--config.network.width=8",
    "--config.network.depth=1",
    "--config.training.batch_size=64",
    "--config.training.steps=3000",
    "--config.training.steps_per_dispatch=50",
    "--config.training.checkpoint_every=250",
]


def run(command, **options):
    return subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=300, **options)


def test_killed_and_run_again_it_ends_as_if_nothing_had_happened(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run([*COMMAND, f"--workdir={whole}"]).returncode == 0
    process = subprocess.Popen(
        [*COMMAND, f"--workdir={killed}"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not saved_steps(killed) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert max(saved_steps(killed)) < 3000
    with (killed / "training.jsonl").open("a") as log:
        log.write('{"step": 4')  # what a kill in the middle of a line leaves
    again = run([*COMMAND, f"--workdir={killed}"])
    assert again.returncode == 0, again.stderr
    assert_same_weights(weights(whole), weights(killed))
    a, b = ([{k: v for k, v in line.items() if k != "seconds"} for line in logs.read(path)] for path in (whole, killed))
    assert a == b


def test_the_last_dispatch_may_be_shorter(tmp_path):
    train(small(steps=13, steps_per_dispatch=5), tmp_path / "odd")
    train(small(steps=13, steps_per_dispatch=13), tmp_path / "one")
    assert [line["step"] for line in logs.read(tmp_path / "odd")] == [5, 10, 13]
    for x, y in zip(
        jax.tree.leaves(weights(tmp_path / "odd")), jax.tree.leaves(weights(tmp_path / "one")), strict=True
    ):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6)


def test_a_folder_of_another_configuration_is_refused_and_untouched(tmp_path):
    train(small(steps=5), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(UsageError, match="holds a run of another configuration .*training.steps is 5 there, 10 here"):
        train(small(steps=10), tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_what_others_are_given_is_no_part_of_a_run(tmp_path):
    train(small(), tmp_path)
    config = small(steps=20)
    config.option_changes = ConfigDict({"ct": {"step": 0.1}})
    train(config, tmp_path)
    assert weights(tmp_path)[2] == 20


def test_a_run_of_an_older_protocol_is_read_with_the_defaults_of_today(tmp_path):
    train(small(), tmp_path)
    path = tmp_path / "config.json"
    values = json.loads(path.read_text())
    del values["evaluation"]["triples"]
    path.write_text(json.dumps(values))
    assert runs.read_config(tmp_path).evaluation.triples == Protocol().triples
    assert runs.read_config(tmp_path).evaluation.samples == 500


def test_a_checkpoint_of_another_shape_is_refused_and_kept(tmp_path):
    train(small(steps=5), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["network"]["width"] = 16
    (tmp_path / "config.json").write_text(json.dumps(config))
    other = small(steps=5)
    other.network.width = 16
    with pytest.raises(
        UsageError,
        match=r"checkpoints/5 does not fit .*bias has shape \(8,\) there, \(16,\) here",
    ):
        train(other, tmp_path)
    assert saved_steps(tmp_path) == [5]


def test_a_damaged_checkpoint_is_named(tmp_path):
    train(small(steps=5), tmp_path)
    for path in (tmp_path / "checkpoints/5").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    # In a process of its own: orbax leaves unfinished reads behind.
    found = run([sys.executable, "-m", "experiments.evaluate", f"--workdir={tmp_path}"])
    assert found.returncode == 2
    (line,) = [line for line in found.stderr.splitlines() if line.startswith("error:")]
    assert f"checkpoint {tmp_path}/checkpoints/5 does not fit" in line
    assert "Traceback" not in found.stderr
    assert not (tmp_path / "metrics.csv").exists()


@pytest.mark.parametrize("optimizer", ["adam", "radam", "muon"])
def test_the_whole_state_survives_a_checkpoint(tmp_path, optimizer):
    config = small(optimizer=optimizer, ema=(0.9, 0.999))
    config.evaluation.ema = 0.9
    dataset = datasets.load(config.dataset)
    state = engine.initial_state(
        config, runs.build_model(config, dataset), settings.objective_of(config), dataset.shape
    )
    state = state._replace(step=jnp.asarray(7, jnp.int32), params=jax.tree.map(lambda p: p + 0.5, state.params))
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(7, state)
    restored = checkpoints.restore(jax.tree.map(jnp.zeros_like, state))
    checkpoints.close()
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    assert_same_weights(restored, state)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write into --workdir=.*file/run .*Not a directory"):
        train(small(), tmp_path / "file" / "run")


def test_not_a_number_stops_the_run_and_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    config = small(steps=40, checkpoint_every=10)
    make = engine.make_dispatch

    def poisoned(*args, **options):
        dispatch = make(*args, **options)

        def run(state, **inputs):
            # The weights break after step 20, as they would in a divergence.
            broken = state._replace(params=jax.tree.map(lambda p: p * jnp.nan, state.params))
            return dispatch(broken if int(state.step) == 20 else state, **inputs)

        return run

    monkeypatch.setattr(engine, "make_dispatch", poisoned)
    with pytest.raises(
        UsageError,
        match=r"loss is nan: 48 examples of term diagonal, at .* at step 21; the checkpoint of step 20 is kept; lower",
    ):
        train(config, tmp_path)
    monkeypatch.undo()
    train(config, tmp_path)
    assert [line["step"] for line in logs.read(tmp_path)] == list(range(5, 45, 5))


@pytest.mark.parametrize("student", ["lmd", "emd", "pfmm", "cd", "cd_continuous"])
def test_a_trained_run_can_teach(tmp_path_factory, tmp_path, student):
    teacher = tmp_path_factory.getbasetemp() / "teacher"
    if not (teacher / "config.json").exists():
        train(small("flow_matching"), teacher)
    config = small(student)
    with pytest.raises(UsageError, match=f"objective {student} distils a teacher and none is given"):
        train(config, tmp_path)
    config.teacher = str(teacher)
    train(config, tmp_path)
    assert all(np.isfinite(line["loss"]) for line in logs.read(tmp_path))
    other = ConfigDict(config.to_dict())
    other.interpolant = "trigonometric"
    with pytest.raises(UsageError, match="was trained with interpolant = linear, the student has trigonometric"):
        train(other, tmp_path / "other")


@pytest.mark.parametrize("file", ["checkerboard", "eight_gaussians", "digits"])
@pytest.mark.parametrize("student", ["lmd", "emd", "pfmm"])
def test_the_exact_velocity_can_teach(tmp_path, student, file):
    config = settings.load(f"experiments/configs/{file}.py:{student}")
    config.network.update({"width": 8, "depth": 1})
    config.training.update({"batch_size": 64, "steps": 10, "steps_per_dispatch": 5})
    config.teacher = "exact"
    train(config, tmp_path)
    assert all(np.isfinite(line["loss"]) for line in logs.read(tmp_path))


def test_dry_run_tells_what_would_be_done():
    text = describe(settings.load("experiments/configs/checkerboard.py:lsd,paper"), None)
    assert "parameters: 1,054,210" in text
    assert "18750 diagonal, 6250 lagrangian (reduction: paper)" in text
    assert "4 forward-pass equivalents" in text


def test_eight_devices_hold_exact_shares():
    script = (
        "import jax, numpy as np\n"
        "from experiments import datasets, draws, engine, settings\n"
        "from objectives.mixture import counts\n"
        "assert jax.local_device_count() == 8\n"
        f"config = settings.load('{CONFIG}:lsd')\n"
        "objective, dataset = settings.objective_of(config), datasets.load(config.dataset)\n"
        "sizes = counts(objective.terms, 1600, devices=8)\n"
        "def times(device):\n"
        "    return [draws.draw(term, dataset, jax.random.fold_in(jax.random.key(0), k), device * size, size).times\n"
        "            for k, (term, size) in enumerate(zip(objective.terms, sizes))]\n"
        "per_term = jax.pmap(times)(np.arange(8))\n"
        "off = np.concatenate([np.asarray(t.s != t.t) for t in per_term], axis=1)\n"
        "print(off.shape, off.mean(axis=1).tolist())\n"
    )
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert found.stdout.strip() == f"(8, 200) {[0.25] * 8}", found.stderr
