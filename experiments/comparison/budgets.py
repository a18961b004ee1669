"""Equal budgets: the number of training steps of each objective, and the checked configurations of a comparison."""

from collections.abc import Sequence

import jax
from ml_collections import ConfigDict

from experiments import errors, limits, settings
from experiments.errors import UsageError
from experiments.training import checks
from objectives.build import OBJECTIVES

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


def plan(config: ConfigDict, objectives: Sequence[str], seeds: Sequence[int], budget: str) -> list[ConfigDict]:
    """The configurations of all runs, checked before the first one starts.

    Args:
      config: the common configuration.
      objectives: names of objectives, or "all" alone.
      seeds: seeds.
      budget: see ``steps_within``.

    Returns:
      one configuration per objective and seed.

    Raises:
      UsageError: on anything that would stop a run.
    """
    if budget not in BUDGETS:
        raise UsageError(f"--budget={budget}; {errors.nearest(budget, BUDGETS)}")
    if not seeds or len(set(seeds)) != len(seeds):
        raise UsageError(f"--seeds={','.join(map(str, seeds))}; expected at least one, each named once")
    for seed in seeds:
        limits.check_seed("seeds", seed)
    if config.objective.characterization:
        raise UsageError(
            f"--config.objective.characterization={config.objective.characterization} with compare, which takes "
            "methods by name; train the combination with experiments.train and score it with experiments.evaluate"
        )
    objectives = errors.choose("objectives", objectives, OBJECTIVES)
    configs = []
    for objective in objectives:
        for seed in seeds:
            run = settings.with_objective(config, objective)
            run.seed = seed
            if not settings.objective_of(run).needs_teacher:
                run.teacher = ""
            run.training.steps = steps_within(run, config, budget)
            checks.check(run, devices=jax.local_device_count())
            configs.append(run)
    return configs
