"""Prints the card of a file of weights: data, method, budget, scores, licence, commands.

    python -m experiments.card --workdir=zoo:checkerboard/lsd
    python -m experiments.card

Without ``--workdir`` it prints the table of the maps that come with the project.
"""

from experiments import flags as command_flags
from experiments.uses import cards

if __name__ == "__main__":
    WORKDIR = command_flags.define_trained()

    def main() -> None:
        """Runs the command."""
        print(cards.card(command_flags.path(WORKDIR)) if WORKDIR.value else cards.table(), end="")

    command_flags.run(main)
