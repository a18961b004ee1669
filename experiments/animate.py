"""The moving pictures of docs/plain_english.md, from the exact flow map of the checkerboard.

    python -m experiments.animate --out=docs/images
    python -m experiments.animate --out=docs/images --scenes=rules,sampling

Writes one animated ``NAME.gif`` for each scene and prints its size. Nothing is trained.
"""

from absl import flags

from experiments import caches
from experiments import flags as command_flags
from experiments.uses.animation import animate

if __name__ == "__main__":
    OUT = flags.DEFINE_string("out", None, "folder for the pictures")
    SCENES = flags.DEFINE_string("scenes", "all", f"all, or some of {','.join(animate.SCENES)}")

    def main() -> None:
        """Runs the command."""
        out, names = command_flags.path(OUT), animate.chosen(SCENES.value)
        caches.check_writable(out.absolute(), name="--out")
        animate.animate(out, names)

    command_flags.run(main, required=("out",))
