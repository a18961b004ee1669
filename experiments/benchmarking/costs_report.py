"""The costs of methods as text, table and picture, from the plain data that ``costs.json`` holds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # commands draw into files, on machines without a screen

import matplotlib.pyplot as plt
import numpy as np

from experiments import files
from experiments.reporting import machine, tables
from taxonomy.catalogue.counts import SURVEY

Results = Mapping[str, Any]

ALIKE = 0.15  # a ratio that differs from its count by more is a finding
HEADER = ("method", "counted", "ratio", "operations", "of count", "ms", "time", "memory", "every term", "measured")


def write(path: Path, results: Results, *, command: str) -> None:
    """Writes ``costs.json``, ``costs.csv``, ``costs.md`` and ``costs.png``.

    Args:
      path: the folder.
      results: what ``costs.measure`` returned.
      command: how the command was called.
    """
    files.write_json(path / "costs.json", results)
    tables.write_csv(path / "costs.csv", results["objectives"])
    files.write_text(path / "costs.md", markdown(results, command=command) + "\n")
    bars(path / "costs.png", results)


def markdown(results: Results, *, command: str) -> str:
    """The table, what its columns are, and why rows differ from their counts.

    Args:
      results: what ``costs.measure`` returned.
      command: how the command was called.

    Returns:
      markdown.
    """
    setting, rows = results["setting"], results["objectives"]
    body = [_cells(row) for row in rows]
    parts = [
        f"# What every method costs: {setting['dataset']}",
        f"Network: {setting['network']}; batch {setting['batch_size']}. One gradient of the loss, without data, "
        "optimizer and averages. Teacher, target and frozen stage are copies of the same network.",
        tables.markdown((*HEADER, "survey"), body),
        _footer(results, command),
        COLUMNS,
        _differences(rows),
    ]
    return "\n\n".join(part if part.startswith("|") else tables.wrapped(part) for part in parts)


COLUMNS = (
    "**Columns.** *counted*: forward-pass equivalents of one example, each term by its share of the batch. *ratio*, "
    "*operations*, *time* and *memory* are ratios to flow matching. Operations are those that the compiler states for "
    "the compiled gradient; *of count* is their ratio divided by the counted one. Memory is what the compiler plans. "
    "*every term*: the count with every term on the whole batch; *measured*: the same from the matrix products of the "
    'traced gradient, in units in which flow matching has 3. *survey*: the count of S. Dieleman, "Learning the '
    'integral of a diffusion model" (sander.ai, 6 May 2026), which has every term on the whole batch, too.'
)


def _cells(row: Mapping[str, Any]) -> list[str]:
    far = abs(row["flops_per_cost"] - 1) > ALIKE
    survey = "" if row["survey"] is None else f"{row['survey']:g}"
    return [
        f"`{row['objective']}`",
        f"{row['cost']:g}",
        f"{row['cost_ratio']:.2f}",
        f"{row['flops_ratio']:.2f}",
        f"**{row['flops_per_cost']:.2f}**" if far else f"{row['flops_per_cost']:.2f}",
        tables.number(row["ms"], digits=3),
        f"{row['time_ratio']:.2f}",
        tables.ABSENT if row["memory_ratio"] is None else f"{row['memory_ratio']:.2f}",
        f"{row['whole_cost']:g}",
        f"{row['whole_measured']:.1f}",
        f"**{survey}**" if survey and row["survey"] != row["whole_cost"] else survey or tables.ABSENT,
    ]


def _footer(results: Results, command: str) -> str:
    here = results["machine"]
    load = f", shared with other work (load {here['load']:.1f} at the start)" if here["shared"] else ""
    return (
        f"*Command: `{command}` · Machine: {machine.text(here)}{load} "
        f"· Time: {results['seconds']:.0f} s; each method in turn with flow matching, the fastest counts*"
    )


def _differences(rows: list[Mapping[str, Any]]) -> str:
    counted = [row for row in rows if row["why"]]
    named = [row for row in rows if row["survey"] is not None and row["survey"] != row["whole_cost"]]
    parts = []
    if counted:
        parts.append("**Where operations and count differ**")
        parts.append("\n".join(f"- `{row['objective']}`: {row['why']}" for row in counted))
    if named:
        parts.append("**Where the survey counts otherwise.** It does not break its numbers down.")
        parts.append(
            "\n".join(
                f"- `{row['objective']}`, {row['survey']:g} there and {row['whole_cost']:g} here: "
                f"{SURVEY[row['objective']].differs}"
                for row in named
            )
        )
    return "\n\n".join(parts)


def bars(path: Path, results: Results) -> None:
    """Time, operations and count of each method as ratios to flow matching.

    Args:
      path: the png file.
      results: what ``costs.measure`` returned.
    """
    rows = sorted(results["objectives"], key=lambda row: row["cost_ratio"])
    figure, axis = plt.subplots(figsize=(7, 0.24 * len(rows) + 1.4), layout="constrained")
    at = np.arange(len(rows))
    axis.barh(at, [row["cost_ratio"] for row in rows], height=0.8, color="0.85", label="counted")
    axis.plot([row["flops_ratio"] for row in rows], at, "o", ms=4, color="C0", label="operations")
    axis.plot([row["time_ratio"] for row in rows], at, "x", ms=4, color="C3", label="time")
    axis.set_yticks(at, [row["objective"] for row in rows], fontsize=8)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xscale("log", base=2)
    axis.set_xticks(ticks := [1, 2, 4, 8, 16], list(map(str, ticks)))
    axis.grid(alpha=0.3, axis="x")
    axis.set_axisbelow(True)
    axis.set_title(f"one gradient against flow matching: {results['setting']['dataset']}", fontsize=11)
    axis.legend(fontsize=9, frameon=False)
    files.write_figure(path, figure, dpi=110)
    plt.close(figure)
