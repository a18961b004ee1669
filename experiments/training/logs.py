"""What a run writes while it trains: ``training.jsonl`` (one line per dispatch), TensorBoard events, a dashboard."""

from collections.abc import Callable, Iterator, Sequence
import contextlib
import json
import os
from pathlib import Path
import socket
import sys
import time
from typing import Any

from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import RecordWriter

from experiments import files
from experiments.errors import UsageError

FLUSH_SECONDS = 30  # after which TensorBoard sees what was written
LARGEST = 2**63  # of whole numbers in a record


class TrainingLog:
    """Appends metrics to ``training.jsonl`` and to TensorBoard; opening it again continues at a given step."""

    def __init__(self, workdir: Path, *, resume_at: int, dashboard: Any = None):
        """Opens the log and drops what an interrupted run wrote after its last checkpoint.

        Args:
          workdir: the run's folder.
          resume_at: number of updates that the run continues from; 0 for a new run.
          dashboard: what ``dashboard.opened`` gave; it gets the numbers of TensorBoard, and is finished with the log.

        Raises:
          UsageError: if the log that is there is damaged.
          WriteError: if it cannot be written.
        """
        self._path, self._failed, self._dashboard = workdir / "training.jsonl", False, dashboard
        self.seconds = 0.0  # spent in steps before resume_at
        self.first_loss: float | None = None  # of the first record of the run
        if os.path.lexists(self._path):
            kept = [line for line in read(workdir) if line["step"] <= resume_at]
            files.write_text(self._path, "".join(json.dumps(line) + "\n" for line in kept))
            self.seconds = kept[-1]["seconds"] if kept else 0.0
            self.first_loss = kept[0].get("loss") if kept else None
        self._tensorboard = workdir.absolute() / "tensorboard"
        files.make_folder(self._tensorboard)
        with self._writing(self._path):
            self._file = self._path.open("a", encoding="utf-8")
        # Without the thread of tensorboardX, which ends at the first fault of the disk: who writes would then wait for
        # ever.
        with self._writing(self._tensorboard):
            name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}"
            self._events = RecordWriter(str(self._tensorboard / name))
        self._flushed = 0.0
        for event in (
            Event(file_version="brain.Event:2"),
            Event(step=resume_at + 1, file_version="brain.Event:2"),
            # What is there of later steps is hidden.
            Event(step=resume_at + 1, session_log=SessionLog(status=SessionLog.START)),
        ):
            self._write_event(event)

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """Writes one record.

        Args:
          step: number of updates made.
          metrics: numbers by name.
        """
        self.first_loss = metrics.get("loss") if self.first_loss is None else self.first_loss
        with self._writing(self._path):
            self._file.write(json.dumps({"step": step, **metrics}) + "\n")
            self._file.flush()
        self.write_events(step, metrics)

    def write_events(self, step: int, metrics: dict[str, float]) -> None:
        """Writes numbers to TensorBoard and the dashboard alone.

        Args:
          step: number of updates made.
          metrics: numbers by name.
        """
        # One event for all: an event of its own for each would cost a short step more than the rest of the host's work.
        numbers = [Summary.Value(tag=name, simple_value=value) for name, value in metrics.items()]
        self._write_event(Event(step=step, summary=Summary(value=numbers)))
        self._show(lambda dashboard: dashboard.log(dict(metrics), step=step))

    def _write_event(self, event: Event) -> None:
        event.wall_time = time.time()
        with self._writing(self._tensorboard):
            self._events.write(event.SerializeToString())
            if event.wall_time > self._flushed + FLUSH_SECONDS:
                self._events.flush()
                self._flushed = event.wall_time

    def close(self) -> None:
        """Closes both files; WriteError if what is left cannot be written, unless that was said before."""
        for file, path in ((self._file, self._path), (self._events, self._tensorboard)):
            with contextlib.suppress(OSError) if self._failed else self._writing(path):
                file.close()
        self._show(lambda dashboard: dashboard.finish())

    def _show(self, action: Callable[[Any], object]) -> None:
        """Does something with the dashboard, until that fails: a training does not end because nobody can watch it."""
        if self._dashboard is None:
            return
        try:
            action(self._dashboard)
        except Exception as error:
            self._dashboard = None
            reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
            print(
                f"warning: Weights & Biases takes no more numbers ({reason}); the training goes on, and "
                f"{self._tensorboard} has all of them",
                file=sys.stderr,
                flush=True,
            )

    @contextlib.contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._failed = True
            raise files.cannot_write(path, error) from error


def read(workdir: Path) -> list[dict[str, float]]:
    """The records of a run, one dictionary each, with "step" and "seconds"; none if there is no file."""
    return read_lines(workdir / "training.jsonl", needed=("step", "seconds"))


def read_lines(path: Path, *, needed: Sequence[str] = ("step",)) -> list[dict[str, float]]:
    """The records of a file of JSON lines.

    Args:
      path: of a file with one JSON object a line.
      needed: names that each record has.

    Returns:
      one dictionary of numbers per line, none if there is no file; a last line that a killed run left unfinished is
      dropped.

    Raises:
      UsageError: if another line is damaged, or what is there is no file.
    """
    if not os.path.lexists(path):
        return []
    try:
        lines = files.read_bytes(path).split(b"\n")[:-1]
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}); move it away, and run the same command again"
        ) from error
    found = []
    for number, line in enumerate(lines, 1):
        try:
            record = files.parse_json(line)
            _check(record, needed)
        except ValueError as error:
            shown = line[:80].decode("utf-8", "backslashreplace").strip()
            raise UsageError(
                f"{path} is damaged (line {number}: {shown!r} is no record with a step: {error}); mend that line or "
                "move the file away, and run the same command again"
            ) from error
        found.append(record)
    return found


def _check(record: object, needed: Sequence[str]) -> None:
    """Raises ValueError for what is no record of numbers with the names that are needed and a step."""
    if not isinstance(record, dict):
        raise ValueError(f"{type(record).__name__} in place of names and numbers")
    if missing := [name for name in needed if name not in record]:
        raise ValueError(f"no {missing[0]}")
    for name, value in record.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{name} is no number")
        if isinstance(value, int) and abs(value) > LARGEST:
            raise ValueError(f"{name} is too large")
    if not isinstance(record["step"], int) or record["step"] < 0:
        raise ValueError("step is no number of updates")
