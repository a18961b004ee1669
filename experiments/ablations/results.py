"""What the runs of a suite have shown, as rows of a csv file, and the scores that claims are judged by."""

from collections.abc import Mapping, Sequence
import csv
import math
from pathlib import Path
from typing import NamedTuple

from experiments.ablations.claims import VARIANCE, Scores
from experiments.ablations.plan import Planned
from experiments.ablations.suite import Suite
from experiments.errors import UsageError
from experiments.reporting import machine, tables

# Columns that are not numbers of samples or of the map.
HEAD = (
    "label",
    "method",
    "options",
    "seed",
    "short",
    "trained_steps",
    "evaluations",
    "train_seconds",
    "N",
    "note",
    "machine",
)
# Numbers that are kept, if the data set has them; the first with a value is the main one.
METRICS = (
    "kl",
    "fid",
    "feature_frechet",
    "frechet",
    "mmd2",
    "in_support",
    "off_plane",
    "sliced_w2",
    "memorization",
    "map_error",
    "one_step_error",
    VARIANCE,
)


class Results(NamedTuple):
    """The results of a suite.

    Attributes:
      suite: it.
      rows: one for each row, seed and number of steps, and a last one, without label, for the reference.
    """

    suite: Suite
    rows: list[dict[str, object]]

    @property
    def metric(self) -> str:
        """The main metric: FID has no value without the weights of Inception, and other metrics none for some data."""
        own = [name for name in METRICS if name in self.rows[0]]
        values = {name: [row[name] for row in self.rows if row.get(name) is not None] for name in own}
        return next((name for name in own if not all(map(math.isnan, values[name]))), own[0])

    @property
    def seeds(self) -> list[int]:
        """The seeds, in their order."""
        return list(dict.fromkeys(row["seed"] for row in self.rows if row["label"]))

    @property
    def short(self) -> bool:
        """Whether the runs were short ones."""
        return any(row["short"] for row in self.rows)

    @property
    def floor(self) -> float:
        """The main metric of the reference, NaN if every run diverged."""
        return next((row[self.metric] for row in self.rows if not row["label"]), math.nan)


def collect(
    planned: Planned,
    scored: Mapping[Path, Sequence[Mapping[str, object]]],
    variances: Mapping[tuple[str, int], float | None] | None = None,
) -> Results:
    """The results of a suite from the scored rows of its runs.

    Args:
      planned: the suite and its runs.
      scored: {folder of a run: its rows, as ``comparison.scored.rows_of`` gives them}.
      variances: {(label, seed): variance of the gradient, None where there is none}, of a suite with a probe.

    Returns:
      the results.
    """
    rows, reference = [], None
    on = machine.text(machine.record())
    for label, folder, config in planned.runs:
        for row in scored[folder]:
            kept = {name: row[name] for name in METRICS if name in row}
            if variances is not None:
                kept[VARIANCE] = variances[label, config.seed] if row["N"] else None
            own = {
                name: row[name]
                for name in ("trained_steps", "evaluations", "train_seconds", "options", "method", "note")
            }
            if row["N"]:
                head = {"label": label, "seed": config.seed, "short": planned.short, "N": row["N"], "machine": on} | own
                rows.append({name: head[name] for name in HEAD} | kept)
            else:
                reference = dict.fromkeys(HEAD, "") | {"short": planned.short} | kept
    return Results(planned.suite, [*rows, *([reference] if reference else [])])


def write(path: Path, results: Results) -> None:
    """Writes the rows as csv."""
    tables.write_csv(path, results.rows)


def read(path: Path, suite: Suite) -> Results:
    """Reads the csv file of a suite.

    Args:
      path: the file.
      suite: its suite.

    Returns:
      the results.

    Raises:
      UsageError: if it is not the file of such a suite.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{name: _value(name, text) for name, text in row.items()} for row in csv.DictReader(file)]
        labels = {row["label"] for row in rows if row["label"]}
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{path} cannot be read ({error}); make it again by experiments.ablate") from error
    if expected := {row.label for row in suite.rows} ^ labels:
        raise UsageError(
            f"{path} has other rows than suite {suite.name} ({', '.join(sorted(expected))}); make it again by "
            "experiments.ablate"
        )
    return Results(suite, rows)


def _value(name: str, text: str) -> object:
    if name in ("label", "method", "options", "note", "machine"):
        return text
    if name == "short":
        return text == "True"
    if text == "":
        return "" if name in HEAD else None
    return int(text) if name in ("seed", "trained_steps", "N") else float(text)


def scores(results: Results, metric: str) -> Scores:
    """The values of a metric for each row and number of steps.

    Args:
      results: the results.
      metric: one of ``METRICS``.

    Returns:
      {(label, number of steps): one value for each seed}; infinite for a run that diverged, NaN where the metric says
      nothing.

    Raises:
      UsageError: if the data have no such metric.
    """
    if metric not in results.rows[0]:
        raise UsageError(f"suite {results.suite.name} makes a claim about {metric!r}, which its data have not")
    found: dict[tuple[str, int], list[float]] = {}
    for row in results.rows:
        if row["label"]:
            value = math.nan if row[metric] is None else math.inf if math.isnan(row[metric]) else row[metric]
            found.setdefault((row["label"], row["N"]), []).append(value)
    return found
