"""A run's folder: the configuration and the record of the machine, written once and checked at every return."""

from collections.abc import Mapping
import contextlib
import importlib.metadata
import json
import os
from pathlib import Path
import platform

import jax
from ml_collections import ConfigDict

from experiments import caches, datasets, files, paths, settings
from experiments.datasets import host
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError
from experiments.sampling.trained import Trained, trained
from experiments.settings import guidance, networks
from experiments.settings import saved as saved_config
from experiments.settings.guidance import Teacher
from experiments.training import checks
from experiments.training.checkpoints import Checkpoints
from experiments.training.state import State, initial_state
from models.flow_map_model import Params, bind
from taxonomy.flow_map import diagonal

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


def _normal(config: ConfigDict) -> dict[str, object]:
    # Overrides of other objectives do not change this run.
    own = {
        name: value for name, value in settings.fields(config).items() if not name.startswith("objective_overrides.")
    }
    # JSON knows no tuples: compare what a file can hold.
    return json.loads(json.dumps(own))


def prepare(workdir: Path, config: ConfigDict, *, devices: int, parameters: int) -> None:
    """Creates a run's folder and writes ``config.json`` and ``run.json``, or checks the one that is there.

    Args:
      workdir: the run's folder; created if needed.
      config: the configuration with all overrides.
      devices: number of devices that train.
      parameters: number of parameters.

    Raises:
      UsageError: if the folder cannot be written or belongs to a run of another configuration; nothing is changed.
    """
    path = workdir / "config.json"
    if os.path.lexists(path):
        old, new = _normal(read_config(workdir)), _normal(config)
        differing = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
        if differing:
            shown = "; ".join(f"{name} is {old.get(name)} there, {new.get(name)} here" for name in differing[:4])
            raise UsageError(
                f"--workdir={workdir} holds a run of another configuration ({shown}); "
                "use another --workdir, or repeat the options of that run"
            )
        check_writable(workdir)
        return
    check_writable(workdir)
    if (workdir / "checkpoints").exists():
        raise UsageError(f"--workdir={workdir} has checkpoints but no config.json; use another --workdir")
    record = {
        "format": FORMAT,
        "objective": settings.label(config),
        "seed": config.seed,
        "devices": devices,
        "processes": jax.process_count(),
        "device_kind": jax.devices()[0].device_kind,
        "effective_batch": config.training.batch_size,
        "parameters": parameters,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }
    files.write_json(workdir / "run.json", record)
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
    _check_format(workdir / "run.json")
    return saved_config.read(path)


def _check_format(path: Path) -> None:
    """Refuses a folder that a later version has written in a way that this one cannot know."""
    try:
        found = files.read_json(path).get("format", 1)
        if type(found) is not int or found < 1:
            raise ValueError(f"format {found!r}, which is no whole number from 1")
    except (OSError, ValueError, AttributeError) as error:
        raise UsageError(f"{path} is damaged ({error}); restore it or train again in another folder") from error
    if found > FORMAT:
        raise UsageError(
            f"{path.parent} was written by a later version of the project (format {found}, this one knows {FORMAT}); "
            "update the project"
        )


def load_parts(config: ConfigDict) -> tuple[Dataset, Teacher | None]:
    """The data set and the teacher of a configuration, checked: a fault shows before anything is written.

    Args:
      config: a checked configuration.

    Returns:
      (data set, teacher or None).

    Raises:
      UsageError: as they do.
    """
    dataset = datasets.load(config.dataset)
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
) -> Trained:
    """A trained run from its folder.

    Args:
      workdir: the run's folder.
      ema: decay of the average to load, 0 for the raw weights; by default the one that evaluation uses.
      checkpoint: "checkpoints" for the newest, "best" for the best that evaluation on the way has found.
      evaluation: fields of the run's protocol that are other ones here.

    Returns:
      the run, with its map and its samples.

    Raises:
      UsageError: if there is no run, no checkpoint, or a checkpoint of another shape.
    """
    workdir = paths.of_user(workdir, name="--workdir")
    config = read_config(workdir)
    config.evaluation.update(evaluation or {})
    checks.check(config, devices=1)
    dataset = datasets.load(config.dataset)
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
        ("dataset", found.config.dataset, config.dataset),
        ("interpolant", found.config.interpolant, config.interpolant),
        ("network.conditional", found.config.network.conditional, config.network.conditional),
    ):
        if theirs != own:
            raise UsageError(
                f"teacher {workdir} was trained with {name} = {theirs}, the student has {own}; "
                f"expected the same: choose another --config.{field}"
            )
    # A teacher with guidance scales as input is evaluated at scale 1.
    return lambda condition: diagonal(bind(found.model, found.params, condition._replace(scale=None, dropout=None)))
