"""The picture of steering: one panel for each method, after the true tilted law."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from experiments import files
from experiments.datasets.dataset import Dataset, Planar
from experiments.reporting import plots

COLUMNS = 7
BINS = 48


def draw(path: Path, dataset: Dataset, truth: Planar | None, by_method: Mapping[str, np.ndarray]) -> None:
    """One panel for each method, the true tilted law first where it is known.

    Args:
      path: the png file.
      dataset: the data set.
      truth: the tilted law, or None.
      by_method: {name: samples [n, ...]}.
    """
    panels = ([] if truth is None else ["true tilted law"]) + list(by_method)
    rows = -(-len(panels) // COLUMNS)
    width = min(COLUMNS, len(panels))
    figure, axes = plt.subplots(
        rows, width, figsize=(1.9 * width, 2.3 * rows), squeeze=False, layout="constrained", sharex=True, sharey=True
    )
    for axis in axes.flat:
        axis.axis("off")
    mass = None if truth is None else truth.bin_mass(BINS)
    for axis, name in zip(axes.flat, panels, strict=False):
        axis.set_title(_title(name), fontsize=8)
        if mass is None:
            plots.draw_cell(axis, dataset, by_method[name])
            continue
        shown = mass
        if name in by_method:
            counts = np.histogram2d(*by_method[name].T, bins=BINS, range=[truth.box, truth.box])[0]
            shown = counts / len(by_method[name])
        # One scale for all: what is above the peak of the truth is cut off.
        axis.imshow(shown.T, origin="lower", cmap="magma", vmin=0, vmax=mass.max(), interpolation="nearest")
    files.write_figure(path, figure, dpi=110)
    plt.close(figure)


def _title(name: str) -> str:
    """The title of "method, map" on two lines: the longest method fills the width of a panel."""
    method, _, kind = name.partition(", ")
    method = method.replace("_", " ")
    return f"{method}\n{kind} map" if kind else method
