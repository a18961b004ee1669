"""Another run that a run names, as its teacher or its start: found, and trained on the same data."""

from pathlib import Path

from ml_collections import ConfigDict
import numpy as np

from experiments import datasets, paths
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError
from experiments.sampling.trained import Trained
from experiments.settings import couplings
from experiments.training import records, runs


def load(
    name: str, config: ConfigDict, dataset: Dataset, *, option: str, role: str, ema: float | None = None
) -> Trained:
    """A trained run that another one names.

    Args:
      name: its folder, as the user wrote it.
      config: the configuration of the run that names it.
      dataset: the data set of that.
      option: the option that names it, such as "--config.teacher".
      role: what it is to that run, such as "teacher".
      ema: decay of the average of the weights, 0 for the raw ones; by default the one of its evaluation.

    Returns:
      the trained run.

    Raises:
      UsageError: if the folder holds no trained run on the same data set and interpolant, or with other labels.
    """
    workdir = paths.of_user(name, name=option)
    try:
        found = runs.load_trained(workdir, ema=ema)
    except UsageError as error:
        raise UsageError(f"{option}={name}: {error}") from error
    if role == "teacher" and found.objective.told is not None:
        raise UsageError(
            f"{option}={name} is a map that is told {found.objective.told.what}, and a teacher is a velocity of time "
            "and point; name a run of another method"
        )
    for field, theirs, own in (
        ("dataset", *_addresses(found, workdir, config)),
        ("interpolant", found.config.interpolant, config.interpolant),
        *((f"training.{name}", found.config.training[name], config.training[name]) for name in couplings.DEFAULTS),
        ("network.conditional", found.config.network.conditional, config.network.conditional),
        ("network.observed", found.config.network.observed, config.network.observed),
    ):
        if theirs != own:
            raise UsageError(
                f"{role} {workdir} was trained with {field} = {theirs}, this run has {own}; expected the same: choose "
                f"another {option}"
            )
    if not np.array_equal(*(np.zeros(1) if x.centre is None else x.centre for x in (found.dataset, dataset))):
        raise UsageError(
            f"{role} {workdir} was trained by a version that did not centre data, this run is new; expected the same: "
            f"train the {role} again"
        )
    return found


def _addresses(other: Trained, workdir: Path, config: ConfigDict) -> tuple[str, str]:
    """The data sets of both runs, as places if they are written differently."""
    if other.config.dataset == config.dataset:
        return config.dataset, config.dataset
    known = records.read(workdir).get("data")
    return known["address"] if known else other.config.dataset, datasets.absolute(config.dataset)
