"""Faults in fine-tuning a run."""

import pytest

from tests.experiments.bad_input.cases import FINETUNE, Case

CORNER = "--workdir=run --reward=near_corner"


CASES = {
    "a negative penalty": Case(
        FINETUNE, f"{CORNER} --penalty=-1", "--penalty=-1.0; expected a finite number, at least 0"
    ),
    "no updates": Case(FINETUNE, f"{CORNER} --steps=0", "--steps=0; expected a whole number from 1"),
    "an unknown way of learning": Case(FINETUNE, f"{CORNER} --method=maps", "did you mean 'map'"),
    "no run to tune": Case(FINETUNE, CORNER.replace("=run", "=new"), "holds no run (no config.json)"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
