"""Faults in sampling from a run."""

import shutil

import pytest

from tests.experiments.bad_input.cases import SAMPLE, Case

CASES = {
    "a class of a map without labels": Case(
        "experiments.sample", "--workdir=run --out=x.npz --label=3", "--label=3, and this run was trained without"
    ),
    "guidance of a map without labels": Case(
        "experiments.sample", "--workdir=run --out=x.npz --guidance=2", "scale 2, and this run was trained without"
    ),
    "no file for samples": Case(SAMPLE, "--workdir=run", "--out is missing; it is required"),
    "a file of an unknown kind": Case(SAMPLE, "--workdir=run --out=x.txt", "--out=x.txt; expected a file that ends in"),
    "no steps": Case(
        SAMPLE, "--workdir=run --out=x.npz --num_steps=0", "--num_steps=0; expected a whole number from 1 to 10,000"
    ),
    "a grid that goes back": Case(
        SAMPLE, "--workdir=run --out=x.npz --times=0,0.6,0.5,1", "--times=0,0.6,0.5,1; expected numbers that increase"
    ),
    "an unknown grid": Case(
        SAMPLE, "--workdir=run --out=x.npz --grid=uniforn", "--grid=uniforn; did you mean 'uniform'"
    ),
    "an unknown sampler": Case(
        SAMPLE, "--workdir=run --out=x.npz --sampler=gama", "unknown --sampler=gama; did you mean 'gamma'"
    ),
    "an option of another sampler": Case(
        SAMPLE,
        "--workdir=run --out=x.npz --sampler=heun --eta=0.5",
        "--eta with --sampler=heun, which does not read it",
    ),
    "no run to sample": Case(SAMPLE, "--workdir=new --out=x.npz", "new holds no run (no config.json)"),
    "a run without checkpoints to sample": Case(
        SAMPLE,
        "--workdir=run --out=x.npz",
        "run has no checkpoints yet; train it with",
        lambda folder: shutil.rmtree(folder / "run/checkpoints"),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
