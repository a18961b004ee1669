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
    "a time of noise at the data": Case(
        FINETUNE, f"{CORNER} --method=dmd --noise_from=1", "--noise_from=1.0; expected a time from 0 to below 1"
    ),
    "more stages than updates": Case(
        FINETUNE,
        f"{CORNER} --method=tilt --tilt_steps=2 --stages=3",
        "--stages=3 and --tilt_steps=2; expected at least one",
    ),
    "an unknown loss of the tilt": Case(
        FINETUNE, f"{CORNER} --method=tilt --tilt_loss=explict", "did you mean 'explicit'"
    ),
    "a tilt that is not positive": Case(
        FINETUNE, f"{CORNER} --method=tilt --weight=0", "--weight=0.0; expected a positive number"
    ),
    "an unknown method to compare with": Case(
        FINETUNE, f"{CORNER} --steering=fmgr", "unknown --steering='fmgr'; did you mean 'fmrg'"
    ),
    "no run to tune": Case(FINETUNE, CORNER.replace("=run", "=new"), "holds no run (no config.json)"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
