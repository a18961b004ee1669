"""The notebooks of the course run as they stand, and teach what they say."""

from pathlib import Path
import re
import runpy

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest

COURSE = Path(__file__).parent.parent / "docs/course"
NOTEBOOKS = sorted(COURSE.glob("[0-9]*.py"))
STEPS = re.compile(r"^(STEPS\b.*?= )\d+", re.MULTILINE)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))

    def run_with(notebook, steps=None):
        text = notebook.read_text()
        short, trainings = STEPS.subn(rf"\g<1>{steps}", text)
        assert trainings <= 1
        (tmp_path / notebook.name).write_text(text if steps is None else short)
        # Newcomers add rows to tables without a thought, and may.
        with jax.numpy_rank_promotion("allow"):
            return runpy.run_path(str(tmp_path / notebook.name))

    return run_with


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_notebook_runs(run, notebook):
    assert run(notebook, steps=10)


def test_the_velocity_of_a_cloud_is_the_average_of_its_lines(run):
    found = run(COURSE / "01_path_and_velocity.py", steps=2)
    assert found["gap"] < 0.15
    # The exact velocity leaves the spread of the lines, and its own size is what flow matching learns.
    np.testing.assert_allclose(found["floor"], 1.48, atol=0.02)
    assert 0.05 < found["of_exact"] < 0.3


def test_the_true_map_is_quantile_to_quantile(run):
    found = run(COURSE / "02_flow_map.py", steps=2)
    np.testing.assert_allclose(found["by_quantiles"][20:-20], found["end"][20:-20], atol=1e-3)
    np.testing.assert_allclose(found["there_in_two"], found["end"], atol=1e-4)
    np.testing.assert_allclose(found["and_back"], found["grid"], atol=1e-4)


@pytest.mark.slow
def test_flow_matching_needs_steps_and_pairs_teach_no_map(run):
    distance = run(COURSE / "01_path_and_velocity.py")["distance"]
    assert distance[1] > 0.8 > 0.3 > distance[4] > distance[16] > distance[64]
    assert distance[64] < 0.05
    found = run(COURSE / "02_flow_map.py")
    np.testing.assert_allclose(found["network"](found["by_pairs"], found["grid"][100:-100]), 0.25, atol=0.08)
    assert abs(found["network"](found["by_ends"], found["grid"]) - found["end"]).mean() < 0.1
    assert found["error"] < 0.12


def test_the_residuals_say_which_rule_notices_what(run):
    found = run(COURSE / "03_three_rules.py", steps=2)
    assert max(found["sizes"](found["exact_map"])) < 1e-5
    for name, broken in (("drifts to the right", (0, 1, 2)), ("moves too far", (0, 1, 2)), ("another flow", (0, 1))):
        sizes = found["sizes"](found["wrong"][name])
        assert [size > 5e-3 for size in sizes] == [rule in broken for rule in range(3)]
    assert [size > 0.05 for size in found["sizes"](found["moved_end"])] == [True, False, True]


@pytest.mark.slow
def test_the_three_rules_reach_the_data(run):
    distance = run(COURSE / "03_three_rules.py")["distance"]
    assert all(distance[name] < 0.15 for name in ("Lagrangian", "Eulerian", "semigroup"))
    assert distance["not stopped"] > distance["semigroup"]


@pytest.mark.slow
def test_lsd_from_scratch_draws_the_checkerboard_in_one_jump(run):
    found = run(COURSE / "04_lsd_from_scratch.py")
    scores = found["scores"]
    assert scores[None] < 0.02 < scores[4] < scores[1] < 0.4
    assert float(found["jnp"].median(found["error"])) < 0.06


def test_the_page_lists_every_notebook():
    listed = re.findall(r"\]\(([0-9]\w+\.py)\)", (COURSE / "README.md").read_text())
    assert listed == [path.name for path in NOTEBOOKS]
