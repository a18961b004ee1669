"""A small classifier of the real digits: rewards towards a class, and a judge of generated digits.

    python -m experiments.classifier                 # trains it if need be, and prints its held-out accuracy
    --reward=digit_3                                 # log-probability of a class as a reward

It is trained once, on noised training digits so that its gradient means something off the data too, and kept in
``$FLOWMAP_CACHE``. The judge is another network, of another seed: what is steered by the one is scored by the other.
Classifiers of other pictures are in ``experiments.judge``.
"""

from experiments import flags as command_flags
from experiments.datasets.digits import labelled
from experiments.images.classifier import JUDGING, REWARDING, accuracy

if __name__ == "__main__":

    def main() -> None:
        """Runs the command."""
        for seed, role in ((REWARDING, "reward"), (JUDGING, "judge")):
            print(f"{role}: held-out accuracy {accuracy(seed=seed):.4f} on {len(labelled().test)} digits")

    command_flags.run(main)
