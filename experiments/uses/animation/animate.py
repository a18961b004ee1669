"""Draws scenes and writes them as files."""

from collections.abc import Sequence
from pathlib import Path
import time

from experiments import datasets, files
from experiments.errors import UsageError, nearest
from experiments.uses.animation import film
from experiments.uses.animation.scenes import SCENES

DATASET = "checkerboard"


def chosen(text: str) -> list[str]:
    """Names of scenes from the value of an option.

    Args:
      text: "all", or names separated by commas.

    Returns:
      the names, each once.

    Raises:
      UsageError: if one is unknown, or there is none.
    """
    if text == "all":
        return list(SCENES)
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError(f"--scenes={text}; expected all, or some of {', '.join(SCENES)}")
    for name in names:
        if name not in SCENES:
            raise UsageError(f"--scenes: no scene is called {name!r}; {nearest(name, SCENES)}")
    return list(dict.fromkeys(names))


def animate(out: Path, names: Sequence[str]) -> None:
    """Draws scenes one after the other, and says what was written.

    Args:
      out: the folder, made if it is not there.
      names: keys of ``SCENES``.
    """
    dataset = datasets.load(DATASET)
    files.make_folder(out, parents=True)
    for name in names:
        began = time.perf_counter()
        pictures = list(SCENES[name](dataset))
        content = film.packed(pictures)
        files.write_bytes(out / f"{name}.gif", content)
        seconds = time.perf_counter() - began
        print(f"{out / name}.gif: {len(pictures)} frames, {len(content) / 1e3:.0f} kB, {seconds:.0f} s", flush=True)
