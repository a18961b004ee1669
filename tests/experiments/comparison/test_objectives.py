"""Several methods, or one with several options, on one budget: what is trained, tabulated and refused."""

import csv

import pytest

from experiments import settings
from experiments.comparison import budgets
from experiments.comparison import objectives as compare
from experiments.errors import UsageError
from tests.experiments.test_commands import tiny


@pytest.mark.slow
def test_compare_end_to_end(tmp_path):
    pooled = "lsd[velocity=pooled,pool=16]"
    chosen = ["flow_matching", "lsd", pooled]
    text, verdict = compare.compare(tiny(), chosen, [0, 1], "evaluations", tmp_path)
    assert verdict.startswith("Best in one step: ")
    assert text == (tmp_path / "comparison.md").read_text()
    written = ("comparison.csv", "comparison.md", "comparison.tex", "protocol.json")
    pictures = ("samples.png", "teaser.png", "curves.png", "map_error.png", "trajectories.png")
    for name in (*written, *pictures):
        assert (tmp_path / name).stat().st_size > 0
    with (tmp_path / "comparison.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 2 * 2 + 1
    assert rows[-1]["objective"] == "perfect samples"
    assert {row["seed"] for row in rows[:-1]} == {"0", "1"}
    # Equal network evaluations: lsd costs 4 per example, flow matching 3.
    trained = {row["objective"]: row["trained_steps"] for row in rows[:-1]}
    assert trained == {"flow_matching": "25", "lsd": "20", pooled: "20"}
    # One method twice: each has its label, its folder and its options.
    assert {row["method"] for row in rows if row["objective"] == pooled} == {"lsd"}
    assert {row["options"] for row in rows if row["objective"] == pooled} == {"pool=16, velocity=pooled"}
    assert {row["options"] for row in rows if row["objective"] == "lsd"} == {""}
    assert (tmp_path / "lsd-velocity=pooled,pool=16/seed_1/config.json").exists()
    scores = {row["objective"]: row["kl"] for row in rows if row["N"] == "1" and row["seed"] == "0"}
    assert scores["lsd"] != scores[pooled]
    assert f"| {pooled} | diagonal 0.75, lagrangian 0.25" in text
    assert pooled in (tmp_path / "comparison.tex").read_text()
    assert "±" in text
    assert "## Of the map: mean squared errors against the exact one, and mean squared residuals" in text
    assert "| flow-map error" in text
    # Nobody was trained in both directions: no column for it.
    assert "round trip" not in text
    assert float(rows[0]["map_error"]) > 0
    assert rows[-1]["map_error"] == ""
    assert len({row["protocol"] for row in rows}) == 1
    again = compare.compare(tiny(), chosen, [0, 1], "evaluations", tmp_path).tables
    assert [line for line in again.splitlines() if line.startswith("| lsd")][:4] == [
        line for line in text.splitlines() if line.startswith("| lsd")
    ][:4]


def test_equal_steps_or_equal_evaluations():
    reference = tiny("lsd", steps=1000)
    esd = settings.with_objective(reference, "esd")
    assert budgets.steps_within(esd, reference, "steps") == 1000
    by_evaluations = budgets.steps_within(esd, reference, "evaluations")
    assert abs(by_evaluations * settings.objective_of(esd).cost - 1000 * 4) <= 5 * 4.5 / 2
    assert by_evaluations % 5 == 0


def test_sets_of_options_have_a_budget_and_a_folder_each():
    names = ["psd_m", "psd_m[stop_gradient=none]", "free=psd_m[diagonal_share=0.5]"]
    runs = budgets.plan(tiny("lsd", steps=1000), names, [3, 4], "evaluations")
    assert [(run.label, str(run.folder)) for run in runs[::2]] == [
        ("psd_m", "psd_m/seed_3"),
        ("psd_m[stop_gradient=none]", "psd_m-stop_gradient=none/seed_3"),
        ("free", "free/seed_3"),
    ]
    assert [run.config.seed for run in runs] == [3, 4] * 3
    for run in runs:
        spent = run.config.training.steps * settings.objective_of(run.config).cost
        assert abs(spent - 4000) <= 5 * settings.objective_of(run.config).cost / 2
    # A gradient through the two legs costs more, so that it gets fewer steps.
    assert runs[2].config.training.steps < runs[0].config.training.steps


def test_compare_refuses_before_it_trains(tmp_path):
    cases = [
        (["lsd", "lmd"], [0], "steps", "objective lmd distils a teacher and none is given"),
        (["lsd", "eds"], [0], "steps", "unknown --objectives='eds'; did you mean 'esd'"),
        (["lsd", "lsd"], [0], "steps", "each named once"),
        (["lsd", "lsd[pool=512]"], [0], "steps", "which are the same options; drop one"),
        (["lsd[pool=0,velocity=pooled]"], [0], "steps", "objective lsd: pool = 0; expected a whole number"),
        (["lsd[pool=100000]"], [0], "steps", "options.pool=100000; expected a whole number up to 10,000"),
        (["lsd"], [], "steps", "--seeds=; expected at least one"),
        (["lsd"], [0], "time", "--budget=time"),
    ]
    for objectives, seeds, budget, message in cases:
        with pytest.raises(UsageError, match=message):
            compare.compare(tiny(), objectives, seeds, budget, tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_an_objective_that_diverges_is_reported_and_the_others_compared(tmp_path, monkeypatch):
    from experiments.errors import DivergedError

    train = compare.train

    def diverging(config, workdir, *, label, evaluate):
        if config.objective.name == "esd":
            workdir.mkdir(parents=True)
            (workdir / "training.jsonl").write_text("")
            raise DivergedError("loss is nan at step 3")
        return train(config, workdir, label=label, evaluate=evaluate)

    monkeypatch.setattr(compare, "train", diverging)
    text, verdict = compare.compare(tiny(), ["esd", "lsd"], [0], "steps", tmp_path)
    assert "diverged: esd" in verdict
    assert not (tmp_path / "teaser.png").exists()
    assert "| esd             | diverged" in text
    assert "| lsd             | **" in text
    with pytest.raises(UsageError, match="every run diverged"):
        compare.compare(tiny(), ["esd"], [0], "steps", tmp_path / "alone")
