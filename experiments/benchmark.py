"""Measures what a training step costs, and what the host adds to it.

    python -m experiments.benchmark --config=experiments/configs/checkerboard.py [--objectives=lsd] [--dispatches=40]

For each objective: milliseconds per step inside one long dispatch (XLA alone) and inside the dispatches of the real
training loop; what the host adds between them (logging, progress bar, checkpoints); and the measured ratio to the first
objective beside the ratio of the counted costs. Absolute times are noisy; compare within one table.
"""

from collections.abc import Sequence
from pathlib import Path
import tempfile
import time

from absl import flags
import jax
from ml_collections import ConfigDict

from experiments import checks, datasets, engine, errors, runs, settings, tables
from experiments import flags as command_flags
from experiments.errors import UsageError
from experiments.report import peak_memory
from experiments.train import train
from objectives.build import OBJECTIVES

LONG = 8  # dispatches of the training loop that make one long one


def seconds_per_step(config: ConfigDict, *, steps: int, repeats: int = 3) -> tuple[float, float]:
    """Time of one step inside one dispatch of many.

    Args:
      config: the configuration.
      steps: steps of the dispatch.
      repeats: dispatches timed; the fastest counts.

    Returns:
      (seconds per step, seconds of the first call, which compiles).
    """
    devices = jax.local_device_count()
    dataset = datasets.load(config.dataset)
    model, objective = runs.build_model(config, dataset), settings.objective_of(config)
    state = engine.replicate(engine.initial_state(config, model, objective, dataset.shape), devices=devices)
    dispatch = engine.make_dispatch(
        config,
        model,
        objective,
        dataset,
        settings.interpolant_of(config),
        steps=steps,
        devices=devices,
    )
    start = time.perf_counter()
    jax.block_until_ready(dispatch(state))
    first = time.perf_counter() - start
    timed = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(dispatch(state))
        timed.append(time.perf_counter() - start)
    return min(timed) / steps, first - min(timed)


def benchmark(config: ConfigDict, objectives: Sequence[str], *, dispatches: int) -> str:
    """The table of measured costs.

    Args:
      config: the common configuration.
      objectives: names of objectives that need no teacher.
      dispatches: dispatches of the training loop that are timed.

    Returns:
      a markdown table and a line about memory.

    Raises:
      UsageError: on an unknown objective or one that needs a teacher.
    """
    measured = {}
    for name in objectives:
        run = settings.with_objective(config, name)
        run.training.steps = dispatches * config.training.steps_per_dispatch
        checks.check(run, devices=jax.local_device_count())
        alone, compilation = seconds_per_step(run, steps=LONG * config.training.steps_per_dispatch)
        with tempfile.TemporaryDirectory() as folder:
            timing = train(run, Path(folder), label=name)
        # The first dispatch of the loop compiles and is not timed; the host works after each one.
        loop = timing.steps / (run.training.steps - run.training.steps_per_dispatch)
        host = timing.host / run.training.steps
        measured[name] = (alone, loop, host, compilation, settings.objective_of(run).cost)
    base, *_, base_cost = measured[objectives[0]]
    body = [
        [
            name,
            f"{cost:g}",
            f"{cost / base_cost:.2f}",
            f"{alone / base:.2f}",
            f"{1e3 * alone:.2f}",
            f"{1e3 * loop:.2f}",
            f"{1e3 * host:.3f}",
            f"{100 * host / loop:.1f} %",
            f"{compilation:.1f}",
        ]
        for name, (alone, loop, host, compilation, cost) in measured.items()
    ]
    header = ["objective", "cost", "cost ratio", "time ratio"]
    header += ["ms/step, XLA", "in the loop", "host", "host adds", "compile s"]
    return (
        f"{tables.markdown(header, body)}\n\npeak memory {peak_memory():.2f} GB; {jax.local_device_count()} device(s)"
    )


if __name__ == "__main__":
    CONFIG = command_flags.define_config()
    NAMES = flags.DEFINE_list(
        "objectives",
        [name for name, row in OBJECTIVES.items() if not row().needs_teacher],
        "comma-separated objectives; the first is the base of ratios",
    )
    DISPATCHES = flags.DEFINE_integer("dispatches", 40, "dispatches of the training loop that are timed", lower_bound=2)

    def main() -> None:
        """Runs the command."""
        if not NAMES.value:
            raise UsageError("--objectives is empty; name at least one")
        print(benchmark(command_flags.frozen(CONFIG.value), NAMES.value, dispatches=DISPATCHES.value))

    errors.run(main, flags_parser=lambda argv: command_flags.parse(argv, required=("config",)))
