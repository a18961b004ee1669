"""Small classifiers of real pictures, by whose features generated ones are compared with them, and classes judged.

    python -m experiments.judge --dataset=patches    # trains it if need be, and prints its held-out accuracy

They are trained once on the training pictures and kept in ``$FLOWMAP_CACHE``. No convolutions: loops of them are slow
on a CPU. That of digits is the judge of ``experiments.classifier``.
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
        found = judge(dataset)
        if found is None:
            raise UsageError(f"--dataset={DATASET.value} has no pictures with classes; name a data set that has both")
        print(f"judge: held-out accuracy {found.accuracy:.4f} on {len(dataset.truth.test)} pictures")

    command_flags.run(main, required=("dataset",))
