"""The training loop of one run: dispatches of steps, log, checkpoints, evaluation during training, resuming."""

from collections.abc import Callable, Iterator
import contextlib
from pathlib import Path
import time
from typing import NamedTuple

import jax
from ml_collections import ConfigDict
import numpy as np
from tqdm import tqdm

from experiments import files, locks, settings, terminal
from experiments.datasets import host, told
from experiments.datasets.dataset import Dataset
from experiments.errors import HostLostError, InterruptedRun, UsageError, WriteError
from experiments.training import checks, dashboard, dispatch, hosts, interrupts, records, runs
from experiments.training import devices as mapping
from experiments.training.checkpoints import Checkpoints
from experiments.training.draws import read_beside
from experiments.training.logs import TrainingLog
from experiments.training.nonfinite import check_finite, check_learned, means
from experiments.training.parts import load_parts
from experiments.training.state import State, initial_state
from models.flow_map_model import FlowMapModel, count_parameters
from objectives.mixture import counts
from objectives.objective import Objective

# (configuration, data set, model, state on the host, folder) -> numbers by name: a score on the way.
Evaluate = Callable[[ConfigDict, Dataset, FlowMapModel, State, Path], dict[str, float]]


class Timing(NamedTuple):
    """Where the time of a training went.

    Attributes:
      steps: seconds in dispatches, over all calls for a run; left out are the first of each length, which compile.
      host: seconds between the dispatches of this call, without the wait for the end of the last save.
      skipped: steps that were left out, over all calls for a run.
    """

    steps: float
    host: float
    skipped: int = 0


class Run(NamedTuple):
    """What the loop works with; only the first process has checkpoints and a log."""

    config: ConfigDict
    workdir: Path
    objective: Objective
    dataset: Dataset
    model: FlowMapModel
    compiled: Callable[[int], dispatch.Dispatch]
    data: Iterator[tuple[host.Examples, ...]] | None
    checkpoints: Checkpoints | None
    log: TrainingLog | None
    bar: tqdm
    asked: interrupts.Interrupts
    evaluate: Evaluate | None


def train(
    config: ConfigDict,
    workdir: Path,
    *,
    label: str = "train",
    quiet: bool = False,
    evaluate: Evaluate | None = None,
    tell: Callable[[str], object] | None = None,
) -> Timing:
    """Trains to the last step, continuing from the newest checkpoint of the folder.

    Args:
      config: what to train and how; checked here.
      workdir: the run's folder; with several processes, that of the first.
      label: text of the progress bar.
      quiet: show no progress bar.
      evaluate: scores the state every ``training.evaluate_every`` steps; must be given if that is not 0.
      tell: is given, at the start, the line of what the data were understood to mean, if there is one.

    Returns:
      the time spent.

    Raises:
      UsageError: on bad input.
      DivergedError: when the loss or its gradient stops being finite; the last good checkpoint is kept.
      NotTrainedError: when every step was left out.
      WriteError: when a file cannot be written; the message names the newest good checkpoint.
      InterruptedRun: after one of ``interrupts.SIGNALS``, when the state is saved.
      HostLostError: when another process is lost.
    """
    devices = jax.local_device_count()
    checks.check(config, devices=mapping.total(devices))
    if config.training.evaluate_every and evaluate is None:
        raise UsageError(
            f"training.evaluate_every={config.training.evaluate_every} and train(...) has no function that evaluates; "
            "expected evaluate=evaluate_on_the_way of experiments.evaluation.monitor"
        )
    with contextlib.ExitStack() as stack:
        asked = stack.enter_context(interrupts.listen())
        with _nothing_to_lose(asked):
            objective = settings.objective_of(config)
            dataset, teacher, model, start = load_parts(config, workdir)
            if tell and hosts.is_first() and (said := told.line(dataset)):
                tell(said)
            state = initial_state(config, model, objective, dataset.shape, start=start)
            parameters = count_parameters(state.params)

            def prepare() -> None:
                dashboard.check(config)
                stack.enter_context(locks.alone(workdir, use="train", name="--workdir"))
                for folder in (workdir, workdir / "figures"):
                    files.remove_unfinished(folder)
                runs.prepare(workdir, config, dataset, devices=mapping.total(devices), parameters=parameters)

            hosts.on_first(prepare, name="prepare")

            def compiled(steps: int) -> dispatch.Dispatch:
                path = settings.interpolant_of(config)
                return dispatch.make_dispatch(
                    config, model, objective, dataset, path, steps=steps, devices=devices, teacher=teacher
                )

            checkpoints = log = None
            if hosts.is_first():
                checkpoints = Checkpoints(workdir, keep=config.training.keep_checkpoints)
                stack.enter_context(contextlib.closing(checkpoints))
                asked.check_saved = checkpoints.check_place
            state = hosts.from_first(hosts.on_first(lambda: _newest(checkpoints, state), name="restore") or state)
            if hosts.is_first():
                if int(state.step) < config.training.steps:
                    records.add_start(workdir, step=int(state.step), devices=mapping.total(devices))
                done = int(state.step) >= config.training.steps
                shown = None if done else dashboard.opened(config, workdir)
                log = TrainingLog(workdir, resume_at=int(state.step), dashboard=shown)
                stack.enter_context(contextlib.closing(log))
            data = None
            if config.training.data == "host":
                data = _read_by_host(config, objective, dataset, int(state.step), devices)
                stack.enter_context(contextlib.closing(data))
            bar = stack.enter_context(_progress(config.training.steps, int(state.step), label, quiet=quiet))
        run = Run(config, workdir, objective, dataset, model, compiled, data, checkpoints, log, bar, asked, evaluate)
        try:
            return _loop(run, mapping.replicate(state, devices=devices, mapping=config.training.device_mapping))
        except WriteError as error:
            raise WriteError(f"{error}; {checkpoints.newest()}") from error
        except jax.errors.JaxRuntimeError as error:
            if jax.process_count() == 1:
                raise
            reason = str(error).splitlines()[0][:200]
            raise HostLostError(
                f"the connection to another process broke ({reason}); start all processes again: the run continues "
                "from its last checkpoint"
            ) from error


def _newest(checkpoints: Checkpoints, state: State) -> State:
    return checkpoints.restore(state) if checkpoints.latest_step() is not None else state


def _nothing_to_lose(asked: interrupts.Interrupts) -> contextlib.AbstractContextManager[None]:
    # A process that leaves alone would end the others: several processes stop together, after a dispatch.
    return asked.nothing_to_lose() if jax.process_count() == 1 else contextlib.nullcontext()


def _loop(run: Run, state: State) -> Timing:
    training = run.config.training
    step, chunk = int(mapping.on_host(state.step)), training.steps_per_dispatch
    next_save = (step // training.checkpoint_every + 1) * training.checkpoint_every
    take_steps, warm, seconds, added = run.compiled(chunk), False, run.log.seconds if run.log else 0.0, 0.0
    saved, last = step, None
    # An interrupted run may have stopped between a checkpoint and its evaluation.
    _evaluate(run, state, step)
    while step < training.steps:
        if training.steps - step < chunk:
            chunk = training.steps - step
            take_steps, warm = run.compiled(chunk), False
        examples = _examples(run.data, chunk) if run.data else None
        start = time.perf_counter()
        with _nothing_to_lose(run.asked) if saved == step and not warm else contextlib.nullcontext():
            state, report = take_steps(state, stop=bool(run.asked.received), examples=examples)
            report = mapping.on_host(report)
        done = time.perf_counter()
        # The first dispatch compiles: its time is not that of its steps.
        seconds += done - start if warm else 0.0
        warm = True
        step += chunk
        check_finite(report, before=step - chunk, training=training, kept=saved if saved else None)
        numbers = means(report)
        last = numbers["loss"]
        if run.log:
            run.log.write(step, {**numbers, "seconds": seconds})
        run.bar.set_postfix_str(_summary(numbers), refresh=False)
        run.bar.update(chunk)
        evaluated = is_due(run.config, step)
        stop = run.asked.received if jax.process_count() == 1 else bool(report.stop)
        if step >= next_save or step == training.steps or evaluated or stop:
            saved = _save(run, state, step, wait=evaluated or bool(stop))
            next_save = (step // training.checkpoint_every + 1) * training.checkpoint_every
        _evaluate(run, state, step)
        if stop and step < training.steps:
            name = run.asked.received or "another process"
            raise InterruptedRun(f"{name} asked for it at step {step}; everything is saved: the same command continues")
        added += time.perf_counter() - done
    if run.checkpoints:
        run.checkpoints.wait()
    skipped = int(mapping.on_host(state.skipped))
    check_learned(skipped, training=training, first=run.log.first_loss if run.log else None, last=last)
    return Timing(seconds, added, skipped)


def _save(run: Run, state: State, step: int, *, wait: bool) -> int:
    if run.checkpoints:
        run.checkpoints.save(step, mapping.on_host(state))
        # Whoever cannot read the first save need not wait for the last one to know.
        if wait or (not run.checkpoints.proven and step < run.config.training.steps):
            run.checkpoints.wait()
    return step


def _evaluate(run: Run, state: State, step: int) -> None:
    if not is_due(run.config, step):
        return
    if run.log:
        with _nothing_to_lose(run.asked):
            found = run.evaluate(run.config, run.dataset, run.model, mapping.on_host(state), run.workdir)
        run.log.write_events(step, {name: value for name, value in found.items() if name != "step"})
    hosts.barrier(f"evaluated/{step}")


def _read_by_host(
    config: ConfigDict, objective: Objective, dataset: Dataset, start: int, devices: int
) -> Iterator[tuple[host.Examples, ...]]:
    total = mapping.total(devices)
    return host.batches(
        dataset,
        sizes=counts(objective.terms, config.training.batch_size, devices=total),
        devices=mapping.own(devices),
        total_devices=total,
        seed=config.seed,
        start=start,
        beside=read_beside(config, dataset),
    )


def _examples(data: Iterator[tuple[host.Examples, ...]], steps: int) -> tuple[host.Examples, ...]:
    """The next steps' examples and classes of each term, [devices, steps, examples of a device, ...]."""
    return jax.tree.map(lambda *terms: np.stack(terms, axis=1), *(next(data) for _ in range(steps)))


def _progress(total: int, done: int, label: str, *, quiet: bool) -> tqdm:
    # Refresh a terminal often, and write a line into a log file now and then.
    interval = 0.5 if terminal.is_watched() else 30.0
    return terminal.bar(
        total=total,
        initial=done,
        desc=label,
        unit="step",
        mininterval=interval,
        dynamic_ncols=terminal.is_watched(),
        disable=quiet or not hosts.is_first(),
    )


def _summary(numbers: dict[str, float]) -> str:
    raw = ", ".join(f"{name.removeprefix('raw/')} {value:.3g}" for name, value in numbers.items() if "raw/" in name)
    return f"loss {numbers['loss']:.4g}; raw {raw}"


def is_due(config: ConfigDict, step: int) -> bool:
    """Whether the run is evaluated after the dispatch that ended with this step."""
    every, chunk = config.training.evaluate_every, config.training.steps_per_dispatch
    return every > 0 and step > 0 and step // every > (step - chunk) // every
