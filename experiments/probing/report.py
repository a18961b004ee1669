"""What a probe has found as text, table and picture, from the plain data that ``probe.json`` holds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # commands draw into files, on machines without a screen

import matplotlib.pyplot as plt
import numpy as np

from experiments import files
from experiments.reporting import machine, map_plots, tables

Results = Mapping[str, Any]

WRITTEN = ("probe.json", "probe.csv", "probe.md", "probe.png")
OF_GRADIENTS = (
    "**Columns.** *gradient*: length of the mean gradient of a term, free of noise; a dash where noise hides it. "
    "*variance*: of one example's gradient, summed over the weights. *of a batch*: what the mean of a batch varies, "
    "times its size; more than the variance where examples share a pool. *signal / noise*: squared gradient over the "
    "variance of its mean in a training step. *worst 1 %*: what these examples have of the variance. *residual*: "
    "mean square before metric and weight: the variance of the target and the error of the network."
)
OF_TARGETS = (
    "**Columns.** *residual*: mean square before metric and weight at the exact map. The prediction has no error "
    "there: of a target that is right in the mean this is the variance; that of another one has its squared bias too. "
    "*worst 1 %*: what these examples have of it."
)


def write(folder: Path, results: Results, *, command: str) -> None:
    """Writes ``probe.json``, ``probe.csv``, ``probe.md`` and ``probe.png``.

    Args:
      folder: it is there.
      results: what ``probe.at_weights`` or ``probe.at_exact_map`` returned.
      command: how the command was called.
    """
    files.write_json(folder / "probe.json", results)
    tables.write_csv(folder / "probe.csv", _lines(results))
    files.write_text(folder / "probe.md", markdown(results, command=command) + "\n")
    draw(folder / "probe.png", results)


def _lines(results: Results) -> list[dict[str, object]]:
    """One line for each term of each method."""
    return [
        {name: row[name] for name in ("label", "objective", "cost")}
        | {name: value for name, value in term.items() if name != "residual_by_times"}
        for row in results["objectives"]
        for term in row["terms"]
    ]


def _at_weights(results: Results) -> bool:
    return "gradient" in results["objectives"][0]


def markdown(results: Results, *, command: str) -> str:
    """The tables, and what their columns are.

    Args:
      results: what ``probe.at_weights`` or ``probe.at_exact_map`` returned.
      command: how the command was called.

    Returns:
      markdown.
    """
    setting = results["setting"]
    drawn = f"{setting['batches']} batches of {setting['examples']:,} examples for each term"
    network = f" Network: {setting['network']}, {setting['parameters']:,} weights." if _at_weights(results) else ""
    parts = [
        f"# Probe: {setting['dataset']}, {setting['weights']}",
        f"{drawn}, the same for all methods; share of the training: {setting['progress']:g}.{network}",
        *(_of_gradients(results) if _at_weights(results) else [_of_targets(results)]),
        OF_GRADIENTS if _at_weights(results) else OF_TARGETS,
        _footer(results, command),
    ]
    return "\n\n".join(part if part.startswith("|") else tables.wrapped(part) for part in parts)


def _footer(results: Results, command: str) -> str:
    return (
        f"*Command: `{command}` · Machine: {machine.text(results['machine'])} · Time: {results['seconds']:.0f} s "
        "· Seeds: 1*"
    )


def _of_gradients(results: Results) -> list[str]:
    """The terms of each method; then each method as a whole, with the cosines of its terms."""
    terms = [
        [
            f"`{row['label']}`",
            term["term"],
            f"{term['share']:g}",
            tables.number(term["gradient"], term["gradient_error"], digits=3),
            tables.number(term["variance"], term["variance_error"], digits=3),
            tables.number(term["between_batches"], digits=3),
            tables.number(term["signal_to_noise"], digits=2),
            _percent(term["worst"]),
            tables.number(term["residual"], term["residual_error"], digits=3),
        ]
        for row in results["objectives"]
        for term in row["terms"]
    ]
    header = (
        "method",
        "term",
        "share",
        "gradient",
        "variance",
        "of a batch",
        "signal / noise",
        "worst 1 %",
        "residual",
    )
    whole = [
        [
            f"`{row['label']}`",
            f"{row['cost']:g}",
            tables.number(row["gradient"], row["gradient_error"], digits=3),
            tables.number(row["gradient_variance"], digits=3),
            tables.number(row["variance_at_cost"], digits=3),
            tables.number(row["signal_to_noise"], digits=2),
            "; ".join(_cosine(each) for each in row["cosines"]) or tables.ABSENT,
        ]
        for row in results["objectives"]
    ]
    of_whole = ("method", "cost", "gradient", "variance", "variance x cost", "signal / noise", "cosines of terms")
    return [
        tables.markdown(header, terms),
        f"Each method as a whole, in a training step of {results['setting']['batch_size']:,} examples that its terms "
        "share:",
        tables.markdown(of_whole, whole),
    ]


def _cosine(found: Mapping[str, Any]) -> str:
    return f"{', '.join(found['terms'])}: {tables.number(found['cosine'], found['error'], digits=2)}"


def _of_targets(results: Results) -> str:
    body = [
        [
            f"`{row['label']}`",
            term["term"],
            f"{term['share']:g}",
            tables.number(term["residual"], term["residual_error"], digits=3),
            _percent(term["residual_worst"]),
        ]
        for row in results["objectives"]
        for term in row["terms"]
    ]
    return tables.markdown(("method", "term", "share", "residual", "worst 1 %"), body)


def _percent(share: float | None) -> str:
    return tables.ABSENT if share is None else f"{share:.0%}"


def draw(path: Path, results: Results) -> None:
    """Residuals by (s, t), a panel for each term on one scale, and the variance of each term as a bar.

    Args:
      path: the png file.
      results: what ``probe.at_weights`` or ``probe.at_exact_map`` returned.
    """
    cells, bars = {}, {}
    of_bars = "variance" if _at_weights(results) else "residual"
    for row in results["objectives"]:
        for term in row["terms"]:
            name = f"{row['label']}\n{term['term']}"
            cells[name] = np.array(term["residual_by_times"], float)
            bars[name.replace("\n", ": ")] = term[of_bars] or 0.0
    columns, rows = map_plots.layout_of(len(cells))
    heights = (2.9 * rows, 0.28 * len(bars) + 1.0)
    figure = plt.figure(figsize=(max(6.0, 2.7 * columns + 0.9), sum(heights)), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=heights)
    map_plots.by_times(above, cells, label="mean squared residual")
    axis = below.subplots()
    axis.barh(range(len(bars)), list(bars.values()), color=[f"C{k}" for k in _methods(results)])
    axis.set_yticks(range(len(bars)), list(bars), fontsize=8)
    axis.invert_yaxis()
    if any(bars.values()):
        axis.set_xscale("log")
    axis.grid(alpha=0.3, axis="x")
    axis.set_axisbelow(True)
    axis.set_xlabel("variance of one example's gradient" if _at_weights(results) else "mean squared residual")
    files.write_figure(path, figure, dpi=110)
    plt.close(figure)


def _methods(results: Results) -> list[int]:
    """For each term the number of its method."""
    return [number for number, row in enumerate(results["objectives"]) for _ in row["terms"]]
