"""Scores images from a file, whoever has made them, by the same protocol as runs.

    python -m experiments.image_score --samples=samples.npz --reference=digits --out=scores [--inception=inception.npz]

Every array of the file that holds images [n, ...] is a row of the table; classes that were asked for may stand in an
array "y" [n]. ``--reference`` is a data set by name, or a file of images, all of which are then compared with. Numbers
of uint8 are 0 .. 255; of floats ``--range`` says which is black and which is white. Writes ``image_score.csv``,
``image_score.md`` and ``protocol.json``.
"""

from pathlib import Path
import time

from absl import flags

from experiments import caches, errors
from experiments import flags as command_flags
from experiments.errors import UsageError, nearest
from experiments.images import inception
from experiments.images import scores as image_scores
from experiments.images.file import RANGES, WRITTEN, load_reference, markdown, read, score, stated
from experiments.reporting import tables
from experiments.settings import protocol
from experiments.settings.protocol import Protocol

if __name__ == "__main__":
    SAMPLES = flags.DEFINE_string("samples", None, "file of generated images, .npz or .npy")
    REFERENCE = flags.DEFINE_string("reference", None, "data set, or file of real images")
    OUT = flags.DEFINE_string("out", None, "folder of the results")
    INCEPTION = flags.DEFINE_string("inception", "", "file of Inception weights, for FID")
    RESIZE = flags.DEFINE_string("resize", Protocol().resize, "how images reach the size of Inception")
    SPLIT = flags.DEFINE_string("split", Protocol().reference, "split of a data set to compare with: test or train")
    ROUNDING = flags.DEFINE_bool("rounding", Protocol().rounding, "clip and round to 8 bits first")
    SEED = flags.DEFINE_integer("seed", Protocol().seed, "seed of random choices within metrics", 0)
    RANGE = flags.DEFINE_string("range", "-1,1", f"of images of floats: {', '.join(RANGES)}")

    def main() -> None:
        """Runs the command."""
        start, workdir = time.time(), Path(OUT.value)
        for name, value, known in (
            ("range", RANGE.value, RANGES),
            ("split", SPLIT.value, ("test", "train")),
            ("resize", RESIZE.value, inception.RESIZES),
        ):
            if value not in known:
                raise UsageError(f"unknown --{name}={value!r}; {nearest(value, known)}")
        how = Protocol(
            reference=SPLIT.value,
            rounding=ROUNDING.value,
            inception=INCEPTION.value,
            resize=RESIZE.value,
            seed=SEED.value,
        )
        caches.keep_compiled()
        dataset = load_reference(REFERENCE.value, RANGE.value)
        image_scores.check(dataset, how)
        rows = score(read(Path(SAMPLES.value)), dataset, how, RANGE.value, SAMPLES.value)
        caches.check_writable(workdir, name="--out")
        tables.write_csv(workdir / "image_score.csv", rows)
        text = markdown(rows, how, dataset, seconds=time.time() - start)
        (workdir / "image_score.md").write_text(text)
        protocol.write_json(workdir, stated(how, dataset))
        print(text)
        print(f"written: {workdir}/" + ", ".join(WRITTEN))

    errors.run(main, flags_parser=lambda argv: command_flags.parse(argv, required=("samples", "reference", "out")))
