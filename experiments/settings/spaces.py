"""What can be trained on a curved space, and the line that refuses the rest."""

from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError
from objectives.build import OBJECTIVES
from objectives.objective import Objective


def check(objective: Objective, *, output: str, dataset: Dataset, method: str) -> None:
    """Checks that an objective trains on the space of a data set.

    Args:
      objective: what is minimized.
      output: what the network's output means.
      dataset: the data set.
      method: name of the method, for messages.

    Raises:
      UsageError: on a curved space, for a method that knows of flat space alone, a pool or another output.
    """
    if not dataset.space.curved:
        return
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
