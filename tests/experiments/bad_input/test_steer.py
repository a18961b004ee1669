"""Faults in steering a run, and in rewards."""

from pathlib import Path

import pytest

from tests.experiments.bad_input.cases import STEER, Case

CORNER = "--workdir=run --reward=near_corner"
REWARDS = """
import jax.numpy as jnp

def matrix(x):
    return x

def nothing(x):
    return jnp.sum(x, axis=-1) * jnp.nan

def sharp(x):
    return jnp.sqrt(jnp.sum(x * 0, axis=-1))

def other(x):
    return x @ jnp.ones((7, 7))
"""


def reward(name: str, text: str) -> Case:
    def write(folder: Path) -> None:
        (folder / "own_rewards.py").write_text(REWARDS)

    return Case(STEER, f"--workdir=run --reward=own_rewards:{name}", text, change=write)


CASES = {
    "no reward": Case(STEER, "--workdir=run", "--reward is missing; it is required"),
    "a reward without a name": Case(
        STEER,
        "--workdir=run --reward=corner",
        "unknown --reward=corner; did you mean 'near_corner'? Known: denoise, digit_0, digit_1",
    ),
    "a reward that is no function": Case(
        STEER, "--workdir=run --reward=:corner", "--reward=:corner; expected one of right, near_corner, outside, "
    ),
    "a module that does not exist": Case(
        STEER, "--workdir=run --reward=nowhere:f", "module nowhere cannot be imported (ModuleNotFoundError"
    ),
    "a function that does not exist": Case(
        STEER,
        "--workdir=run --reward=experiments.uses.rewards:near_cornre",
        "module experiments.uses.rewards has no function 'near_cornre'; did you mean 'near_corner'",
    ),
    "a reward of an old result that did not exist": Case(
        STEER,
        "--workdir=run --reward=experiments.rewards:near_cornre",
        "unknown --reward=experiments.rewards:near_cornre; did you mean 'near_corner'",
    ),
    "a reward of another shape": reward("matrix", "gives shape (16, 2) for 16 examples of shape (2,); expected (16,)"),
    "a reward that is not a number": reward("nothing", "has a value that is NaN or infinite on 16 of 16 examples"),
    "a reward without a gradient": reward("sharp", "has a gradient that is NaN or infinite on 16 of 16 examples"),
    "a reward of other data": reward("other", "--reward=own_rewards:other fails on data of shape (16, 2)"),
    "an unknown method": Case(STEER, f"{CORNER} --method=tiltin", "unknown --method='tiltin'; did you mean 'tilting'"),
    "no steps of steering": Case(STEER, f"{CORNER} --num_steps=0", "--num_steps=0; expected a whole number from 1"),
    "one sample to steer": Case(STEER, f"{CORNER} --samples=1", "--samples=1; expected a whole number from 2"),
    "no strength of control": Case(STEER, f"{CORNER} --strength=0", "--strength=0.0; expected a positive number"),
    "no updates of the adapter": Case(
        STEER, f"{CORNER} --fit_steps=0", "--fit_steps=0; expected a whole number from 1"
    ),
    "no run to steer": Case(STEER, CORNER.replace("=run", "=new"), "holds no run (no config.json)"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
