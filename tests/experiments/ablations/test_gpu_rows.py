"""Suites for a GPU: their settings are the papers', and each row trains three steps of a small network on made data."""

import json
import math
from pathlib import Path

from ml_collections import ConfigDict
import pytest

from experiments import settings
from experiments.ablations import plan, run, table
from experiments.ablations.suite import TRAINED
from experiments.errors import UsageError
from experiments.settings import images
from experiments.training.loop import train

SUITES = [suite.name for suite in table.ALL if suite.scale == "gpu"]
# Made data of the shape of each kind.
MADE = {
    "cifar10": "generated:32x32x3,classes=10,count=64",
    "images": "generated:32x32x3,count=32",
    "latents": "generated:32x32x4,classes=10,count=64",
}


def small(config):
    """The same method on made data, with a network and a batch that a CPU can have."""
    config = ConfigDict(config.to_dict())
    made = images.smoke(config, MADE[config.dataset.partition(":")[0]])
    # Fewer layers to compile: what is differentiated is the same.
    made.network.update({"multipliers": (1,), "attention": ()} if made.network.kind == "edm2" else {"depth": 1})
    return made


def planned(name, **given):
    (found,) = plan.plan([table.SUITES[name]], seeds=[0], given=given)
    return found


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A small trained velocity of made latents."""
    config = settings.with_objective(small(planned("distillation").runs[0].config), "flow_matching")
    config.teacher = ""
    folder = tmp_path_factory.mktemp("teacher") / "run"
    train(config, folder, quiet=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", SUITES)
def test_three_steps_of_every_row(name, tmp_path, request):
    needs = any(row.teacher for row in table.SUITES[name].rows)
    found = planned(name, **({"teacher": str(request.getfixturevalue("teacher"))} if needs else {}))
    for number, one in enumerate(found.runs):
        train(small(one.config), tmp_path / str(number), quiet=True)
        lines = (tmp_path / str(number) / "training.jsonl").read_text().splitlines()
        last = json.loads(lines[-1])
        assert last["step"] == 3, one.label
        assert math.isfinite(last["loss"]), one.label


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_has_its_papers_setting_and_equal_steps(name):
    suite = table.SUITES[name]
    own = plan.reference_of(suite._replace(fields={}))
    for one in planned(name).runs:
        assert one.config.training.steps == suite.least
        for field in ("batch_size", "optimizer", "learning_rate", "ema"):
            assert one.config.training[field] == own.training[field]
        changed = {
            field
            for field, value in settings.fields(one.config.network).items()
            if value != settings.fields(own.network)[field]
        }
        assert changed <= {"time_embedding", "time_tokens"}
        assert one.config.evaluation.samples == 50_000
    text = run.described([planned(name)])
    assert "for a GPU; time and memory are not known" in text
    assert "minutes" not in text
    assert "(--dataset)" in text


def test_a_trained_teacher_must_be_named():
    distillation = planned("distillation")
    assert {one.config.teacher for one in distillation.runs} == {TRAINED}
    assert "teacher: a trained run (--teacher)" in run.described([distillation])
    with pytest.raises(UsageError, match=r"suite distillation distils a trained run and none is given; .*--teacher="):
        run.run([distillation], Path("unused"))
    assert {one.config.teacher for one in planned("distillation", teacher="runs/flow").runs} == {"runs/flow"}


def test_data_and_weights_are_said_on_the_command_line():
    found = planned("cifar_consistency", dataset="cifar10:elsewhere", inception="inception.npz")
    assert {one.config.dataset for one in found.runs} == {"cifar10:elsewhere"}
    assert {one.config.evaluation.inception for one in found.runs} == {"inception.npz"}
    both = [table.SUITES[name] for name in ("cifar_consistency", "imf_table1")]
    with pytest.raises(UsageError, match="--dataset=x for suites of different data .*; run one at a time"):
        plan.plan(both, seeds=[0], given={"dataset": "x"})
    with pytest.raises(UsageError, match="--teacher=x is for suites of --scale=gpu, and none is named; leave it out"):
        plan.plan([table.SUITES["sd_table1"]], seeds=[0], given={"teacher": "x"})
