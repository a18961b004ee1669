"""The three lines at the end of a comparison, from tables made by hand."""

import math
from pathlib import Path

import pytest

from experiments.comparison.verdict import verdict
from experiments.metrics.metric import Metric

KL = Metric("kl", "aligned KL (48 x 48 bins)", "lower", None)
ACCURACY = Metric("class_accuracy", "judged of the class asked for", "higher", None)
LAST = "Open runs/demo/samples.png; all tables: runs/demo/comparison.md"
# README's table.
CHECKERBOARD = {
    "flow_matching": {1: 4.64, 2: 2.442, 4: 1.017, 8: 0.3711, 16: 0.07275},
    "lsd": {1: 0.09063, 2: 0.06735, 4: 0.05835, 8: 0.04378, 16: 0.03694},
    "psd_m": {1: 0.358, 2: 0.1665, 4: 0.09263, 8: 0.04574, 16: 0.02963},
}


def lines(table, *, metric=KL, floor=0.009292, name="perfect samples"):
    """The lines for {objective: {number of steps: value, or values by seed}}."""
    rows = []
    for objective, values in table.items():
        for n, cell in values.items():
            cells = cell if isinstance(cell, tuple) else (cell,)
            rows += [{"objective": objective, "seed": k, "N": n, metric.name: value} for k, value in enumerate(cells)]
    perfect = {"objective": name, metric.name: floor}
    found = verdict(rows, perfect, metric, workdir=Path("runs/demo")).splitlines()
    assert len(found) == 3
    assert found[2] == LAST
    return found


def test_the_checkerboard_of_the_readme():
    assert lines(CHECKERBOARD)[:2] == [
        "Best in one step: lsd, aligned KL 0.0906 (lower is better); next psd_m with 0.358; "
        "flow_matching needs 16 steps for 0.0727.",
        "What remains: perfect samples score 0.00929; in 16 steps psd_m is best, with 0.0296; "
        "one seed, so small differences may be chance.",
    ]


def test_a_metric_of_which_more_is_better():
    accuracies = {
        "flow_matching": {1: 0.2, 4: 0.8, 16: 0.97},
        "lsd": {1: 0.9, 4: 0.95, 16: 0.98},
        "ct": {1: 0.95, 4: 0.7, 16: 0.6},
    }
    first, second, _ = lines(accuracies, metric=ACCURACY, floor=0.99, name="held-out images")
    assert first == (
        "Best in one step: ct, judged of the class asked for 0.95 (higher is better); next lsd with 0.9; "
        "flow_matching needs 16 steps for 0.97."
    )
    assert second.startswith("What remains: held-out images score 0.99; in 16 steps lsd is best, with 0.98; ")


def test_several_seeds_have_errors_and_doubts():
    near = {"lsd": {1: (1.0, 1.2, 1.1), 2: (0.9, 0.9, 0.9)}, "esd": {1: (1.15, 1.25, 1.2), 2: (0.5, 0.5, 0.5)}}
    first, second, _ = lines(near)
    assert first == (
        "Best in one step: lsd, aligned KL 1.1 ± 0.06 (lower is better); next esd with 1.2 ± 0.03, within the error "
        "over seeds."
    )
    assert second == "What remains: perfect samples score 0.00929; in 2 steps esd is best, with 0.5 ± 0."
    far = {"lsd": {1: (1.0, 1.2, 1.1)}, "esd": {1: (2.15, 2.25, 2.2)}}
    assert "within" not in lines(far)[0]


def test_one_objective_alone_and_one_number_of_steps():
    assert lines({"lsd": {1: 0.3}})[:2] == [
        "Best in one step: lsd, aligned KL 0.3 (lower is better).",
        "What remains: perfect samples score 0.00929; one seed, so small differences may be chance.",
    ]
    first, second, _ = lines({"flow_matching": {4: 0.5, 8: 0.2}})
    assert first == "Best in 4 steps: flow_matching, aligned KL 0.5 (lower is better)."
    assert "in 8 steps flow_matching is still best, with 0.2" in second
    # In one step alone nothing is known about how many flow matching needs.
    assert "needs" not in lines({"lsd": {1: 0.3}, "flow_matching": {1: 4.0}})[0]


def test_flow_matching_that_does_not_get_there():
    first, second, _ = lines({"flow_matching": {1: 4.0, 2: 1.5, 4: 2.0}, "lsd": {1: 0.3, 2: 0.2, 4: 0.1}})
    assert first.endswith("next flow_matching with 4; flow_matching does not get there: 1.5 in 2 steps.")
    assert "in 4 steps lsd is still best, with 0.1" in second


@pytest.mark.parametrize("values", [(math.nan,), (0.1, math.nan)])
def test_an_objective_that_diverged_wins_nothing_and_is_named(values):
    first, second, _ = lines({"esd": {1: values, 2: values}, "lsd": {1: (0.3, 0.3)[: len(values)], 2: 0.2}})
    assert first.startswith("Best in one step: lsd, aligned KL 0.3")
    assert "esd" not in first
    assert "diverged: esd" in second


def test_nobody_wins_without_a_number():
    first, second, _ = lines({"esd": {1: math.nan}, "lsd": {1: None}}, floor=None)
    assert first == "Nobody wins in one step: no objective has a finite aligned KL there."
    assert second == "What remains: diverged: esd; one seed, so small differences may be chance."


def test_steps_in_any_order():
    reordered = {name: dict(reversed(values.items())) for name, values in CHECKERBOARD.items()}
    assert lines(reordered) == lines(CHECKERBOARD)
