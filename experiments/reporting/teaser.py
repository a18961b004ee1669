"""The picture of a comparison at first sight: a velocity in Euler steps above a flow map in jumps, and the target."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from experiments import files
from experiments.datasets.dataset import Dataset
from experiments.reporting import plots

STEPS = (1, 2, 4, 16)
CELL, DPI = 1.95, 160  # inches of a panel: five panels and a label are 1600 pixels wide
LABEL, TITLE = 15, 16  # points


def shown_steps(by_row: Mapping[str, Mapping[str, np.ndarray]]) -> list[int]:
    """Those of ``STEPS`` at which every row has samples; all numbers of steps that every row has if there are none."""
    common = sorted(int(n) for n in set.intersection(*(set(by_steps) for by_steps in by_row.values())))
    return [n for n in STEPS if n in common] or common


def draw(path: Path, dataset: Dataset, by_row: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Draws one row per sampler, one column per number of steps, and the target once on the right.

    Args:
      path: the png file.
      dataset: the data set.
      by_row: {label of the row: {number of steps: samples [n, ...]}}.
    """
    steps = shown_steps(by_row)
    figure = plt.figure(figsize=(CELL * (len(steps) + 1) + 0.3, CELL * len(by_row) + 0.3), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    grid = figure.add_gridspec(len(by_row), len(steps) + 1)
    for row, (name, by_steps) in enumerate(by_row.items()):
        for column, n in enumerate(steps):
            axis = figure.add_subplot(grid[row, column])
            plots.draw_cell(axis, dataset, by_steps[str(n)])
            _bare(axis)
            if row == 0:
                axis.set_title("1 step" if n == 1 else f"{n} steps", fontsize=TITLE)
            if column == 0:
                axis.set_ylabel(name, fontsize=LABEL)
    target = figure.add_subplot(grid[:, -1])
    plots.draw_cell(target, dataset, None)
    _bare(target)
    target.set_title("target", fontsize=TITLE)
    files.write_figure(path, figure, dpi=DPI)
    plt.close(figure)


def _bare(axis: plt.Axes) -> None:
    axis.set(xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set_visible(False)
