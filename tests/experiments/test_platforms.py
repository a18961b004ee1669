"""A platform that is asked for and not there: one line, by every command that computes."""

import os
from pathlib import Path
import subprocess
import sys

import jax
import pytest

from experiments import platforms
from experiments.errors import UsageError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("variable", "asked", "error", "advice"),
    [
        ("JAX_PLATFORMS", "cuda", AssertionError(), r"pip install -e '.\[cuda\]' installs it"),
        ("JAX_PLATFORMS", "tpu", RuntimeError("Unable to initialize backend"), r"pip install -e '.\[tpu\]'"),
        ("JAX_PLATFORM_NAME", "gpu", RuntimeError("Unknown backend: 'gpu'"), r"pip install -e '.\[cuda\]'"),
        ("JAX_PLATFORMS", "abacus", RuntimeError("not in the list"), "unset the variable to take what is there$"),
    ],
)
def test_what_was_asked_what_is_there_and_what_installs_it(monkeypatch, variable, asked, error, advice):
    answers, there = iter([error]), jax.devices()

    def devices():
        for found in answers:
            raise found
        return there

    for name in platforms.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, asked)
    monkeypatch.setattr(platforms.jax, "devices", devices)
    monkeypatch.setattr(platforms.jax.config, "update", lambda name, value: None)
    with pytest.raises(UsageError, match=f"^{variable}={asked}: jax finds no such platform here, but cpu; .*{advice}"):
        platforms.check()


def test_other_faults_of_jax_are_not_hidden(monkeypatch):
    for name in platforms.VARIABLES:
        monkeypatch.delenv(name, raising=False)

    def devices():
        raise RuntimeError("something else")

    monkeypatch.setattr(platforms.jax, "devices", devices)
    with pytest.raises(RuntimeError, match="something else"):
        platforms.check()


def test_a_command_ends_in_one_line_and_leaves_no_folder(tmp_path):
    command = "-m experiments.train --config=experiments/configs/two_moons.py --workdir=run"
    ended = subprocess.run(
        [sys.executable, *command.split()],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cuda"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: JAX_PLATFORMS=cuda: jax finds no such platform here, but cpu;")
    assert ended.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
