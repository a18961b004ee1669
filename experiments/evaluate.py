"""Scores a trained flow map: its samples at 1, 2, 4, 8 and 16 steps, and the map itself against the exact one.

    python -m experiments.evaluate --workdir=runs/lsd [--checkpoint=best] [--inception=FILE] [--guidance=2]

Writes ``metrics.csv``, ``metrics.md``, ``protocol.json``, the pictures ``samples.png`` (density next to the target),
``map_error.png`` and, in the plane, ``trajectories.png``, and their data (``samples.npz``, ``map.npz``) into the run's
folder or ``--out``, and prints the tables. The exact map comes from ``experiments.reference``.
"""

from absl import flags

from experiments import flags as command_flags
from experiments.evaluation.evaluate import WRITTEN, evaluate
from experiments.reporting import findings

if __name__ == "__main__":
    WORKDIR = command_flags.define_trained()
    OUT = flags.DEFINE_string("out", None, "folder of the results; by default that of the run")
    CHECKPOINT = command_flags.define_checkpoint()
    CHANGES = {
        "inception": flags.DEFINE_string("inception", None, "file of Inception weights, for FID"),
        "guidance": flags.DEFINE_float("guidance", None, "scale of guidance, of a network that was trained for it"),
    }

    def main() -> None:
        """Runs the command."""
        workdir, checkpoint = command_flags.path(WORKDIR), command_flags.checkpoint_folder(CHECKPOINT)
        changes = {name: flag.value for name, flag in CHANGES.items() if flag.value is not None}
        evaluate(workdir, out=OUT.value, checkpoint=checkpoint, changes=changes, tell=print)
        folder = findings.chosen(workdir, OUT.value)
        print((folder / "metrics.md").read_text("utf-8"))
        print(findings.written(folder, WRITTEN))

    command_flags.run(main, required=("workdir",))
