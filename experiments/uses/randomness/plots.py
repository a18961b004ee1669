"""The pictures of randomness: exact curves with the ends of jumps, and samples of posteriors."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from experiments import files
from experiments.datasets.dataset import Dataset
from experiments.reporting import plots


def of_paths(path: Path, dataset: Dataset, curves: np.ndarray, ends: Mapping[int, np.ndarray]) -> None:
    """Exact curves of several paths of noise, and the ends of the map's jumps along the same paths.

    Args:
      path: the png file.
      dataset: the data set.
      curves: [times, n, 2].
      ends: {number of jumps: [n, 2]}.
    """
    figure, axes = plt.subplots(1, len(ends), figsize=(3.6 * len(ends), 3.9), squeeze=False, layout="constrained")
    low, high = dataset.truth.box
    for axis, (jumps, points) in zip(axes[0], ends.items(), strict=True):
        plots.draw_target(axis, dataset)
        for k in range(curves.shape[1]):
            axis.plot(*curves[:, k].T, color="black", lw=0.8)
            axis.plot(*np.stack([curves[-1, k], points[k]]).T, color="C1", lw=1.2)
        axis.plot(*curves[-1].T, "o", color="black", ms=4, label="exact end of the path")
        axis.plot(*points.T, "o", color="C1", ms=4, label="end of the jumps")
        axis.set(title=f"N = {jumps}", xticks=[], yticks=[], aspect="equal", xlim=(low, high), ylim=(low, high))
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    files.write_figure(path, figure, dpi=100)
    plt.close(figure)


def of_posteriors(
    path: Path, dataset: Dataset, shown: Mapping[float, tuple[np.ndarray, Mapping[str, np.ndarray]]]
) -> None:
    """Samples of one posterior at each time: the map's above, exact ones below; a cross where the point is.

    Args:
      path: the png file.
      dataset: the data set.
      shown: {time: (x_t [2], {name: samples [n, 2]})}, of equal names.
    """
    lines = list(next(iter(shown.values()))[1])
    size = (2.3 * len(shown), 2.5 * len(lines))
    figure, axes = plt.subplots(len(lines), len(shown), figsize=size, squeeze=False, layout="constrained")
    low, high = dataset.truth.box
    for column, (time, (x_t, by_name)) in enumerate(shown.items()):
        for axis, (name, samples) in zip(axes[:, column], by_name.items(), strict=True):
            plots.draw_target(axis, dataset)
            axis.plot(*samples.T, ".", color="C1", ms=2)
            axis.plot(*x_t, "x", color="black", ms=7)
            axis.set(xticks=[], yticks=[], aspect="equal", xlim=(low, high), ylim=(low, high))
            if not column:
                axis.set_ylabel(name)
        axes[0, column].set_title(f"t = {time:g}")
    files.write_figure(path, figure, dpi=100)
    plt.close(figure)
