"""Time to quality as text, table and picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # commands draw into files, on machines without a screen

import matplotlib.pyplot as plt
import numpy as np

from experiments import files
from experiments.comparison.time_to_quality import first_below, middle
from experiments.reporting import machine, tables

Results = Mapping[str, Any]


def write(path: Path, results: Results, *, level: float) -> None:
    """Writes ``time_to_quality.json``, ``.csv``, ``.md`` and ``.png``.

    Args:
      path: the folder.
      results: what ``time_to_quality.measure`` returned.
      level: the score to be reached.
    """
    files.write_json(path / "time_to_quality.json", results)
    tables.write_csv(path / "time_to_quality.csv", results["rows"])
    files.write_text(path / "time_to_quality.md", markdown(results, level=level) + "\n")
    curves(path / "time_to_quality.png", results, level=level)


def markdown(results: Results, *, level: float) -> str:
    """What each recipe needs for a score, and what it has after each length of training.

    Args:
      results: what ``time_to_quality.measure`` returned.
      level: the score to be reached.

    Returns:
      markdown.
    """
    rows = results["rows"]
    seconds, evaluations = (first_below(rows, level, spent=spent) for spent in ("seconds", "evaluations"))
    recipes = [
        [
            f"`{name}`",
            said["network"],
            f"{said['optimizer']} {said['learning_rate']:g}",
            said["batch_size"],
            _spread(seconds.get(name, [None]), "{:.1f}"),
            _spread(evaluations.get(name, [None]), "{:.2g}"),
        ]
        for name, said in results["recipes"].items()
    ]
    header = ["recipe", "network", "optimizer", "batch", f"seconds to {level:g}", f"evaluations to {level:g}"]
    return "\n\n".join(
        [
            f"# Time to quality: {results['dataset']}",
            "One step, lower is better. Seconds are those of training alone, without evaluations and compilation.\n"
            "Medians over seeds, with the least and the most.",
            tables.markdown(header, recipes),
            tables.markdown(["recipe", "seconds", "steps", "score"], _ends(rows)),
            f"Machine: {machine.text(results['machine'])}.",
        ]
    )


def _ends(rows: Sequence[Mapping[str, Any]]) -> list[list[object]]:
    """The last score of each run, by recipe and length."""
    ends: dict[tuple[str, float], dict[int, Mapping[str, Any]]] = {}
    for row in rows:
        ends.setdefault((row["recipe"], row["length"]), {})[row["seed"]] = row
    return [
        [
            f"`{recipe}`",
            *(
                _spread([row[field] for row in own.values()], pattern)
                for field, pattern in (("seconds", "{:.1f}"), ("step", "{:.0f}"), ("score", "{:.3f}"))
            ),
        ]
        for (recipe, _), own in ends.items()
    ]


def _spread(values: Sequence[float | None], pattern: str) -> str:
    found = [value for value in values if value is not None]
    if (value := middle(values)) is None:
        return "not reached"
    if len(values) == 1:
        return pattern.format(value)
    most = pattern.format(max(found)) if len(found) == len(values) else "not reached"
    return f"{pattern.format(value)} ({pattern.format(min(found))} to {most})"


def curves(path: Path, results: Results, *, level: float) -> None:
    """Scores over seconds and over network evaluations; a line is a run, a dot its end.

    Args:
      path: the png file.
      results: what ``time_to_quality.measure`` returned.
      level: the score to be reached.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
    for axis, spent in zip(axes, ("seconds", "evaluations"), strict=True):
        for number, recipe in enumerate(results["recipes"]):
            own = [row for row in results["rows"] if row["recipe"] == recipe]
            for length, seed in dict.fromkeys((row["length"], row["seed"]) for row in own):
                run = [row for row in own if (row["length"], row["seed"]) == (length, seed)]
                x, y = np.asarray([[row[spent], row["score"]] for row in run]).T
                axis.plot(x, y, color=f"C{number}", lw=0.7, alpha=0.5)
                axis.plot(x[-1:], y[-1:], "o", ms=4, color=f"C{number}")
            axis.plot([], [], "o-", color=f"C{number}", label=Path(recipe).name)
        axis.axhline(level, color="black", ls="--", lw=1)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel("seconds of training" if spent == "seconds" else "network evaluations (counted)")
        axis.grid(alpha=0.3, which="both")
    axes[0].set_ylabel("score at one step, lower is better")
    axes[0].legend(fontsize=8)
    files.write_figure(path, figure, dpi=110)
    plt.close(figure)
