"""Recipes side by side: the score of their maps over seconds of training and over network evaluations.

A schedule that ends at zero is at its best at its end. So each recipe is trained for several lengths of time, each a
run of its own whose schedule ends there, and every evaluation of every run is a score that was reached by then.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
import statistics
from typing import Any

import jax
from ml_collections import ConfigDict

from experiments import limits, settings
from experiments.benchmarking.timing import in_loop
from experiments.errors import DivergedError, NotTrainedError, UsageError
from experiments.evaluation import monitor
from experiments.reporting import findings, machine
from experiments.settings import files as config_files
from experiments.settings import networks
from experiments.training import checks, logs, runs
from experiments.training.loop import train

RECIPES = (
    "experiments/configs/checkerboard.py:lsd,recipe",
    "experiments/configs/checkerboard.py:lsd,two_core_paper",
)
DISPATCHES = 16  # of the run that finds the time of a step; a few differ by a quarter
LONGEST = 7 * 24 * 3600  # seconds

Row = dict[str, Any]


def plan(
    recipes: Sequence[str], *, seconds: Sequence[float], seeds: Sequence[int], points: int
) -> dict[str, ConfigDict]:
    """The configuration of each recipe, checked before anything is trained.

    Args:
      recipes: configurations, such as "experiments/configs/checkerboard.py:lsd".
      seconds: lengths of training.
      seeds: seeds.
      points: evaluations of a run.

    Returns:
      {recipe as it was named: configuration}.

    Raises:
      UsageError: on a configuration that cannot be trained, recipes of several data sets, or a number out of range.
    """
    limits.check_count("points", points, most=limits.REPEATS)
    if not recipes or len(set(recipes)) < len(recipes):
        raise UsageError(f"--recipe={' --recipe='.join(recipes)}; expected at least one, each named once")
    if not seconds or any(not 0 < length <= LONGEST for length in seconds):
        shown = ",".join(map(str, seconds))
        raise UsageError(f"--seconds={shown}; expected lengths of training up to {LONGEST:,} s, such as 15,60")
    limits.check_seeds(seeds)
    planned = {}
    for recipe in recipes:
        config = config_files.load(recipe)
        config.evaluation.steps = (1,)
        checks.check(config, devices=jax.local_device_count())
        planned[recipe] = config
    if len(found := {config.dataset for config in planned.values()}) > 1:
        raise UsageError(f"--recipe names several data sets ({', '.join(sorted(found))}); expected one")
    return planned


def measure(
    planned: Mapping[str, ConfigDict],
    workdir: Path,
    *,
    seconds: Sequence[float],
    seeds: Sequence[int],
    points: int,
) -> dict[str, Any]:
    """Trains every recipe for every length and seed, with scores on the way; a second call continues.

    Args:
      planned: what ``plan`` returned.
      workdir: the folder of the runs.
      seconds: lengths of training.
      seeds: seeds.
      points: evaluations of a run.

    Returns:
      the content of ``time_to_quality.json``.
    """
    rows, recipes = [], {}
    for number, (recipe, config) in enumerate(planned.items()):
        folders = {
            (length, seed): workdir / f"recipe_{number}" / f"{length:g}s_seed_{seed}"
            for length in seconds
            for seed in seeds
        }
        begun = {key for key, folder in folders.items() if (folder / "config.json").exists()}
        # A run that was begun keeps its number of steps, whatever a step takes today.
        step = None if len(begun) == len(folders) else _seconds_of_a_step(config, recipe)
        for (length, seed), folder in folders.items():
            run = runs.read_config(folder) if (length, seed) in begun else lasting(config, length / step, seed, points)
            name = f"{config.objective.name}, {length:g} s, seed {seed}"
            try:
                train(run, folder, label=name, evaluate=monitor.evaluate_on_the_way)
            except (DivergedError, NotTrainedError) as error:
                # A divergence is a result; what was reached before counts.
                findings.warn(f"{name}, diverged: {error}")
            rows += [{"recipe": recipe, "length": length, "seed": seed, **row} for row in reached(run, folder)]
            jax.clear_caches()
        recipes[recipe] = {
            "network": networks.described(config.network),
            **{name: config.training[name] for name in ("optimizer", "learning_rate", "batch_size")},
        }
    return {"machine": machine.record(), "dataset": config.dataset, "recipes": recipes, "rows": rows}


def _seconds_of_a_step(config: ConfigDict, recipe: str) -> float:
    loop = in_loop(config, dispatches=DISPATCHES, step=1e-9)
    if loop is None:
        raise DivergedError(f"--recipe={recipe} diverged in its first {DISPATCHES} dispatches; lower its learning rate")
    return loop.step


def lasting(config: ConfigDict, steps: float, seed: int, points: int) -> ConfigDict:
    """A configuration of about so many steps, at whose end it is evaluated.

    Args:
      config: the recipe.
      steps: about as many as it trains for, to a multiple of its dispatches.
      seed: its seed.
      points: about as many evaluations, at equal distances.

    Returns:
      the configuration.
    """
    run, chunk = ConfigDict(config.to_dict()), config.training.steps_per_dispatch
    apart = max(1, round(steps / chunk / points))
    # The first dispatch compiles and is not timed.
    run.training.steps = max(2, round(steps / chunk / apart)) * apart * chunk
    run.training.evaluate_every = apart * chunk
    run.training.checkpoint_every = run.training.steps
    run.seed = seed
    return run


def reached(config: ConfigDict, workdir: Path) -> list[Row]:
    """The scores of a run with what had been spent by then; the time of evaluations is not part of it.

    Args:
      config: its configuration.
      workdir: its folder.

    Returns:
      rows of step, seconds, evaluations (counted forward-pass equivalents) and score.
    """
    spent = {line["step"]: line["seconds"] for line in logs.read(workdir)}
    cost, chunk = settings.objective_of(config).cost * config.training.batch_size, config.training.steps_per_dispatch
    return [
        {
            "step": (step := record["step"]),
            # The first dispatch, which compiles, counts with the time of the others.
            "seconds": spent[step] * step / (step - chunk),
            "evaluations": cost * step,
            "score": monitor.score_of(record),
        }
        for record in monitor.records(workdir, until=config.training.steps)
        if record["step"] > chunk
    ]


def first_below(rows: Sequence[Row], level: float, *, spent: str = "seconds") -> dict[str, list[float | None]]:
    """What each recipe had spent when its score was first as low as a level, one number per seed.

    Args:
      rows: of ``measure``.
      level: the score.
      spent: "seconds" or "evaluations".

    Returns:
      {recipe: smallest number over the lengths, None for a seed that never was}.
    """
    found: dict[str, list[float | None]] = {}
    for recipe, seed in dict.fromkeys((row["recipe"], row["seed"]) for row in rows):
        own = [row for row in rows if (row["recipe"], row["seed"]) == (recipe, seed) and row["score"] <= level]
        found.setdefault(recipe, []).append(min((row[spent] for row in own), default=None))
    return found


def middle(values: Sequence[float | None]) -> float | None:
    """The median, where one that is missing is larger than all others; None where it is missing."""
    value = statistics.median_high(float("inf") if value is None else value for value in values)
    return None if value == float("inf") else value
