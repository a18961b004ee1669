import functools
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

from experiments import datasets, settings
from experiments.errors import DivergedError, UsageError
from experiments.settings import files as config_files
from experiments.settings import networks
from experiments.settings.protocol import Protocol
from experiments.training import dispatch, logs, runs
from experiments.training.checkpoints import Checkpoints
from experiments.training.dry_run import describe
from experiments.training.loop import train
from experiments.training.state import initial_state
from tests.experiments.small_runs import CONFIG, small

ROOT = Path(__file__).parents[3]
slow = functools.partial(pytest.param, marks=pytest.mark.slow)


def assert_same_weights(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


def weights(workdir):
    raw = runs.load_trained(workdir, ema=0)
    averaged = runs.load_trained(workdir)
    return raw.params, averaged.params, raw.step


def events(workdir):
    """(step, {name: number}) of each event with numbers; the file is a sequence of length, crc, message, crc."""
    (path,) = (path for path in (workdir / "tensorboard").iterdir() if "tfevents" in path.name)
    content = path.read_bytes()
    while content:
        length = int.from_bytes(content[:8], "little")
        event = event_pb2.Event.FromString(content[12 : 12 + length])
        content = content[12 + length + 4 :]
        if event.summary.value:
            yield event.step, {value.tag: value.simple_value for value in event.summary.value}


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
    shown = list(events(tmp_path / "run"))
    assert [step for step, _ in shown] == [5, 10, 15, 20]
    for (_, numbers), record in zip(shown, records, strict=True):
        assert numbers == pytest.approx({name: value for name, value in record.items() if name != "step"}, rel=1e-6)
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    config.objective_overrides = ConfigDict({"ct": {"step": 0.1}})
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


@pytest.mark.slow
def test_a_damaged_checkpoint_is_named(tmp_path):
    train(small(steps=5), tmp_path)
    for path in (tmp_path / "checkpoints/5").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    # In a process of its own: orbax leaves unfinished reads behind.
    found = run([sys.executable, "-m", "experiments.evaluate", f"--workdir={tmp_path}"])
    assert found.returncode == 2
    (line,) = [line for line in found.stderr.splitlines() if line.startswith("error:")]
    assert f"checkpoint {tmp_path}/checkpoints/5 is damaged" in line
    assert "Traceback" not in found.stderr
    assert not (tmp_path / "metrics.csv").exists()


@pytest.mark.parametrize("optimizer", ["adam", "radam", "muon"])
def test_the_whole_state_survives_a_checkpoint(tmp_path, optimizer):
    config = small(optimizer=optimizer, ema=(0.9, 0.999))
    config.evaluation.ema = 0.9
    dataset = datasets.load(config.dataset)
    objective = settings.objective_of(config)
    state = initial_state(config, networks.build(config, objective, dataset), objective, dataset.shape)
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
    make = dispatch.make_dispatch

    def poisoned(*args, **options):
        take_steps = make(*args, **options)

        def run(state, **inputs):
            # The weights break after step 20, as they would in a divergence.
            broken = state._replace(params=jax.tree.map(lambda p: p * jnp.nan, state.params))
            return take_steps(broken if int(state.step) == 20 else state, **inputs)

        return run

    monkeypatch.setattr(dispatch, "make_dispatch", poisoned)
    with pytest.raises(
        DivergedError,
        match=r"loss is nan: 48 examples of term diagonal, at .* at step 21; the checkpoint of step 20 is kept; lower",
    ):
        train(config, tmp_path)
    monkeypatch.undo()
    train(config, tmp_path)
    assert [line["step"] for line in logs.read(tmp_path)] == list(range(5, 45, 5))


@pytest.mark.parametrize("student", ["lmd", "pfmm", *(slow(name) for name in ("emd", "cd", "cd_continuous"))])
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
    with pytest.raises(UsageError, match="was trained with interpolant = linear, this run has trigonometric"):
        train(other, tmp_path / "other")


@pytest.mark.parametrize(
    ("student", "file"), [("lmd", "checkerboard"), slow("emd", "eight_gaussians"), slow("pfmm", "digits")]
)
def test_the_exact_velocity_can_teach(tmp_path, student, file):
    config = config_files.load(f"experiments/configs/{file}.py:{student}")
    config.network.update({"width": 8, "depth": 1})
    config.training.update({"batch_size": 64, "steps": 10, "steps_per_dispatch": 5})
    config.teacher = "exact"
    train(config, tmp_path)
    assert all(np.isfinite(line["loss"]) for line in logs.read(tmp_path))


def test_dry_run_tells_what_would_be_done():
    text = describe(config_files.load("experiments/configs/checkerboard.py:lsd,paper"), None)
    assert "parameters: 1,054,210" in text
    assert "18750 diagonal, 6250 lagrangian (reduction: per_term)" in text
    assert "4 forward-pass equivalents" in text


COUNTING = """
import collections, sys
import jax
counted = collections.Counter()
jax.monitoring.register_event_listener(lambda event, **_: counted.update([event.rpartition("/")[2]]))
from pathlib import Path
from experiments import caches
from experiments.training.loop import train
from experiments.training.state import initial_state
from experiments.training.dispatch import make_dispatch
from experiments.training.state import initial_state
from tests.experiments.small_runs import small
caches.keep_compiled()
train(small(), Path(sys.argv[1]), quiet=True)
print(counted["cache_hits"], counted["cache_misses"])
"""


@pytest.mark.slow
def test_the_second_start_of_a_configuration_compiles_nothing(tmp_path):
    environment = os.environ | {"FLOWMAP_CACHE": str(tmp_path / "cache")}
    counted = []
    for name in ("first", "second"):
        found = subprocess.run(
            [sys.executable, "-c", COUNTING, str(tmp_path / name)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert found.returncode == 0, found.stderr
        counted.append([int(number) for number in found.stdout.split()])
    (hits, misses), (again, none) = counted
    assert misses > 10
    assert (again, none) == (hits + misses, 0)
    assert_same_weights(weights(tmp_path / "first"), weights(tmp_path / "second"))


def test_examples_read_by_the_host_give_the_same_run_after_an_interruption(tmp_path, monkeypatch):
    """Each epoch holds every stored example once, wherever the run was interrupted."""
    stored = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    np.save(tmp_path / "points.npy", stored)
    config = small(data="host", optimizer="adam", grad_accumulation=2, steps_per_dispatch=4, checkpoint_every=8)
    config.dataset = str(tmp_path / "points.npy")
    seen = []
    call = dispatch.Dispatch.__call__

    def watched(self, state, **inputs):
        seen.append(inputs["examples"])
        if len(seen) == 4:
            raise KeyboardInterrupt
        return call(self, state, **inputs)

    train(config, tmp_path / "whole")
    monkeypatch.setattr(dispatch.Dispatch, "__call__", watched)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "stopped")
    train(config, tmp_path / "stopped")
    assert_same_weights(weights(tmp_path / "whole"), weights(tmp_path / "stopped"))
    # 12 steps before the interruption, of which 8 were saved; the next 12 begin there.
    steps = [
        np.concatenate([points[:, k].reshape(-1, 3) for points, _ in examples]) for examples in seen for k in range(4)
    ]
    del steps[12:16]
    np.testing.assert_array_equal(steps[8], steps[12])
    order = np.concatenate([*steps[:8], *steps[12:]])
    train_rows = datasets.load(config.dataset).records
    count = len(train_rows)
    for epoch in range(len(order) // count):
        rows = order[epoch * count : (epoch + 1) * count]
        assert len(np.unique(rows, axis=0)) == count
