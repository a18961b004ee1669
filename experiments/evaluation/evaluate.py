"""The evaluation of a trained run: scores at each number of steps, tables, pictures and their data in its folder."""

from collections.abc import Callable, Mapping, Sequence
import csv
import io
from pathlib import Path
from typing import NamedTuple

import jax
from ml_collections import ConfigDict
import numpy as np

from experiments import files, settings
from experiments.datasets import observed, told
from experiments.datasets.dataset import Dataset
from experiments.evaluation import scoring
from experiments.images import scores as image_scores
from experiments.metrics.map_table import MAP_METRICS
from experiments.metrics.metric import applying
from experiments.reporting import findings, map_plots, observed_plots, plots, tables
from experiments.sampling.generation import TOLD
from experiments.sampling.trained import Trained
from experiments.settings import protocol as protocols
from experiments.training import runs
from models import grids

KEPT_SAMPLES = 64_000
SHOWN = 16  # examples that are kept for the picture of what was observed
WRITTEN = (
    "metrics.csv",
    "metrics.md",
    "protocol.json",
    "samples.png",
    "map_error.png",
    "trajectories.png",
    "observed.png",
)


class Scored(NamedTuple):
    """The scores of a run, and what its pictures show.

    Attributes:
      rows: see ``evaluate``.
      samples: {number of steps: samples}.
      pictures: of the map, see ``scoring.score_map``.
      labels: classes of the samples, or None.
      wanted: (held-out examples, the pictures that were observed of them) of the first samples, or None.
    """

    rows: list[dict[str, object]]
    samples: dict[str, np.ndarray]
    pictures: dict[str, np.ndarray]
    labels: np.ndarray | None
    wanted: tuple[np.ndarray, np.ndarray] | None = None


def row_head(config: ConfigDict, trained: int) -> dict[str, object]:
    """The first columns of every row of a run: what was trained, how long, and by which protocol it is scored."""
    return {
        "objective": settings.label(config),
        "seed": config.seed,
        "trained_steps": trained,
        "protocol": protocols.hash_of(protocols.of(config)),
    }


def evaluate(
    workdir: Path,
    *,
    out: str | None = None,
    checkpoint: str = "checkpoints",
    changes: Mapping[str, object] | None = None,
    tell: Callable[[str], object] | None = None,
) -> list[dict[str, object]]:
    """Scores a checkpoint of a run and writes the results into its folder.

    Args:
      workdir: the run's folder, or a file of weights.
      out: folder of the results, see ``findings.chosen``.
      checkpoint: "checkpoints" for the newest, "best" for the best that evaluation during training found.
      changes: fields of the run's protocol that are other ones here.
      tell: is given, at the start, the line of what the data were understood to mean, if there is one.

    Returns:
      one row per number of steps, and a last row, without N, for the reference that nothing can be expected to beat.
      Each row of the run holds the numbers about the map, None where they do not apply.

    Raises:
      UsageError: if there is no trained run, or the reference set is unusable.
      DivergedError: if the map or its samples are not finite.
    """
    run = runs.load_trained(workdir, checkpoint=checkpoint, evaluation=changes)
    if tell and (said := told.line(run.dataset)):
        tell(said)
    check(run)
    with findings.held(workdir, out, use="evaluate"):
        scored = score(run)
        _write(run, scored, findings.chosen(workdir, out))
    return scored.rows


def known(workdir: Path, config: ConfigDict, dataset: Dataset, *, step: int) -> list[dict[str, object]]:
    """The rows that ``evaluate`` has written about these very weights.

    Args:
      workdir: the run's folder.
      config: its configuration.
      dataset: its data set.
      step: number of updates of the weights.

    Returns:
      the rows; none if there are none, of other weights, by another protocol or without a metric of today.
    """
    head, protocol = row_head(config, step), protocols.of(config)
    needed = [metric.name for metric in (*scoring.metrics_of(dataset), *MAP_METRICS)]
    try:
        text = files.read_bytes(workdir / "metrics.csv").decode()
        rows = [
            {name: value if name in (*head, "N") else float(value) if value else None for name, value in row.items()}
            for row in csv.DictReader(io.StringIO(text))
        ]
        own = [row for row in rows if {name: row[name] for name in head} == {key: str(x) for key, x in head.items()}]
        if [row["N"] for row in rows] != [*map(str, protocol.steps), ""] or own != rows[:-1]:
            return []
        if any(name not in rows[0] for name in needed):
            return []
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or it is no such table
        return []
    return [*({**row, **head, "N": int(row["N"])} for row in own), rows[-1]]


def check(run: Trained) -> None:
    """UsageError if a run cannot be scored by its protocol."""
    run.check_scale(run.protocol.guidance)
    image_scores.check(run.dataset, run.protocol)


def score(run: Trained) -> Scored:
    """Scores a run by its protocol.

    Args:
      run: the run.

    Returns:
      the scores, see ``evaluate``, and what pictures are drawn from.

    Raises:
      UsageError: if the reference set is unusable.
      DivergedError: if the map or its samples are not finite.
    """
    dataset, protocol = run.dataset, run.protocol
    of_map, pictures = scoring.score_map(run)
    draw = run.generator(scale=protocol.guidance)
    labels = run.classes(protocol.samples)
    shown = None if labels is None else np.asarray(labels)
    # Alike at every number of steps, as the noise is.
    key = jax.random.fold_in(jax.random.key(protocol.seed), TOLD)
    vectors = examples = numbers = None
    if dataset.observed is not None:
        examples, numbers = observed.held_out(dataset, key, protocol.samples)
        vectors = dataset.observed.encoded(numbers)
    true = scoring.true_samples(dataset, protocol.samples, protocol.seed)
    common = row_head(run.config, run.step)
    rows, kept = [], {}
    for steps in protocol.steps:
        samples, _ = draw(grids.uniform(steps), protocol.samples, jax.random.key(protocol.seed), labels, vector=vectors)
        scores = scoring.score(samples, dataset, true, protocol, shown, vectors=vectors)
        rows.append({**common, "N": steps, **scores, **of_map})
        kept[str(steps)] = samples[:KEPT_SAMPLES]
    name = scoring.reference_name(dataset, protocol)
    nothing = dict.fromkeys(of_map, None)
    rows.append(
        {
            **common,
            "objective": name,
            "seed": "",
            "trained_steps": "",
            "N": "",
            **scoring.floor(dataset, protocol),
            **nothing,
        }
    )
    wanted = None
    if dataset.observed is not None and dataset.observed.is_picture:
        wanted = tuple(np.asarray(part[:SHOWN]) for part in (dataset.in_own_units(examples), numbers))
    return Scored(rows, kept, pictures, shown, wanted)


def _write(run: Trained, scored: Scored, folder: Path) -> None:
    tables.write_csv(folder / "metrics.csv", scored.rows)
    protocols.write(folder, run.protocol)
    files.write_text(folder / "metrics.md", _text(run, scored.rows))
    files.write_arrays(folder / "samples.npz", compressed=True, **scored.samples)
    files.write_arrays(folder / "map.npz", compressed=True, **scored.pictures)
    plots.samples(folder / "samples.png", run.dataset, {run.name: scored.samples}, labels=scored.labels)
    map_plots.plot(folder, run.dataset, {run.name: scored.pictures})
    if scored.wanted is not None:
        observed_plots.plot(folder / "observed.png", run.dataset, *scored.wanted, scored.samples)


def _text(run: Trained, rows: Sequence[dict[str, object]]) -> str:
    protocol, shown = run.protocol, applying(scoring.metrics_of(run.dataset), rows)
    floor = scoring.reference_name(run.dataset, protocol)
    body = [[row["N"] or floor, *(tables.number(row[metric.name]) for metric in shown)] for row in rows]
    of_map = [[metric.title, tables.number(rows[0][metric.name])] for metric in MAP_METRICS]
    return (
        "\n\n".join(
            [
                f"{run.name} on {run.config.dataset}, seed {run.config.seed}, {run.step} steps.",
                " ".join(filter(None, (protocols.text(protocol), scoring.compared_with(run.dataset, protocol)))),
                tables.markdown(["N", *(metric.title for metric in shown)], body),
                "Of the map itself, mean squares unless a distance:",
                tables.markdown(["", "value"], [row for row in of_map if row[1] != tables.ABSENT]),
            ]
        )
        + "\n"
    )
