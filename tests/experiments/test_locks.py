"""One process at a time, as long as it lives."""

import contextlib
import errno
import os
import re
import socket
import subprocess
import sys

import pytest

from experiments import locks
from experiments.errors import DivergedError, UsageError
from tests.experiments.commands import ROOT

HOLD = """
import sys
from pathlib import Path
from experiments import locks
with locks.alone(Path(sys.argv[1]), use="train", name="--workdir"):
    print("ready", flush=True)
    sys.stdin.read()
"""


def held(folder, *, use="train"):
    return locks.alone(folder, use=use, name="--workdir")


@contextlib.contextmanager
def another(folder):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == "ready\n"
        yield process


def test_a_process_that_lives_keeps_others_out_and_one_that_was_killed_does_not(tmp_path):
    with another(tmp_path) as process:
        with pytest.raises(UsageError) as raised, held(tmp_path):
            pass
        assert re.fullmatch(
            rf"another process, {process.pid} on {re.escape(socket.gethostname())} since ....-..-.. ..:..:.., "
            rf"trains here \(--workdir={re.escape(str(tmp_path))}\); wait for it, end it, or take another folder",
            str(raised.value),
        )
        # Another use of the folder is another lock.
        with (
            held(tmp_path, use="evaluate"),
            pytest.raises(UsageError, match=r"writes the results of evaluate here"),
            held(tmp_path, use="evaluate"),
        ):
            pass
        process.kill()
        process.wait()
        assert (tmp_path / ".lock-train").exists()
        with held(tmp_path):
            pass
    assert not list(tmp_path.iterdir())


def test_a_folder_that_was_made_for_nothing_is_removed(tmp_path):
    for error, left in ((UsageError, []), (DivergedError, [tmp_path / "a"])):

        def ends(error=error):
            with held(tmp_path / "a/b"):
                assert (tmp_path / "a/b/.lock-train").exists()
                raise error("what happened")

        with pytest.raises(error):
            ends()
        assert list(tmp_path.iterdir()) == left


def test_a_lock_whose_file_was_removed_by_its_last_holder_is_taken_anew(tmp_path, monkeypatch):
    answers = [False, True]
    monkeypatch.setattr(locks, "_is_still", lambda path, descriptor: answers.pop(0))
    with held(tmp_path):
        assert not answers


def test_a_file_system_without_locks_is_said_and_a_damaged_file_names_nobody(tmp_path, monkeypatch, capsys):
    def without(descriptor, how):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(locks.fcntl, "flock", without)
    with held(tmp_path):
        assert capsys.readouterr().err == f"warning: {tmp_path} has no locks (Operation not supported); " + (
            "start nothing twice there\n"
        )
    monkeypatch.undo()
    with held(tmp_path):
        (tmp_path / ".lock-train").write_text("[1")
        with pytest.raises(UsageError, match=r"^another process, trains here"), held(tmp_path):
            pass
