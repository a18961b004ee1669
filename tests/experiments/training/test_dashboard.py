"""Weights & Biases beside TensorBoard: the same numbers at the same steps, and no training that ends because of it."""

import importlib.util
import json
import os
from pathlib import Path
import struct
import subprocess
import sys

import pytest
from tensorboardX.proto.event_pb2 import Event

from experiments.errors import UsageError
from experiments.training import dashboard
from experiments.training.dry_run import describe
from experiments.training.logs import TrainingLog
from experiments.training.loop import train
from tests.experiments.small_runs import small

ROOT = Path(__file__).parents[3]
needs_wandb = pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="the extra [wandb] is not installed")
# In a process of its own: wandb starts another one, and what it imports has warnings of its own.
TRAINING = """
from pathlib import Path
import sys
from experiments.evaluation.monitor import evaluate_on_the_way
from experiments.training.loop import train
from tests.experiments.small_runs import small
config = small(wandb="maps", evaluate_every=10, steps=int(sys.argv[2]))
train(config, Path(sys.argv[1]), quiet=True, evaluate=evaluate_on_the_way)
"""
BLOCK, HEADER = 32768, 7  # bytes of the format of LevelDB's log, in which wandb keeps its records


def records_of(content):
    """The records of a file of wandb, each as bytes."""
    at, whole = HEADER, b""
    while at + HEADER <= len(content):
        left = BLOCK - at % BLOCK
        if left < HEADER:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", content[at : at + HEADER])
        whole += content[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (1, 4):  # whole, or the last part
            yield whole
            whole = b""


def of_wandb(folder):
    """{step: {name: number}} of the offline entries below a folder, and their run ids and configurations."""
    from wandb.proto import wandb_internal_pb2

    found, runs = {}, []
    for path in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        for content in records_of(path.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(content)
            if record.HasField("run"):
                runs.append((record.run.run_id, {item.key: item.value_json for item in record.run.config.update}))
            if record.HasField("history"):
                items = {
                    (item.key or ".".join(item.nested_key)): json.loads(item.value_json) for item in record.history.item
                }
                step = found.setdefault(int(items["_step"]), {})
                step.update({name: value for name, value in items.items() if not name.startswith("_")})
    return found, runs


def of_tensorboard(folder):
    """The same of the events of TensorBoard."""
    found = {}
    for path in sorted(folder.glob("tensorboard/*")):
        content, at = path.read_bytes(), 0
        while at < len(content):
            (length,) = struct.unpack("<Q", content[at : at + 8])
            event = Event()
            event.ParseFromString(content[at + 12 : at + 12 + length])
            at += 16 + length
            for value in event.summary.value:
                found.setdefault(event.step, {})[value.tag] = value.simple_value
    return found


@needs_wandb
@pytest.mark.slow
def test_an_entry_without_a_network_has_the_numbers_of_tensorboard(tmp_path):
    environment, run = os.environ | {"WANDB_MODE": "offline", "HOME": str(tmp_path)}, tmp_path / "run"
    for steps in (10, 20):  # trained, and trained on
        if run.exists():
            config = run / "config.json"
            config.write_text(config.read_text().replace('"steps": 10,', '"steps": 20,'))
        command = [sys.executable, "-c", TRAINING, str(run), str(steps)]
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr[-3000:]
    (there, entries), expected = of_wandb(run), of_tensorboard(run)
    assert sorted(there) == sorted(expected) == [5, 10, 15, 20]
    for step, numbers in expected.items():
        assert there[step].keys() == numbers.keys()
        # TensorBoard keeps 32 bits.
        for name, value in numbers.items():
            assert there[step][name] == pytest.approx(value, rel=1e-6), (step, name)
    assert any(name.endswith("/1") for name in there[10])
    assert "loss" in there[5]
    # One entry, which was continued.
    assert len({name for name, _ in entries}) == 1
    assert json.loads(entries[0][1]["training"])["batch_size"] == 64


def test_without_the_package_one_line_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    config = small(wandb="maps")
    with pytest.raises(UsageError) as raised:
        train(config, tmp_path / "run", quiet=True)
    assert str(raised.value).startswith(
        "--config.training.wandb=maps needs the package wandb, which is not installed; "
    )
    assert "pip install 'flowmap-taxonomy[wandb]'" in str(raised.value)
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match="needs the package wandb"):
        describe(config, tmp_path / "run")


def test_nobody_who_does_not_ask_needs_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    dashboard.check(small())
    assert dashboard.opened(small(), Path("nowhere")) is None


class Failing:
    """A dashboard that takes one record."""

    def __init__(self):
        self.taken, self.asked = [], 0

    def log(self, numbers, *, step):
        self.asked += 1
        if self.taken:
            raise ConnectionError("the service is gone\nand more")
        self.taken.append((step, numbers))

    def finish(self):
        raise AssertionError("it has failed before")


def test_a_dashboard_that_fails_ends_nothing(tmp_path, capsys):
    failing = Failing()
    log = TrainingLog(tmp_path, resume_at=0, dashboard=failing)
    for step in (5, 10, 15):
        log.write(step, {"loss": 1.0 / step, "seconds": 0.0})
    log.close()
    assert failing.taken == [(5, {"loss": 0.2, "seconds": 0.0})]
    assert failing.asked == 2
    told = capsys.readouterr().err
    assert told.startswith(
        "warning: Weights & Biases takes no more numbers (the service is gone); the training goes on"
    )
    assert told.count("\n") == 1
    assert sorted(of_tensorboard(tmp_path)) == [5, 10, 15]
