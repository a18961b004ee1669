"""Writes the map of a trained run in the plane into one file that other programs can read.

    python -m experiments.export_explorer --workdir=runs/lsd --out=docs/explorer/public/maps/lsd.safetensors

The file holds the averaged weights in half precision in the format of safetensors, and beside them what a program needs
to use them: layers, harmonics, units, the data's law, the method, its scores. ``docs/explorer`` reads such files.
"""

import shlex
import sys

from absl import flags

from experiments import flags as command_flags
from experiments.uses.export_explorer import export

if __name__ == "__main__":
    WORKDIR = flags.DEFINE_string("workdir", None, "folder of a trained run")
    OUT = flags.DEFINE_string("out", None, "file to write, .safetensors")
    CHECKPOINT = command_flags.define_checkpoint()

    def main() -> None:
        """Runs the command."""
        checkpoint = command_flags.checkpoint_folder(CHECKPOINT)
        command = shlex.join(["python", "-m", "experiments.export_explorer", *sys.argv[1:]])
        out = command_flags.path(OUT)
        size = export(command_flags.path(WORKDIR), out, checkpoint=checkpoint, command=command)
        print(f"{out}: {size:,} bytes")

    command_flags.run(main, required=("workdir", "out"))
