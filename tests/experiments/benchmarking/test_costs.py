"""Every method's operations against its count, and the counts of the literature against ours."""

import csv
import json

import pytest

from experiments.benchmarking import costs, costs_report
from experiments.benchmarking.timing import Program, Timed
from experiments.errors import UsageError
from objectives.build import OBJECTIVES
from taxonomy import facts
from taxonomy.catalogue.counts import COMPILED, SURVEY
from tests.experiments.small_runs import small

ALIKE = costs_report.ALIKE
# Methods of categories need data of their own; tests/objectives/methods/test_combination.py counts their products.
PLANNED = [name for name, method in OBJECTIVES.items() if not method().categorical]


def wide():
    """Layers beside which the first and the last one, which cost less, are small."""
    config = small("flow_matching", batch_size=128)
    config.network.update({"width": 128, "depth": 4, "point_features": 0, "time_features": 0})
    return config


@pytest.fixture(scope="module")
def planned():
    return costs.plan(wide(), ["all"])


@pytest.fixture(scope="module")
def base(planned):
    return costs.operations(planned["flow_matching"])


@pytest.mark.parametrize("name", PLANNED)
def test_operations_are_those_that_the_count_says(name, planned, base):
    here, whole = costs.operations(planned[name])
    terms = OBJECTIVES[name]().terms
    counted = sum(term.share * term.cost for term in terms), sum(term.cost for term in terms)
    for made, by_count, one in zip((here, whole), counted, base, strict=True):
        off = made / one / (by_count / 3) - 1
        # Without the compiler, which finds what is equal: ``COMPILED`` says why one is far off.
        assert abs(off) <= ALIKE or name in COMPILED, f"{name}: {off:+.0%}"


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANNED)
def test_compiled_operations_are_those_that_the_count_says_or_a_reason_is_given(name, planned):
    one = costs.compiled_operations(planned["flow_matching"])
    off = costs.compiled_operations(planned[name]) / one / (OBJECTIVES[name]().cost / 3) - 1
    assert (abs(off) <= ALIKE) or name in COMPILED, f"{name}: {off:+.0%}"
    # A reason that is no longer one goes.
    assert (abs(off) > 0.03) or name not in COMPILED, f"{name}: {off:+.0%}"


# The compiler makes once what is written twice: forward-pass equivalents of one example.
@pytest.mark.parametrize(("name", "equivalents"), [("ucgm", 5), ("lmd", 8)])
def test_the_compiler_saves_what_the_reason_says(name, equivalents, planned):
    one, made = (costs.compiled_operations(planned[key]) for key in ("flow_matching", name))
    assert 3 * made / one == pytest.approx(equivalents, rel=0.03)


def test_the_survey_differs_in_the_lines_that_say_why():
    counted = {name: facts.describe(name).cost for name in SURVEY}
    differing = {name for name, line in SURVEY.items() if line.cost != counted[name]}
    assert differing == {name for name, line in SURVEY.items() if line.differs}
    assert len(differing) == 11
    assert SURVEY.keys() | COMPILED.keys() <= OBJECTIVES.keys()


def test_ratios_are_to_flow_matching(monkeypatch, tmp_path):
    programs = {name: Program(lambda: None, 1, 6, 0.5, 1_000_000) for name in ("a", "b")}
    made = iter([(programs["a"], 6.0), (programs["b"], 10.0)])
    monkeypatch.setattr(costs, "_compiled", lambda run: next(made))
    monkeypatch.setattr(costs, "operations", lambda run: (6.0, 12.0) if run.objective.name == "ucgm" else (3.0, 3.0))
    monkeypatch.setattr(
        costs, "fastest", lambda found, **_: {key: Timed(program, next(times)) for key, program in found.items()}
    )
    # Flow matching has one time of its own, and with each other method another one.
    times = iter([1.0, 2.0, 3.0])
    found = costs.measure(wide(), ["ucgm"], repeats=1)
    base, row = found["objectives"]
    assert (base["cost_ratio"], base["flops_ratio"], base["time_ratio"], base["memory_ratio"]) == (1, 1, 1, 1)
    assert (row["cost_ratio"], row["flops_ratio"], row["time_ratio"]) == (2, pytest.approx(5 / 3), 1.5)
    assert (row["flops_per_cost"], row["whole_measured"], row["survey"]) == (pytest.approx(5 / 6), 12.0, None)
    found["machine"] |= {"load": 4.0, "shared": True}
    costs_report.write(tmp_path, found, command="python -m experiments.costs")
    assert json.loads((tmp_path / "costs.json").read_text()) == found
    lines = csv.DictReader((tmp_path / "costs.csv").read_text().splitlines())
    assert [line["objective"] for line in lines] == ["flow_matching", "ucgm"]
    assert (tmp_path / "costs.png").read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "costs.md").read_text()
    assert "| 6       | 2.00  | 1.67       | **0.83** |" in text
    assert "shared with other work (load 4.0 at the start)" in text
    assert f"- `ucgm`: {COMPILED['ucgm'][:40]}" in text
    assert all(len(line) <= 130 for line in text.splitlines() if not line.startswith("|"))


@pytest.mark.parametrize(
    ("options", "objectives", "message"),
    [
        ({}, ["lds"], "unknown --objectives='lds'; did you mean 'lsd'"),
        ({}, [], "--objectives=; expected at least one, or all"),
        ({"diagonal_share": 0.5}, ["lsd"], "--config.objective with costs, which takes methods by name"),
    ],
)
def test_bad_input_is_refused(options, objectives, message):
    config = small()
    config.objective.options.update(options)
    with pytest.raises(UsageError, match=message):
        costs.plan(config, objectives)
