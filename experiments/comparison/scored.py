"""Trains planned runs and scores them: what a comparison and an ablation have in common."""

from collections.abc import Sequence
import math
from pathlib import Path

import jax
from ml_collections import ConfigDict

from experiments import settings
from experiments.comparison.budgets import Run
from experiments.comparison.report import Row, options_changed
from experiments.datasets import told
from experiments.datasets.dataset import Dataset
from experiments.errors import DivergedError, NotTrainedError
from experiments.evaluation.evaluate import evaluate, known, row_head
from experiments.evaluation.monitor import evaluate_on_the_way
from experiments.evaluation.scoring import metrics_of
from experiments.images import scores as image_scores
from experiments.metrics.map_table import MAP_METRICS
from experiments.reporting import findings
from experiments.sampling import conditioning
from experiments.settings import chosen_data, networks, protocol
from experiments.training.loop import train
from experiments.training.parts import load_parts


def check(planned: Sequence[Run]) -> Dataset:
    """Checks, before anything is written, what runs on one data set would refuse later; tells what its data mean.

    Args:
      planned: the runs, with checked configurations.

    Returns:
      their data set.

    Raises:
      UsageError: as training and evaluation would.
    """
    configs = [run.config for run in planned]
    # All runs have the same teacher, but not each network can begin as the same other run.
    begun = [config for config in configs if config.training.start_from and config.seed == configs[0].seed]
    for config in (configs[0], *[config for config in configs if config.teacher][:1], *begun):
        dataset = load_parts(config).dataset
    # What a later run would refuse, when others are trained.
    for config in configs:
        networks.build(config, settings.objective_of(config), dataset)
    # What only the evaluation after the training would refuse.
    for config in configs:
        sampler = settings.objective_of(config).sampler
        conditioning.check_scale(config, config.evaluation.guidance, sampler=sampler)
    image_scores.check(dataset, protocol.of(configs[0]))
    if said := told.line(dataset):
        print(said)
    return dataset


def rows_of(planned: Sequence[Run], workdir: Path) -> list[Row]:
    """Trains and scores; what is finished is not done again.

    Args:
      planned: the runs.
      workdir: the folder that their folders are below.

    Returns:
      one row for each run and number of steps, under the run's label, with NaN and a note for one that diverged; and
      for each run a last row, without N, for the reference, under its own name.
    """
    rows: list[Row] = []
    for label, place, config in planned:
        folder = workdir / place
        cost = settings.objective_of(config).cost * config.training.batch_size * config.training.steps
        note = ""
        try:
            seconds = train(config, folder, label=f"{label}, seed {config.seed}", evaluate=evaluate_on_the_way).steps
            scored = _known(folder, config) or evaluate(folder)
        except (DivergedError, NotTrainedError) as error:
            # A divergence is a result; the others are still worth comparing.
            findings.warn(f"{label}, seed {config.seed}, diverged: {error}")
            seconds, scored, note = math.nan, _diverged(config), str(error)
        # Perfect samples, without N, are the same for every run and keep their name.
        own = {"evaluations": cost, "train_seconds": round(seconds, 1), "method": config.objective.name, "note": note}
        own["options"] = options_changed(config)
        rows += [{**row, **own} | ({"objective": label} if row["N"] else {}) for row in scored]
        # Programs of tens of runs use up the memory maps that a process may have; those on disk are read again.
        jax.clear_caches()
    return rows


def _known(folder: Path, config: ConfigDict) -> list[Row]:
    """The scores that an earlier call has written with all that pictures are drawn from; none otherwise."""
    if not all((folder / name).exists() for name in ("metrics.csv", "samples.npz", "map.npz")):
        return []
    return known(folder, config, chosen_data.load(config), step=config.training.steps)


def _diverged(config: ConfigDict) -> list[Row]:
    """Rows without a number, of the form that ``evaluate`` gives."""
    names = [metric.name for metric in (*metrics_of(chosen_data.load(config)), *MAP_METRICS)]
    return [{**row_head(config, 0), "N": n, **dict.fromkeys(names, math.nan)} for n in config.evaluation.steps]
