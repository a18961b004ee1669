"""Faults in likelihood, inversion, the random walk, randomness and moving pictures."""

import pytest

from tests.experiments.bad_input.cases import ANIMATE, INVERT, LIKELIHOOD, RANDOMNESS, WALK, Case

CASES = {
    "no exact density": Case(LIKELIHOOD, "--workdir=run", "has no exact density"),
    "no probes": Case(LIKELIHOOD, "--workdir=run --probes=0", "--probes=0; expected a whole number from 1"),
    "an unknown rule of a head": Case(LIKELIHOOD, "--workdir=run --rule=euler", "unknown --rule='euler'; did you mean"),
    "a head without updates": Case(LIKELIHOOD, "--workdir=run --head_steps=0", "--head_steps=0; expected a whole"),
    "no run to invert": Case(INVERT, "--workdir=new", "holds no run (no config.json)"),
    "a picture of an unknown kind": Case(WALK, "--out=x.jpg", "--out=x.jpg; expected a file that ends in .png"),
    "a posterior at the data": Case(RANDOMNESS, "--workdir=run --times=0.5,1", "a posterior map asked at t = 1, where"),
    "a time that is none": Case(RANDOMNESS, "--workdir=run --times=late", "--times=late; expected numbers between 0"),
    "randomness of a map without any": Case(RANDOMNESS, "--workdir=run", "lsd is told nothing beside times"),
    "no samples of a law": Case(RANDOMNESS, "--workdir=run --samples=0", "--samples=0; expected a whole number from 1"),
    "an unknown scene": Case(ANIMATE, "--out=new --scenes=rule", "no scene is called 'rule'; did you mean 'rules'"),
    "no scene": Case(ANIMATE, "--out=new --scenes=", "expected all, or some of cloud, velocity_and_map"),
    "no folder for pictures": Case(ANIMATE, "--scenes=rules", "--out is missing"),
    "a file in place of a folder": Case(ANIMATE, "--out=small.py", "small.py"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
