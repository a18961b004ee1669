"""Signals at any moment: what is said, the exit code, and that nothing is lost."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from experiments import errors
from experiments.errors import INTERRUPTED
from experiments.training import interrupts, logs
from tests.experiments.training.test_train import COMMAND, ROOT, assert_same_weights, run, saved_steps, weights

WAITING = """
import signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup hands on that it is ignored
from experiments.training import interrupts
with interrupts.listen() as asked:
    if sys.argv[1] == "safe":
        with asked.nothing_to_lose():
            print("ready", flush=True); time.sleep(60)
    print("ready", flush=True)
    while not asked.received:
        time.sleep(0.01)
    print("asked", flush=True); time.sleep(float(sys.argv[2]))
    if sys.argv[1] == "then":
        with asked.nothing_to_lose():
            time.sleep(60)
print("end of listening", asked.received)
"""


@contextlib.contextmanager
def waiting(*arguments):
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, *arguments],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()  # one that did not end would be waited for


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_the_first_signal_is_taken_note_of(number):
    with waiting("busy", "0") as process:
        process.send_signal(number)
        out, errors = process.communicate(timeout=30)
    assert out == f"asked\nend of listening {number.name}\n"
    assert errors == f"{number.name}: saving after this dispatch; a second signal ends at once\n"
    assert process.returncode == 0


def test_the_second_signal_ends_at_once():
    with waiting("busy", "60") as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "asked\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGINT
    assert errors.endswith("stopped: SIGINT again; ending at once\n")


@pytest.mark.parametrize("mode", ["safe", "then"])
def test_with_nothing_to_lose_the_first_signal_ends_at_once(mode):
    with waiting(mode, "0.2") as process:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == INTERRUPTED
    assert errors.endswith("stopped: SIGTERM; everything is saved: the same command continues\n")


def test_a_terminal_that_is_closed_ends_nothing():
    """Its signal is taken, though nothing can be printed any more."""
    reader, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, "busy", "0.5"],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        assert process.stdout.readline() == "ready\n"
        os.close(reader)
        process.send_signal(signal.SIGHUP)
        assert process.communicate(timeout=30)[0] == "asked\nend of listening SIGHUP\n"
    assert process.returncode == 0


def test_where_nohup_has_the_signal_of_the_terminal_ignored_it_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts.listen() as asked:
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGUSR1)
            while not asked.received:
                time.sleep(0.01)
        assert asked.received == "SIGUSR1"
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_nobody_is_told_that_everything_is_saved_when_it_is_not(monkeypatch, capsys):
    def lost():
        raise errors.WriteError("the folder was removed")

    ended = []
    monkeypatch.setattr(errors, "leave", ended.append)
    for check, code, line in (
        (lambda: None, INTERRUPTED, "stopped: SIGTERM; everything is saved: the same command continues"),
        (lost, errors.UNWRITTEN, "error: the folder was removed"),
    ):
        asked = interrupts.Interrupts()
        asked.check_saved, asked.received = check, "SIGTERM"
        with asked.nothing_to_lose():
            pass
        assert ended.pop() == code
        assert capsys.readouterr().err == f"{line}\n"


@pytest.mark.slow
def test_stopped_and_run_again_a_run_ends_as_if_nothing_had_happened(tmp_path):
    """SIGTERM while it starts or compiles, SIGINT while it trains, SIGKILL while it saves; evaluations on the way."""
    command = [*COMMAND, "--config.training.evaluate_every=1000", "--config.evaluation.samples=500", "--quiet"]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert run([*command, f"--workdir={whole}"]).returncode == 0

    def begin():
        with (tmp_path / "said").open("w") as said:
            return subprocess.Popen([*command, f"--workdir={stopped}"], cwd=ROOT, env=os.environ, stderr=said)

    def wait_for(condition):
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    process = begin()
    wait_for((stopped / "config.json").exists)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == INTERRUPTED
    assert "stopped: SIGTERM" in (tmp_path / "said").read_text()

    process = begin()
    wait_for(lambda: (stopped / "training.jsonl").exists() and logs.read(stopped))
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == INTERRUPTED
    step = max(saved_steps(stopped))
    assert f"stopped: SIGINT asked for it at step {step}; everything is saved: the same command continues" in (
        (tmp_path / "said").read_text()
    )
    assert logs.read(stopped)[-1]["step"] == step

    process = begin()
    wait_for(lambda: list((stopped / "checkpoints").glob("*tmp*")) or process.poll() is not None)
    process.kill()
    assert process.wait() == -signal.SIGKILL

    again = run([*command, f"--workdir={stopped}"])
    assert again.returncode == 0, again.stderr
    assert_same_weights(weights(whole), weights(stopped))
    assert not list(stopped.rglob("*tmp*"))
    assert (stopped / "evaluations.jsonl").read_text() == (whole / "evaluations.jsonl").read_text()
    assert [path.name for path in (stopped / "best").iterdir()] == [path.name for path in (whole / "best").iterdir()]
    a, b = (
        [{k: v for k, v in line.items() if k != "seconds"} for line in logs.read(path)] for path in (whole, stopped)
    )
    assert a == b
