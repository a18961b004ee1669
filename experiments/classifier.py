"""The small classifiers of real digits: one is a reward towards a class, another judges generated digits.

    python -m experiments.classifier                 # trains them if need be, and prints their held-out accuracy
    --reward=digit_3                                 # log-probability of a class as a reward, of other commands

Both are trained once, on training digits with noise, and kept in ``$FLOWMAP_CACHE``. The judge has another seed: what
is steered by the one is scored by the other. ``experiments.judge`` has the judges of other images.
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
