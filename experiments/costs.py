"""Measures what every method costs on one network, and compares that with its count.

    python -m experiments.costs [--config=experiments/configs/checkerboard.py] [--objectives=lsd,ctm] [--out=FOLDER]
    python -m experiments.costs --config=experiments/configs/digits.py:lsd,unet --config.network.channels=8

For each method, one gradient of its loss: operations of the compiled program, time and planned memory, as ratios to
flow matching, beside the counted forward-pass equivalents and the counts of the literature. A teacher is a copy of the
network. ``experiments.benchmark`` measures whole training steps of a few methods against the machine.
"""

import functools
import shlex
import sys

from absl import flags

from experiments import caches, errors, platforms
from experiments import flags as command_flags
from experiments.benchmarking import costs, costs_report
from experiments.benchmarking.benchmark import CONFIG

if __name__ == "__main__":
    RUN = command_flags.define_config()
    NAMES = flags.DEFINE_list("objectives", ["all"], "methods, or all; flow matching is the base of ratios")
    REPEATS = flags.DEFINE_integer("repeats", 5, "measurements of each time")
    OUT = flags.DEFINE_string("out", None, "folder for costs.json, costs.csv, costs.md and costs.png")

    def main() -> None:
        """Runs the command."""
        platforms.check()
        config = command_flags.frozen(RUN.value)
        costs.plan(config, NAMES.value, repeats=REPEATS.value)  # a fault leaves no folder behind
        folder = OUT.value and command_flags.path(OUT)
        if folder:
            caches.check_writable(folder, name="--out")
        results = costs.measure(config, NAMES.value, repeats=REPEATS.value)
        command = shlex.join(["python", "-m", "experiments.costs", *sys.argv[1:]])
        if folder:
            costs_report.write(folder, results, command=command)
        print(costs_report.markdown(results, command=command))

    # It keeps no compiled programs, like the benchmark: compile time is one of its results.
    errors.run(main, flags_parser=functools.partial(command_flags.parse_or_default, config=CONFIG))
