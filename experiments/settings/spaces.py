"""What can be trained on a curved space and on categories, and the line that refuses the rest."""

from ml_collections import ConfigDict

from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError
from objectives.build import OBJECTIVES
from objectives.objective import Objective
from taxonomy import catalogue

CURVED = "riemannian"  # family of the methods that are made for curved spaces


def methods_of(dataset: Dataset) -> list[str]:
    """Every method that is made for data of this kind: what ``all`` stands for.

    Args:
      dataset: the data set.

    Returns:
      on a curved space the methods of curved spaces; on flat space all others, but those of categories on categories
      alone. Off their spaces the methods of curved ones are the flat rules again.
    """
    methods = {name: method() for name, method in OBJECTIVES.items()}
    if dataset.space.curved:
        return [name for name, objective in methods.items() if objective.on_spaces]
    curved = [name for name in methods if catalogue.family_of(name) == CURVED]
    return [
        name
        for name, objective in methods.items()
        if name not in curved and (dataset.categories or not objective.categorical)
    ]


def check(objective: Objective, *, output: str, dataset: Dataset, config: ConfigDict) -> None:
    """Checks that an objective trains on the space of a data set, or on its categories.

    Args:
      objective: what is minimized.
      output: what the network's output means.
      dataset: the data set.
      config: names the method and the interpolant.

    Raises:
      UsageError: on a curved space, for a method that knows of flat space alone, a pool or another output; for a method
        of categories, on other data or another output; for a distribution as the output, on another path.
    """
    method = config.objective.name
    if objective.categorical and not dataset.categories:
        raise UsageError(
            f"objective {method} compares distributions over categories, and data set {dataset.name} has none; take "
            "--config.dataset=words or categories, or an objective such as lsd"
        )
    if objective.categorical and output != "denoiser":
        raise UsageError(f"objective {method} trains a mean denoiser; leave out --config.network.output={output}")
    if dataset.categories and output == "denoiser" and config.interpolant != "linear":
        raise UsageError(
            f"--config.interpolant={config.interpolant}: only on the linear path is the mean denoiser of data set "
            f"{dataset.name} a distribution; leave it out, or take --config.network.output=velocity"
        )
    if dataset.space.curved:
        _check_curved(objective, output=output, dataset=dataset, method=method)


def _check_curved(objective: Objective, *, output: str, dataset: Dataset, method: str) -> None:
    where = f"data set {dataset.name} lies on {dataset.space.name}"
    if not objective.on_spaces:
        known = ", ".join(name for name, method in OBJECTIVES.items() if method().on_spaces)
        raise UsageError(f"{where}, and {method} moves points along straight lines; expected one of {known}")
    if any(term.pool for term in objective.terms):
        raise UsageError(f"{where}, and a pooled velocity averages along straight lines; take velocity=sample")
    if output != "velocity":
        raise UsageError(
            f"{where}, and a network there predicts velocities; leave out --config.network.output={output}"
        )
