"""What the command does: lists suites, says what would be run, runs it, and prints the page of committed results."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ml_collections import ConfigDict

from experiments import datasets, files, settings
from experiments.ablations import probes, report, results, table
from experiments.ablations.plan import Planned, unshared
from experiments.ablations.suite import SCALES, TRAINED
from experiments.comparison import scored
from experiments.comparison.budgets import Run
from experiments.comparison.report import Row
from experiments.errors import UsageError
from experiments.training import runs


def described(planned: Sequence[Planned]) -> str:
    """What would be run.

    Args:
      planned: the suites and their runs.

    Returns:
      text: for each suite its runs, then their number without those that are shared, and about how long they take.
    """
    lines = []
    for suite, own, short, _ in planned:
        begun = {row.label: f" from `{row.start}`" for row in suite.rows if row.start}
        lines.append(f"{suite.name} ({suite.scale}{', short' if short else ''}): {suite.title}")
        seed = own[0].config.seed
        for label, folder, config in own:
            if config.seed == seed:
                method = config.objective.name + begun.get(label, "")
                lines.append(f"  {label}: {config.training.steps} steps of {method}, {folder.parent}")
        outside = {run.config.dataset for run in own if not datasets.is_built_in(run.config.dataset)}
        lines += [f"  data: {name} (--dataset)" for name in sorted(outside)]
        if any(run.config.teacher == TRAINED for run in own):
            lines.append("  teacher: a trained run (--teacher)")
    for scale in SCALES:
        of_scale = [each for each in planned if each.suite.scale == scale]
        lines += [_cost(of_scale, scale)] if of_scale else []
    return "\n".join(lines)


def _cost(planned: Sequence[Planned], scale: str) -> str:
    """How many runs there are at a scale, and about how long they take."""
    needed = unshared(planned)
    evaluations = sum(
        settings.objective_of(run.config).cost * run.config.training.batch_size * run.config.training.steps
        for run in needed
    )
    total = sum(len(each.runs) for each in planned)
    shared = f" ({total} with those that suites share)" if total > len(needed) else ""
    text = f"{scale}: {len(needed)} runs{shared}, {evaluations:.3g} network evaluations: "
    _, per_second, seconds, memory = SCALES[scale]
    if per_second is None:
        return text + "for a GPU; time and memory are not known, since this project has not run them"
    minutes = (evaluations / per_second + seconds * len(needed)) / 60
    return text + f"about {minutes:.0f} minutes on two CPU cores, and {memory} of memory"


def run(planned: Sequence[Planned], workdir: Path) -> str:
    """Trains, scores and judges; finished runs are not done again.

    Args:
      planned: the suites and their runs.
      workdir: folder of the runs.

    Returns:
      the overview, and where the rest is.

    Raises:
      UsageError: on a folder that cannot be written, or one with results of other suites under the same names.
    """
    for each in planned:
        if any(run.config.teacher == TRAINED for run in each.runs):
            raise UsageError(
                f"suite {each.suite.name} distils a trained run and none is given; train flow_matching with the same "
                "configuration, and pass its folder: --teacher=WORKDIR"
            )
        scored.check(each.runs)
        probes.check(each)
    runs.check_writable(workdir)
    done: dict[Path, list[Row]] = {}
    found = []
    for each in planned:
        for one in each.runs:
            if one.folder not in done:
                done[one.folder] = _rows(one, each.starts.get(one.folder), workdir, done)
        variances = probes.variances(each, done, workdir) if each.suite.probe else None
        found.append(results.collect(each, done, variances))
        folder = workdir / each.suite.name
        folder.mkdir(exist_ok=True)
        report.write(folder, found[-1])
    text = report.overview(found)
    files.write_text(workdir / "overview.md", f"{text}\n")
    return f"{text}\n\nEach suite, with its picture: {workdir}/SUITE/ablation.md"


def _rows(one: Run, start: Path | None, workdir: Path, done: Mapping[Path, Sequence[Row]]) -> list[Row]:
    """Trains and scores a run; one that begins with the weights of another has spent the evaluations of both."""
    if start is None:
        return scored.rows_of([one], workdir)
    config = ConfigDict(one.config.to_dict())
    config.training.start_from = str(workdir / start)
    before = done[start][0]["evaluations"]
    return [
        {**row, "evaluations": row["evaluations"] + before} if row["N"] else row
        for row in scored.rows_of([one._replace(config=config)], workdir)
    ]


def page_of(folder: Path) -> str:
    """The page of the csv files in a folder, named after their suites.

    Args:
      folder: it.

    Returns:
      markdown.

    Raises:
      UsageError: if it holds none, or one of no suite.
    """
    found = {path.stem: path for path in sorted(folder.glob("*.csv"))}
    if not found:
        raise UsageError(f"--page={folder} holds no csv file; expected those of experiments.ablate, named SUITE.csv")
    if unknown := [name for name in found if name not in table.SUITES]:
        raise UsageError(f"--page={folder}: {unknown[0]}.csv is of no suite; expected one of {', '.join(table.SUITES)}")
    # In the order of the table.
    suites = [suite for name, suite in table.SUITES.items() if name in found]
    missing = [suite for suite in table.ALL if suite not in suites]
    return report.page([results.read(found[suite.name], suite) for suite in suites], folder, missing=missing)
