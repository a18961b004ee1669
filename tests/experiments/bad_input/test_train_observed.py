"""Faults in what a network is conditioned on."""

import numpy as np
import pytest

from tests.experiments.bad_input.cases import SAMPLE, Case, X, training

OBSERVED = "--config.network.observed"


def of_another_length(folder):
    np.savez(folder / "pairs.npz", x=X, c=X[:-1])


CASES = {
    "nothing of that name": training(
        f"{OBSERVED}=nosy", "unknown --config.network.observed='nosy'; did you mean 'noisy'"
    ),
    "an option that is no number": training(f"{OBSERVED}=noisy:half", "noisy takes a number, as in noisy:0.5"),
    "pictures of points": training(f"{OBSERVED}=coarse", "is of pictures, and data set points.npy has none"),
    "a file that says nothing": training(f"{OBSERVED}=stored", 'expected a .npz file with an array "c" beside "x"'),
    "too few vectors": training(
        f"{OBSERVED}=stored --config.dataset=pairs.npz",
        r"of shape (49, 2); expected 50 vectors",
        change=of_another_length,
    ),
    "a class besides": training(
        f"{OBSERVED}=noisy --config.network.conditional=True", "network.conditional=True; expected one of the two"
    ),
    "a method of its own vector": training(f"{OBSERVED}=noisy", "a network reads one vector", row="posterior_map"),
    "examples that are compared": training(f"{OBSERVED}=noisy", "compares examples with each other", row="imm"),
    "a condition of a map without one": Case(
        SAMPLE,
        "--workdir=run --out=x.npz --observed=0.5,0.5",
        "--observed=0.5,0.5, and this run is conditioned on nothing",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
