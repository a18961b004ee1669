"""Quality against network evaluations: a flow map in a few jumps, and the samplers of diffusion models.

    python -m experiments.compare_samplers --workdir=runs/samplers

For each configuration (the checkerboard and the spiral) it trains LSD and, with the same number of evaluations, plain
flow matching; the map is sampled in jumps, the velocity of flow matching by the classical samplers, and so is the exact
velocity, which shows the error of discretization alone. Writes ``samplers.csv``, ``samplers.md``, ``samplers.png`` and
``protocol.json``. The same command continues where it was interrupted.
"""

from absl import flags

from experiments import flags as command_flags
from experiments import locks
from experiments.comparison.sampler_report import MAP
from experiments.comparison.samplers import CONFIGS, compare_samplers
from experiments.settings import files as config_files

if __name__ == "__main__":
    FILES = flags.DEFINE_list("configs", list(CONFIGS), "configurations of data sets in the plane")
    WORKDIR = flags.DEFINE_string("workdir", None, "folder of runs and results")

    def main() -> None:
        """Runs the command."""
        configs = [command_flags.frozen(config_files.load(f"{path}:{MAP}")) for path in FILES.value]
        workdir = command_flags.folder(WORKDIR)
        with locks.alone(workdir, use="compare_samplers", name="--workdir"):
            print(compare_samplers(configs, workdir))

    command_flags.run(main, required=("workdir",))
