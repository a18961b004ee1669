import json

import numpy as np
import pytest

from experiments.errors import UsageError
from experiments.evaluation import monitor
from experiments.metrics.samples import aligned_kl, rarest_mode, reverse_kl
from experiments.training import runs
from experiments.training.checkpoints import Checkpoints
from experiments.training.loop import is_due, train
from tests.experiments.small_runs import small
from tests.experiments.training.test_train import assert_same_weights, weights


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("watched")
    train(
        small(evaluate_every=10, optimizer="adam", learning_rate=0.05, schedule="constant"),
        workdir,
        evaluate=monitor.evaluate_on_the_way,
    )
    return workdir


def test_looking_changes_nothing(watched, tmp_path):
    train(small(optimizer="adam", learning_rate=0.05, schedule="constant"), tmp_path)
    assert_same_weights(weights(watched), weights(tmp_path))


def test_a_score_is_that_of_the_weights_and_the_best_are_kept(watched):
    records = monitor.records(watched, until=20)
    assert [record["step"] for record in records] == [10, 20]
    run = runs.load_trained(watched)
    samples = run.sample(run.protocol.samples, seed=run.protocol.seed)
    assert records[-1]["kl/1"] == aligned_kl(samples, run.dataset.truth)
    assert records[-1]["reverse_kl/1"] == reverse_kl(samples, run.dataset.truth)
    assert rarest_mode(samples, run.dataset.truth) is None  # a spiral has no modes
    assert "rarest_mode/1" not in records[-1]
    assert monitor.score_of(records[-1]) == records[-1]["kl/1"]
    best = min(records, key=lambda record: record["kl/1"])["step"]
    assert runs.load_trained(watched, checkpoint="best").step == best
    checkpoints = Checkpoints(watched, folder="best", read_only=True)
    assert checkpoints.steps() == [best]
    checkpoints.close()
    assert run.step == 20
    assert sorted(path.name for path in (watched / "figures").iterdir()) == ["step_00000010.png", "step_00000020.png"]


def test_nothing_is_evaluated_twice_and_a_missing_evaluation_is_made_up_for(watched, tmp_path):
    path = watched / "evaluations.jsonl"
    lines = path.read_text()
    first = lines.splitlines()[0]
    path.write_text(first + "\n" + '{"step": 20, "kl')  # killed while it wrote
    config = small(evaluate_every=10, optimizer="adam", learning_rate=0.05, schedule="constant")
    train(config, watched, evaluate=monitor.evaluate_on_the_way)
    assert path.read_text() == lines
    marked = [json.loads(line) | {"kl/1": -1.0} for line in lines.splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in marked))
    train(config, watched, evaluate=monitor.evaluate_on_the_way)
    assert monitor.records(watched, until=20) == marked
    path.write_text(lines)


def test_it_is_due_once_in_every_so_many_steps():
    config = small(evaluate_every=12)
    assert [step for step in range(0, 65, 5) if is_due(config, step)] == [15, 25, 40, 50, 60]
    assert not any(is_due(small(), step) for step in range(0, 65, 5))


def test_evaluations_without_a_function_that_makes_them_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"evaluate_every=10 and train\(...\) has no function that evaluates"):
        train(small(evaluate_every=10), tmp_path)


def test_without_evaluations_there_is_no_best(tmp_path):
    train(small(steps=5), tmp_path)
    with pytest.raises(UsageError, match=r"has no best yet; .* --config.training.evaluate_every=STEPS"):
        runs.load_trained(tmp_path, checkpoint="best")
    assert np.isfinite(weights(tmp_path)[2])
