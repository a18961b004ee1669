"""What a configuration names beside its numbers: the data, the teacher, the model, and where the weights begin."""

from pathlib import Path
from typing import NamedTuple

from ml_collections import ConfigDict

from experiments import datasets, settings
from experiments.datasets import host
from experiments.datasets import record as data_record
from experiments.datasets.dataset import Dataset
from experiments.settings import chosen_data, networks
from experiments.settings.guidance import Teacher
from experiments.training import records
from experiments.training.starts import load_start
from experiments.training.teachers import load_teacher
from models.flow_map_model import FlowMapModel, Params


class Parts(NamedTuple):
    """The parts of a run.

    Attributes:
      dataset: the data set.
      teacher: the teacher, or None.
      model: the model.
      start: {part of the model: weights} to start with, None for fresh ones.
    """

    dataset: Dataset
    teacher: Teacher | None
    model: FlowMapModel
    start: Params | None


def load_parts(config: ConfigDict, workdir: Path | None = None) -> Parts:
    """The parts of a run, checked: a fault shows before anything is written.

    Args:
      config: a checked configuration.
      workdir: the run's folder; a run that was begun there by a version that did not centre data continues so, and one
        with a checkpoint has its weights there.

    Returns:
      the parts.

    Raises:
      UsageError: as they do.
    """
    begun = workdir is not None and (workdir / "config.json").exists()
    centred = not begun or data_record.is_centred(records.read(workdir).get("data"))
    dataset = datasets.load(config.dataset, centred=centred)
    if config.training.data == "host":
        host.check(dataset)
    else:
        dataset.check_sample()
    dataset = chosen_data.applied(config, dataset)
    model = networks.build(config, settings.objective_of(config), dataset)
    has_weights = begun and any((workdir / "checkpoints").glob("[0-9]*"))
    start = None if has_weights else load_start(config, model, dataset)
    return Parts(dataset, load_teacher(config, dataset), model, start)
