"""A comparison in three lines: the best objective and by how much, what remains to be desired, the picture to open."""

from collections.abc import Sequence
import math
from pathlib import Path

from experiments.comparison import report
from experiments.comparison.report import Row
from experiments.metrics.metric import Metric
from experiments.reporting import tables

VELOCITY = "flow_matching"  # what every flow map is compared with
Cell = tuple[float | None, float | None]  # mean over seeds and its standard error


def verdict(rows: Sequence[Row], perfect: Row, metric: Metric, *, workdir: Path) -> str:
    """Three lines about a comparison.

    Args:
      rows: one row per run and number of sampling steps.
      perfect: the row of perfect samples.
      metric: the main metric, with a better side.
      workdir: folder of the comparison.

    Returns:
      the best objective at the fewest steps with the next one and flow matching; the gap to perfect samples, the best
      objective at the most steps, and what diverged; the picture and the tables.
    """
    steps = report.sampling_steps(rows)
    table = {n: _ranked(rows, n, metric) for n in (min(steps), max(steps))}
    return "\n".join(
        [
            _winner(rows, table[min(steps)], metric),
            _remains(rows, perfect, table, metric),
            f"Open {workdir / 'samples.png'}; all tables: {workdir / 'comparison.md'}",
        ]
    )


def _ranked(rows: Sequence[Row], steps: int, metric: Metric) -> dict[str, Cell]:
    """The objectives with a finite mean at a number of steps, the best one first."""
    names = dict.fromkeys(row["objective"] for row in rows)
    cells = {name: report.mean_over_seeds(rows, name, steps, metric.name) for name in names}
    finite = {name: cell for name, cell in cells.items() if cell[0] is not None and math.isfinite(cell[0])}
    sign = -1 if metric.better == "higher" else 1
    return dict(sorted(finite.items(), key=lambda item: sign * item[1][0]))


def _winner(rows: Sequence[Row], ranked: dict[str, Cell], metric: Metric) -> str:
    fewest, title = min(report.sampling_steps(rows)), metric.title.partition(" (")[0]
    if not ranked:
        return f"Nobody wins {_in(fewest)}: no objective has a finite {title} there."
    (best, score), *others = ranked.items()
    parts = [f"{best}, {title} {_number(score)} ({metric.better} is better)"]
    if others:
        name, second = others[0]
        parts.append(f"next {name} with {_number(second)}{_doubt(score, second)}")
    if VELOCITY in ranked and best != VELOCITY:
        parts.append(_catching_up(rows, score[0], metric))
    return f"Best {_in(fewest)}: {'; '.join(part for part in parts if part)}."


def _catching_up(rows: Sequence[Row], score: float, metric: Metric) -> str:
    """In how many steps flow matching is as good as a score, or how near it comes."""
    several = [n for n in sorted(report.sampling_steps(rows))[1:] if VELOCITY in _ranked(rows, n, metric)]
    values = {n: report.mean_over_seeds(rows, VELOCITY, n, metric.name)[0] for n in several}
    if not values:
        return ""
    sign = -1 if metric.better == "higher" else 1
    enough = [n for n, value in values.items() if sign * value <= sign * score]
    if enough:
        return f"{VELOCITY} needs {enough[0]} steps for {values[enough[0]]:.3g}"
    nearest = min(values, key=lambda n: sign * values[n])
    return f"{VELOCITY} does not get there: {values[nearest]:.3g} {_in(nearest)}"


def _remains(rows: Sequence[Row], perfect: Row, table: dict[int, dict[str, Cell]], metric: Metric) -> str:
    fewest, most = min(table), max(table)
    parts = []
    floor = perfect[metric.name]
    if floor is not None and math.isfinite(floor):
        parts.append(f"{perfect['objective']} score {floor:.3g}")
    if most > fewest and table[most]:
        best, score = next(iter(table[most].items()))
        if best == next(iter(table[fewest]), None):
            parts.append(f"{_in(most)} {best} is still best, with {_number(score)}")
        else:
            parts.append(f"{_in(most)} {best} is best, with {_number(score)}")
    names = dict.fromkeys(row["objective"] for row in rows)
    diverged = [name for name in names if any(_is_nan(row[metric.name]) for row in rows if row["objective"] == name)]
    if diverged:
        parts.append(f"diverged: {', '.join(diverged)}")
    if len({row["seed"] for row in rows}) == 1:
        parts.append("one seed, so small differences may be chance")
    return f"What remains: {'; '.join(parts)}."


def _is_nan(value: float | None) -> bool:
    return value is not None and math.isnan(value)


def _doubt(first: Cell, second: Cell) -> str:
    """A note if two means differ by less than two standard errors of their difference."""
    if first[1] is None or second[1] is None or abs(first[0] - second[0]) >= 2 * math.hypot(first[1], second[1]):
        return ""
    return ", within the error over seeds"


def _number(cell: Cell) -> str:
    return tables.number(*cell, digits=3)


def _in(steps: int) -> str:
    return "in one step" if steps == 1 else f"in {steps} steps"
