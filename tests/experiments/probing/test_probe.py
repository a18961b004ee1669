"""A probe from methods to files: what is the same for all, what is refused, and how the tables read."""

import csv
import json
import math

import numpy as np
import pytest

from experiments import datasets
from experiments.errors import UsageError
from experiments.probing import plan, probe, report
from experiments.probing.gradients import Sizes
from experiments.settings import option_sets
from tests.experiments.probing.helpers import untrained
from tests.experiments.small_runs import small

SIZES = Sizes(batches=3, examples=32, seed=0)


def sets(config, text):
    return option_sets.chosen(config, option_sets.split(text))


@pytest.fixture(scope="module")
def run():
    return untrained(small())


@pytest.fixture(scope="module")
def results(run):
    text = "lsd,plain=lsd[adaptive_power=0.5],improved_mean_flow[diagonal_share=0.75]"
    return probe.at_weights(run, plan.of_run(run, sets(run.config, text), SIZES), SIZES)


@pytest.fixture(scope="module")
def exact():
    config = small("lsd")
    config.dataset = "eight_gaussians"
    dataset, probed = plan.of_exact_map(config, sets(config, "flow_matching,flow_matching[velocity=pooled]"), SIZES)
    return probe.at_exact_map(config, dataset, probed, SIZES)


def test_all_methods_see_the_same_weights_and_examples(results):
    lsd, weighted, mean_flow = (row["terms"] for row in results["objectives"])
    # One regression on the velocities of the same samples.
    assert lsd[0]["residual"] == pytest.approx(weighted[0]["residual"]) == pytest.approx(mean_flow[0]["residual"])
    assert lsd[0]["variance"] == pytest.approx(weighted[0]["variance"])
    # The weight is in the gradient and not in the residual.
    assert lsd[1]["residual"] == pytest.approx(weighted[1]["residual"])
    assert lsd[1]["variance"] != pytest.approx(weighted[1]["variance"])


def test_a_method_is_the_sum_of_its_terms(results):
    row = results["objectives"][0]
    shares = [term["share"] for term in row["terms"]]
    expected = sum(term["noise"] / share for term, share in zip(row["terms"], shares, strict=True))
    assert row["gradient_variance"] == pytest.approx(expected)
    assert row["variance_at_cost"] == pytest.approx(expected * row["cost"])
    assert row["signal_to_noise"] == pytest.approx(row["gradient"] ** 2 * 64 / expected)
    term = row["terms"][0]
    assert term["examples"] == 48
    assert term["signal_to_noise"] == pytest.approx(term["gradient"] ** 2 * 48 / term["variance"])
    assert [each["terms"] for each in row["cosines"]] == [["diagonal", "lagrangian"]]


def test_another_seed_has_other_examples_and_the_same_one_the_same(run, results):
    def measured(seed):
        sizes = SIZES._replace(seed=seed)
        probed = plan.of_run(run, sets(run.config, "lsd"), sizes)
        return probe.at_weights(run, probed, sizes)["objectives"][0]

    assert measured(0) == results["objectives"][0]
    assert measured(1)["gradient_variance"] != results["objectives"][0]["gradient_variance"]


def test_residuals_lie_in_the_cells_of_their_times(results):
    diagonal, jumps = (np.array(term["residual_by_times"], float) for term in results["objectives"][0]["terms"])
    assert np.isfinite(diagonal).sum() == np.isfinite(np.diag(diagonal)).sum() > 5
    assert np.isfinite(jumps).sum() == np.isfinite(np.triu(jumps)).sum() - np.tril(np.ones((10, 10)), -1).sum() > 10


def test_files_hold_what_the_tables_say(results, exact, tmp_path):
    for name, found in (("weights", results), ("exact", exact)):
        folder = tmp_path / name
        folder.mkdir()
        report.write(folder, found, command="python -m experiments.probe")
        assert {path.name for path in folder.iterdir()} == set(report.WRITTEN)
        assert json.loads((folder / "probe.json").read_text()) == json.loads(json.dumps(found))
        with (folder / "probe.csv").open() as file:
            lines = list(csv.DictReader(file))
        assert len(lines) == sum(len(row["terms"]) for row in found["objectives"])
        assert float(lines[0]["residual"]) == found["objectives"][0]["terms"][0]["residual"]
        assert (folder / "probe.png").read_bytes().startswith(b"\x89PNG")
        page = (folder / "probe.md").read_text()
        assert max(len(line) for line in page.splitlines() if not line.startswith("|")) <= 130
    assert "| `flow_matching[velocity=pooled]` | diagonal | 1     |" in page


def test_at_the_exact_map_the_table_has_residuals_alone(exact):
    sample, pooled = (row["terms"][0]["residual"] for row in exact["objectives"])
    assert pooled < sample / 2
    assert "gradient" not in exact["objectives"][0]
    assert report.markdown(exact, command="c").startswith("# Probe: eight_gaussians, exact map\n")


def test_what_noise_hides_is_a_dash(results):
    hidden = json.loads(json.dumps(results))
    hidden["objectives"][0]["gradient"] = hidden["objectives"][0]["cosines"][0]["cosine"] = None
    row = next(
        line
        for line in report.markdown(hidden, command="c").splitlines()
        if "lagrangian: -" in line and "`lsd`" in line
    )
    assert row.split("|")[3].strip() == "-"
    assert probe._number(math.nan) is None


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("lmd", {}, r"lmd distils a teacher and none is given; add --teacher=exact, or the folder of a run"),
        ("lmd", {"teacher": "nowhere"}, r"--teacher=nowhere: .*holds no run"),
        ("lsd[learned_weight=true]", {}, "trains a learned weight, which a run of lsd has not; take a run of lsd"),
        ("free_flow", {"teacher": "exact"}, "free_flow trains a second network, which a run of lsd has not"),
        ("imm", {}, "--examples=30: imm compares 4 examples; expected a multiple of that"),
    ],
)
def test_a_method_that_these_weights_cannot_have_is_one_line(run, text, options, message):
    with pytest.raises(UsageError, match=message) as raised:
        plan.of_run(run, sets(run.config, text), SIZES._replace(examples=30), **options)
    assert "\n" not in str(raised.value)


def test_a_teacher_is_given_or_that_of_the_run(run):
    (given,) = plan.of_run(run, sets(run.config, "lmd"), SIZES, teacher="exact")
    assert given.step.teacher is not None
    config = run.config.copy_and_resolve_references()
    config.teacher = "exact"
    own, none = plan.of_run(run, sets(config, "lmd,lsd"), SIZES)
    assert own.step.teacher is not None
    assert none.step.teacher is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "digits"}, "--exact: data set digits is points, at which the paths .* run together"),
        ({"dataset": "eight_gaussians", "network.conditional": True}, "--exact is the map of all classes"),
    ],
)
def test_an_exact_map_that_is_not_there_is_one_line(change, message):
    config = small()
    config.update_from_flattened_dict(change)
    with pytest.raises(UsageError, match=message):
        plan.of_exact_map(config, sets(config, "lsd"), SIZES)


def test_data_without_an_exact_velocity_have_no_exact_map(monkeypatch):
    config = small()
    unknown = datasets.load(config.dataset)._replace(exact_flow=None)
    monkeypatch.setattr(datasets, "load", lambda name: unknown)
    with pytest.raises(UsageError, match="--exact: data set two_moons has no exact velocity; take one that has"):
        plan.of_exact_map(config, sets(config, "lsd"), SIZES)
