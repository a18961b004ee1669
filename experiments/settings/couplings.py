"""Where paths begin, as a configuration says it: the fields ``training.source`` and ``training.coupling``."""

from ml_collections import ConfigDict

from experiments import datasets, limits
from experiments.datasets import couplings
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError, nearest
from objectives.objective import Objective

DEFAULTS = {"source": "", "coupling": couplings.INDEPENDENT, "coupling_group": couplings.GROUP}


def check(config: ConfigDict, objective: Objective, *, label: str) -> None:
    """Checks what can be checked of a coupling before data are loaded.

    Args:
      config: the configuration.
      objective: what it trains.
      label: the name of that.

    Raises:
      UsageError: on an unknown coupling, a group that is none, or a coupling under which something else in the
        configuration is unsound.
    """
    training = config.training
    if training.coupling not in couplings.COUPLINGS:
        raise UsageError(
            f"unknown --config.training.coupling={training.coupling!r}; "
            f"{nearest(training.coupling, couplings.COUPLINGS)}"
        )
    limits.check_count("config.training.coupling_group", training.coupling_group, least=2, most=limits.AT_ONCE)
    transport = training.coupling == couplings.OPTIMAL_TRANSPORT
    if not transport and training.coupling_group != couplings.GROUP:
        raise UsageError(
            f"--config.training.coupling_group={training.coupling_group} changes nothing here; it needs "
            f"--config.training.coupling={couplings.OPTIMAL_TRANSPORT}"
        )
    if is_noise(config):
        return
    how = f"--config.training.source={training.source}" if training.source else ""
    how = how if training.coupling == couplings.INDEPENDENT else f"--config.training.coupling={training.coupling}"
    if objective.needs_noise:
        raise UsageError(
            f"objective {label} uses the law of Gaussian noise that is independent of the data, and {how} has another; "
            "drop it, or choose an objective such as lsd (velocity=sample)"
        )
    if training.coupling != couplings.INDEPENDENT and config.network.conditional:
        raise UsageError(
            f"{how} with --config.network.conditional=True: the starts of one class would not be all starts, from "
            "which it is sampled; expected one of the two"
        )
    if training.coupling != couplings.INDEPENDENT and training.data == "host":
        raise UsageError(f"{how} draws both ends of a pair together, on the device; use --config.training.data=device")


def is_noise(config: ConfigDict) -> bool:
    """Whether paths begin in Gaussian noise that is independent of the data."""
    return not config.training.source and config.training.coupling == couplings.INDEPENDENT


def applied(config: ConfigDict, dataset: Dataset, *, source: Dataset | None = None) -> Dataset:
    """The data set with the start that a configuration names.

    Args:
      config: a checked configuration.
      dataset: its data set.
      source: the source, if it is loaded already.

    Returns:
      the data set.

    Raises:
      UsageError: if the source cannot be loaded, or both sides do not fit; see ``couplings.coupled``.
    """
    training = config.training
    if training.source and source is None:
        source = datasets.load(training.source)
    if source is not None:
        source.check_sample()
    return couplings.coupled(dataset, source, coupling=training.coupling, group=training.coupling_group)
