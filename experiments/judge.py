"""The judge of a data set: a small classifier of its images, whose features and classes score generated ones.

    python -m experiments.judge --dataset=patches    # trains it if need be, and prints its held-out accuracy

It is trained once on the training images and kept in ``$FLOWMAP_CACHE``. For digits it is the judge of
``experiments.classifier``.
"""

from absl import flags

from experiments import datasets
from experiments import flags as command_flags
from experiments.errors import UsageError
from experiments.images.judge import judge

if __name__ == "__main__":
    DATASET = flags.DEFINE_string("dataset", None, "a data set of pictures with classes")

    def main() -> None:
        """Runs the command."""
        dataset = datasets.load(DATASET.value)
        judged_by = judge(dataset)
        if judged_by is None:
            raise UsageError(f"--dataset={DATASET.value} has no pictures with classes; name a data set that has both")
        print(f"judge: held-out accuracy {judged_by.accuracy:.4f} on {len(dataset.truth.test)} pictures")

    command_flags.run(main, required=("dataset",))
