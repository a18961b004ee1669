"""The log of a run: what its reader takes, what its writer says when it cannot write, and that nobody waits for it."""

import os
import threading

import pytest

from experiments.errors import UsageError, WriteError
from experiments.training import logs
from experiments.training.logs import TrainingLog
from tests.experiments.test_files import limited

RECORD = b'{"step": 5, "seconds": 0.5, "loss": 1.0}'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xff\xfe", "'utf-8' codec"),
        (b"no number", "Expecting value"),
        (b"[5]", "list in place of names and numbers"),
        (b"5", "int in place of names"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"seconds": 1.0}', "no step"),
        (b'{"step": 5}', "no seconds"),
        (b'{"step": "5", "seconds": 1.0}', "step is no number"),
        (b'{"step": true, "seconds": 1.0}', "step is no number"),
        (b'{"step": -1, "seconds": 1.0}', "step is no number of updates"),
        (b'{"step": 5.5, "seconds": 1.0}', "step is no number of updates"),
        (b'{"step": 5, "seconds": null}', "seconds is no number"),
        (b'{"step": 5, "seconds": 1.0, "loss": [1]}', "loss is no number"),
        (b'{"step": 5, "seconds": 1.0, "loss": {}}', "loss is no number"),
        (b'{"step": 5, "seconds": 1.0, "loss": 1' + b"0" * 1000 + b"}", "loss is too large"),
    ],
)
def test_a_damaged_record_is_named_by_its_line(line, reason, tmp_path):
    (tmp_path / "training.jsonl").write_bytes(RECORD + b"\n" + line + b"\n")
    with pytest.raises(UsageError) as raised:
        logs.read(tmp_path)
    assert str(raised.value).startswith(f"{tmp_path}/training.jsonl is damaged (line 2: ")
    assert f"is no record with a step: {reason}" in str(raised.value)
    assert "mend that line or move the file away" in str(raised.value)
    assert len(str(raised.value)) < 600


def test_numbers_that_are_not_finite_are_read_and_half_a_line_is_dropped(tmp_path):
    (tmp_path / "training.jsonl").write_bytes(
        b'{"step": 5, "seconds": 1, "loss": Infinity}\n{"step": 10, "seconds": 2, "loss": NaN}\n{"step": 1\xff'
    )
    assert [record["step"] for record in logs.read(tmp_path)] == [5, 10]
    log = TrainingLog(tmp_path, resume_at=5)
    log.write(10, {"seconds": 2.0})
    log.close()
    assert [record["step"] for record in logs.read(tmp_path)] == [5, 10]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: path.mkdir(), "it is a folder"),
        (lambda path: path.symlink_to("nothing"), "it is a link to nothing"),
        (os.mkfifo, "it is a pipe"),
    ],
)
def test_what_is_no_file_in_its_place_is_named(change, reason, tmp_path):
    assert logs.read(tmp_path) == []
    change(tmp_path / "training.jsonl")
    with pytest.raises(UsageError, match=rf"training\.jsonl cannot be read \({reason}.*move it away"):
        TrainingLog(tmp_path, resume_at=0)


def test_a_disk_that_is_full_is_named_at_once_and_nobody_waits_for_a_thread(tmp_path):
    """The thread of tensorboardX ended at the first fault; the tenth record after it would have waited for ever."""
    before = threading.active_count()
    log = TrainingLog(tmp_path, resume_at=0)
    assert threading.active_count() == before

    def fill():
        for step in range(1000):
            log.write(step, {"seconds": 0.0, "loss": 1.0})

    with limited():
        with pytest.raises(WriteError, match=r"cannot write .*(training\.jsonl|tensorboard) \(File too large"):
            fill()
        log.close()
    (tmp_path / "other").mkdir()
    log = TrainingLog(tmp_path / "other", resume_at=0)

    def fill_events():
        for step in range(10_000):
            log.write_events(step, {"loss": 1.0})

    with limited():
        with pytest.raises(WriteError, match=r"cannot write .*tensorboard \(File too large"):
            fill_events()
        log.close()
