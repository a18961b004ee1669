"""The results of a command about a trained map, in a folder: numbers as csv and md, and the settings that made them."""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
from pathlib import Path
import sys

from experiments import caches, files, locks
from experiments.reporting import machine, tables
from experiments.zoo import names


def folder(workdir: Path, out: str | None) -> Path:
    """The folder that ``--out`` names, by default that of the run; created and tried. UsageError if it is not usable.

    Args:
      workdir: the run's folder.
      out: the option.

    Returns:
      the folder.
    """
    found = chosen(workdir, out)
    caches.check_writable(found, name="--out" if out else "--workdir")
    return found


@contextlib.contextmanager
def held(workdir: Path, out: str | None, *, use: str) -> Iterator[None]:
    """Holds the folder of ``chosen`` for the results of one command; see ``locks.alone``."""
    with locks.alone(chosen(workdir, out), use=use, name="--out" if out else "--workdir"):
        yield


def chosen(workdir: Path, out: str | None) -> Path:
    """The folder that ``--out`` names, by default that of the run, as it is; see ``names.results``."""
    return names.folder_of_user(out, name="--out") if out else names.results(workdir)


def warn(text: str) -> None:
    """Prints one line of warning on standard error."""
    print(f"warning: {text}", file=sys.stderr, flush=True)


def write(
    out: Path,
    name: str,
    rows: Sequence[dict[str, object]],
    *,
    titles: Mapping[str, str],
    text: Sequence[str],
    settings: Mapping[str, object],
    command: str,
    seconds: float,
) -> str:
    """Writes ``NAME.csv``, ``NAME.md`` and ``NAME.json``.

    Args:
      out: the folder.
      name: of the files.
      rows: at least one, of equal keys; values are numbers, texts, or None.
      titles: {key of the rows: title of the column} of the columns in the text; the csv has all keys.
      text: paragraphs before the table.
      settings: whatever determines the numbers, for the json.
      command: the command that makes them.
      seconds: that it took.

    Returns:
      the text of the md.
    """
    tables.write_csv(out / f"{name}.csv", rows)
    here = machine.record()
    record = {"command": command, "settings": dict(settings), "seconds": round(seconds, 1), "machine": here}
    files.write_json(out / f"{name}.json", record)
    body = [[_cell(row[key]) for key in titles] for row in rows]
    made = (
        f"Made by `{command}` in {seconds:.0f} s on {here['cpus']} CPUs ({here['platform']}, {here['device_kind']}, "
        f"jax {here['jax']})."
    )
    whole = "\n\n".join([*text, tables.markdown(list(titles.values()), body), made]) + "\n"
    files.write_text(out / f"{name}.md", whole)
    return whole


def _cell(value: object) -> str:
    if value is None or isinstance(value, float):
        return tables.number(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def written(workdir: Path, names: Sequence[str]) -> str:
    """Those of the named files that are there, for a message."""
    return f"written: {workdir}/" + ", ".join(name for name in names if (workdir / name).exists())
