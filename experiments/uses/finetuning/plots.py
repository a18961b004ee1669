"""The picture of reward-based learning: samples before, after, of the optimum and of the tilted law; reward by cost."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from experiments import files
from experiments.datasets.dataset import Dataset, Images
from experiments.reporting import plots

BINS, REACH = 80, 1.25


def draw(path: Path, dataset: Dataset, by_law: Mapping[str, np.ndarray], curves: Mapping[str, np.ndarray]) -> None:
    """Draws samples, and reward against evaluations.

    Args:
      path: the png file.
      dataset: the data set.
      by_law: {title: samples [n, ...]}.
      curves: {method: [records, 2] of evaluations and reward}.
    """
    columns = (len(by_law) + 2) // 2
    figure, axes = plt.subplots(2, columns, figsize=(3.1 * columns, 6.4), layout="constrained")
    for axis, (title, samples) in zip(axes.ravel(), by_law.items(), strict=False):
        _samples(axis, dataset, samples)
        axis.set_title(title, fontsize=9)
        axis.set(xticks=[], yticks=[])
    for axis in axes.ravel()[len(by_law) : -1]:
        axis.set_axis_off()
    last = axes.ravel()[-1]
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
