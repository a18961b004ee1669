"""A run's folder: the configuration and the record of the machine, written once and checked at every return."""

from collections.abc import Mapping
import contextlib
import json
import os
from pathlib import Path

from ml_collections import ConfigDict
import numpy as np

from experiments import caches, datasets, files, paths, settings
from experiments.datasets import host
from experiments.datasets import record as data_record
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError
from experiments.sampling.trained import Trained, trained
from experiments.settings import guidance, networks
from experiments.settings import saved as saved_config
from experiments.settings.guidance import Teacher
from experiments.training import checks, records
from experiments.training.checkpoints import Checkpoints
from experiments.training.state import State, initial_state
from models.flow_map_model import Params, bind
from taxonomy.flow_map import diagonal


def _normal(config: ConfigDict) -> dict[str, object]:
    # Overrides of other objectives do not change this run.
    own = {
        name: value for name, value in settings.fields(config).items() if not name.startswith("objective_overrides.")
    }
    # JSON knows no tuples: compare what a file can hold.
    return json.loads(json.dumps(own))


def prepare(workdir: Path, config: ConfigDict, dataset: Dataset, *, devices: int, parameters: int) -> None:
    """Creates a run's folder and writes ``config.json`` and ``run.json``, or checks the one that is there.

    Args:
      workdir: the run's folder; created if needed.
      config: the configuration with all overrides.
      dataset: its data set.
      devices: number of devices that train.
      parameters: number of parameters.

    Raises:
      UsageError: if the folder cannot be written, belongs to a run of another configuration, or to one that was trained
        on other data or by another teacher; nothing is changed.
    """
    path = workdir / "config.json"
    if os.path.lexists(path):
        old, new = _normal(read_config(workdir)), _normal(config)
        differing = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
        if differing:
            shown = "; ".join(f"{name} is {old.get(name)} there, {new.get(name)} here" for name in differing[:4])
            begun = any((workdir / "checkpoints").glob("[0-9]*"))
            remedy = "repeat the options of that run" if begun else "delete it, for it has no checkpoint"
            raise UsageError(
                f"--workdir={workdir} holds a run of another configuration ({shown}); "
                f"use another --workdir, or {remedy}"
            )
        data_record.check(records.read(workdir).get("data"), dataset, where=str(workdir))
        records.check_teachers(workdir, config)
        check_writable(workdir)
        return
    check_writable(workdir)
    if (workdir / "checkpoints").exists():
        raise UsageError(f"--workdir={workdir} has checkpoints but no config.json; use another --workdir")
    record = {
        "format": records.FORMAT,
        "objective": settings.label(config),
        "seed": config.seed,
        "effective_batch": config.training.batch_size,
        "parameters": parameters,
        **records.machine(devices),
        "data": records.of_data(config, dataset),
        "teachers": records.of_teachers(config),
    }
    records.write(workdir, record)
    # Written last: a folder with a config.json is complete.
    files.write_json(path, config.to_dict())


def check_writable(workdir: Path) -> None:
    """Creates a run's folder and checks that files can be written in it; UsageError if not."""
    caches.check_writable(workdir, name="--workdir")


def read_config(workdir: Path) -> ConfigDict:
    """The configuration of a run.

    Args:
      workdir: the run's folder.

    Returns:
      the configuration.

    Raises:
      UsageError: if the folder holds no run, or its configuration cannot be read.
    """
    path = workdir / "config.json"
    if not os.path.lexists(path):
        raise UsageError(f"{workdir} holds no run (no config.json); train one with --workdir={workdir}")
    records.read(workdir)
    return saved_config.read(path)


def load_parts(config: ConfigDict, workdir: Path | None = None) -> tuple[Dataset, Teacher | None]:
    """The data set and the teacher of a configuration, checked: a fault shows before anything is written.

    Args:
      config: a checked configuration.
      workdir: the run's folder; a run that was begun there by a version that did not centre data continues so.

    Returns:
      (data set, teacher or None).

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
    networks.build(config, settings.objective_of(config), dataset)
    return dataset, load_teacher(config, dataset)


def weights_of(config: ConfigDict, state: State, *, ema: float | None = None) -> Params:
    """The weights of a state that are used.

    Args:
      config: the run's configuration.
      state: of a run with this configuration.
      ema: decay of an average, 0 for the raw weights; by default the one that evaluation uses.

    Returns:
      the weights.

    Raises:
      UsageError: if no such average was trained.
    """
    decay = config.evaluation.ema if ema is None else ema
    if decay not in (*config.training.ema, 0):
        raise UsageError(
            f"evaluation.ema={decay} is not trained; expected one of {config.training.ema}, or 0 for the raw weights"
        )
    return state.params if decay == 0 else state.ema[config.training.ema.index(decay)]


def load_trained(
    workdir: Path | str,
    *,
    ema: float | None = None,
    checkpoint: str = "checkpoints",
    evaluation: Mapping[str, object] | None = None,
    data: bool = True,
) -> Trained:
    """A trained run from its folder.

    Args:
      workdir: the run's folder.
      ema: decay of the average to load, 0 for the raw weights; by default the one that evaluation uses.
      checkpoint: "checkpoints" for the newest, "best" for the best that evaluation on the way has found.
      evaluation: fields of the run's protocol that are other ones here.
      data: whether the data are needed; samples can be drawn where there are none.

    Returns:
      the run, with its map and its samples.

    Raises:
      UsageError: if there is no run, no checkpoint, or a checkpoint of another shape; if the data are not there, or not
        those that it was trained on.
    """
    workdir = paths.of_user(workdir, name="--workdir")
    config = read_config(workdir)
    config.evaluation.update(evaluation or {})
    checks.check(config, devices=1)
    dataset = records.load_data(config, workdir, needed=data)
    objective = settings.objective_of(config)
    model = networks.build(config, objective, dataset)
    if not (workdir / checkpoint).exists():
        advice = "" if checkpoint == "checkpoints" else " --config.training.evaluate_every=STEPS"
        raise UsageError(
            f"{workdir} has no {checkpoint} yet; train it with experiments.train --workdir={workdir}{advice}"
        )
    with contextlib.closing(Checkpoints(workdir, folder=checkpoint, read_only=True)) as checkpoints:
        if checkpoints.latest_step() is None:
            raise UsageError(f"{workdir} has no checkpoint yet; train it with experiments.train --workdir={workdir}")
        example = initial_state(config, model, objective, dataset.shape)
        state = checkpoints.restore(example)
    return trained(config, dataset, model, weights_of(config, state, ema=ema), step=int(state.step))


def load_teacher(config: ConfigDict, dataset: Dataset) -> Teacher | None:
    """The velocity that a configuration names as its teacher, guided if it asks for that.

    Args:
      config: the configuration of the student; its teacher is "" (none), "exact" (the data set's own velocity in closed
        form) or the folder of a trained run.
      dataset: the student's data set.

    Returns:
      condition -> velocity b(t, x), or None.

    Raises:
      UsageError: if the folder holds no trained run on the same data set and interpolant, or with other labels.
    """
    if not config.teacher:
        return None
    weak = config.guidance.weak_teacher
    return guidance.of_teacher(
        config,
        _teacher(config, dataset, config.teacher, "teacher"),
        _teacher(config, dataset, weak, "guidance.weak_teacher") if weak else None,
    )


def _teacher(config: ConfigDict, dataset: Dataset, name: str, field: str) -> Teacher:
    if name == "exact":
        if config.network.conditional:
            raise UsageError(
                f"--config.{field}=exact is the velocity of all classes, and the network is class-conditional; "
                "expected the folder of a run with --config.network.conditional=True"
            )
        b = dataset.exact_path(settings.interpolant_of(config)).b
        return lambda condition: b
    workdir = paths.of_user(name, name=f"--config.{field}")
    try:
        found = load_trained(workdir)
    except UsageError as error:
        raise UsageError(f"--config.{field}={workdir}: {error}") from error
    for name, theirs, own in (
        ("dataset", *_addresses(found, workdir, config)),
        ("interpolant", found.config.interpolant, config.interpolant),
        ("network.conditional", found.config.network.conditional, config.network.conditional),
    ):
        if theirs != own:
            raise UsageError(
                f"teacher {workdir} was trained with {name} = {theirs}, the student has {own}; "
                f"expected the same: choose another --config.{field}"
            )
    if not np.array_equal(*(np.zeros(1) if x.centre is None else x.centre for x in (found.dataset, dataset))):
        raise UsageError(
            f"teacher {workdir} was trained by a version that did not centre data, the student is new; expected the "
            "same: train the teacher again"
        )
    # A teacher with guidance scales as input is evaluated at scale 1.
    return lambda condition: diagonal(bind(found.model, found.params, condition._replace(scale=None, dropout=None)))


def _addresses(teacher: Trained, workdir: Path, config: ConfigDict) -> tuple[str, str]:
    """The data sets of a teacher and of a student, as places if they are written differently."""
    if teacher.config.dataset == config.dataset:
        return config.dataset, config.dataset
    known = records.read(workdir).get("data")
    return known["address"] if known else teacher.config.dataset, datasets.absolute(config.dataset)
