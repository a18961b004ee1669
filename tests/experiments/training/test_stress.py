"""Fifty kills at random moments, and the final state of every run is bit for bit that of an uninterrupted one.

``make stress`` runs it and prints what it did. Seeds of the moments: ``FLOWMAP_STRESS_SEED``, by default 0.
"""

import collections
import os
import signal
import subprocess
import time

import numpy as np
import pytest

from experiments.errors import INTERRUPTED
from experiments.training import logs
from experiments.training.checkpoints import UNFINISHED
from tests.experiments.training.test_train import COMMAND, ROOT, assert_same_weights, run, saved_steps, weights

KILLS = 50
STEPS = 3000
EXTRA = ["--config.training.checkpoint_every=100", "--config.training.evaluate_every=500", "--quiet"]
EXTRA += ["--config.evaluation.samples=2000", "--config.evaluation.steps=(1,4)", f"--config.training.steps={STEPS}"]
MOMENTS = ("any", "start", "compile", "train", "save", "evaluate")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def stands(workdir):
    """What has been written, to notice what happens next."""
    try:
        lines = len(logs.read(workdir)) if (workdir / "training.jsonl").exists() else 0
    except FileNotFoundError:
        lines = 0
    pictures = (workdir / "figures").exists() and max(
        (p.stat().st_mtime for p in (workdir / "figures").iterdir()), default=0
    )
    saving = any(True for _ in workdir.glob(f"checkpoints/{UNFINISHED}"))
    best = any(True for _ in workdir.glob(f"best/{UNFINISHED}"))
    return {"lines": lines, "pictures": pictures, "saving": saving or best}


def has_come(moment, workdir, before, seconds):
    """Whether the moment is there."""
    now = stands(workdir)
    if moment == "start":
        return seconds > 0.1
    if moment == "compile":
        return (workdir / "tensorboard").exists() and seconds > 2.0
    if moment == "train":
        return now["lines"] != before["lines"]
    if moment == "save":
        return now["saving"]
    if moment == "evaluate":
        return now["pictures"] != before["pictures"]
    return True


def kill_once(workdir, rng):
    """Starts the run, kills it at some moment; (signal, moment, exit code), the signal None if it ended before."""
    moment, number = str(rng.choice(MOMENTS)), SIGNALS[rng.choice(3, p=[0.5, 0.3, 0.2])]
    delay = rng.uniform(0, 8) if moment == "any" else rng.uniform(0, 0.3)
    before, began = stands(workdir), time.monotonic()
    with (workdir.parent / "said").open("w") as said:
        process = subprocess.Popen([*COMMAND, *EXTRA, f"--workdir={workdir}"], cwd=ROOT, env=os.environ, stderr=said)
        while process.poll() is None and not has_come(moment, workdir, before, time.monotonic() - began):
            time.sleep(0.002)
        try:
            return None, moment, process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        return number, moment, process.wait(timeout=120)


def assert_as_if_nothing_had_happened(workdir, whole, stopped):
    assert_same_weights(weights(whole), weights(workdir))
    # Nothing unfinished is left, no checkpoint is lost or damaged.
    assert not [path for path in workdir.rglob("*") if "tmp" in path.name]
    # A run that saved because it was stopped keeps that checkpoint among the newest.
    every = int(EXTRA[0].partition("=")[2])
    saved = sorted({*range(every, STEPS + 1, every), *stopped})[-len(saved_steps(whole)) :]
    assert sorted(saved_steps(workdir)) == saved
    assert not list(workdir.glob("*_damaged"))
    assert (workdir / "evaluations.jsonl").read_text() == (whole / "evaluations.jsonl").read_text()
    assert sorted(p.name for p in (workdir / "best").iterdir()) == sorted(p.name for p in (whole / "best").iterdir())
    records = [
        [{k: v for k, v in line.items() if k != "seconds"} for line in logs.read(path)] for path in (whole, workdir)
    ]
    assert records[0] == records[1]


@pytest.mark.stress
def test_fifty_kills(tmp_path):
    rng = np.random.default_rng(int(os.environ.get("FLOWMAP_STRESS_SEED", "0")))
    whole, began = tmp_path / "whole", time.monotonic()
    assert run([*COMMAND, *EXTRA, f"--workdir={whole}"]).returncode == 0
    counted, runs = collections.Counter(), 0
    workdir, newest, stopped = tmp_path / "run_0", 0, set()
    while counted.total() < KILLS:
        number, moment, code = kill_once(workdir, rng)
        said = (tmp_path / "said").read_text()
        # While Python imports packages nobody takes a signal, and there is nothing to lose. Native code that is being
        # imported takes an interrupt badly.
        early = "KeyboardInterrupt" in said or (number == signal.SIGINT and not said)
        assert early or "Traceback" not in said, said
        if number is None:
            assert code == 0, said
        else:
            name = signal.Signals(number).name
            expected = {0, -number} | ({INTERRUPTED} if number != signal.SIGKILL else set())
            assert code in expected | ({1, -signal.SIGSEGV} if early else set()), (name, code, said)
            counted[name, moment, code] += 1
        assert max(saved_steps(workdir), default=0) >= newest
        newest = max(saved_steps(workdir), default=0)
        if code == INTERRUPTED:
            stopped.add(newest)
        if code == 0:
            assert_as_if_nothing_had_happened(workdir, whole, stopped)
            runs += 1
            workdir, newest, stopped = tmp_path / f"run_{runs}", 0, set()
    if workdir.exists():
        again = run([*COMMAND, *EXTRA, f"--workdir={workdir}"])
        assert again.returncode == 0, again.stderr
        assert_as_if_nothing_had_happened(workdir, whole, stopped)
        runs += 1
    took = time.monotonic() - began
    print(f"\n{counted.total()} kills in {runs} runs of {STEPS} steps, {took:.0f} s; all ends identical")
    for (name, moment, code), count in sorted(counted.items()):
        print(f"{name:8} {moment:9} exit code {code:4d}: {count}")
