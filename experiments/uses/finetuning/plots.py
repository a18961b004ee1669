"""The picture of reward-based learning: samples before, after, of the optimum and of the tilted law; reward by cost."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from experiments import files
from experiments.datasets.dataset import Dataset, Images
from experiments.reporting import plots

BINS, REACH = 80, 1.25
COLUMNS, SIDE = 6, 2.6  # panels in a row at most, and inches of one
DISTANCES = {"to_tilted": "entropic W2 to the tilted law", "tilted_kl": "KL from the tilted law"}
MARKS = {"reference": "x", "fine-tuned": "s", "tilt matching": "o", "tilted DMD": "D", "steered": "^"}


def draw(path: Path, dataset: Dataset, by_law: Mapping[str, np.ndarray], curves: Mapping[str, np.ndarray]) -> None:
    """Draws samples, and reward against evaluations.

    Args:
      path: the png file.
      dataset: the data set.
      by_law: {title: samples [n, ...]}.
      curves: {method: [records, 2] of evaluations and reward}.
    """
    panels = len(by_law) + 1
    columns = min(COLUMNS, -(-panels // 2))
    rows = -(-panels // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(SIDE * columns, SIDE * rows), layout="constrained")
    for axis, (title, samples) in zip(axes.ravel(), by_law.items(), strict=False):
        _samples(axis, dataset, samples)
        axis.set_title(title, fontsize=9)
        axis.set(xticks=[], yticks=[])
    last, *spare = axes.ravel()[len(by_law) :]
    for axis in spare:
        axis.set_axis_off()
    for name, curve in curves.items():
        last.plot(curve[:, 0] / 1e6, curve[:, 1], label=name)
    last.set_xscale("log")
    last.set_xlabel("evaluations of training (millions)")
    last.set_title("mean reward", fontsize=9)
    last.legend(fontsize=8)
    last.grid(alpha=0.3, which="both")
    files.write_figure(path, figure, dpi=110)
    plt.close(figure)


def _samples(axis: plt.Axes, dataset: Dataset, samples: np.ndarray) -> None:
    truth = dataset.truth
    if not isinstance(truth, Images):
        box = [plots.widened(truth.box, REACH)] * 2
        counts = np.histogram2d(*samples.T, bins=BINS, range=box)[0]
        top = float(np.quantile(counts[counts > 0], 0.95)) if counts.any() else 1.0
        axis.imshow(counts.T, origin="lower", cmap="magma", vmin=0, vmax=top, interpolation="nearest")
        return
    plots.draw_cell(axis, dataset, samples)


def draw_distances(path: Path, rows: list[dict[str, object]]) -> None:
    """Draws the distances to the tilted law against the evaluations of a sample, beside that of perfect samples.

    Args:
      path: the png file.
      rows: of the table, the last of perfect samples.
    """
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    shown = [row for row in rows if row["per_sample"]]
    for axis, (key, title) in zip(axes, DISTANCES.items(), strict=True):
        seen: Counter[str] = Counter()
        for row in shown:
            kind = next(start for start in MARKS if row["law"].startswith(start))
            # Two of one mark never share a colour.
            color = plt.get_cmap("tab20")(seen[kind] % 20)
            seen[kind] += 1
            if row[key] is not None:
                style = {"color": color, "markersize": 7, "alpha": 0.85, "label": row["law"]}
                axis.plot(row["per_sample"], row[key], MARKS[kind], **style)
        if rows[-1][key] is not None:
            axis.axhline(rows[-1][key], color="black", linewidth=1, linestyle="--", label="perfect samples")
        axis.set(xscale="log", yscale="log", xlabel="NFE per sample")
        axis.set_title(title, fontsize=10)
        axis.grid(alpha=0.3, which="both")
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=7, loc="outside right center")
    files.write_figure(path, figure, dpi=110)
    plt.close(figure)
