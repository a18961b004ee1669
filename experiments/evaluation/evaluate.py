"""The evaluation of a trained run: scores at each number of steps, tables, pictures and their data in its folder."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jax
from ml_collections import ConfigDict
import numpy as np

from experiments import files, locks, settings
from experiments.datasets import told
from experiments.evaluation import scoring
from experiments.images import scores as image_scores
from experiments.metrics.map_table import MAP_METRICS
from experiments.metrics.metric import applying
from experiments.reporting import map_plots, plots, tables
from experiments.sampling.trained import Trained
from experiments.settings import protocol as protocols
from experiments.training import runs
from models import grids

KEPT_SAMPLES = 64_000
WRITTEN = ("metrics.csv", "metrics.md", "protocol.json", "samples.png", "map_error.png", "trajectories.png")


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
    checkpoint: str = "checkpoints",
    changes: Mapping[str, object] | None = None,
    tell: Callable[[str], object] | None = None,
) -> list[dict[str, object]]:
    """Scores a checkpoint of a run and writes the results into its folder.

    Args:
      workdir: the run's folder.
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
    dataset, protocol = run.dataset, run.protocol
    if tell and (said := told.line(dataset)):
        tell(said)
    run.check_scale(protocol.guidance)
    image_scores.check(dataset, protocol)
    with locks.alone(workdir, use="evaluate", name="--workdir"):
        return _score_and_write(run, workdir)


def _score_and_write(run: Trained, workdir: Path) -> list[dict[str, object]]:
    dataset, protocol = run.dataset, run.protocol
    of_map, pictures = scoring.score_map(run)
    draw = run.generator(scale=protocol.guidance)
    labels = run.classes(protocol.samples)
    shown = None if labels is None else np.asarray(labels)
    true = scoring.true_samples(dataset, protocol.samples, protocol.seed)
    common = row_head(run.config, run.step)
    rows, kept = [], {}
    for steps in protocol.steps:
        samples, _ = draw(grids.uniform(steps), protocol.samples, jax.random.key(protocol.seed), labels)
        rows.append({**common, "N": steps, **scoring.score(samples, dataset, true, protocol, shown), **of_map})
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
    tables.write_csv(workdir / "metrics.csv", rows)
    protocols.write(workdir, protocol)
    files.write_text(workdir / "metrics.md", _text(run, rows))
    files.write_arrays(workdir / "samples.npz", compressed=True, **kept)
    files.write_arrays(workdir / "map.npz", compressed=True, **pictures)
    plots.samples(workdir / "samples.png", dataset, {run.name: kept}, labels=shown)
    map_plots.plot(workdir, dataset, {run.name: pictures})
    return rows


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
