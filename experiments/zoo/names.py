"""Where a trained map lies: in a run's folder, in a file of weights, or in one that comes with the project.

``zoo:checkerboard/lsd`` is the name of ``experiments/zoo/checkerboard/lsd.safetensors``; a card of the same name lies
beside it.
"""

from pathlib import Path

from experiments import paths
from experiments.errors import UsageError, nearest

PREFIX, SUFFIX = "zoo:", ".safetensors"
FOLDER = Path(__file__).parent
RESULTS = Path("runs/zoo")  # of commands about a map that comes with the project, in the working directory


def names() -> list[str]:
    """The names of the maps that come with the project, each beginning with ``zoo:``."""
    files = sorted(FOLDER.glob(f"*/*{SUFFIX}"))
    return [f"{PREFIX}{path.relative_to(FOLDER).with_suffix('').as_posix()}" for path in files]


def is_shipped(workdir: Path | str) -> bool:
    """Whether something is written as the name of a map that comes with the project."""
    return str(workdir).startswith(PREFIX)


def is_weights(workdir: Path | str) -> bool:
    """Whether something names a file of weights, and not the folder of a run."""
    return is_shipped(workdir) or (Path(workdir).suffix == SUFFIX and not Path(workdir).is_dir())


def located(workdir: Path | str) -> Path:
    """The file of weights that is named.

    Args:
      workdir: a path, or a name such as "zoo:checkerboard/lsd".

    Returns:
      the path of the file.

    Raises:
      UsageError: if no map of that name comes with the project; the nearest is suggested.
    """
    if not is_shipped(workdir):
        return Path(workdir)
    if str(workdir) not in (known := names()):
        raise UsageError(f"no map {str(workdir)!r} comes with the project; {nearest(str(workdir), known)}")
    return FOLDER / (str(workdir).removeprefix(PREFIX) + SUFFIX)


def results(workdir: Path) -> Path:
    """The folder for results about a trained map, where none is named.

    Args:
      workdir: what names the map.

    Returns:
      of a run its own folder, of a file of weights one beside it without its ending, of ``zoo:NAME`` ``runs/zoo/NAME``.
    """
    if is_shipped(workdir):
        return RESULTS / str(workdir).removeprefix(PREFIX)
    return workdir.with_suffix("") if is_weights(workdir) else workdir


def folder_of_user(text: str | Path, *, name: str) -> Path:
    """The path of a folder that is to be written to, as a user has typed it.

    Args:
      text: the path.
      name: of the option, for messages.

    Returns:
      the path.

    Raises:
      UsageError: as ``paths.of_user``, and if it names weights.
    """
    if is_weights(text):
        what = "the name of a map that comes with the project" if is_shipped(text) else "the name of a file of weights"
        raise UsageError(f"{name}={text} is {what}, and nothing is written there; expected a folder, such as runs/lsd")
    return paths.of_user(text, name=name)
