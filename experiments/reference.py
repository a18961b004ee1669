"""Solves the exact flow map of a data set, with which every trained map is compared, and keeps it on disk.

    python -m experiments.reference --config=experiments/configs/checkerboard.py

The first evaluation does the same on demand. Files go to ``$FLOWMAP_CACHE``, by default ``~/.cache/flowmap``; their
names carry a hash of everything that made them.
"""

import time

from experiments import flags as command_flags
from experiments.metrics.reference import describe, load_or_build, path_of
from experiments.settings import chosen_data
from experiments.training import checks

if __name__ == "__main__":
    CONFIG = command_flags.define_config()

    def main() -> None:
        """Runs the command."""
        config = command_flags.frozen(CONFIG.value)
        checks.check_evaluation(config)
        start = time.perf_counter()
        dataset = chosen_data.load(config)
        reference = load_or_build(config, dataset)
        print(f"{path_of(config, dataset)}: {describe(reference)}; {time.perf_counter() - start:.0f} s")

    # Its result is kept instead: a second start solves nothing.
    command_flags.run(main, required=("config",), keep_compiled=False)
