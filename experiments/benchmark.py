"""Measures what a training step costs: against flow matching, against its counted cost, and against the machine.

    python -m experiments.benchmark [--config=experiments/configs/checkerboard.py:lsd,paper] [--objectives=lsd,esd]
        [--scaling=batch,width,devices] [--json] [--out=FOLDER]

For each objective: time per step, its ratio to plain flow matching beside that of the counted forward-pass equivalents,
operations per second beside the matmul peak that this machine reaches, compile time, memory, and what the host adds in
the training loop; for the first of them also how the time grows with batch, width and devices. Objectives are timed
in turn and the fastest time of each counts, because shared machines drift: compare within one table.
"""

import functools
import json

from absl import flags

from experiments import caches, errors, platforms
from experiments import flags as command_flags
from experiments.benchmarking import report as benchmark_report
from experiments.benchmarking import scaling
from experiments.benchmarking.benchmark import CONFIG, SHOWN, measure, planned_sizes, read_sizes
from experiments.settings import option_sets

if __name__ == "__main__":
    RUN = command_flags.define_config()
    NAMES = flags.DEFINE_string(
        "objectives", ",".join(SHOWN), "METHOD or METHOD[OPTION=VALUE,...], or all; flow matching is the base of ratios"
    )
    SCALING = flags.DEFINE_list("scaling", list(scaling.SIZES), "what to vary; empty for nothing")
    GIVEN = {
        axis: flags.DEFINE_list(f"{axis}_sizes", list(map(str, values)), f"sizes of --scaling={axis}")
        for axis, values in scaling.SIZES.items()
    }
    DISPATCHES = flags.DEFINE_integer("dispatches", 100, "dispatches of the training loop, at most")
    REPEATS = flags.DEFINE_integer("repeats", 5, "measurements of each time")
    JSON = flags.DEFINE_bool("json", False, "print one JSON object in place of the tables")
    OUT = flags.DEFINE_string("out", None, "folder for benchmark.json, benchmark.md and the pictures")

    def main() -> None:
        """Runs the command."""
        platforms.check()
        config = command_flags.frozen(RUN.value)
        sizes = read_sizes(SCALING.value, {axis: flag.value for axis, flag in GIVEN.items()})
        chosen = option_sets.split(NAMES.value)
        planned_sizes(config, chosen, sizes)  # a fault leaves no folder behind
        folder = OUT.value and command_flags.path(OUT)
        if folder:
            caches.check_writable(folder, name="--out")
        results = measure(
            config,
            chosen,
            sizes=sizes,
            dispatches=DISPATCHES.value,
            repeats=REPEATS.value,
        )
        if folder:
            benchmark_report.write(folder, results)
        print(json.dumps(results, indent=2) if JSON.value else benchmark_report.markdown(results))

    # Unlike other commands it keeps no compiled programs: compile time is one of its results.
    errors.run(main, flags_parser=functools.partial(command_flags.parse_or_default, config=CONFIG))
