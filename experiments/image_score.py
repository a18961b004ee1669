"""Scores images of a file, from any model, by the same protocol as runs.

    python -m experiments.image_score --samples=samples.npz --reference=digits --out=scores [--inception=inception.npz]

Every array of images [n, ...] in the file gives a row of the table; others are left out and named. An array "y" or
"labels" [n] holds the classes that were asked for, so that files of ``experiments.sample`` can be scored as they are.
``--reference`` is the name of a data set, or a file of images, all of which are then compared with. Numbers of uint8
are 0 .. 255; for floats ``--range`` gives black and white. Writes ``image_score.csv``, ``image_score.md`` and
``protocol.json``.
"""

from pathlib import Path

from absl import flags

from experiments import flags as command_flags
from experiments import limits
from experiments.datasets.ranges import RANGES
from experiments.images.file import WRITTEN, score_file
from experiments.reporting.findings import written
from experiments.settings.protocol import RESIZES, Protocol

if __name__ == "__main__":
    SAMPLES = flags.DEFINE_string("samples", None, "file of generated images, .npz or .npy")
    REFERENCE = flags.DEFINE_string("reference", None, "data set, or file of real images")
    OUT = flags.DEFINE_string("out", None, "folder of the results")
    INCEPTION = flags.DEFINE_string("inception", "", "file of Inception weights, for FID")
    RESIZE = flags.DEFINE_string("resize", Protocol().resize, "how images reach the size of Inception")
    SPLIT = flags.DEFINE_string("split", Protocol().reference, "split of a data set to compare with: test or train")
    ROUNDING = flags.DEFINE_bool("rounding", Protocol().rounding, "clip and round to 8 bits first")
    SEED = flags.DEFINE_integer("seed", Protocol().seed, "seed of random choices within metrics")
    RANGE = flags.DEFINE_string("range", "-1..1", f"of images of floats: {', '.join(RANGES)}")

    def main() -> None:
        """Runs the command."""
        for flag, known in ((RANGE, RANGES), (SPLIT, ("test", "train")), (RESIZE, RESIZES)):
            command_flags.check_known(flag, known)
        limits.check_seed("seed", SEED.value)
        protocol = Protocol(
            reference=SPLIT.value,
            rounding=ROUNDING.value,
            inception=INCEPTION.value,
            resize=RESIZE.value,
            seed=SEED.value,
        )
        workdir = Path(OUT.value)
        print(score_file(Path(SAMPLES.value), REFERENCE.value, workdir, protocol=protocol, between=RANGE.value))
        print(written(workdir, WRITTEN))

    command_flags.run(main, required=("samples", "reference", "out"))
