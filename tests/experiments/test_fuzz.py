"""Five hundred commands with odd values or damaged files: each ends in a known code and at most one line of error."""

from collections.abc import Iterator
from pathlib import Path
import shutil
import unicodedata

import pytest

from experiments.errors import BAD_INPUT, KINDS
from tests.experiments import fuzzing
from tests.experiments.bad_input.cases import TRAIN, write_small
from tests.experiments.bad_input.conftest import listing
from tests.experiments.commands import Commands

pytestmark = pytest.mark.slow
CASES = {"options": 300, "damaged_run": 120, "damaged_data": 80}
TIMEOUT = 120  # seconds, after which a command is taken to hang


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    found = Commands()
    yield found
    found.close()


@pytest.fixture(scope="module")
def trained(commands, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    write_small(folder)
    assert commands.run(TRAIN, "--quiet", "--config=small.py", "--workdir=run", cwd=folder).code == 0
    return folder / "run"


def controls(text: str) -> set[str]:
    """Characters that a terminal would obey."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs")} - {"\n", "\t", "\r"}


@pytest.mark.parametrize(("kind", "number"), [(kind, k) for kind, count in CASES.items() for k in range(count)])
def test_ends_in_a_known_code_and_one_line(commands, trained, tmp_path, kind, number):
    write_small(tmp_path)
    fuzzing.write_data(tmp_path)
    shutil.copytree(trained, tmp_path / "run")
    fuzzed = fuzzing.options(number) if kind == "options" else getattr(fuzzing, kind)(number, tmp_path)
    before = listing(tmp_path)
    ended = commands.run(fuzzed.module, *fuzzed.arguments, cwd=tmp_path, timeout=TIMEOUT)
    told = f"{fuzzed}\ncode {ended.code}\n{ended.stderr[-3000:]}"
    assert "Traceback" not in ended.stderr, told
    assert not controls(ended.stdout + ended.stderr), told
    assert ended.code in (0, *KINDS), told
    errors = [line for line in ended.stderr.splitlines() if line.startswith(("error: ", "stopped: "))]
    assert len(errors) == (ended.code != 0), told
    if ended.code == BAD_INPUT and kind != "damaged_run":
        assert listing(tmp_path) == before, told
    if ended.code == BAD_INPUT:
        assert not (tmp_path / "new").exists(), told
