"""Times one training step: alone inside a long dispatch, and inside the real training loop."""

from collections.abc import Callable, Hashable, Mapping
import functools
import math
from pathlib import Path
import tempfile
import time
from typing import NamedTuple, TypeVar

import jax
from ml_collections import ConfigDict

from experiments import settings, terminal
from experiments.benchmarking.flops import matmul_flops
from experiments.errors import DivergedError
from experiments.reporting.machine import Peak
from experiments.settings import chosen_data, networks
from experiments.training import devices as mapping
from experiments.training.dispatch import Dispatch, make_dispatch
from experiments.training.loop import train
from experiments.training.state import State, initial_state
from experiments.training.teachers import load_teacher
from models.networks import KINDS

Key = TypeVar("Key", bound=Hashable)

SECONDS = 0.5  # of one measurement: long against the clock and the start of a dispatch
STEPS = (2, 400)  # fewest and most steps of a dispatch
LONGEST_LOOP = 10.0  # seconds that a run of the training loop may take


class Program(NamedTuple):
    """A compiled dispatch of several training steps.

    Attributes:
      run: makes the steps, from the state that the last call left, and waits for the end.
      steps: number of steps of a call.
      flops: operations of the matrix products of one step; what several devices repeat counts once.
      compile_seconds: time of tracing and compiling.
      memory: bytes that a call holds on a device (state, results, intermediate values), or None where XLA does not say.
    """

    run: Callable[[], None]
    steps: int
    flops: int
    compile_seconds: float
    memory: int | None


class Timed(NamedTuple):
    """A program with its measured seconds per step."""

    program: Program
    seconds: float

    @property
    def rate(self) -> float:
        """Operations of matrix products per second."""
        return self.program.flops / self.seconds


class Loop(NamedTuple):
    """Seconds per step in the real training loop: in dispatches, and what the host adds between them."""

    step: float
    host: float


def _training(config: ConfigDict) -> tuple[Callable[..., Dispatch], Callable[[], State]]:
    """Functions that make a dispatch of (steps, devices) and the first state."""
    config = ConfigDict(config.to_dict())
    # Reading data is the work of the host, which the training loop shows.
    config.training.data = "device"
    dataset = chosen_data.load(config)
    objective = settings.objective_of(config)
    model = networks.build(config, objective, dataset)
    path, teacher = settings.interpolant_of(config), load_teacher(config, dataset)
    return (
        functools.partial(make_dispatch, config, model, objective, dataset, path, teacher=teacher),
        functools.partial(initial_state, config, model, objective, dataset.shape),
    )


def held(executable: jax.stages.Compiled) -> int | None:
    """Bytes that a call of a program holds on a device, as the compiler plans, or None where it does not say."""
    stats = executable.memory_analysis()
    return stats and (
        stats.argument_size_in_bytes
        + stats.output_size_in_bytes
        + stats.temp_size_in_bytes
        - stats.alias_size_in_bytes  # donated arguments, in whose place results are written
    )


def compiled(config: ConfigDict, *, devices: int, rate: float) -> Program:
    """Compiles a dispatch whose number of steps suits a measurement.

    Args:
      config: the configuration, already checked.
      devices: number of local devices to use.
      rate: operations per second that the devices can reach, for the guess of the number of steps.

    Returns:
      the program.
    """
    make_dispatch, initial_state = _training(config)
    # Several devices repeat some of the work, such as the optimizer's: one alone does just what is needed.
    flops = matmul_flops(jax.make_jaxpr(make_dispatch(steps=1, devices=1))(jax.eval_shape(initial_state)))
    # A quarter of the peak is a fair guess.
    steps = min(max(round(SECONDS * 0.25 * rate / flops), STEPS[0]), STEPS[1])
    if KINDS[config.network.kind].convolutional and jax.default_backend() == "cpu":
        steps = 1  # see ``dispatch.run_steps``: there, derivatives of convolutions are slow within a loop
    dispatch = make_dispatch(steps=steps, devices=devices)
    state = mapping.replicate(initial_state(), devices=devices, mapping=config.training.device_mapping)
    start = time.perf_counter()
    executable = jax.jit(dispatch, donate_argnums=0).lower(state).compile()
    seconds = time.perf_counter() - start

    def run() -> None:
        nonlocal state
        state, report = executable(state)
        jax.block_until_ready(report)

    return Program(run, steps, flops, seconds, held(executable))


def fastest(
    programs: Mapping[Key, Program],
    *,
    repeats: int,
    peak: Peak | None = None,
    seconds: float = SECONDS,
    quiet: bool = False,
) -> dict[Key, Timed]:
    """Times programs in turn, so that a slow moment of the machine hits all of them, and takes the minimum of each.

    Args:
      programs: the programs by any key.
      repeats: measurements of each program.
      peak: measured in every round too, if given.
      seconds: time of one measurement; short programs are called several times.
      quiet: show no progress bar.

    Returns:
      {key: the program with its time}.
    """

    def timed(program: Program, calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            program.run()
        return (time.perf_counter() - start) / (calls * program.steps)

    best, calls = {}, {}
    for key, program in programs.items():
        program.run()
        best[key] = timed(program, 1)
        calls[key] = math.ceil(seconds / (best[key] * program.steps))
    for _ in terminal.bar(range(repeats), desc="measure", unit="round", disable=quiet or not programs):
        if peak:
            peak.measure()
        for key, program in programs.items():
            best[key] = min(best[key], timed(program, calls[key]))
    return {key: Timed(program, best[key]) for key, program in programs.items()}


def in_loop(config: ConfigDict, *, dispatches: int, step: float) -> Loop | None:
    """Runs the real training loop, in a folder that is thrown away.

    Args:
      config: the configuration, already checked.
      dispatches: number of dispatches; fewer, if they would take too long. With fewer steps than usual between two
        checkpoints the one at the end weighs more than usual.
      step: seconds per step as known so far.

    Returns:
      the times, with the one checkpoint at the end counted as the host's; or None, if three dispatches would take too
      long or the run diverged.
    """
    length = config.training.steps_per_dispatch
    dispatches = min(dispatches, int(LONGEST_LOOP / (length * step)))
    if dispatches < 3:
        return None
    run = ConfigDict(config.to_dict())
    run.training.steps = dispatches * length
    run.training.evaluate_every = 0  # a score is no part of a step
    try:
        with tempfile.TemporaryDirectory() as folder:
            spent = train(run, Path(folder), label=run.objective.name)
    except DivergedError:
        return None
    # The first dispatch compiles and is not timed; the host works after each one.
    return Loop(spent.steps / (run.training.steps - length), spent.host / run.training.steps)
