"""Refused commands that named a folder for their results: it is not made; and messages that say what was meant."""

import pytest

from tests.experiments.bad_input.cases import BENCHMARK, COMPARE, FINETUNE, STEER, TRAIN, Case

CORNER = "--workdir=run --reward=near_corner"
CASES = {
    "a wrong map to steer": Case(STEER, f"{CORNER} --out=new/below --map=learnd", "did you mean 'learned'"),
    "an unknown reward": Case(STEER, "--workdir=run --reward=near --out=new", "unknown --reward=near"),
    "no configurations of samplers": Case(
        "experiments.compare_samplers", "--workdir=new --configs=", "--configs for data sets none; expected at least"
    ),
    "a configuration of samplers twice": Case(
        "experiments.compare_samplers",
        "--workdir=new --configs=experiments/configs/spiral.py,experiments/configs/spiral.py",
        "--configs for data sets spiral, spiral; expected at least one, each named once",
    ),
    "a scaling that does not exist": Case(
        BENCHMARK, "--out=new --scaling=widht --objectives=lsd", "unknown --scaling=widht; did you mean 'width'"
    ),
    "a training rate that diverges": Case(
        FINETUNE, f"{CORNER} --out=new/below --learning_rate=-1", "--learning_rate=-1.0; expected a positive number"
    ),
    "weights that are not there": Case(
        COMPARE,
        "--config=small.py --objectives=lsd --workdir=new --config.evaluation.inception=none.npz",
        "none.npz",
    ),
    "guidance of maps without classes": Case(
        COMPARE,
        "--config=small.py --objectives=lsd --workdir=new --config.evaluation.guidance=2",
        "guidance scale 2, and this run was trained without labels",
    ),
    "all methods twice": Case(STEER, f"{CORNER} --method=all,all", "--method=all,all: all takes every one; name it al"),
    "a method twice": Case(STEER, f"{CORNER} --method=tilting,tilting", "expected each named once"),
    "all and one to time": Case(BENCHMARK, "--objectives=lsd,all", "--objectives=lsd,all: all takes every one"),
    "two configurations": Case(TRAIN, "--config=small.py --config=small.py --workdir=new", "--config is given twice; "),
    "fields of no configuration": Case(
        TRAIN, "--workdir=new --config.training.steps=5", "--config is missing, whose fields the options --config.FIELD"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
