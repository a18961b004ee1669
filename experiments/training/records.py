"""``run.json``: what a run was started with, its data and its teachers, and a record of each start."""

from collections.abc import Mapping
import datetime
import hashlib
import importlib.metadata
import json
import os
from pathlib import Path
import platform

import jax
from ml_collections import ConfigDict

from experiments import datasets, files, importing, paths
from experiments.datasets import record as data_record
from experiments.datasets.dataset import Dataset
from experiments.datasets.record import Record
from experiments.errors import UsageError
from experiments.settings import chosen_data
from experiments.training.checkpoints import Checkpoints
from experiments.zoo import names, weights

NAME = "run.json"
# What is in a run's folder: 1 until 0.1.0; 2 has checksums and counts skipped steps.
FORMAT = 2
PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "ml-collections",
    "numpy",
    "scipy",
    "scikit-learn",
    "diffrax",
    "ott-jax",
    "grain",
)


def read(workdir: Path) -> Mapping[str, object]:
    """The record of a run.

    Args:
      workdir: the run's folder, or a file of weights.

    Returns:
      its fields; older versions wrote no "data", "teachers" and "starts".

    Raises:
      UsageError: if it is damaged, or written by a later version in a way that this one cannot know.
    """
    in_file = names.is_weights(workdir)
    path = workdir if in_file else workdir / NAME
    try:
        found = weights.describe(workdir).run if in_file else files.read_json(path)
        version = found.get("format", 1)
        if type(version) is not int or version < 1:
            raise ValueError(f"format {version!r}, which is no whole number from 1")
        for name in ("data", "source"):
            if found.get(name) is not None:
                data_record.check_form(found[name])
        if not all(isinstance(found.get(name, kind()), kind) for name, kind in (("teachers", dict), ("starts", list))):
            raise ValueError("its teachers or starts are of another type")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is damaged ({error}); restore it or train again in another folder") from error
    if version > FORMAT:
        raise UsageError(
            f"{workdir} was written by a later version of the project (format {version}, this one knows {FORMAT}); "
            "update the project"
        )
    return found


def write(workdir: Path, record: Mapping[str, object]) -> None:
    """Writes ``run.json``, whole or not at all."""
    files.write_json(workdir / NAME, record)


def machine(devices: int) -> dict[str, object]:
    """What a run computes on: devices, processes, system and versions."""
    return {
        "devices": devices,
        "processes": jax.process_count(),
        "device_kind": jax.devices()[0].device_kind,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def add_start(workdir: Path, *, step: int, devices: int) -> None:
    """Adds a start to the record: the step it continues from, the time, and what it computes on."""
    found = read(workdir)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    write(workdir, {**found, "starts": [*found.get("starts", []), {"step": step, "time": now, **machine(devices)}]})


def of_data(config: ConfigDict, dataset: Dataset) -> Record | None:
    """The record of a configuration's data, see ``datasets.record``; None of built-in ones, which do not change."""
    if datasets.is_built_in(config.dataset):
        return None
    return data_record.of(dataset, address=datasets.absolute(config.dataset))


def of_source(config: ConfigDict) -> Record | None:
    """The record of the data in which paths begin; None of noise and of built-in ones."""
    name = config.training.source
    if not name or datasets.is_built_in(name):
        return None
    return data_record.of(datasets.load(name), address=datasets.absolute(name))


def load_data(config: ConfigDict, workdir: Path, *, needed: bool = True) -> Dataset:
    """The data set that a run was trained on, from where it was then, and checked to be the same.

    Args:
      config: the configuration of the run.
      workdir: its folder.
      needed: whether examples are needed; otherwise, where there are none, what the record knows is enough.

    Returns:
      the data set; of a run without a record, that of the configuration's name.

    Raises:
      UsageError: if it cannot be loaded, or is another one than the run was trained on.
    """
    known = read(workdir).get("data")
    if known is None:
        return _with_start(config, workdir, datasets.load(config.dataset, centred=False))
    name = known["address"]
    if not _is_there(name) and _is_there(config.dataset):
        name = config.dataset
    if not needed and not _is_there(name):
        return _with_start(config, workdir, data_record.without_data(known))
    found = datasets.load(name, centred=data_record.is_centred(known))
    data_record.check(known, found, where=str(workdir))
    return _with_start(config, workdir, found)


def _with_start(config: ConfigDict, workdir: Path, dataset: Dataset) -> Dataset:
    known = read(workdir).get("source")
    if known is None:
        return chosen_data.applied(config, dataset)
    name = known["address"] if _is_there(known["address"]) else config.training.source
    source = datasets.load(name)
    data_record.check(known, source, where=str(workdir))
    return chosen_data.applied(config, dataset, source=source)


def _is_there(name: str) -> bool:
    if name.startswith("huggingface:"):  # who knows, without a network
        return False
    place = datasets.place(name)
    return place is None or place.exists()


def of_teachers(config: ConfigDict) -> dict[str, dict[str, object]]:
    """Which runs teach, and how far they were trained: {option: {"folder", "step", "config"}}."""
    named = {"teacher": config.teacher, "guidance.weak_teacher": config.guidance.weak_teacher}
    folders = {option: name for option, name in named.items() if name not in ("", "exact")}
    found = {option: _state_of(name) for option, name in folders.items() if not is_function(name)}
    # The teacher of a fine-tuned run is not needed any more.
    return {option: state for option, state in found.items() if state}


def is_function(teacher: str) -> bool:
    """Whether a teacher is a function of the user's own, MODULE:FUNCTION, and not a trained run."""
    return importing.is_name(teacher) and not names.is_weights(teacher)


def named(start_from: str) -> tuple[str, float | None]:
    """Reads ``FOLDER`` or ``FOLDER@DECAY``.

    Args:
      start_from: the value of ``training.start_from``.

    Returns:
      (folder, decay of the average, None for that of the run's evaluation); decay 0 stands for the raw weights.
    """
    folder, at, decay = start_from.rpartition("@")
    try:
        return (folder, float(decay)) if at and folder else (start_from, None)
    except ValueError:  # an @ in the folder's own name
        return start_from, None


def of_start(config: ConfigDict) -> dict[str, object] | None:
    """Which run's weights a run began with, how far that was trained, and with which average; or whose function."""
    if not config.training.start_from:
        return None
    if importing.is_name(config.training.start_from):
        return {"function": config.training.start_from}
    folder, ema = named(config.training.start_from)
    return (_state_of(folder) or {}) | {"ema": ema}


def _state_of(name: str) -> dict[str, object] | None:
    """How far a run was trained; None if there is none."""
    folder = paths.of_user(name, name="a run")
    if names.is_weights(folder):
        known = weights.describe(folder)
        content = hashlib.sha256(json.dumps(known.config, sort_keys=True).encode()).hexdigest()
        where = folder if names.is_shipped(folder) else folder.absolute()
        return {"folder": str(where), "step": known.step, "config": content}
    folder = folder.absolute()
    if not (folder / "config.json").exists():
        return None
    checkpoints = Checkpoints(folder, read_only=True)
    step = checkpoints.latest_step()
    checkpoints.close()
    content = hashlib.sha256((folder / "config.json").read_bytes()).hexdigest()
    return {"folder": str(folder), "step": step, "config": content}


def check_teachers(workdir: Path, config: ConfigDict) -> None:
    """UsageError if a teacher is another one than at the run's start, or was trained further since."""
    known = read(workdir).get("teachers", {})
    for option, now in of_teachers(config).items():
        then = known.get(option, now)
        for name in ("step", "config"):
            if then.get(name) != now[name]:
                what = f"was at step {then.get('step')}, is at {now['step']}" if name == "step" else "is another run"
                raise UsageError(
                    f"--config.{option}={now['folder']} {what} since {workdir} was started with {then.get('folder')}; "
                    "expected the same: put it back as it was, or train in another folder"
                )
