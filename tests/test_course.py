"""The notebooks of the course run as they stand, and teach what they say."""

import functools
import json
from pathlib import Path
import re

import jax
import jupytext
import matplotlib.pyplot as plt
import numpy as np
import pytest

from taxonomy import checkerboard, interpolants

COURSE = Path(__file__).parent.parent / "docs/course"
NOTEBOOKS = sorted(COURSE.glob("[0-9]*.py"))
STEPS = re.compile(r"^(STEPS\b.*?= )\d+", re.MULTILINE)


def run(name, steps=None):
    """The variables of a notebook that ran, with fewer steps of training if asked."""
    text = (COURSE / f"{name}.py").read_text()
    if steps is not None:
        text, trainings = STEPS.subn(rf"\g<1>{steps}", text)
        assert trainings <= 1
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plt, "show", lambda: plt.close("all"))
        # Newcomers add rows to tables without a thought, and may.
        with jax.numpy_rank_promotion("allow"):
            exec(compile(text, f"{name}.py", "exec"), found)
    return found


@functools.cache
def short(name):
    return run(name, steps=10)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_notebook_runs(notebook):
    assert short(notebook.stem)


def test_the_velocity_of_a_cloud_is_the_average_of_its_lines():
    found = short("01_path_and_velocity")
    assert found["gap"] < 0.15
    # The exact velocity leaves the spread of the lines, and its own size is what flow matching learns.
    np.testing.assert_allclose(found["floor"], 1.48, atol=0.02)
    assert 0.05 < found["of_exact"] < 0.3


def test_the_true_map_is_quantile_to_quantile():
    found = short("02_flow_map")
    np.testing.assert_allclose(found["by_quantiles"][20:-20], found["end"][20:-20], atol=1e-3)
    np.testing.assert_allclose(found["there_in_two"], found["end"], atol=1e-4)
    np.testing.assert_allclose(found["and_back"], found["grid"], atol=1e-4)


@pytest.mark.slow
def test_flow_matching_needs_steps_and_pairs_teach_no_map():
    distance = run("01_path_and_velocity")["distance"]
    assert distance[1] > 0.8 > 0.3 > distance[4] > distance[16] > distance[64]
    assert distance[64] < 0.05
    found = run("02_flow_map")
    np.testing.assert_allclose(found["network"](found["by_pairs"], found["grid"][100:-100]), 0.25, atol=0.08)
    assert abs(found["network"](found["by_ends"], found["grid"]) - found["end"]).mean() < 0.1
    assert found["error"] < 0.12


def test_the_residuals_say_which_rule_notices_what():
    found = short("03_three_rules")
    assert max(found["sizes"](found["exact_map"])) < 1e-5
    for name, broken in (("drifts to the right", (0, 1, 2)), ("moves too far", (0, 1, 2)), ("another flow", (0, 1))):
        sizes = found["sizes"](found["wrong"][name])
        assert [size > 5e-3 for size in sizes] == [rule in broken for rule in range(3)]
    assert [size > 0.05 for size in found["sizes"](found["moved_end"])] == [True, False, True]


@pytest.mark.slow
def test_the_three_rules_reach_the_data():
    distance = run("03_three_rules")["distance"]
    assert all(distance[name] < 0.15 for name in ("Lagrangian", "Eulerian", "semigroup"))
    assert distance["not stopped"] > distance["semigroup"]


def test_ddim_is_euler_along_the_velocity_and_the_flow_knows_the_density():
    found = short("05_diffusion_and_back")
    assert found["same"] < 1e-5
    assert found["off"] < 5e-3


@pytest.mark.slow
def test_a_noise_predictor_reaches_the_data_both_ways():
    found = run("05_diffusion_and_back")
    assert max(found["distance"].values()) < 0.1 < found["of_five"]
    assert abs(found["moved"]) < 0.2


@jax.numpy_rank_promotion("allow")
def test_the_closed_form_of_the_sixth_is_that_of_the_library():
    found = short("06_steering")
    exact = checkerboard().exact_flow(interpolants.LINEAR)
    z, x = (np.asarray(found[name])[:200] for name in ("z", "x"))
    pool = found["draw_data"](jax.random.key(20), 100_000)
    for t in (0.1, 0.5, 0.9):
        x_t = jax.numpy.asarray((1 - t) * z + t * x)
        library = exact.b(jax.numpy.full(200, t), x_t)
        np.testing.assert_allclose(found["velocity"](t, x_t), library, rtol=1e-2, atol=1e-2)
        # The value of exact guidance, by data that are weighted with the noise that they need.
        needed = (x_t[:20, None] - t * pool) / (1 - t)
        likely = -(needed**2).sum(-1) / (2 * found["STD"] ** 2)
        by_pool = [jax.nn.logsumexp(likely + tilt * found["reward"](pool), axis=1) for tilt in (1, 0)]
        by_form = [found["log_mean"](t, x_t[:20], tilt) for tilt in (1, 0)]
        np.testing.assert_allclose(by_form[0] - by_form[1], by_pool[0] - by_pool[1], atol=0.3)


def test_the_end_of_the_map_is_a_datum_and_its_reward_is_constant():
    found = short("06_steering")
    assert found["heading"][0.45][0] < 0.6 < 0.98 < found["heading"][0.45][1]
    assert found["change"]["end"] < 0.02 < 1 < found["change"]["mean"]


@pytest.mark.slow
def test_what_each_way_of_steering_reaches():
    found = run("06_steering")
    rewards, on, far = zip(*found["table"].values(), strict=True)
    none, by_mean, by_map, best, drawn, weights, perfect = far
    assert none > by_mean > by_map > best > 2 * drawn
    assert max(drawn, weights) < 0.03
    assert perfect < 0.01
    assert found["exact"] < 0.015
    # More reward than the law that is wanted, and less of the board.
    assert min(rewards[1:4]) > rewards[-1] + 0.2
    assert on[1] < 0.9 < 0.98 < on[2]
    assert found["of_k"][8] < found["of_k"][16] < found["of_k"][4]
    shares = [one["effective share"] for one in found["strong"].values()]
    assert shares[0] > 2 * shares[1] > 4 * shares[2]
    assert all(one["guidance, map"] > 8 * one["perfect samples"] for one in found["strong"].values())


@pytest.mark.slow
def test_data_of_your_own_are_drawn_in_one_jump():
    far = run("07_your_own_data")["far"]
    data = far["lsd", None]
    assert far["flow_matching", 1] > 5 * data
    assert abs(far["lsd", 1] - data) < 0.3 * data


@pytest.mark.slow
def test_lsd_from_scratch_draws_the_checkerboard_in_one_jump():
    found = run("04_lsd_from_scratch")
    scores = found["scores"]
    assert scores[None] < 0.02 < scores[4] < scores[1] < 0.4
    assert float(found["jnp"].median(found["error"])) < 0.06


def test_the_page_lists_every_notebook():
    listed = re.findall(r"\]\(([0-9]\w+\.py)\)", (COURSE / "README.md").read_text())
    assert listed == [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_kept_notebook_is_the_one_that_is_written(notebook):
    text = jupytext.read(notebook, fmt="py:percent")
    kept = json.loads(notebook.with_suffix(".ipynb").read_text())
    written = [(cell.cell_type, cell.source) for cell in text.cells]
    assert written == [(cell["cell_type"], "".join(cell["source"])) for cell in kept["cells"]], "run make course"
    outputs = [output for cell in kept["cells"] for output in cell.get("outputs", [])]
    pictures = [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == sum(cell.source.count("plt.show()") for cell in text.cells) > 0
    assert max(map(len, pictures)) < 400_000
    assert {output["output_type"] for output in outputs} <= {"stream", "display_data", "execute_result"}
    assert {output["name"] for output in outputs if output["output_type"] == "stream"} <= {"stdout"}
    assert set(kept["metadata"]) == {"kernelspec", "language_info"}


def test_every_kept_notebook_has_its_text():
    assert sorted(COURSE.glob("*.ipynb")) == [path.with_suffix(".ipynb") for path in NOTEBOOKS]
