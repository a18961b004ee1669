"""Faults in what is to be written for other programs: runs, and names of files."""

import pytest

from tests.experiments.bad_input.cases import EXPORT_EXPLORER, Case

CASES = {
    name: Case(EXPORT_EXPLORER, arguments, text)
    for name, (arguments, text) in {
        "no run": ("--workdir=new --out=x.safetensors", "new holds no run (no config.json)"),
        "no name of a run": ("--out=x.safetensors", "--workdir is missing; it is required"),
        "no file": ("--workdir=run", "--out is missing; it is required"),
        "another ending": ("--workdir=run --out=x.npz", "--out=x.npz; expected a file that ends in .safetensors"),
        "data of one's own": (
            "--workdir=run --out=x.safetensors",
            "the run's data set is points.npy; expected one of checkerboard, spiral, two_moons, eight_gaussians",
        ),
        "no best checkpoint": ("--workdir=run --out=x.safetensors --checkpoint=best", "run has no best yet"),
    }.items()
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
