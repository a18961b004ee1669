"""Faults in comparisons of objectives and of samplers."""

import pytest

from tests.experiments.bad_input.cases import COMPARE, Case, a_file

CASES = (
    {
        "no folder to compare in": Case(COMPARE, "--config=small.py --objectives=lsd", "--workdir is missing"),
        "no objectives to compare": Case(COMPARE, "--config=small.py --workdir=new", "--objectives is missing"),
        "no run, and no configuration": Case("experiments.compare_samplers", "", "--workdir is missing"),
        "a configuration that does not exist": Case(
            "experiments.compare_samplers",
            "--workdir=new --configs=checkrboard.py",
            "no configuration file 'checkrboard.py'; did you mean",
        ),
    }
    | {
        name: Case(COMPARE, f"--config=small.py --workdir=new {arguments}", text)
        for name, (arguments, text) in {
            "an option of another method": (
                "--objectives=lsd,lsd[alpha=1]",
                "objective lsd has no option 'alpha'",
            ),
            "an open bracket": ("--objectives=lsd[pool=64", "has 'lsd[pool=64' between its commas"),
            "no seeds": ("--objectives=lsd --seeds=", "--seeds=; expected at least one, each named once"),
            "a seed twice": ("--objectives=lsd --seeds=0,0", "--seeds=0,0; expected at least one, each named once"),
            "a seed that is a word": (
                "--objectives=lsd --seeds=0,a",
                "--seeds=0,a; expected whole numbers such as 0,1,2",
            ),
            "no objectives": ("--objectives=", "--objectives is missing; it is required"),
            "an objective twice": (
                "--objectives=lsd,lsd",
                "--objectives=lsd,lsd; expected each named once",
            ),
            "an unknown objective": ("--objectives=lsd,eds", "unknown --objectives='eds'; did you mean 'esd'"),
            "all and one": ("--objectives=all,lsd", "--objectives=all,lsd: all takes every one; name it alone"),
            "an unknown budget": ("--objectives=lsd --budget=time", "--budget=time; Known: evaluations, steps"),
            "a combination": (
                "--objectives=lsd --config.objective.characterization=lagrangian",
                "--config.objective.characterization=lagrangian with compare, which takes methods by name",
            ),
            "a teacher for some": ("--objectives=lsd,lmd", "objective lmd distils a teacher and none is given"),
            "a teacher that is no run": (
                "--objectives=lmd,lsd --config.teacher=nothing",
                "nothing holds no run (no config.json)",
            ),
            "a later method for other data": (
                "--objectives=lsd,categorical_lsd",
                "objective categorical_lsd compares distributions over categories, and data set points.npy has none",
            ),
            "an unknown optimizer": ("--objectives=lsd --config.training.optimizer=adma", "did you mean 'adam'"),
            "an unknown data set": ("--objectives=lsd --config.dataset=spirl", "did you mean 'spiral'"),
            "shares that do not divide": (
                "--objectives=lsd --config.training.batch_size=63",
                "a multiple of 16: use 64",
            ),
        }.items()
    }
    | {
        "a file": Case(
            COMPARE,
            "--config=small.py --objectives=lsd --workdir=file",
            "cannot write into --workdir=file (File exists); name a folder",
            a_file,
        )
    }
)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
