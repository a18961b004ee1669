"""The code of README.md runs, and does what it says there."""

from pathlib import Path
import re

import jax.numpy as jnp
import numpy as np

from experiments.training.loop import train
from taxonomy import checkerboard
from tests.experiments.small_runs import small

README = (Path(__file__).parent.parent / "README.md").read_text()
LOSS, RUN = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_a_loss_and_the_exact_map_take_six_lines():
    assert len([line for line in LOSS.splitlines() if line]) <= 6
    names = {}
    exec(LOSS, names)
    ends, corners = np.asarray(names["ends"]), checkerboard().places
    inside = [(corner - 1e-4 <= ends) & (ends <= corner + 0.5 + 1e-4) for corner in corners]
    # Each end of the exact map lies on one of the squares.
    np.testing.assert_array_equal(np.sum([np.all(one, axis=1) for one in inside], axis=0), 1)
    # One Euler step from 0 is x + b_0(x), whose derivative in t is b_0(x): the residual is b_0(x) - b_1(x + b_0(x)).
    x, b, ones = names["x"], names["b"], names["t"]
    start = b(0 * ones, x)
    expected = np.sum(np.square(np.asarray(start - b(ones, x + start))), axis=1)
    np.testing.assert_allclose(names["loss"], expected, rtol=1e-4)


def test_a_trained_run_is_one_value(tmp_path):
    train(small(), tmp_path / "run")
    names = {}
    exec(RUN.replace("runs/demo/lsd", str(tmp_path / "run")), names)
    assert names["samples"].shape == (1000, 2)
    points, zero = jnp.asarray(names["samples"][:3]), jnp.zeros(3)
    assert names["v"](zero, zero + 1, points).shape == (3, 2)


def test_it_can_be_read_to_the_end():
    assert len(README.splitlines()) <= 130


def test_the_verdicts_are_those_of_the_page():
    page = (Path(__file__).parent.parent / "docs/ablations.md").read_text()
    verdicts = re.findall(r"\| . (holds|reverses|undecided)[^|]*\|[^|]*\|[^|]*\|$", page, re.MULTILINE)
    told = re.search(r"Of (\d+) claims .*, (\d+) hold, (\d+) reverse and (\d+) are undecided", README)
    counts = [verdicts.count(word) for word in ("holds", "reverses", "undecided")]
    assert [int(number) for number in told.groups()] == [len(verdicts), *counts]
