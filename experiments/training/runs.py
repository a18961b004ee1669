"""A run's folder: the configuration and the record of the machine, written once and checked at every return."""

from collections.abc import Mapping
import contextlib
import json
import os
from pathlib import Path

import jax
from ml_collections import ConfigDict

from experiments import caches, datasets, files, paths, settings
from experiments.datasets import record as data_record
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError
from experiments.sampling.trained import Trained, trained
from experiments.settings import networks
from experiments.settings import saved as saved_config
from experiments.training import checks, records
from experiments.training.checkpoints import Checkpoints
from experiments.training.state import State, initial_state
from experiments.zoo import names, weights
from models.flow_map_model import Params, initialize


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
        if known := records.read(workdir).get("source"):
            data_record.check(known, datasets.load(config.training.source), where=str(workdir))
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
        **({"source": source} if (source := records.of_source(config)) else {}),
        "teachers": records.of_teachers(config),
        "start_from": records.of_start(config),
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
      workdir: the run's folder, or a file of weights.

    Returns:
      the configuration.

    Raises:
      UsageError: if the folder holds no run, or its configuration cannot be read.
    """
    if names.is_weights(workdir):
        return saved_config.parsed(weights.describe(workdir).config, source=workdir)
    path = workdir / "config.json"
    if not os.path.lexists(path):
        raise UsageError(f"{workdir} holds no run (no config.json); train one with --workdir={workdir}")
    records.read(workdir)
    return saved_config.read(path)


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
    """A trained run from its folder, or from a file of weights.

    Args:
      workdir: the run's folder, FILE.safetensors, or the name of a map that comes with the project, such as
        "zoo:checkerboard/lsd".
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
    if names.is_weights(workdir):
        _check_choice(workdir, config, ema=ema, checkpoint=checkpoint)
        found = weights.read(workdir)
        fresh = jax.eval_shape(lambda: initialize(model, jax.random.key(0), dataset.shape))
        params = {"params": weights.fitted(found.arrays, fresh["params"], where=workdir)}
        return trained(config, dataset, model, params, step=found.step)
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


def _check_choice(workdir: Path, config: ConfigDict, *, ema: float | None, checkpoint: str) -> None:
    """UsageError if other weights are asked for than the ones that a file has."""
    own = config.evaluation.ema
    if checkpoint != "checkpoints":
        raise UsageError(f"{workdir} has one set of weights, and no {checkpoint} checkpoint; drop --checkpoint")
    if ema not in (None, own):
        kind = f"the average of decay {own}" if own else "the weights without an average"
        raise UsageError(f"{workdir} has {kind} alone, not that of ema={ema}; drop the decay, or take the run's folder")
