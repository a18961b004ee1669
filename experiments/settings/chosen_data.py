"""The data of a run as a configuration says it: the data set, where paths begin, and what the network is told of it."""

from ml_collections import ConfigDict

from experiments import datasets
from experiments.datasets import observed
from experiments.datasets.couplings import INDEPENDENT
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError
from experiments.settings import couplings
from objectives.objective import Objective


def check(config: ConfigDict, objective: Objective, *, label: str) -> None:
    """Checks what can be checked before data are loaded.

    Args:
      config: the configuration.
      objective: what it trains.
      label: the name of that.

    Raises:
      UsageError: on a coupling or an observation that is none, or under which something else is unsound.
    """
    couplings.check(config, objective, label=label)
    name = config.network.observed
    if not name:
        return
    observed.check(name)
    option = f"--config.network.observed={name}"
    if config.network.conditional:
        raise UsageError(f"{option} with --config.network.conditional=True; expected one of the two")
    if objective.told is not None:
        raise UsageError(
            f"{option}: {label} is a map that is told {objective.told.what}, and a network reads one vector; drop it, "
            "or choose another objective such as lsd"
        )
    if any(term.pool or term.group > 1 for term in objective.terms):
        raise UsageError(
            f"{option}: objective {label} compares examples with each other, of which something else was observed; "
            "choose one that takes each example alone, such as lsd"
        )
    if config.training.coupling != INDEPENDENT:
        raise UsageError(
            f"{option} with --config.training.coupling={config.training.coupling}: the starts that go with one "
            "observation would not be all starts, from which it is sampled; expected one of the two"
        )


def load(config: ConfigDict) -> Dataset:
    """The data set of a checked configuration; UsageError as ``applied``."""
    return applied(config, datasets.load(config.dataset))


def applied(config: ConfigDict, dataset: Dataset, *, source: Dataset | None = None) -> Dataset:
    """The data set with the start that a configuration names, and with what the network is conditioned on.

    Args:
      config: a checked configuration.
      dataset: its data set.
      source: the source, if it is loaded already.

    Returns:
      the data set.

    Raises:
      UsageError: if both sides of a coupling do not fit, or the data have no such observation.
    """
    return observed.applied(couplings.applied(config, dataset, source=source), config.network.observed)
