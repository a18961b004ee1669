"""Every command is asked for something impossible at least once."""

import importlib
from pathlib import Path

from tests.experiments.commands import ROOT

FILES = [path.stem for path in sorted(Path(__file__).parent.glob("test_*.py")) if path != Path(__file__)]
CASES = [case for file in FILES for case in importlib.import_module(f"{__package__}.{file}").CASES.values()]

# Every module that can be run.
COMMANDS = ["taxonomy"]
COMMANDS += [
    f"experiments.{path.stem}"
    for path in sorted(ROOT.glob("experiments/*.py"))
    if "__main__" in path.read_text() and path.stem != "classifier"  # which has no options
]


def test_the_list_is_long_and_names_every_command():
    assert len(CASES) >= 60
    assert {case.module for case in CASES} == set(COMMANDS)
