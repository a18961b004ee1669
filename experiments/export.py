"""Writes the weights of a trained run into one file of safetensors, with configuration, budget and scores.

    python -m experiments.export --workdir=runs/lsd --out=lsd.safetensors [--dtype=float16] [--ema=0.999] [--noscores]

Every command takes the file in the place of the run's folder: ``--workdir=lsd.safetensors``,
``--config.training.start_from=lsd.safetensors``. What is written is scored as ``experiments.evaluate`` scores a run,
unless ``--noscores`` is given. docs/zoo.md says what the file holds.
"""

from absl import flags

from experiments import flags as command_flags
from experiments.uses import export
from experiments.zoo import weights

if __name__ == "__main__":
    WORKDIR = command_flags.define_trained()
    OUT = flags.DEFINE_string("out", None, "file to write, FILE.safetensors")
    EMA = flags.DEFINE_float("ema", None, "decay of an average of the weights, 0 for the raw ones")
    DTYPE = flags.DEFINE_string("dtype", "float32", f"of the numbers: {' or '.join(weights.DTYPES)}")
    SCORES = flags.DEFINE_bool("scores", True, "score what is written, by the run's protocol")
    LICENCE = flags.DEFINE_string("licence", "", "licence of the weights, such as Apache-2.0")
    CHECKPOINT = command_flags.define_checkpoint()

    def main() -> None:
        """Runs the command."""
        checkpoint, out = command_flags.checkpoint_folder(CHECKPOINT), command_flags.path(OUT)
        found = export.export(
            command_flags.path(WORKDIR),
            out,
            ema=EMA.value,
            checkpoint=checkpoint,
            dtype=DTYPE.value,
            scored=SCORES.value,
            licence=LICENCE.value,
        )
        print(export.text(out, found))

    command_flags.run(main, required=("workdir", "out"))
