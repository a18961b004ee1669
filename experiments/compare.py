"""Trains several objectives on the same data, network, seeds and budget, and says which one wins.

    python -m experiments.compare --config=experiments/configs/checkerboard.py \\
        --objectives=flow_matching,lsd,esd,psd_m,ct --workdir=runs/demo [--seeds=0,1,2] [--budget=steps]

Writes ``comparison.csv``, ``comparison.md``, ``comparison.tex``, ``samples.png`` and ``curves.png`` into the folder;
every run has a folder of its own below it. The same command continues where it was interrupted.
"""

from collections.abc import Sequence
from pathlib import Path
import resource
import sys
import time

from absl import flags
import jax
from ml_collections import ConfigDict
import numpy as np

from experiments import datasets, errors, logs, plots, runs, settings, tables
from experiments import flags as command_flags
from experiments.errors import UsageError
from experiments.evaluate import PERFECT, Metric, evaluate, metrics_of
from experiments.train import train

BUDGETS = ("evaluations", "steps")
Row = dict[str, object]


def steps_within(config: ConfigDict, reference: ConfigDict, budget: str) -> int:
    """Training steps that an objective gets.

    Args:
      config: the configuration of the objective.
      reference: the configuration that the user gave; its steps at its objective's cost are the budget.
      budget: "steps" (as many updates for each) or "evaluations" (as many network evaluations for each, counted in
        forward-pass equivalents).

    Returns:
      number of steps, a multiple of the steps per dispatch.
    """
    steps = reference.training.steps
    if budget == "steps":
        return steps
    ratio = settings.objective_of(reference).cost / settings.objective_of(config).cost
    dispatch = reference.training.steps_per_dispatch
    return max(1, round(steps * ratio / dispatch)) * dispatch


def plan(config: ConfigDict, objectives: Sequence[str], seeds: Sequence[int], budget: str) -> list[ConfigDict]:
    """The configurations of all runs, checked before the first one starts.

    Args:
      config: the common configuration.
      objectives: names of objectives.
      seeds: seeds.
      budget: see ``steps_within``.

    Returns:
      one configuration per objective and seed.

    Raises:
      UsageError: on anything that would stop a run.
    """
    if budget not in BUDGETS:
        raise UsageError(f"--budget={budget}; {errors.nearest(budget, BUDGETS)}")
    for name, values in (("objectives", objectives), ("seeds", seeds)):
        if not values or len(set(values)) != len(values):
            raise UsageError(f"--{name}={','.join(map(str, values))}; expected at least one, each named once")
    configs = []
    for objective in objectives:
        for seed in seeds:
            run = settings.with_objective(config, objective)
            run.seed = seed
            if not settings.objective_of(run).needs_teacher:
                run.teacher = ""
            run.training.steps = steps_within(run, config, budget)
            settings.check(run, devices=jax.local_device_count())
            configs.append(run)
    return configs


def compare(config: ConfigDict, objectives: Sequence[str], seeds: Sequence[int], budget: str, workdir: Path) -> str:
    """Trains, scores and tabulates.

    Args:
      config: the common configuration.
      objectives: names of objectives.
      seeds: seeds.
      budget: "evaluations" or "steps".
      workdir: folder of the comparison.

    Returns:
      the text of ``comparison.md``.

    Raises:
      UsageError: on bad input; finished runs stay as they are.
    """
    start = time.time()
    configs = plan(config, objectives, seeds, budget)
    runs.check_writable(workdir)
    rows: list[Row] = []
    for run in configs:
        folder = _folder(workdir, run)
        seconds = train(run, folder, label=f"{run.objective.name}, seed {run.seed}").steps
        cost = settings.objective_of(run).cost * run.training.batch_size * run.training.steps
        rows += [{**row, "evaluations": cost, "train_seconds": round(seconds, 1)} for row in evaluate(folder)]
    # Perfect samples are the same for every run.
    scored = [row for row in rows if row["objective"] != PERFECT]
    perfect = next(row for row in rows if row["objective"] == PERFECT)
    tables.write_csv(workdir / "comparison.csv", [*scored, {**perfect, "evaluations": "", "train_seconds": ""}])

    dataset = datasets.load(config.dataset)
    metrics = metrics_of(dataset)
    text = _markdown(config, configs, scored, perfect, metrics, budget, time.time() - start)
    (workdir / "comparison.md").write_text(text)
    latex = [
        tables.latex(*_by_steps(scored, perfect, metric), caption=f"{config.dataset}: {metric.title}")
        for metric in metrics
    ]
    (workdir / "comparison.tex").write_text("\n\n".join(latex) + "\n")
    _draw(workdir, dataset, configs, scored, perfect, metrics[0])
    return text


def _folder(workdir: Path, config: ConfigDict) -> Path:
    return workdir / config.objective.name / f"seed_{config.seed}"


def _draw(
    workdir: Path,
    dataset: datasets.Dataset,
    configs: Sequence[ConfigDict],
    scored: Sequence[Row],
    perfect: Row,
    main_metric: Metric,
) -> None:
    first_seed = {config.objective.name: _folder(workdir, config) for config in reversed(configs)}
    folders = {config.objective.name: first_seed[config.objective.name] for config in configs}
    pictures = {name: dict(np.load(folder / "samples.npz")) for name, folder in folders.items()}
    plots.samples(workdir / "samples.png", dataset, pictures)
    by_steps = {name: {n: _mean(scored, name, n, main_metric.name)[0] for n in _steps(scored)} for name in folders}
    plots.curves(
        workdir / "curves.png",
        {name: logs.read(folder) for name, folder in folders.items()},
        by_steps,
        metric=main_metric.title,
        floor=perfect[main_metric.name],
    )


def _steps(rows: Sequence[Row]) -> list[int]:
    return list(dict.fromkeys(row["N"] for row in rows))


def _mean(rows: Sequence[Row], objective: str, steps: int, metric: str) -> tuple[float, float | None]:
    """Mean over seeds and its standard error; None for one seed."""
    values = [row[metric] for row in rows if row["objective"] == objective and row["N"] == steps]
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return float(np.mean(values)), error


def _number(mean: float, error: float | None = None) -> str:
    return f"{mean:.4g}" if error is None else f"{mean:.4g} ± {error:.1g}"


def _by_steps(rows: Sequence[Row], perfect: Row, metric: Metric) -> tuple[list[str], list[list[str]]]:
    """Header and body of the table objective x N of one metric, the best of each column in bold."""
    objectives, steps = list(dict.fromkeys(row["objective"] for row in rows)), _steps(rows)
    cells = {(o, n): _mean(rows, o, n, metric.name) for o in objectives for n in steps}
    pick = min if metric.less_is_better else max
    best = {n: pick(objectives, key=lambda o, n=n: cells[o, n][0]) for n in steps}
    body = [
        [o, *(f"**{_number(*cells[o, n])}**" if best[n] == o else _number(*cells[o, n]) for n in steps)]
        for o in objectives
    ]
    body.append([PERFECT, *([_number(perfect[metric.name])] * len(steps))])
    return ["objective", *(f"N = {n}" for n in steps)], body


def _markdown(
    config: ConfigDict,
    configs: Sequence[ConfigDict],
    rows: Sequence[Row],
    perfect: Row,
    metrics: Sequence[Metric],
    budget: str,
    seconds: float,
) -> str:
    network, training = config.network, config.training
    seeds = sorted({run.seed for run in configs})
    equal = {
        "evaluations": "equal numbers of network evaluations (forward-pass equivalents)",
        "steps": "equal numbers of training steps",
    }[budget]
    parts = [
        f"# {config.dataset}: {len({run.objective.name for run in configs})} objectives, {equal}",
        f"Network: MLP of width {network.width} and depth {network.depth}; batch {training.batch_size}; "
        f"{training.optimizer}, learning rate {training.learning_rate:g}, {training.schedule}; seeds {seeds}; "
        f"{config.evaluation.samples} samples per cell. Best of each column in bold; after ± the standard error over seeds.",
    ]
    for metric in metrics:
        better = "less" if metric.less_is_better else "more"
        parts.append(f"## {metric.title} ({better} is better)\n\n{tables.markdown(*_by_steps(rows, perfect, metric))}")
    body = []
    for run in configs:
        if run.seed != configs[0].seed:
            continue
        objective = settings.objective_of(run)
        row = next(row for row in rows if row["objective"] == run.objective.name and row["seed"] == run.seed)
        body.append(
            [
                run.objective.name,
                ", ".join(f"{term.name} {term.share:g}" for term in objective.terms),
                objective.sampler,
                f"{objective.cost:g}",
                run.training.steps,
                f"{row['evaluations']:.3g}",
                f"{row['train_seconds']:.0f}",
            ]
        )
    header = ["objective", "terms (share of the batch)", "sampler", "cost", "steps", "evaluations", "seconds"]
    parts.append(f"## What each one got (seed {configs[0].seed})\n\n" + tables.markdown(header, body))
    # Kilobytes on Linux, bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    parts.append(
        f"Cost is in forward-pass equivalents per example. This command: {seconds:.0f} s, peak memory {peak:.2f} GB, "
        f"{jax.local_device_count()} x {jax.devices()[0].device_kind}."
    )
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    CONFIG = command_flags.define_config()
    WORKDIR = flags.DEFINE_string("workdir", None, "folder of the comparison; the same folder continues it")
    OBJECTIVES = flags.DEFINE_list("objectives", None, "comma-separated objectives")
    SEEDS = flags.DEFINE_list("seeds", ["0"], "comma-separated seeds")
    BUDGET = flags.DEFINE_string("budget", "evaluations", f"what is equal for all: {' or '.join(BUDGETS)}")

    def main() -> None:
        """Runs the command."""
        try:
            seeds = [int(seed) for seed in SEEDS.value]
        except ValueError as error:
            raise UsageError(f"--seeds={','.join(SEEDS.value)}; expected whole numbers such as 0,1,2") from error
        config = command_flags.frozen(CONFIG.value)
        workdir = Path(WORKDIR.value)
        print(compare(config, OBJECTIVES.value, seeds, BUDGET.value, workdir))
        print(f"written: {workdir}/comparison.csv, comparison.md, comparison.tex, samples.png, curves.png")

    errors.run(main, flags_parser=lambda argv: command_flags.parse(argv, required=("config", "objectives", "workdir")))
