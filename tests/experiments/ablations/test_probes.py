"""The variance of all rows on the weights of one of them: which weights, which seeds, and what cannot be compared."""

import csv
import math

import pytest

from experiments.ablations import plan, probes, report, results, table
from experiments.ablations.suite import Claim, Row, Suite
from experiments.ablations.suites.mean_flow import PLAIN
from experiments.errors import UsageError
from experiments.probing import probe
from tests.experiments.probing.helpers import untrained

TINY = """
from experiments.settings import planar

def get_config(variant=None):
    config = planar("two_moons", variant)
    config.network.update({"width": 8, "depth": 1})
    config.training.update({"batch_size": 64, "steps": 30, "steps_per_dispatch": 5})
    return config
"""
ROWS = (Row("plain", "mean_flow", PLAIN), Row("pooled", "mean_flow", PLAIN | {"velocity": "pooled", "pool": 512}))


@pytest.fixture
def planned(tmp_path):
    (tmp_path / "tiny.py").write_text(TINY)

    def of(*more, probe="plain", seeds=(0, 1)):
        suite = Suite(
            name="mine",
            title="Mine",
            paper="2505.18825",
            where="nowhere",
            setting="Nobody ran it.",
            scale="plane",
            rows=(*ROWS, *more),
            published=(),
            claims=(Claim("lower_variance", ("pooled", "plain")),),
            teaches="Nothing.",
            config=str(tmp_path / "tiny.py"),
            probe=probe,
        )
        table.check(suite)
        return plan.plan([suite], seeds=seeds, budget="steps")[0]

    return of


def scored(planned, diverged=()):
    head = {"trained_steps": 30, "evaluations": 1.0, "train_seconds": 1.0, "options": "", "method": "mean_flow"}
    return {
        run.folder: [
            head
            | {"N": n, "kl": 1.0, "note": "loss is nan" if run.config.seed in diverged and run.label == "plain" else ""}
            for n in (1, 4, 0)
        ]
        for run in planned.runs
    }


def test_each_seed_has_one_number_for_each_row_on_the_weights_of_one_row(planned, tmp_path, monkeypatch):
    found, asked = planned(seeds=(0, 1)), []

    def load(folder):
        asked.append(folder)
        run = next(run for run in found.runs if tmp_path / run.folder == folder)
        return untrained(run.config)

    monkeypatch.setattr(probes, "load_trained", load)
    monkeypatch.setattr(probe, "DEFAULT", probe.Sizes(4, 64, 0))
    probes.check(found)
    done = scored(found, diverged=[1])
    variances = probes.variances(found, done, tmp_path)
    assert asked == [tmp_path / run.folder for run in found.runs if run.label == "plain"][:1]
    assert variances["plain", 1] is variances["pooled", 1] is None
    assert 0 < variances["pooled", 0] < variances["plain", 0]
    # Into the file, once for each number of steps, and back.
    collected = results.collect(found, done, variances)
    results.write(tmp_path / "mine.csv", collected)
    again = results.read(tmp_path / "mine.csv", found.suite)
    values = results.scores(again, "gradient_variance")
    assert values["plain", 1][0] == values["plain", 4][0] == variances["plain", 0]
    assert math.isnan(values["plain", 1][1])
    assert report.judged(collected)[0].verdict.word == "undecided"
    assert "the gradient of `pooled` has a lower variance than that of `plain`" in report.section(again)


def test_results_without_a_probe_have_no_such_column(planned, tmp_path):
    found = planned()
    results.write(tmp_path / "mine.csv", results.collect(found, scored(found)))
    with (tmp_path / "mine.csv").open() as file:
        assert "gradient_variance" not in csv.DictReader(file).fieldnames


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (Row("x", "mean_flow", fields={"network.width": 16}), "row x has another network.width; expected one network"),
        (Row("x", "mean_flow", fields={"network.output": "denoiser"}), "row x has another network.output"),
        (Row("x", "pixel_mean_flow"), "row x has another network.output"),
        (Row("x", "esc"), "row x has another learned weight"),
        (Row("x", "free_flow", teacher="exact"), "row x has another second network"),
    ],
)
def test_rows_that_cannot_take_each_others_weights_are_named(planned, row, message):
    with pytest.raises(UsageError, match=f"suite mine has a probe on row plain, and {message}"):
        probes.check(planned(row))


@pytest.mark.parametrize("name", [name for name, suite in table.SUITES.items() if suite.probe])
def test_every_suite_with_a_probe_has_one_network_and_a_claim_about_it(name):
    suite = table.SUITES[name]
    probes.check(plan.plan([suite], seeds=[0], budget="evaluations")[0])
    assert any(claim.kind == "lower_variance" for claim in suite.claims)


def test_a_suite_without_a_probe_may_have_any_networks(planned):
    found = planned(Row("x", "mean_flow", fields={"network.width": 16}))
    probes.check(found._replace(suite=found.suite._replace(probe="")))
