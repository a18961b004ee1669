"""The cost of a training step by objective: time, counted operations, compile time, memory, and what the host adds.

Objectives are timed in turn and the fastest time of each counts, because shared machines drift: compare within one
result.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
from ml_collections import ConfigDict

from experiments import limits, settings, terminal
from experiments.benchmarking import scaling
from experiments.benchmarking.timing import Loop, Timed, compiled, fastest, in_loop
from experiments.errors import UsageError
from experiments.reporting import machine
from experiments.reporting.machine import peak_memory
from experiments.settings import networks, option_sets
from experiments.training import checks
from objectives.build import OBJECTIVES

CONFIG = "experiments/configs/checkerboard.py"
BASE = "flow_matching"
SHOWN = (BASE, "lsd", "esd", "psd_m", "mean_flow", "ict")
SHORT_STEP = 1e-3  # seconds of the step at which the host's share is stated


def plan(config: ConfigDict, objectives: Sequence[str]) -> dict[str, ConfigDict]:
    """The configurations to be timed, checked before the first one is compiled.

    Args:
      config: the common configuration.
      objectives: methods, each with options of its own or without, see ``option_sets``; or "all" alone: every row,
        without a teacher those that need none.

    Returns:
      {label: configuration}, flow matching first.

    Raises:
      UsageError: on an unknown objective, none, or one without the teacher that it needs.
    """
    if config.objective.characterization:
        raise UsageError(
            f"--config.objective.characterization={config.objective.characterization} with benchmark, which takes "
            "methods by name; drop it"
        )
    if list(objectives) == ["all"]:
        methods = {name: method() for name, method in OBJECTIVES.items()}
        # Those of categories need data of their own.
        objectives = [
            name
            for name, method in methods.items()
            if not method.categorical and (config.teacher or not method.needs_teacher)
        ]
    planned = {BASE: settings.with_objective(config, BASE)} | dict(option_sets.chosen(config, objectives))
    for run in planned.values():
        if not settings.objective_of(run).needs_teacher:
            run.teacher = ""
        checks.check(run, devices=jax.local_device_count())
    return planned


def planned_sizes(
    config: ConfigDict, objectives: Sequence[str], sizes: Mapping[str, Sequence[int]]
) -> tuple[dict[str, ConfigDict], str, dict[str, dict[int, scaling.Point]]]:
    """(configurations, the objective whose sizes are varied, places of its curves); UsageError before anything is made.

    Args:
      config: the common configuration.
      objectives: names of objectives, see ``plan``.
      sizes: what to vary, see ``scaling.points``.

    Returns:
      see above.
    """
    planned = plan(config, objectives)
    varied = next((name for name in planned if name != BASE), BASE)
    return planned, varied, scaling.points(planned[varied], sizes)


def measure(
    config: ConfigDict,
    objectives: Sequence[str],
    *,
    sizes: Mapping[str, Sequence[int]],
    dispatches: int = 100,
    repeats: int = 5,
    sides: Sequence[int] | None = None,
) -> dict[str, Any]:
    """All measurements, as plain data.

    Args:
      config: the common configuration.
      objectives: names of objectives, see ``plan``.
      sizes: what to vary, see ``scaling.points``; empty for nothing.
      dispatches: dispatches of the training loop that are run.
      repeats: measurements of each time, the fastest of which counts.
      sides: of the matrices that measure the peak, see ``machine.matmul_peak``.

    Returns:
      the content of ``benchmark.json``.

    Raises:
      UsageError: on bad input, before anything is measured.
    """
    limits.check_count("dispatches", dispatches, least=3, most=limits.REPEATS)
    limits.check_count("repeats", repeats, most=limits.REPEATS)
    planned, varied, places = planned_sizes(config, objectives, sizes)
    peak, devices = machine.Peak(sides=sides), jax.local_device_count()

    shown = terminal.bar(planned.items(), desc="compile")
    programs = {name: compiled(run, devices=devices, rate=peak.of(devices)) for name, run in shown}
    timed = fastest(programs, repeats=repeats, peak=peak)
    loops = {name: in_loop(run, dispatches=dispatches, step=timed[name].seconds) for name, run in planned.items()}
    short = overhead(planned[BASE], dispatches=dispatches, repeats=repeats, peak=peak)
    curves = scaling.curves(planned[varied], places, programs[varied], repeats=repeats, peak=peak)
    costs = {name: settings.objective_of(run).cost for name, run in planned.items()}
    return {
        "machine": machine.record() | {"peak_gflops": peak.of(devices) / 1e9, "peak_gflops_one_device": peak.one / 1e9},
        "setting": {
            "dataset": config.dataset,
            "network": networks.described(config.network),
            **{name: config.training[name] for name in ("batch_size", "optimizer", "steps_per_dispatch")},
        },
        "objectives": [
            _row(name, timed[name], timed[BASE], loops[name], costs[name], costs[BASE], peak.of(devices))
            for name in planned
        ],
        "overhead": short,
        "scaling": {"objective": varied, "curves": scaling.table(places, curves, peak=peak)},
        "peak_memory_gb": peak_memory(),
    }


def _row(
    name: str, timed: Timed, base: Timed, loop: Loop | None, cost: float, base_cost: float, peak: float
) -> dict[str, Any]:
    time_ratio, cost_ratio = timed.seconds / base.seconds, cost / base_cost
    return {
        "objective": name,
        "ms_per_step": 1e3 * timed.seconds,
        "time_ratio": time_ratio,
        "cost": cost,
        "cost_ratio": cost_ratio,
        "time_per_cost": time_ratio / cost_ratio,
        "matmul_gflop": timed.program.flops / 1e9,
        "matmul_ratio": timed.program.flops / base.program.flops,
        "gflops": timed.rate / 1e9,
        "share_of_peak": timed.rate / peak,
        "compile_seconds": timed.program.compile_seconds,
        "memory_mb": timed.program.memory and timed.program.memory / 1e6,
        "loop_ms_per_step": loop and 1e3 * loop.step,
        "host_ms_per_step": loop and 1e3 * loop.host,
        "host_share": loop and loop.host / loop.step,
    }


def overhead(config: ConfigDict, *, dispatches: int, repeats: int, peak: machine.Peak) -> dict[str, Any] | None:
    """What the host adds where a step takes about ``SHORT_STEP``: flow matching, a small MLP, a batch that fits.

    Args:
      config: the configuration of flow matching; its logs, checkpoints and steps per dispatch are kept.
      dispatches: dispatches of the training loop, at most.
      repeats: measurements of each time, the fastest of which counts.
      peak: the machine's peak.

    Returns:
      the setting and the times, or None if the network is no MLP or the step is too long for a loop.
    """
    if config.network.kind != "mlp":
        return None
    devices, run = jax.local_device_count(), ConfigDict(config.to_dict())
    run.network.width, run.network.depth = min(64, config.network.width), min(3, config.network.depth)
    run.training.optimizer = "adam"

    def timed(*batches: int) -> list[Timed]:
        programs = {}
        for run.training.batch_size in batches:
            programs[run.training.batch_size] = compiled(run, devices=devices, rate=peak.of(devices))
        return list(fastest(programs, repeats=repeats).values())

    # The time is nearly affine in the batch.
    small, large = devices, 512 * devices
    short, long = (program.seconds for program in timed(small, large))
    wanted = small + (SHORT_STEP - short) * (large - small) / max(long - short, 1e-6)
    batch = max(1, round(wanted / devices)) * devices
    seconds = timed(batch)[0].seconds
    loop = in_loop(run, dispatches=dispatches, step=seconds)
    return loop and {
        "batch_size": batch,
        "width": run.network.width,
        "depth": run.network.depth,
        "ms_per_step": 1e3 * seconds,
        "loop_ms_per_step": 1e3 * loop.step,
        "host_ms_per_step": 1e3 * loop.host,
        "host_share": loop.host / loop.step,
    }


def read_sizes(chosen: Sequence[str], given: Mapping[str, Sequence[str]]) -> dict[str, list[int]]:
    """The sizes of ``--scaling`` and ``--batch_sizes`` and the like; UsageError on what is no number.

    Args:
      chosen: the words of ``--scaling``.
      given: {word: values as typed}.

    Returns:
      {word: values}.
    """
    for axis in chosen:
        if not all(word.isdecimal() for word in given.get(axis, ())):
            raise UsageError(f"--{axis}_sizes={','.join(given[axis])}; expected whole numbers, such as 256,1024")
    return {axis: list(map(int, given.get(axis, ()))) for axis in chosen}
