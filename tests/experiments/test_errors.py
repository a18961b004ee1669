"""Kinds of errors are siblings: each handler takes its own kind alone, and every kind keeps its exit code."""

import sys

import numpy as np
import pytest

from experiments import datasets, errors
from experiments.errors import (
    CommandError,
    DivergedError,
    HostLostError,
    InterruptedRun,
    NotTrainedError,
    UsageError,
    WriteError,
)
from experiments.settings import files as config_files
from experiments.training import hosts, runs, teachers
from tests.experiments.small_runs import small

CODES = {
    UsageError: 2,
    DivergedError: 3,
    NotTrainedError: 5,
    WriteError: 74,
    InterruptedRun: 75,
    HostLostError: 76,
}


@pytest.mark.parametrize("kind", CODES)
def test_each_kind_has_its_code_and_is_no_other(kind):
    assert kind.code == CODES[kind]
    assert errors.KINDS[kind.code] is kind
    assert kind.__bases__ == (CommandError,)
    assert not issubclass(kind, ValueError)


@pytest.mark.parametrize("kind", CODES)
def test_a_command_ends_with_one_line_and_the_code_of_the_kind(kind, monkeypatch, capsys):
    monkeypatch.setattr(errors, "leave", sys.exit)
    with pytest.raises(SystemExit) as ended:
        errors.fail(kind("first\n  second"))
    assert ended.value.code == CODES[kind]
    word = "stopped" if kind is InterruptedRun else "error"
    assert capsys.readouterr().err == f"{word}: first second\n"


class TwoProcesses:
    """Two processes in one: what the first broadcasts, the second receives."""

    def __init__(self, monkeypatch):
        self.first, self.sent = True, None
        monkeypatch.setattr(hosts.jax, "process_count", lambda: 2)
        monkeypatch.setattr(hosts, "is_first", lambda: self.first)
        monkeypatch.setattr(hosts, "barrier", lambda name: None)
        monkeypatch.setattr(hosts.multihost_utils, "broadcast_one_to_all", self.broadcast)

    def broadcast(self, data):
        if self.first:
            self.sent = np.array(data)
        assert np.shape(data) == self.sent.shape
        return self.sent


def failing(error):
    def function():
        raise error

    return function


@pytest.mark.parametrize("kind", CODES)
def test_all_processes_raise_what_the_first_raised(kind, monkeypatch):
    both = TwoProcesses(monkeypatch)
    for both.first in (True, False):
        with pytest.raises(CommandError) as raised:
            hosts.on_first(failing(kind("what happened — there")), name="x")
        assert type(raised.value) is kind
        assert str(raised.value) == "what happened — there"


def test_a_result_stays_on_the_first_process_and_other_errors_are_not_hidden(monkeypatch):
    both = TwoProcesses(monkeypatch)
    assert hosts.on_first(lambda: 5, name="x") == 5
    both.first = False
    assert hosts.on_first(failing(AssertionError("only process 0 calls it")), name="x") is None
    both.first = True
    with pytest.raises(ZeroDivisionError):
        hosts.on_first(lambda: 1 / 0, name="x")


def test_a_long_message_is_cut(monkeypatch):
    TwoProcesses(monkeypatch)
    with pytest.raises(UsageError) as raised:
        hosts.on_first(failing(UsageError("é" * 5000)), name="x")
    assert str(raised.value) == "é" * ((hosts.MESSAGE_BYTES - 1) // 2)


def test_bad_input_about_a_teacher_names_the_option_and_other_kinds_pass(monkeypatch):
    config = small("lmd")
    config.teacher = "some/run"
    dataset = datasets.load(config.dataset)
    for kind in CODES:
        monkeypatch.setattr(runs, "load_trained", lambda workdir, ema, kind=kind: failing(kind("what happened"))())
        with pytest.raises(kind) as raised:
            teachers.load_teacher(config, dataset)
        named = "--config.teacher=some/run: " if kind is UsageError else ""
        assert str(raised.value) == f"{named}what happened"


@pytest.mark.parametrize("place", ["", "    "])
@pytest.mark.parametrize("kind", CODES)
def test_a_configuration_file_may_end_the_command_itself(kind, place, tmp_path):
    path = tmp_path / "own.py"
    path.write_text(
        "from experiments import errors\n\n\n"
        f"def get_config(variant=None):\n    pass\n{place}raise errors.{kind.__name__}('what happened')\n"
    )
    with pytest.raises(kind, match="^what happened$"):
        config_files.load(f"{path}:lsd")
