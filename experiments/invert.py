"""Takes data to their noise and back with a map trained in both directions, and compares with the exact inverse.

    python -m experiments.train --config=experiments/configs/checkerboard.py:lsd --workdir=runs/both \\
        --config.objective.options.times=square
    python -m experiments.invert --workdir=runs/both

Writes ``inversion.csv``, ``.md``, ``.json`` and the picture ``inversion.png`` into the run's folder or
``--out``. docs/two_directions.md says what the numbers mean.
"""

from absl import flags

from experiments import flags as command_flags
from experiments.reporting import findings
from experiments.uses.inversion.invert import invert

if __name__ == "__main__":
    WORKDIR = command_flags.define_trained()
    OUT = flags.DEFINE_string("out", None, "folder of the results; by default that of the run")

    def main() -> None:
        """Runs the command."""
        workdir = command_flags.path(WORKDIR)
        with findings.held(workdir, OUT.value, use="invert"):
            invert(workdir, out=OUT.value)
        folder = findings.chosen(workdir, OUT.value)
        print((folder / "inversion.md").read_text("utf-8"))
        print(f"written: {folder}/inversion.csv, inversion.md, inversion.json, inversion.png")

    command_flags.run(main, required=("workdir",))
