"""Faults in what is to be measured: steps, costs of methods, and the time that a score takes."""

import pytest

from tests.experiments.bad_input.cases import BENCHMARK, COSTS, TIME, Case, a_file

CASES = {
    name: Case(BENCHMARK, arguments, text)
    for name, (arguments, text) in {
        "no objectives": ("--objectives=", "--objectives=; expected at least one, or all: flow_matching"),
        "an unknown objective": ("--objectives=lds", "unknown --objectives='lds'; did you mean 'lsd'"),
        "an objective without its teacher": ("--objectives=lmd", "objective lmd distils a teacher and none is given"),
        "a combination": (
            "--config.objective.characterization=lagrangian",
            "--config.objective.characterization=lagrangian with benchmark, which takes methods by name; drop it",
        ),
        "an unknown scaling": ("--scaling=widht", "unknown --scaling=widht; did you mean 'width'? Known: batch, dev"),
        "a size that is a word": ("--batch_sizes=a", "--batch_sizes=a; expected whole numbers"),
        "no sizes": ("--scaling=batch --batch_sizes=", "--batch_sizes=; expected positive whole numbers, such as 256"),
        "a size of zero": ("--scaling=batch --batch_sizes=0", "--batch_sizes=0; expected positive whole numbers"),
        "a size that does not divide": ("--scaling=batch --batch_sizes=63", "expected a multiple of 16: use 64"),
        "no repeats": ("--repeats=0", "--repeats=0; expected a whole number from 1 to 10,000"),
        "too few dispatches": ("--dispatches=1", "--dispatches=1; expected a whole number from 3 to 10,000"),
        "an unknown activation": (
            "--objectives=lsd --config.network.activation=gulu",
            "unknown --config.network.activation='gulu'; did you mean 'gelu'",
        ),
        "a folder for results, and a fault": ("--out=new --objectives=lds", "unknown --objectives='lds'"),
    }.items()
} | {
    "a file for results": Case(
        BENCHMARK, "--out=file", "cannot write into --out=file (File exists); name a folder", a_file
    ),
    "costs of an unknown method": Case(COSTS, "--objectives=lds", "unknown --objectives='lds'; did you mean 'lsd'"),
    "costs with the options of one method": Case(
        COSTS, "--config.objective.options.diagonal_share=0.5", "takes methods by name and with their published options"
    ),
    "lengths that are words": Case(TIME, "--workdir=new --seconds=a", "--seconds=a --seeds=0,1,2; expected numbers of"),
    "a level below zero": Case(TIME, "--workdir=new --level=-1", "--level=-1"),
    "a recipe twice": Case(
        TIME, "--workdir=new --recipe=small.py --recipe=small.py", "expected at least one, each named once"
    ),
    "costs of no repeats": Case(COSTS, "--repeats=0 --out=new", "--repeats=0; expected a whole number from 1"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
