"""Trains one flow map.

    python -m experiments.train --config=experiments/configs/checkerboard.py:lsd --workdir=runs/lsd

The same command continues an interrupted run. ``--config.training.steps=...`` overrides any field of the
configuration; ``--dry_run`` prints what would be done.
"""

from collections.abc import Callable
import contextlib
import math
from pathlib import Path
import sys
import time
from typing import NamedTuple

from absl import flags
import jax
from ml_collections import ConfigDict
import numpy as np
from tqdm import tqdm

from experiments import checks, datasets, engine, errors, runs, settings
from experiments import flags as command_flags
from experiments.checkpoints import Checkpoints
from experiments.errors import DivergedError, UsageError
from experiments.logs import TrainingLog
from models.flow_map_model import count_parameters
from objectives.mixture import counts


class Timing(NamedTuple):
    """Seconds in training steps over all calls for a run (compilation left out), and what the host added."""

    steps: float
    host: float


def train(config: ConfigDict, workdir: Path, *, label: str = "train") -> Timing:
    """Trains to the last step, continuing from the newest checkpoint of the folder.

    Args:
      config: the configuration.
      workdir: the run's folder.
      label: text of the progress bar.

    Returns:
      the time spent; the host's part is that of this call.

    Raises:
      UsageError: on bad input.
      DivergedError: when the loss or its gradient stops being finite; the last good checkpoint is kept.
    """
    devices = jax.local_device_count()
    checks.check(config, devices=devices)
    objective = settings.objective_of(config)
    interpolant = settings.interpolant_of(config)
    dataset = datasets.load(config.dataset)
    model = runs.build_model(config, dataset)
    state = engine.replicate(engine.initial_state(config, model, objective, dataset.shape), devices=devices)
    teacher = runs.load_teacher(config, dataset)
    runs.prepare(workdir, config, devices=devices, parameters=count_parameters(state.params))

    with contextlib.ExitStack() as stack:
        checkpoints = stack.enter_context(contextlib.closing(Checkpoints(workdir)))
        if checkpoints.latest_step() is not None:
            state = checkpoints.restore(state)
        log = stack.enter_context(contextlib.closing(TrainingLog(workdir, resume_at=int(state.step))))
        bar = stack.enter_context(_progress(config.training.steps, int(state.step), label))

        def compiled(steps: int) -> engine.Dispatch:
            return engine.make_dispatch(
                config, model, objective, dataset, interpolant, steps=steps, devices=devices, teacher=teacher
            )

        return _loop(config.training, state, compiled, checkpoints, log, bar)


def _loop(
    training: ConfigDict,
    state: engine.State,
    compiled: Callable[[int], engine.Dispatch],
    checkpoints: Checkpoints,
    log: TrainingLog,
    bar: tqdm,
) -> Timing:
    step, chunk = int(state.step), training.steps_per_dispatch
    next_save = (step // training.checkpoint_every + 1) * training.checkpoint_every
    dispatch, warm, seconds, host = compiled(chunk), False, log.seconds, 0.0
    while step < training.steps:
        if training.steps - step < chunk:
            chunk = training.steps - step
            dispatch, warm = compiled(chunk), False
        start = time.perf_counter()
        state, metrics = dispatch(state)
        metrics = jax.tree.map(np.asarray, metrics)
        done = time.perf_counter()
        # The first dispatch compiles; its time says nothing about a step.
        seconds += done - start if warm else 0.0
        warm = True
        step += chunk
        means = {name: float(values.mean()) for name, values in metrics.items()}
        if not all(map(math.isfinite, means.values())):
            _stop_not_finite(metrics, step - chunk, checkpoints)
        log.write(step, {**means, "seconds": seconds})
        bar.set_postfix_str(_summary(means), refresh=False)
        bar.update(chunk)
        if step >= next_save or step == training.steps:
            checkpoints.save(step, state)
            next_save += training.checkpoint_every
        host += time.perf_counter() - done
    return Timing(seconds, host)


def _progress(total: int, done: int, label: str) -> tqdm:
    # A terminal is refreshed often; a log file gets a line now and then.
    interval = 0.5 if sys.stderr.isatty() else 30.0
    return tqdm(
        total=total, initial=done, desc=label, unit="step", mininterval=interval, dynamic_ncols=sys.stderr.isatty()
    )


def _summary(means: dict[str, float]) -> str:
    raw = ", ".join(f"{name.removeprefix('raw/')} {value:.3g}" for name, value in means.items() if "/" in name)
    return f"loss {means['loss']:.4g}; raw {raw}"


def _stop_not_finite(metrics: dict[str, np.ndarray], before: int, checkpoints: Checkpoints) -> None:
    bad = {name: np.flatnonzero(~np.isfinite(values)) for name, values in metrics.items()}
    name, first = min(((name, at[0]) for name, at in bad.items() if at.size), key=lambda item: item[1])
    kept = checkpoints.latest_step()
    raise DivergedError(
        f"{name} is {metrics[name][first]} at step {before + int(first) + 1}; "
        + (f"the checkpoint of step {kept} is kept; " if kept is not None else "no checkpoint was written yet; ")
        + "lower --config.training.learning_rate or --config.training.clip and train in another --workdir"
    )


def describe(config: ConfigDict) -> str:
    """The resolved configuration, the size of the network and what a step does, as text."""
    devices = jax.local_device_count()
    checks.check(config, devices=devices)
    objective = settings.objective_of(config)
    dataset = datasets.load(config.dataset)
    model = runs.build_model(config, dataset)
    shapes = jax.eval_shape(lambda: engine.initial_state(config, model, objective, dataset.shape))
    sizes = counts(objective.terms, config.training.batch_size, devices=devices)
    terms = ", ".join(f"{size} {term.name}" for term, size in zip(objective.terms, sizes, strict=True))
    return "\n".join(
        [
            str(config).rstrip(),
            f"parameters: {count_parameters(shapes.params):,}",
            f"devices: {devices} x {jax.devices()[0].device_kind}; effective batch {config.training.batch_size}",
            f"each device and step: {terms} (reduction: {objective.reduction})",
            f"cost: {objective.cost:g} forward-pass equivalents per example; "
            f"{objective.cost * config.training.batch_size * config.training.steps:.3g} in all",
            f"sampler for N steps: {objective.sampler}",
        ]
    )


if __name__ == "__main__":
    CONFIG = command_flags.define_config()
    WORKDIR = flags.DEFINE_string("workdir", None, "folder of the run; the same folder continues it")
    DRY_RUN = flags.DEFINE_bool("dry_run", False, "print the resolved configuration and stop")

    def main() -> None:
        """Runs the command."""
        config = command_flags.frozen(CONFIG.value)
        if DRY_RUN.value:
            print(describe(config))
            return
        if WORKDIR.value is None:
            raise UsageError("--workdir is missing; name a folder for the run, such as --workdir=runs/lsd")
        workdir = Path(WORKDIR.value)
        timing = train(config, workdir)
        print(f"trained {config.training.steps} steps, {timing.steps:.1f} s in steps; next:")
        print(f"  python -m experiments.evaluate --workdir={workdir}")

    errors.run(main, flags_parser=lambda argv: command_flags.parse(argv, required=("config",)))
