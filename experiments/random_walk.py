"""Two targets, one optimum: the noise of the last step of a random walk, and the mean of all noise so far.

    python -m experiments.random_walk --out=docs/images/random_walk.png

Walks start on the spiral. Two small networks learn to predict the one and the other from (n, x_n); both are compared
with the exact optimum, which is known for the spiral. Prints the errors and draws a picture.
"""

from pathlib import Path

from absl import flags

from experiments import caches, limits
from experiments import flags as command_flags
from experiments.errors import UsageError
from experiments.uses.random_walk import compare

if __name__ == "__main__":
    OUT = flags.DEFINE_string("out", None, "picture to write, .png")
    UPDATES = flags.DEFINE_integer("updates", 1500, "updates of each network")

    def main() -> None:
        """Runs the command."""
        out = Path(OUT.value)
        if out.suffix != ".png":
            raise UsageError(f"--out={out}; expected a file that ends in .png")
        limits.check_count("updates", UPDATES.value, most=limits.AT_ONCE)
        caches.check_writable(out.absolute().parent, name="--out")
        print(compare(out, updates=UPDATES.value))

    command_flags.run(main, required=("out",))
