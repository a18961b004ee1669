"""The variance of the gradients of all rows of a suite, on the trained weights of one of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ml_collections import ConfigDict

from experiments import settings
from experiments.ablations.claims import VARIANCE
from experiments.ablations.plan import Planned
from experiments.errors import UsageError
from experiments.probing import plan, probe
from experiments.settings.option_sets import OptionSet
from experiments.training.runs import load_trained


def check(planned: Planned) -> None:
    """Checks, before anything is trained, that all rows of a suite with a probe can take the weights of one of them.

    Args:
      planned: the suite and its runs.

    Raises:
      UsageError: on a row with another network, or one that trains a part which the named row has not.
    """
    configs = {run.label: run.config for run in planned.runs}
    if not planned.suite.probe:
        return
    weights = _network(configs[planned.suite.probe])
    for label, config in configs.items():
        own = _network(config)
        if differing := [name for name in weights if own[name] != weights[name]]:
            raise UsageError(
                f"suite {planned.suite.name} has a probe on row {planned.suite.probe}, and row {label} has another "
                f"{differing[0]}; expected one network for all"
            )


def _network(config: ConfigDict) -> dict[str, object]:
    """What must be alike where rows take each other's weights."""
    objective = settings.objective_of(config)
    parts = {"learned weight": objective.learns_weight, "second network": objective.needs_auxiliary}
    fields = {f"network.{name}": value for name, value in settings.fields(config.network).items()}
    return {**fields, **parts, "network.output": config.network.output or objective.output}


def variances(
    planned: Planned, scored: Mapping[Path, Sequence[Mapping[str, object]]], workdir: Path
) -> dict[tuple[str, int], float | None]:
    """Measures, for each seed, the gradients of all rows on the weights of the row that the suite names.

    Args:
      planned: a checked suite with a probe, and its runs, which are trained.
      scored: {folder of a run: its rows}.
      workdir: the folder that their folders are below.

    Returns:
      {(label, seed): variance of one example's gradient}; None where the named row has diverged.
    """
    found: dict[tuple[str, int], float | None] = {(run.label, run.config.seed): None for run in planned.runs}
    for label, folder, config in planned.runs:
        if label != planned.suite.probe or any(row["note"] for row in scored[folder]):
            continue
        sets = [OptionSet(run.label, run.config) for run in planned.runs if run.config.seed == config.seed]
        trained, sizes = load_trained(workdir / folder), probe.DEFAULT._replace(seed=config.seed)
        measured = probe.at_weights(trained, plan.of_run(trained, sets, sizes), sizes)
        found |= {(row["label"], config.seed): row[VARIANCE] for row in measured["objectives"]}
    return found
