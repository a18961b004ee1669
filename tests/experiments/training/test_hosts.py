"""Several processes that train one run, on this machine: gloo carries the sums."""

import json
import os
from pathlib import Path
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from experiments.errors import HOST_LOST, INTERRUPTED, UsageError
from experiments.training import hosts, logs, runs
from tests.experiments.training.test_train import ROOT, assert_same_weights, saved_steps
from tests.xla_flags import flags

CONFIG = "experiments/configs/two_moons.py"
SIZE = ["--config.network.width=8", "--config.network.depth=1", "--config.training.batch_size=64"]
FAST = ["--config.training.optimizer=adam", "--config.training.learning_rate=1e-3", "--host_timeout=20"]


def start(workdir, *, processes, steps, devices=2, extra=()):
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "experiments.train",
        f"--config={CONFIG}:lsd",
        f"--workdir={workdir}",
        *SIZE,
        *FAST,
    ]
    command += [f"--config.training.steps={steps}", "--config.training.steps_per_dispatch=10", "--quiet", *extra]
    environment = os.environ | {"XLA_FLAGS": flags(devices=devices)}
    started = []
    for process in range(processes):
        # One of the two ways to say who is who.
        named = {"JAX_COORDINATOR_ADDRESS": f"localhost:{port}", "JAX_NUM_PROCESSES": str(processes)}
        named["JAX_PROCESS_ID"] = str(process)
        own = command if processes == 1 or process % 2 else [*command, f"--process_id={process}"]
        names = {} if processes == 1 else named
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(own, cwd=ROOT, env=environment | names, text=True, **pipes))
    return started


def end(started, *, timeout=240):
    return [(process.communicate(timeout=timeout), process.returncode) for process in started]


def losses(workdir):
    return np.array([line["loss"] for line in logs.read(workdir)])


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("alone")
    ((_, code),) = end(start(workdir, processes=1, devices=4, steps=40))
    assert code == 0
    return workdir


@pytest.mark.parametrize("processes", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_several_processes_give_the_result_of_one(alone, tmp_path, processes):
    for (_, errors), code in end(start(tmp_path, processes=processes, steps=40)):
        assert code == 0, errors
    record = json.loads((tmp_path / "run.json").read_text())
    assert (record["processes"], record["devices"]) == (processes, 2 * processes)
    np.testing.assert_allclose(losses(tmp_path), losses(alone), rtol=1e-5)
    ours, theirs = (runs.load_trained(path) for path in (tmp_path, alone))
    assert ours.step == theirs.step == 40
    for a, b in zip(*(np.concatenate([np.ravel(x) for x in _leaves(found.params)]) for found in (ours, theirs))):
        assert abs(a - b) < 1e-4


def _leaves(tree):
    return [leaf for value in tree.values() for leaf in (_leaves(value) if isinstance(value, dict) else [value])]


def until_saved(workdir, *, step, timeout=200):
    deadline = time.monotonic() + timeout
    while max(saved_steps(workdir), default=0) < step:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_a_lost_process_ends_the_others_and_the_run_continues(tmp_path):
    long = {"processes": 2, "steps": 100_000, "extra": ["--config.training.checkpoint_every=100"]}
    started = start(tmp_path, **long)
    until_saved(tmp_path, step=100)
    started[1].send_signal(signal.SIGKILL)
    before = time.monotonic()
    ((_, errors), code), (_, killed) = end(started, timeout=60)
    assert time.monotonic() - before < 40
    assert (code, killed) == (HOST_LOST, -signal.SIGKILL)
    line = next(line for line in errors.splitlines() if line.startswith("error: "))
    assert "process" in line
    assert "the run continues from its last checkpoint" in line

    kept = max(saved_steps(tmp_path))
    started = start(tmp_path, **long)
    until_saved(tmp_path, step=kept + 100)
    # A signal to one of them stops all, at the same step, with everything saved.
    started[1].send_signal(signal.SIGTERM)
    ended = end(started, timeout=100)
    assert [code for _, code in ended] == [INTERRUPTED] * 2, ended
    last = max(saved_steps(tmp_path))
    assert last >= kept + 100
    for (_, errors), _ in ended:
        assert f"at step {last}; everything is saved" in errors
    assert logs.read(tmp_path)[-1]["step"] == last
    assert not list(tmp_path.glob("checkpoints/*tmp*"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((None, 2, 0), "--coordinator missing; give all of --coordinator=HOST:PORT, --processes=N and --process_id=K"),
        (("localhost:1", None, None), "--processes, --process_id missing"),
        (("localhost", 2, 0), "--coordinator=localhost; expected HOST:PORT, such as 10.0.0.1:1234"),
        (("localhost:1", 2, 2), "--process_id=2 of --processes=2; expected 0 <= process_id < processes"),
    ],
)
def test_bad_names_of_processes_are_refused(given, message):
    with pytest.raises(UsageError, match=message.replace("[", r"\[")):
        hosts.connect(*given, detect=False, timeout=1)


def test_a_number_in_the_environment_must_be_one(monkeypatch):
    monkeypatch.setenv("JAX_NUM_PROCESSES", "two")
    with pytest.raises(UsageError, match="JAX_NUM_PROCESSES='two' in the environment; expected a whole number"):
        hosts.connect("localhost:1", None, 0, detect=False, timeout=1)


def test_one_process_needs_no_other():
    hosts.connect(None, None, None, detect=False, timeout=1)
    assert hosts.is_first()
    assert hosts.on_first(lambda: 5, name="five") == 5
    tree = {"a": np.ones(2)}
    assert hosts.from_first(tree) is tree
    assert Path(ROOT).exists()
    assert_same_weights(tree, tree)
