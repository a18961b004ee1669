"""What a recipe needs for a score: from the logs of runs to the table."""

import json

import numpy as np
import pytest

from experiments.comparison import time_report, time_to_quality
from experiments.errors import UsageError
from experiments.settings import files as config_files
from tests.experiments.small_runs import small

LSD, PAPER = time_to_quality.RECIPES
LENGTHS = {"seconds": [10.0], "seeds": [0], "points": 4}


def row(recipe, seed, seconds, score, length=10.0):
    return {
        **{"recipe": recipe, "length": length, "seed": seed, "step": round(10 * seconds)},
        **{"seconds": seconds, "evaluations": 1e3 * seconds, "score": score},
    }


ROWS = [
    row("a", 0, 5.0, 0.3),
    row("a", 0, 10.0, 0.1),
    row("a", 0, 4.0, 0.2, length=4.0),  # a shorter run, at the end of its schedule
    row("a", 1, 10.0, 0.15),
    row("b", 0, 8.0, 0.2),
    row("b", 1, 10.0, 0.5),
]


def test_the_first_time_is_the_least_over_all_lengths():
    assert time_to_quality.first_below(ROWS, 0.2) == {"a": [4.0, 10.0], "b": [8.0, None]}
    assert time_to_quality.first_below(ROWS, 0.12, spent="evaluations") == {"a": [1e4, None], "b": [None, None]}


@pytest.mark.parametrize(
    ("values", "median"), [([3.0, 1.0, 2.0], 2.0), ([1.0, None, 2.0], 2.0), ([1.0, None], None), ([None], None)]
)
def test_a_seed_that_never_was_there_is_the_slowest(values, median):
    assert time_to_quality.middle(values) == median


def test_scores_have_the_time_of_training_alone(tmp_path):
    # Dispatches of 5 steps, of which the first is not timed: 20 steps in 3 timed dispatches of a second.
    lines = [{"step": step, "loss": 1.0, "seconds": step / 5 - 1} for step in (5, 10, 15, 20)]
    (tmp_path / "training.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    scores = [{"step": step, "kl/1": 1 / step} for step in (5, 10, 20)]
    (tmp_path / "evaluations.jsonl").write_text("".join(json.dumps(line) + "\n" for line in scores))
    found = time_to_quality.reached(small("lsd"), tmp_path)
    # LSD counts 4 forward-pass equivalents, of 64 examples; nothing is known of the first dispatch alone.
    assert found == [
        {"step": 10, "seconds": pytest.approx(2.0), "evaluations": 4 * 64 * 10, "score": 0.1},
        {"step": 20, "seconds": pytest.approx(4.0), "evaluations": 4 * 64 * 20, "score": 0.05},
    ]


@pytest.mark.parametrize("steps", [1, 37, 100, 1001, 12_345])
def test_a_run_is_evaluated_at_its_end(steps):
    run = time_to_quality.lasting(small(), steps, seed=3, points=4)
    assert run.training.steps % run.training.evaluate_every == 0
    assert run.training.steps % run.training.steps_per_dispatch == 0
    assert run.training.steps == pytest.approx(steps, rel=0.15, abs=10)
    assert run.training.steps / run.training.evaluate_every <= 6
    assert run.seed == 3


def test_the_published_recipe_has_the_papers_network_and_optimizer():
    paper, two_cores = (
        config_files.load(f"experiments/configs/checkerboard.py:lsd,{name}").to_dict()
        for name in ("paper", "two_core_paper")
    )
    assert paper.pop("training") | {"batch_size": 1024, "steps": 1500, "steps_per_dispatch": 10} == two_cores.pop(
        "training"
    )
    assert paper == two_cores


def test_results_are_a_table_and_a_picture(tmp_path):
    said = {"network": "MLP", "optimizer": "radam", "learning_rate": 1e-3, "batch_size": 64}
    machine = {"cpus": 2, "device_kind": "cpu", "jax": "0"}
    results = {"machine": machine, "dataset": "checkerboard", "recipes": {"a": said, "b": said}, "rows": ROWS}
    time_report.write(tmp_path, results, level=0.2)
    assert json.loads((tmp_path / "time_to_quality.json").read_text()) == results
    assert (tmp_path / "time_to_quality.png").read_bytes().startswith(b"\x89PNG")
    assert len((tmp_path / "time_to_quality.csv").read_text().splitlines()) == 1 + len(ROWS)
    cells = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in time_report.markdown(results, level=0.2).splitlines()
    ]
    assert ["`a`", "MLP", "radam 0.001", "64", "10.0 (4.0 to 10.0)", "1e+04 (4e+03 to 1e+04)"] in cells
    assert ["`b`", "MLP", "radam 0.001", "64", "not reached", "not reached"] in cells
    assert ["`a`", "10.0 (10.0 to 10.0)", "100 (100 to 100)", "0.150 (0.100 to 0.150)"] in cells


@pytest.mark.parametrize(
    ("recipes", "changed", "message"),
    [
        ([], {}, "expected at least one, each named once"),
        ([LSD, LSD], {}, "expected at least one, each named once"),
        ([f"{LSD}x"], {}, "unknown objective or setting 'recipex'"),
        ([LSD, "experiments/configs/two_moons.py:lsd"], {}, r"several data sets \(checkerboard, two_moons\)"),
        ([LSD], {"seconds": [0.0]}, "--seconds=0.0; expected lengths of training up to"),
        ([LSD], {"seconds": [float("nan")]}, "--seconds=nan; expected lengths"),
        ([LSD], {"seeds": [0, 0]}, "--seeds=0,0; expected at least one, each named once"),
        ([LSD], {"points": 0}, "--points=0; expected a whole number from 1"),
        (["experiments/configs/checkerboard.py:lmd"], {}, "objective lmd distils a teacher and none is given"),
    ],
)
def test_bad_input_is_refused(recipes, changed, message):
    with pytest.raises(UsageError, match=message):
        time_to_quality.plan(recipes, **LENGTHS | changed)


@pytest.mark.slow
def test_recipes_are_trained_and_continued(tmp_path, monkeypatch):
    recipes = {name: small(name, optimizer="adam") for name in ("lsd", "psd_m")}
    monkeypatch.setattr(config_files, "load", lambda name: recipes[name].copy_and_resolve_references())
    lengths = {"seconds": [0.1, 0.2], "seeds": [0], "points": 2}
    planned = time_to_quality.plan(["lsd", "psd_m"], **lengths)
    found = time_to_quality.measure(planned, tmp_path, **lengths)
    assert {(row["recipe"], row["length"]) for row in found["rows"]} == {(a, b) for a in planned for b in (0.1, 0.2)}
    assert all(np.isfinite(row["score"]) and row["seconds"] > 0 for row in found["rows"])
    monkeypatch.setattr(time_to_quality, "in_loop", lambda *_, **__: pytest.fail("timed again"))
    assert time_to_quality.measure(planned, tmp_path, **lengths)["rows"] == found["rows"]
