"""Trains several methods on the same data, network, seeds and budget, and compares their scores.

    python -m experiments.compare --config=experiments/configs/checkerboard.py \\
        --objectives=flow_matching,lsd,esd,psd_m,ict --workdir=runs/demo [--seeds=0,1,2] [--budget=steps]

``--objectives=all`` takes every method for such data. A method may have options of its own, several times, and a label:
``--objectives='lsd,lsd[velocity=pooled,pool=512],plain=mean_flow[adaptive_power=0]'``.

Prints three lines: the best objective, what remains to be desired, and the picture to open. Writes ``comparison.csv``,
``comparison.md``, ``comparison.tex``, ``protocol.json`` and the pictures ``samples.png``, ``curves.png``,
``map_error.png`` and, in the plane, ``trajectories.png`` into the folder (of the best twelve, if there are more), and
``teaser.png`` if flow matching and a flow map are compared. With ``--config.training.evaluate_every=STEPS`` there is
``laws.png`` in the plane: the divergences in both directions and the rarest mode during training. Every run has a
folder of its own below. The same command continues where it was interrupted.
"""

from absl import flags

from experiments import flags as command_flags
from experiments import locks
from experiments.comparison.budgets import BUDGETS
from experiments.comparison.objectives import compare
from experiments.errors import UsageError
from experiments.settings import option_sets

if __name__ == "__main__":
    CONFIG = command_flags.define_config()
    WORKDIR = flags.DEFINE_string("workdir", None, "folder of the comparison; the same folder continues it")
    NAMES = flags.DEFINE_string("objectives", None, "comma-separated METHOD, METHOD[OPTION=VALUE,...], or all")
    SEEDS = flags.DEFINE_list("seeds", ["0"], "comma-separated seeds")
    BUDGET = flags.DEFINE_string("budget", "evaluations", f"what is equal for all: {' or '.join(BUDGETS)}")

    def main() -> None:
        """Runs the command."""
        try:
            seeds = [int(seed) for seed in SEEDS.value]
        except ValueError as error:
            raise UsageError(f"--seeds={','.join(SEEDS.value)}; expected whole numbers such as 0,1,2") from error
        config = command_flags.frozen(CONFIG.value)
        workdir = command_flags.folder(WORKDIR)
        with locks.alone(workdir, use="compare", name="--workdir"):
            print(compare(config, option_sets.split(NAMES.value), seeds, BUDGET.value, workdir).verdict)

    command_flags.run(main, required=("config", "objectives", "workdir"))
