"""What a run writes while it trains: ``training.jsonl`` (one line per dispatch) and TensorBoard events."""

import json
from pathlib import Path

from tensorboardX import SummaryWriter
from tensorboardX.proto.summary_pb2 import Summary

from experiments.errors import UsageError


class TrainingLog:
    """Appends metrics to ``training.jsonl`` and to TensorBoard; opening it again continues at a given step."""

    def __init__(self, workdir: Path, *, resume_at: int):
        """Opens the log and drops what an interrupted run wrote after its last checkpoint.

        Args:
          workdir: the run's folder.
          resume_at: number of updates that the run continues from; 0 for a new run.
        """
        self._path = workdir / "training.jsonl"
        self.seconds = 0.0  # spent in steps before resume_at
        self.first_loss: float | None = None  # of the first record of the run
        if self._path.exists():
            kept = [line for line in read(workdir) if line["step"] <= resume_at]
            partial = self._path.with_suffix(".jsonl.tmp")
            partial.write_text("".join(json.dumps(line) + "\n" for line in kept))
            partial.replace(self._path)
            self.seconds = kept[-1]["seconds"] if kept else 0.0
            self.first_loss = kept[0].get("loss") if kept else None
        self._file = self._path.open("a")
        self._events = SummaryWriter(str(workdir / "tensorboard"), purge_step=resume_at + 1, flush_secs=30)

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """Writes one record.

        Args:
          step: number of updates made.
          metrics: numbers by name.
        """
        self.first_loss = metrics.get("loss") if self.first_loss is None else self.first_loss
        self._file.write(json.dumps({"step": step, **metrics}) + "\n")
        self._file.flush()
        self.write_events(step, metrics)

    def write_events(self, step: int, metrics: dict[str, float]) -> None:
        """Writes numbers to TensorBoard alone.

        Args:
          step: number of updates made.
          metrics: numbers by name.
        """
        # One event for all: an event of its own for each would cost a short step more than the rest of the host's work.
        numbers = [Summary.Value(tag=name, simple_value=value) for name, value in metrics.items()]
        self._events.file_writer.add_summary(Summary(value=numbers), step)

    def close(self) -> None:
        """Closes both files."""
        self._file.close()
        self._events.close()


def read(workdir: Path) -> list[dict[str, float]]:
    """The records of a run, one dictionary each, with "step"."""
    return read_lines(workdir / "training.jsonl")


def read_lines(path: Path) -> list[dict[str, float]]:
    """The records of a file of JSON lines.

    Args:
      path: of a file with one JSON object a line.

    Returns:
      one dictionary per line, none if there is no file; a last line that a killed run left unfinished is dropped.

    Raises:
      UsageError: if another line is damaged.
    """
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(json.loads(line))
            found[-1]["step"]
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path} is damaged (line {number}: {line.strip()[:80]!r} is no record with a step); mend that line or "
                "move the file away, and run the same command again"
            ) from error
    return found
