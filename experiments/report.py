"""The text of a comparison: tables over objectives and numbers of steps, means and standard errors over seeds."""

from collections.abc import Sequence
import math
import os
import resource
import sys

import jax
from ml_collections import ConfigDict
import numpy as np

from experiments import settings, tables
from experiments.evaluate import Metric
from objectives.build import default_options

Row = dict[str, object]


def sampling_steps(rows: Sequence[Row]) -> list[int]:
    """The numbers of sampling steps that occur, in their order."""
    return list(dict.fromkeys(row["N"] for row in rows))


def mean_over_seeds(rows: Sequence[Row], objective: str, steps: int, metric: str) -> tuple[float, float | None]:
    """Mean over seeds and its standard error; None for one seed."""
    values = [row[metric] for row in rows if row["objective"] == objective and row["N"] == steps]
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return float(np.mean(values)), error


def _number(mean: float, error: float | None = None) -> str:
    if math.isnan(mean):
        return "diverged"
    return f"{mean:.4g}" if error is None else f"{mean:.4g} ± {error:.1g}"


def by_steps(rows: Sequence[Row], perfect: Row, metric: Metric) -> tuple[list[str], list[list[str]]]:
    """Header and body of the table objective x N of one metric, the best of each column in bold."""
    objectives, steps = list(dict.fromkeys(row["objective"] for row in rows)), sampling_steps(rows)
    cells = {(o, n): mean_over_seeds(rows, o, n, metric.name) for o in objectives for n in steps}
    sign = 1 if metric.less_is_better else -1
    # NaN compares as the worst.
    best = {n: min(objectives, key=lambda o, n=n: np.nan_to_num(sign * cells[o, n][0], nan=np.inf)) for n in steps}
    body = [
        [o, *(f"**{_number(*cells[o, n])}**" if best[n] == o else _number(*cells[o, n]) for n in steps)]
        for o in objectives
    ]
    body.append([perfect["objective"], *([_number(perfect[metric.name])] * len(steps))])
    return ["objective", *(f"N = {n}" for n in steps)], body


def markdown(
    config: ConfigDict,
    configs: Sequence[ConfigDict],
    rows: Sequence[Row],
    perfect: Row,
    metrics: Sequence[Metric],
    *,
    budget: str,
    seconds: float,
) -> str:
    """The whole text of ``comparison.md``.

    Args:
      config: the common configuration.
      configs: the configurations of the runs.
      rows: one row per run and number of steps.
      perfect: the row of perfect samples.
      metrics: what is tabulated, the main one first.
      budget: "evaluations" or "steps".
      seconds: time of the command.

    Returns:
      markdown.
    """
    parts = [_introduction(config, configs, budget)]
    for metric in metrics:
        better = "less" if metric.less_is_better else "more"
        parts.append(f"## {metric.title} ({better} is better)\n\n{tables.markdown(*by_steps(rows, perfect, metric))}")
    parts += [_budgets(configs, rows), _machine(seconds)]
    return "\n\n".join(parts) + "\n"


def _introduction(config: ConfigDict, configs: Sequence[ConfigDict], budget: str) -> str:
    network, training = config.network, config.training
    equal = {
        "evaluations": "equal numbers of network evaluations (forward-pass equivalents)",
        "steps": "equal numbers of training steps",
    }[budget]
    return (
        f"# {config.dataset}: {len({run.objective.name for run in configs})} objectives, {equal}\n\n"
        f"Network: MLP of width {network.width} and depth {network.depth}; batch {training.batch_size}; "
        f"{training.optimizer}, learning rate {training.learning_rate:g}, {training.schedule}; "
        f"seeds {sorted({run.seed for run in configs})}; {config.evaluation.samples} samples per cell. "
        "Best of each column in bold; after ± the standard error over seeds."
    )


def _budgets(configs: Sequence[ConfigDict], rows: Sequence[Row]) -> str:
    seed = configs[0].seed
    body = []
    for run in (run for run in configs if run.seed == seed):
        name, objective = run.objective.name, settings.objective_of(run)
        row = next(row for row in rows if row["objective"] == name and row["seed"] == seed)
        defaults = default_options(name)
        body.append(
            [
                name,
                ", ".join(f"{term.name} {term.share:g}" for term in objective.terms),
                ", ".join(f"{key}={value}" for key, value in run.objective.options.items() if value != defaults[key]),
                objective.sampler,
                f"{objective.cost:g}",
                run.training.steps,
                f"{row['evaluations']:.3g}",
                "diverged" if math.isnan(row["train_seconds"]) else f"{row['train_seconds']:.0f}",
            ]
        )
    header = ["objective", "terms (share of the batch)", "options changed", "sampler", "cost", "steps"]
    table = tables.markdown([*header, "evaluations", "seconds"], body)
    return f"## What each one got (seed {seed})\n\n{table}"


def peak_memory() -> float:
    """Most memory that this process has held so far, in gigabytes."""
    # Kilobytes on Linux, bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)


def _machine(seconds: float) -> str:
    return (
        f"Cost is in forward-pass equivalents per example, evaluations are cost x batch x steps. This command: "
        f"{seconds:.0f} s, peak memory {peak_memory():.2f} GB, "
        f"{jax.local_device_count()} x {jax.devices()[0].device_kind}, {os.cpu_count()} CPU cores."
    )
