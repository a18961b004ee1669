"""The table and the figure of ``compare_samplers``."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from experiments.reporting import tables

MAP, VELOCITY, EXACT = "lsd", "flow_matching", "exact"
POWERS = (1, 2, 4, 8, 16, 32, 64, 128)


def pivot(rows: Sequence[dict[str, object]], metric: str) -> str:
    """A table of one data set: a row per line, a column per power of two evaluations.

    Args:
      rows: of one data set, see ``measure``.
      metric: "kl" or another column.

    Returns:
      markdown; the column of E has the best result with at most E and more than E / 2 evaluations.
    """
    body = []
    for title in dict.fromkeys(row["line"] for row in rows[:-1]):
        cells = []
        for power in POWERS:
            own = [row for row in rows if row["line"] == title and power / 2 < (row["evaluations"] or 0) <= power]
            best = min(own, key=lambda row: row[metric]) if own else None
            cells.append("" if best is None else tables.number(best[metric]))
        body.append([title, *cells])
    body.append([rows[-1]["line"], *[tables.number(rows[-1][metric])] * len(POWERS)])
    return tables.markdown(["evaluations", *map(str, POWERS)], body)


def plot(path: Path, by_dataset: dict[str, list[dict[str, object]]]) -> None:
    """Aligned KL against evaluations, one panel per data set and one curve per line.

    Args:
      path: the png file.
      by_dataset: {data set: rows}.
    """
    figure, axes = plt.subplots(1, len(by_dataset), figsize=(6.2 * len(by_dataset), 4.6), squeeze=False)
    styles = {MAP: "-", VELOCITY: "--", EXACT: ":"}
    for axis, (name, rows) in zip(axes[0], by_dataset.items(), strict=True):
        for k, title in enumerate(dict.fromkeys(row["line"] for row in rows[:-1])):
            # Samples that were not finite have no number of evaluations.
            own = sorted((row["evaluations"], row["kl"]) for row in rows if row["line"] == title and row["evaluations"])
            if not own:
                continue
            style = styles[title.partition(":")[0]]
            axis.plot(*zip(*own, strict=True), style, marker="o", ms=3.5, lw=1.4, color=f"C{k % 10}", label=title)
        axis.axhline(rows[-1]["kl"], color="black", lw=1, label=rows[-1]["line"])
        axis.set(xscale="log", yscale="log", title=name, xlabel="network evaluations per sample")
        axis.set_xticks(POWERS, labels=list(map(str, POWERS)))
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("aligned KL to the exact distribution")
    figure.tight_layout(rect=(0, 0, 0.78, 1))
    axes[0, -1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))
    figure.savefig(path, dpi=110)
    plt.close(figure)
