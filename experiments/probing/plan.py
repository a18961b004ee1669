"""What is probed: methods with their options, checked before anything is compiled or written."""

from collections.abc import Sequence
import math
from typing import NamedTuple

from ml_collections import ConfigDict

from experiments import limits, settings
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError
from experiments.probing import gradients
from experiments.probing.gradients import Sizes
from experiments.sampling.trained import Trained
from experiments.settings import chosen_data
from experiments.settings.option_sets import OptionSet
from experiments.training import checks
from experiments.training.dispatch import make_step
from experiments.training.step import Step
from experiments.training.teachers import load_teacher
from models.flow_map_model import count_parameters
from objectives.objective import Objective


class Probed(NamedTuple):
    """A method that is probed.

    Attributes:
      label: its name in tables.
      config: its configuration.
      objective: what it minimizes.
      step: the fixed parts of its training step; None at the exact map.
    """

    label: str
    config: ConfigDict
    objective: Objective
    step: Step | None


def check(sizes: Sizes, *, progress: float | None) -> None:
    """Checks the numbers of the command line; UsageError names the one that cannot be used."""
    # One batch alone has no error.
    limits.check_count("batches", sizes.batches, least=2, most=limits.REPEATS)
    limits.check_count("examples", sizes.examples, most=limits.AT_ONCE)
    limits.check_seed("seed", sizes.seed)
    if progress is not None:
        limits.check_number("progress", progress, least=0, most=1)


def of_run(run: Trained, sets: Sequence[OptionSet], sizes: Sizes, *, teacher: str = "") -> list[Probed]:
    """The methods to probe at the weights of a run, checked.

    Args:
      run: the trained run.
      sets: methods with their options.
      sizes: how much is drawn.
      teacher: for methods that distil one; "" for that of their configuration.

    Returns:
      one for each.

    Raises:
      UsageError: on a method without the teacher that it needs, or one that trains a part that this network lacks.
    """
    numbers = sizes.batches * count_parameters(run.params)
    limits.check_memory(f"--batches={sizes.batches} gradients of a network of this size", 4 * numbers)
    found = []
    for label, given in sets:
        config, objective = ConfigDict(given.to_dict()), settings.objective_of(given)
        config.teacher = (teacher or given.teacher) if objective.needs_teacher else ""
        if objective.needs_teacher and not config.teacher:
            raise UsageError(
                f"{label} distils a teacher and none is given; add --teacher=exact, or the folder of a run"
            )
        for needed, there, what in (
            (objective.learns_weight, run.model.variance, "a learned weight"),
            (objective.needs_auxiliary, run.model.auxiliary, "a second network"),
        ):
            if needed and there is None:
                raise UsageError(
                    f"{label} trains {what}, which a run of {run.name} has not; take a run of {config.objective.name}"
                )
        count = math.prod(run.dataset.shape)
        asked, read = (each.told and each.told.size(count) for each in (objective, run.objective))
        if asked != read:
            raise UsageError(
                f"{label} tells the network {asked or 'no'} numbers beside times and point, and a run of {run.name} "
                f"was told {read or 'none'}; take a run of {config.objective.name}"
            )
        _check(label, config, objective, sizes, run.dataset)
        try:
            loaded = load_teacher(config, run.dataset)
        except UsageError as error:
            # There it is a field of a configuration, here an option.
            raise UsageError(str(error).replace("--config.teacher", "--teacher")) from error
        step = make_step(config, run.model, objective, run.dataset, run.interpolant, devices=1, teacher=loaded)
        found.append(Probed(label, config, objective, step))
    if teacher and not any(one.objective.needs_teacher for one in found):
        raise UsageError(f"--teacher={teacher}, and none of the methods distils one; drop it")
    return found


def of_exact_map(config: ConfigDict, sets: Sequence[OptionSet], sizes: Sizes) -> tuple[Dataset, list[Probed]]:
    """The methods to probe at the exact map, checked.

    Args:
      config: for data and path.
      sets: methods with their options.
      sizes: how much is drawn.

    Returns:
      (the data set, one for each method).

    Raises:
      UsageError: if the data set has no exact velocity, or the network would be class-conditional.
    """
    dataset = chosen_data.load(config)
    dataset.check_noise(use="--exact")
    if dataset.exact_flow is None:
        raise UsageError(f"--exact: data set {dataset.name} has no exact velocity; take one that has, or --workdir=RUN")
    if dataset.exact_path(settings.interpolant_of(config)).until < 1:
        raise UsageError(
            f"--exact: data set {dataset.name} is points, at which the paths of the exact velocity run together; take "
            "data with a density such as checkerboard, or --workdir=RUN"
        )
    if config.network.conditional:
        raise UsageError("--exact is the map of all classes; take --config.network.conditional=False")
    if config.network.observed:
        raise UsageError(
            f"--exact is the map of all data, and this one of some (--config.network.observed="
            f"{config.network.observed}); drop it, or take --workdir=RUN"
        )
    found = []
    for label, given in sets:
        run, objective = ConfigDict(given.to_dict()), settings.objective_of(given)
        run.teacher = "exact" if objective.needs_teacher else ""
        if objective.told is not None:
            raise UsageError(
                f"--exact: {label} is told {objective.told.what}, and its exact map is another one for each; take "
                "--workdir=RUN"
            )
        _check(label, run, objective, sizes, dataset)
        found.append(Probed(label, run, objective, None))
    return dataset, found


def _check(label: str, config: ConfigDict, objective: Objective, sizes: Sizes, dataset: Dataset) -> None:
    limits.check_memory(f"--examples={sizes.examples} of {dataset.name}", sizes.examples * math.prod(dataset.shape))
    checks.check(config, devices=1)
    for term in objective.terms:
        if not gradients.divides(term, sizes):
            raise UsageError(
                f"--examples={sizes.examples}: {label} compares {term.group} examples; expected a multiple of that"
            )
