"""Every fault a user can make at the command line: one line that says what to do, an exit code, and nothing changed."""

from collections.abc import Callable, Iterator
from pathlib import Path
import re
import shutil

import pytest

from experiments.errors import BAD_INPUT
from tests.experiments.bad_input.cases import TRAIN, Case, write_small
from tests.experiments.commands import Commands


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    found = Commands()
    yield found
    found.close()


@pytest.fixture(scope="session")
def trained(commands, tmp_path_factory) -> Path:
    """A finished run of the configuration that most cases are faults of: without them, it works."""
    folder = tmp_path_factory.mktemp("trained")
    write_small(folder)
    ended = commands.run(TRAIN, "--quiet", "--config=small.py", "--workdir=run", cwd=folder)
    assert (ended.code, ended.stdout, ended.stderr) == (0, "", "")
    return folder / "run"


def listing(folder: Path) -> dict[str, int | None]:
    """All files, with the time of their last change, and all folders."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns if path.is_file() else None for path in folder.rglob("*")
    }


@pytest.fixture
def ends_in_one_line(commands, tmp_path, request) -> Callable[[Case], None]:
    """Runs a case in a folder of its own and checks how it ends."""

    def check(case: Case) -> None:
        write_small(tmp_path)
        if re.search(r"=run\b", case.arguments):
            shutil.copytree(request.getfixturevalue("trained"), tmp_path / "run")
        case.change(tmp_path)
        before = listing(tmp_path)
        ended = commands.run(
            case.module,
            *case.arguments.split(),
            cwd=tmp_path,
            environment=case.environment,
            file_bytes=case.file_bytes,
        )
        assert ended.code == case.code, ended.stderr[-3000:]
        # What the data were understood to mean may be said before.
        assert not [line for line in ended.stdout.splitlines() if not line.startswith("data ")]
        lines = ended.stderr.splitlines()
        assert len(lines) == 1, ended.stderr
        assert lines[0].startswith("error: ")
        assert case.text in lines[0]
        assert "Traceback" not in lines[0]
        if case.code == BAD_INPUT:
            assert listing(tmp_path) == before

    return check
