"""The text of a comparison: tables over objectives and numbers of steps, means and standard errors over seeds."""

from collections.abc import Sequence
import math
import os

import jax
from ml_collections import ConfigDict
import numpy as np

from experiments import settings
from experiments.comparison.budgets import Run
from experiments.metrics.map_table import BOUNDS, MAP_ERRORS, PATHS
from experiments.metrics.metric import Metric
from experiments.metrics.planar_table import PLANAR_METRICS
from experiments.reporting import tables
from experiments.reporting.machine import peak_memory
from experiments.settings import networks, protocol
from objectives.build import default_options

Row = dict[str, object]

# The one number of samples in a table about maps, and left out unless samples were drawn in one step.
MEASURED_W2 = next(metric for metric in PLANAR_METRICS if metric.name == "entropic_w2")._replace(
    title="measured (entropic)"
)
MAP_TABLES = (
    ("Of the map: mean squared errors against the exact one, and mean squared residuals", MAP_ERRORS),
    ("Of the paths of its own velocity: 0 where all are straight", PATHS),
    ("W2 between one-step samples and the data: measured, and bounds on it", (MEASURED_W2, *BOUNDS)),
)


def sampling_steps(rows: Sequence[Row]) -> list[int]:
    """The numbers of sampling steps that occur, in their order."""
    return list(dict.fromkeys(row["N"] for row in rows))


def mean_over_seeds(rows: Sequence[Row], objective: str, steps: int, metric: str) -> tuple[float | None, float | None]:
    """Mean over seeds and its standard error, None for one seed; (None, None) where the metric does not apply."""
    values = [row[metric] for row in rows if row["objective"] == objective and row["N"] == steps]
    if None in values:
        return None, None
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return float(np.mean(values)), error


def _best(cells: dict[str, tuple[float | None, float | None]], metric: Metric) -> str | None:
    """The objective with the best mean, None if the metric has no better side."""
    if metric.better is None:
        return None
    sign = 1 if metric.better == "lower" else -1
    # What does not apply and what diverged compare as the worst.
    ranks = {o: np.inf if mean is None or math.isnan(mean) else sign * mean for o, (mean, _) in cells.items()}
    winner = min(ranks, key=ranks.get)
    return winner if math.isfinite(ranks[winner]) else None


def _column(cells: dict[str, tuple[float | None, float | None]], metric: Metric) -> dict[str, str]:
    best = _best(cells, metric)
    # Of a run that diverged all numbers are NaN, and no other number is.
    shown = {o: tables.number(*cell, nan=tables.DIVERGED) for o, cell in cells.items()}
    return {o: f"**{text}**" if o == best else text for o, text in shown.items()}


def by_steps(rows: Sequence[Row], perfect: Row, metric: Metric) -> tuple[list[str], list[list[str]]]:
    """Header and body of the table objective x N of one metric, the best of each column in bold."""
    objectives, steps = list(dict.fromkeys(row["objective"] for row in rows)), sampling_steps(rows)
    columns = [_column({o: mean_over_seeds(rows, o, n, metric.name) for o in objectives}, metric) for n in steps]
    body = [[o, *(column[o] for column in columns)] for o in objectives]
    body.append([perfect["objective"], *([tables.number(perfect[metric.name])] * len(steps))])
    return ["objective", *(f"N = {n}" for n in steps)], body


def of_maps(rows: Sequence[Row], metrics: Sequence[Metric]) -> tuple[list[str], list[list[str]]]:
    """Header and body of the table objective x number about the map, without columns that nobody has."""
    objectives, steps = list(dict.fromkeys(row["objective"] for row in rows)), sampling_steps(rows)
    # Numbers about the map are the same in each row of a run.
    first = 1 if 1 in steps else steps[0]
    metrics = [metric for metric in metrics if metric is not MEASURED_W2 or first == 1]
    shown = [metric for metric in metrics if any(row.get(metric.name) is not None for row in rows)]
    columns = [_column({o: mean_over_seeds(rows, o, first, m.name) for o in objectives}, m) for m in shown]
    body = [[o, *(column[o] for column in columns)] for o in objectives]
    return ["objective", *(metric.title for metric in shown)], body


def markdown(
    config: ConfigDict,
    runs: Sequence[Run],
    rows: Sequence[Row],
    perfect: Row,
    metrics: Sequence[Metric],
    *,
    budget: str,
    compared: str,
    seconds: float,
) -> str:
    """The whole text of ``comparison.md``.

    Args:
      config: the common configuration.
      runs: the runs.
      rows: one row per run and number of steps.
      perfect: the row of perfect samples.
      metrics: what is tabulated, the main one first.
      budget: "evaluations" or "steps".
      compared: how many examples samples are compared with, a sentence or "".
      seconds: time of the command.

    Returns:
      markdown.
    """
    parts = [_introduction(config, runs, budget)]
    for metric in metrics:
        reading = f"{metric.better} is better" if metric.better else metric.reading
        parts.append(f"## {metric.title} ({reading})\n\n{tables.markdown(*by_steps(rows, perfect, metric))}")
    parts += [f"## {title}\n\n{tables.markdown(*of_maps(rows, shown))}" for title, shown in MAP_TABLES]
    stated = " ".join(filter(None, (protocol.text(protocol.of(config)), compared)))
    parts += [_budgets(runs, rows), stated, _machine(seconds)]
    return "\n\n".join(parts) + "\n"


def _introduction(config: ConfigDict, runs: Sequence[Run], budget: str) -> str:
    training = config.training
    equal = {
        "evaluations": "equal numbers of network evaluations (forward-pass equivalents)",
        "steps": "equal numbers of training steps",
    }[budget]
    return (
        f"# {config.dataset}: {len({run.label for run in runs})} objectives, {equal}\n\n"
        f"Network: {networks.described(config.network)}; batch {training.batch_size}; "
        f"{training.optimizer}, learning rate {training.learning_rate:g}, {training.schedule}; "
        f"seeds {sorted({run.config.seed for run in runs})}; {config.evaluation.samples} samples per cell. "
        "Best of each column in bold; after ± the standard error over seeds."
    )


def options_changed(config: ConfigDict) -> str:
    """The options of a run that its method has by default otherwise, as text."""
    defaults = default_options(config.objective.name)
    return ", ".join(f"{key}={value}" for key, value in config.objective.options.items() if value != defaults[key])


def _budgets(runs: Sequence[Run], rows: Sequence[Row]) -> str:
    seed = runs[0].config.seed
    body = []
    for label, _, run in (run for run in runs if run.config.seed == seed):
        objective = settings.objective_of(run)
        row = next(row for row in rows if row["objective"] == label and row["seed"] == seed)
        body.append(
            [
                label,
                ", ".join(f"{term.name} {term.share:g}" for term in objective.terms),
                options_changed(run),
                objective.sampler,
                f"{objective.cost:g}",
                run.training.steps,
                f"{row['evaluations']:.3g}",
                tables.DIVERGED if math.isnan(row["train_seconds"]) else f"{row['train_seconds']:.0f}",
            ]
        )
    header = ["objective", "terms (share of the batch)", "options changed", "sampler", "cost", "steps"]
    table = tables.markdown([*header, "evaluations", "seconds"], body)
    return f"## What each one got (seed {seed})\n\n{table}"


def _machine(seconds: float) -> str:
    return (
        f"Cost is in forward-pass equivalents per example, evaluations are cost x batch x steps. This command: "
        f"{seconds:.0f} s, peak memory {peak_memory():.2f} GB, "
        f"{jax.local_device_count()} x {jax.devices()[0].device_kind}, {os.cpu_count()} CPU cores."
    )
