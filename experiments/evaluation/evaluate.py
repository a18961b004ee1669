"""Scores a trained flow map: its samples at 1, 2, 4, 8 and 16 steps, and the map itself against the exact one.

    python -m experiments.evaluate --workdir=runs/lsd [--checkpoint=best] [--inception=FILE] [--guidance=2]

Writes ``metrics.csv``, ``metrics.md``, ``protocol.json``, the pictures ``samples.png`` (density next to the target),
``map_error.png`` and, in the plane, ``trajectories.png``, and their data (``samples.npz``, ``map.npz``) into the run's
folder, and prints the tables. The exact map comes from ``experiments.reference``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
from ml_collections import ConfigDict
import numpy as np

from experiments import settings
from experiments.evaluation import scoring
from experiments.images import scores as image_scores
from experiments.metrics.names import MAP_METRICS, applying, metrics_of
from experiments.reporting import map_plots, plots, tables
from experiments.sampling.trained import Trained
from experiments.settings import protocol
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
        "protocol": protocol.hash_of(protocol.of(config)),
    }


def evaluate(
    workdir: Path, *, checkpoint: str = "checkpoints", changes: Mapping[str, object] | None = None
) -> list[dict[str, object]]:
    """Scores a checkpoint of a run and writes the results into its folder.

    Args:
      workdir: the run's folder.
      checkpoint: "checkpoints" for the newest, "best" for the best that evaluation on the way has found.
      changes: fields of the run's protocol that are other ones here.

    Returns:
      one row per number of steps, and a last row, without N, for the reference that nothing can be expected to beat;
      numbers about the map stand in each of its rows, None where they do not apply.

    Raises:
      UsageError: if there is no trained run, or the reference set is unusable.
      DivergedError: if the map or its samples are not finite.
    """
    run = runs.load_trained(workdir, checkpoint=checkpoint, evaluation=changes)
    dataset, how = run.dataset, run.protocol
    runs.check_writable(workdir)
    run.check_scale(how.guidance)
    image_scores.check(dataset, how)
    of_map, pictures = scoring.score_map(run)
    draw = run.generator(scale=how.guidance)
    labels = run.classes(how.samples)
    shown = None if labels is None else np.asarray(labels)
    true = scoring.true_samples(dataset, how.samples, how.seed)
    common = row_head(run.config, run.step)
    rows, kept = [], {}
    for steps in how.steps:
        samples, _ = draw(grids.uniform(steps), how.samples, jax.random.key(how.seed), labels)
        rows.append({**common, "N": steps, **scoring.score(samples, dataset, true, how, shown), **of_map})
        kept[str(steps)] = samples[:KEPT_SAMPLES]
    name = scoring.reference_name(dataset, how)
    nothing = dict.fromkeys(of_map, None)
    rows.append(
        {
            **common,
            "objective": name,
            "seed": "",
            "trained_steps": "",
            "N": "",
            **scoring.floor(run.config.dataset, how),
            **nothing,
        }
    )
    tables.write_csv(workdir / "metrics.csv", rows)
    protocol.write(workdir, how)
    (workdir / "metrics.md").write_text(_text(run, rows))
    np.savez_compressed(workdir / "samples.npz", **kept)
    np.savez_compressed(workdir / "map.npz", **pictures)
    plots.samples(workdir / "samples.png", dataset, {run.name: kept}, labels=shown)
    map_plots.draw(workdir, dataset, {run.name: pictures})
    return rows


def _text(run: Trained, rows: Sequence[dict[str, object]]) -> str:
    how, names = run.protocol, applying(metrics_of(run.dataset), rows)
    body = [
        [row["N"] or scoring.reference_name(run.dataset, how), *(tables.number(row[metric.name]) for metric in names)]
        for row in rows
    ]
    of_map = [[metric.title, tables.number(rows[0][metric.name])] for metric in MAP_METRICS]
    return (
        "\n\n".join(
            [
                f"{run.name} on {run.config.dataset}, seed {run.config.seed}, {run.step} steps.",
                protocol.text(how),
                tables.markdown(["N", *(metric.title for metric in names)], body),
                "Of the map itself, mean squares unless a distance:",
                tables.markdown(["", "value"], [row for row in of_map if row[1] != tables.ABSENT]),
            ]
        )
        + "\n"
    )
