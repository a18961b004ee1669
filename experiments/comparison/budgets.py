"""Equal budgets: the number of training steps of each objective, and the checked runs of a comparison."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
from ml_collections import ConfigDict

from experiments import errors, limits, settings
from experiments.errors import UsageError
from experiments.settings import option_sets
from experiments.training import checks

BUDGETS = ("evaluations", "steps")


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


class Run(NamedTuple):
    """One training of a comparison.

    Attributes:
      label: of its method and options, in tables and pictures.
      folder: below that of the comparison.
      config: the configuration.
    """

    label: str
    folder: Path
    config: ConfigDict


def plan(config: ConfigDict, objectives: Sequence[str], seeds: Sequence[int], budget: str) -> list[Run]:
    """All runs, checked before the first one starts.

    Args:
      config: the common configuration.
      objectives: methods, each with options of its own or without, see ``option_sets``; or "all" alone.
      seeds: seeds.
      budget: see ``steps_within``.

    Returns:
      one run per method or option set, and seed.

    Raises:
      UsageError: on anything that would stop a run.
    """
    if budget not in BUDGETS:
        raise UsageError(f"--budget={budget}; {errors.nearest(budget, BUDGETS)}")
    limits.check_seeds(seeds)
    if config.objective.characterization:
        raise UsageError(
            f"--config.objective.characterization={config.objective.characterization} with compare, which takes "
            "methods by name; train the combination with experiments.train and score it with experiments.evaluate"
        )
    runs = []
    for chosen in option_sets.chosen(config, objectives):
        for seed in seeds:
            run = ConfigDict(chosen.config.to_dict())
            run.seed = seed
            if not settings.objective_of(run).needs_teacher:
                run.teacher = ""
            run.training.steps = steps_within(run, config, budget)
            checks.check(run, devices=jax.local_device_count())
            runs.append(Run(chosen.label, Path(chosen.folder) / f"seed_{seed}", run))
    return runs
