"""Every published ablation: its rows can be trained, and its claims, numbers and sources are sound."""

import re

import pytest

from experiments import settings
from experiments.ablations import plan, table
from experiments.ablations.suite import Claim, Published, Row
from experiments.errors import UsageError

SUITE = table.SUITES["sd_table1"]


@pytest.mark.parametrize("name", table.SUITES)
def test_every_row_can_be_trained_on_one_budget_with_the_options_that_it_states(name):
    suite = table.SUITES[name]
    table.check(suite)
    (planned,) = plan.plan([suite], seeds=[0])
    assert [run.label for run in planned.runs] == [row.label for row in suite.rows]
    folders = {run.folder for run in planned.runs}
    assert len(folders) == len(suite.rows), "two rows are one"
    for row, run in zip(suite.rows, planned.runs, strict=True):
        options = settings.fields(run.config.objective.options)
        assert {option: options[option] for option in row.options} == dict(row.options)
    assert not planned.short
    steps = [run.config.training.steps / row.share for row, run in zip(suite.rows, planned.runs, strict=True)]
    spent = [settings.objective_of(run.config).cost * count for run, count in zip(planned.runs, steps, strict=True)]
    # To a dispatch of 50 steps.
    equal = spent if suite.budget == "evaluations" else steps
    assert max(equal) / min(equal) < 1.05


@pytest.mark.parametrize("name", table.SUITES)
def test_what_is_cited_has_a_form_and_is_of_one_of_the_papers(name):
    suite = table.SUITES[name]
    assert re.fullmatch(r"\d{4}\.\d{5}", suite.paper) or not (suite.paper or suite.where or suite.published)
    assert suite.source == (f"{suite.paper}, {suite.where}" if suite.paper else "a question of this project")
    for published in suite.published:
        assert re.search(r"arXiv \d{4}\.\d{5}|github\.com/[\w.-]+/[\w.-]+", published.source)
        assert all(value > 0 for by_steps in published.numbers.values() for value in by_steps.values())
    for claim in suite.claims:
        assert not claim.source or re.match(r"\d{4}\.\d{5}", claim.source)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": "plain"}, "suite sd_table1: unknown scale 'plain'; did you mean 'plane'"),
        ({"rows": SUITE.rows[:1]}, "has the rows LSD; expected two or more"),
        ({"rows": (*SUITE.rows, SUITE.rows[0])}, "expected two or more, each once"),
        ({"claims": ()}, "has no claims"),
        ({"claims": (Claim("best", ("LDS",)),)}, "names a row 'LDS' that it has not; did you mean 'LSD'"),
        ({"claims": (Claim("best", ("LSD",), prior="sure"),)}, "unknown prior 'sure'"),
        ({"probe": "LDS"}, "has a probe on row 'LDS' that it has not; did you mean 'LSD'"),
        (
            {"claims": (Claim("lower_variance", ("LSD", "PSD-M")),)},
            "makes a claim about the variance of gradients and names no probe; expected the label of the row",
        ),
        (
            {"claims": (Claim("better", ("LSD", "PSD-M"), metric="gradient_variance"),)},
            "makes a claim about the variance of gradients and names no probe",
        ),
        ({"published": (Published({"LSD": {1: 1.0}}, "KL", "memory", "x"),)}, "unknown tag 'memory'"),
        ({"published": (Published({"LSD": {1: 1.0}}, "KL", "paper", ""),)}, "numbers without a source"),
        ({"published": (Published({"X": {1: 1.0}}, "KL", "paper", "x"),)}, "names a row 'X' that it has not"),
        (
            {"rows": (*SUITE.rows, Row("x", "lsd", start="y"))},
            "row x starts from 'y'; expected the label of an earlier",
        ),
        (
            {"rows": (*SUITE.rows, Row("x", "lsd", start="x"))},
            "row x starts from 'x'; expected the label of an earlier",
        ),
        ({"rows": (*SUITE.rows, Row("x", "lsd", share=1.5))}, r"row x has the share 1.5; expected one in \(0, 1\]"),
        ({"paper": ""}, "suite sd_table1 has published numbers and no paper; name the paper, or leave them out"),
    ],
)
def test_a_suite_that_is_not_sound_is_one_line(change, message):
    with pytest.raises(UsageError, match=message) as raised:
        table.check(SUITE._replace(**change))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (Row("x", "lds"), "suite sd_table1, row x: unknown method 'lds'; did you mean 'lsd'"),
        (Row("x", "lsd", {"share": 0.5}), "row x: lsd has no option 'share'; did you mean"),
        (Row("x", "lsd", fields={"network.widht": 8}), "row x: unknown field 'network.widht'; did you mean"),
        (Row("x", "lmd"), "row x: objective lmd distils a teacher and none is given"),
        (Row("x", "lsd", {"diagonal_share": 1.0}), "row x: .* shares of the batch are diagonal 1, lagrangian 0"),
    ],
)
def test_a_row_that_cannot_be_trained_is_named(row, message):
    with pytest.raises(UsageError, match=message):
        plan.plan([SUITE._replace(rows=(*SUITE.rows, row))], seeds=[0], budget="evaluations", short=True)
