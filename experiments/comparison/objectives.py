"""Several objectives trained on the same data, network, seeds and budget, scored and put into one table."""

from collections.abc import Mapping, Sequence
import math
from pathlib import Path
import time
from typing import NamedTuple

from ml_collections import ConfigDict
import numpy as np

from experiments import datasets, files, limits, settings
from experiments.comparison import report
from experiments.comparison.budgets import Run, plan
from experiments.comparison.report import Row
from experiments.comparison.scored import check, rows_of
from experiments.comparison.verdict import VELOCITY, verdict
from experiments.errors import UsageError
from experiments.evaluation import monitor
from experiments.evaluation.scoring import compared_with, metrics_of
from experiments.metrics.metric import Metric, applying
from experiments.reporting import law_plots, map_plots, plots, tables, teaser
from experiments.sampling import conditioning
from experiments.settings import protocol
from experiments.training import logs, runs

# More lines than this in one figure cannot be distinguished.
PLOTTED = 12


class Comparison(NamedTuple):
    """What a comparison found: the text of ``comparison.md`` with all tables, and the three lines of ``verdict``."""

    tables: str
    verdict: str


def compare(
    config: ConfigDict, objectives: Sequence[str], seeds: Sequence[int], budget: str, workdir: Path
) -> Comparison:
    """Trains, scores and tabulates.

    Args:
      config: the common configuration.
      objectives: methods, with options of their own in brackets or without, see ``settings.option_sets``.
      seeds: seeds.
      budget: "evaluations" or "steps".
      workdir: folder of the comparison.

    Returns:
      the tables and the verdict.

    Raises:
      UsageError: on bad input; finished runs stay as they are.
    """
    start = time.time()
    planned = plan(config, objectives, seeds, budget)
    dataset = check(planned)
    runs.check_writable(workdir)
    rows = rows_of(planned, workdir)
    # The reference has no N and is the same for every run.
    scored = [row for row in rows if row["N"]]
    perfect = next((row for row in rows if not row["N"]), None)
    if perfect is None:
        raise UsageError("every run diverged; lower --config.training.learning_rate")
    tables.write_csv(
        workdir / "comparison.csv",
        [*scored, {**perfect, **dict.fromkeys(("evaluations", "train_seconds", "method", "options", "note"), "")}],
    )

    metrics = applying(metrics_of(dataset), scored) or metrics_of(dataset)[:1]
    text = report.markdown(
        config,
        planned,
        scored,
        perfect,
        metrics,
        budget=budget,
        compared=compared_with(dataset, protocol.of(config)),
        seconds=time.time() - start,
    )
    files.write_text(workdir / "comparison.md", text)
    latex = [
        tables.latex(*report.by_steps(scored, perfect, metric), caption=f"{config.dataset}: {metric.title}")
        for metric in metrics
    ]
    latex += [tables.latex(*report.of_maps(scored, shown), caption=title) for title, shown in report.MAP_TABLES]
    files.write_text(workdir / "comparison.tex", "\n\n".join(latex) + "\n")
    protocol.write(workdir, protocol.of(config))
    _plot(workdir, dataset, planned, scored, perfect, metrics[0])
    _plot_teaser(workdir, dataset, planned)
    return Comparison(text, verdict(scored, perfect, metrics[0], workdir=workdir))


def _best(runs: Sequence[Run], scored: Sequence[Row], metric: Metric) -> list[Run]:
    """The runs of the objectives that score best in one step, as many as a figure shows, in their order."""
    fewest = report.sampling_steps(scored)[0]

    def rank(name: str) -> float:
        value = report.mean_over_seeds(scored, name, fewest, metric.name)[0]
        if value is None or not math.isfinite(value):
            return math.inf
        return value if metric.better == "lower" else -value

    names = sorted(dict.fromkeys(run.label for run in runs), key=rank)
    return [run for run in runs if run.label in names[:PLOTTED]]


def _plot(
    workdir: Path,
    dataset: datasets.Dataset,
    runs: Sequence[Run],
    scored: Sequence[Row],
    perfect: Row,
    main_metric: Metric,
) -> None:
    """Writes the pictures, of the runs of the first seed."""
    shown = _best(runs, scored, main_metric)
    first_seed = {run.label: workdir / run.folder for run in reversed(shown)}
    folders = {run.label: first_seed[run.label] for run in shown}
    files = {name: folder / "samples.npz" for name, folder in folders.items()}
    pictures = {name: dict(np.load(path)) for name, path in files.items() if path.exists()}
    if pictures:
        plots.samples(workdir / "samples.png", dataset, pictures, labels=_labels(shown[0].config, dataset, pictures))
    maps = {name: folder / "map.npz" for name, folder in folders.items()}
    map_plots.plot(workdir, dataset, {name: dict(np.load(path)) for name, path in maps.items() if path.exists()})
    steps = report.sampling_steps(scored)
    by_steps = {
        name: {n: report.mean_over_seeds(scored, name, n, main_metric.name)[0] for n in steps} for name in folders
    }
    plots.curves(
        workdir / "curves.png",
        {name: logs.read(folder) for name, folder in folders.items()},
        by_steps,
        metric=main_metric.title,
        floor=perfect[main_metric.name],
        floor_name=perfect["objective"],
    )
    followed = {name: monitor.records(folders[name], until=limits.UPDATES) for name in folders}
    if laws := law_plots.over_training(followed, steps=steps[0]):
        law_plots.plot(workdir / "laws.png", laws, perfect=perfect, steps=steps[0])


def _plot_teaser(workdir: Path, dataset: datasets.Dataset, runs: Sequence[Run]) -> None:
    """Flow matching above one flow map, of their first seeds; no picture unless both have samples."""
    folders: dict[str, Path] = {}
    for run in runs:
        folders.setdefault(run.label, workdir / run.folder)
    maps = [run.label for run in runs if settings.objective_of(run.config).sampler != "euler"]
    # LSD stands for flow maps wherever it was trained, otherwise the first map that was.
    candidates = [name for name in ("lsd", *maps) if name in maps and (folders[name] / "samples.npz").exists()]
    if not candidates or VELOCITY not in folders or not (folders[VELOCITY] / "samples.npz").exists():
        return
    rows = {"flow matching": VELOCITY, f"flow map ({candidates[0]})": candidates[0]}
    pictures = {title: dict(np.load(folders[name] / "samples.npz")) for title, name in rows.items()}
    teaser.draw(workdir / "teaser.png", dataset, pictures)


def _labels(
    config: ConfigDict, dataset: datasets.Dataset, pictures: Mapping[str, Mapping[str, np.ndarray]]
) -> np.ndarray | None:
    """[n]; the classes that all samples were asked for; None for networks without classes."""
    if not config.network.conditional or not pictures:
        return None
    count = min(len(samples) for by_steps in pictures.values() for samples in by_steps.values())
    return np.asarray(conditioning.classes_in_turn(config, dataset, count))
