"""Figures of the map itself: its error over the triangle of times, and its trajectories over the exact ones."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from matplotlib.colors import LogNorm
from matplotlib.figure import SubFigure
import matplotlib.pyplot as plt
import numpy as np

from experiments import files
from experiments.datasets.dataset import Dataset
from experiments.datasets.sequences import Sequences
from experiments.reporting import names, sequence_plots
from experiments.reporting.plots import draw_target, widened

COLUMNS = 5  # panels per row of a picture
LINE = 0.13  # inches that a further line of a title takes
KINDS_OF_PATHS = {"exact": "exact", "own": "own velocity"}
REACH = 1.6  # of the picture, in half widths of the box: the farthest noise is cut off


def layout_of(count: int) -> tuple[int, int]:
    """(columns, rows) of so many panels."""
    columns = min(count, COLUMNS)
    return columns, -(-count // columns)


def _figure(titles: Iterable[str], side: float) -> plt.Figure:
    lines = [names.wrapped(title).count("\n") for title in titles]
    columns, rows = layout_of(len(lines))
    return plt.figure(figsize=(side * columns + 0.9, (side + LINE * max(lines)) * rows + 0.3), layout="constrained")


def _panels(figure: plt.Figure | SubFigure, count: int) -> list[plt.Axes]:
    columns, rows = layout_of(count)
    panels = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for axis in panels[count:]:
        axis.axis("off")
    return panels[:count]


def plot(workdir: Path, dataset: Dataset, maps: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Writes ``map_error.png`` and ``trajectories.png`` of the maps that have what they need.

    Args:
      workdir: the folder.
      dataset: the data set.
      maps: {name: what ``scoring.score_map`` returns for figures}.
    """
    cells = {name: data["cells"] for name, data in maps.items() if "cells" in data}
    if cells:
        errors(workdir / "map_error.png", cells)
    curves = {name: data["learned"] for name, data in maps.items() if "learned" in data}
    if curves:
        # The exact trajectories are those of the reference set; where none are known, those of each map's velocity.
        kind = "exact" if all("exact" in maps[name] for name in curves) else "own"
        behind = {name: maps[name][kind] for name in curves}
        trajectories(workdir / "trajectories.png", dataset, behind, curves, kind=KINDS_OF_PATHS[kind])


def errors(path: Path, cells: Mapping[str, np.ndarray]) -> None:
    """The mean squared error against the exact map by source and target time, one panel per map, one scale.

    Args:
      path: the png file.
      cells: {name: [k, k] means by (s, t), NaN where there is none}.
    """
    figure = _figure(cells, 2.5)
    by_times(figure, cells, label=r"mean of $|\hat X_{s,t} - X_{s,t}|^2$")
    files.write_figure(path, figure, dpi=110)
    plt.close(figure)


def by_times(figure: plt.Figure | SubFigure, cells: Mapping[str, np.ndarray], *, label: str) -> None:
    """Draws numbers by source and target time, one panel for each name, one scale.

    Args:
      figure: without axes.
      cells: {name: [k, k] means by (s, t), NaN where there is none}.
      label: what the numbers are.
    """
    values = np.concatenate([means[np.isfinite(means) & (means > 0)] for means in cells.values()])
    norm = LogNorm(values.min(), values.max()) if values.size else None
    panels = _panels(figure, len(cells))
    for axis, (name, means) in zip(panels, cells.items(), strict=True):
        picture = axis.imshow(means.T, origin="lower", extent=(0, 1, 0, 1), norm=norm, cmap="viridis")
        axis.set_title(names.wrapped(name), fontsize=names.size(name))
        axis.set_xlabel("source time s")
        axis.set_xticks([0, 0.5, 1])
        axis.set_yticks([0, 0.5, 1])
    panels[0].set_ylabel("target time t")
    figure.colorbar(picture, ax=panels, label=label, shrink=0.9)


def trajectories(
    path: Path,
    dataset: Dataset,
    behind: Mapping[str, np.ndarray],
    learned: Mapping[str, np.ndarray],
    *,
    kind: str = "exact",
) -> None:
    """Curves ``t -> X_{0,t}(x_0)`` of each map over solved ones, in the plane.

    Args:
      path: the png file.
      dataset: a data set in the plane, plotted behind the curves.
      behind: {name: [k, paths, 2]}; solved trajectories.
      learned: {name: [k, paths, 2]}; curves from the same starting points.
      kind: what was solved.
    """
    figure = _figure(learned, 3.4)
    panels = _panels(figure, len(learned))
    # Noise of a curved space lies within its chart.
    triangle = isinstance(dataset.truth, Sequences)
    box = sequence_plots.BOX if triangle else dataset.truth.box
    frame = widened(box, 1.02 if dataset.space.curved or triangle else REACH)
    for axis, (name, curves) in zip(panels, learned.items(), strict=True):
        draw_target(axis, dataset)
        exact = behind[name]
        axis.plot(exact[..., 0], exact[..., 1], color="black", lw=0.8, alpha=0.6)
        axis.plot(curves[..., 0], curves[..., 1], color="tab:red", lw=1.0)
        axis.plot(exact[0, :, 0], exact[0, :, 1], "o", color="tab:blue", ms=2.5)
        axis.plot(exact[-1, :, 0], exact[-1, :, 1], "o", color="black", ms=3.5)
        axis.plot(curves[-1, :, 0], curves[-1, :, 1], "o", color="tab:red", ms=2.5)
        axis.set(xlim=frame, ylim=frame, xticks=[], yticks=[], aspect="equal")
        axis.set_title(names.wrapped(name), fontsize=names.size(name))
    panels[0].plot([], [], color="black", lw=0.8, label=kind)
    panels[0].plot([], [], color="tab:red", lw=1.0, label="learned")
    panels[0].plot([], [], "o", color="tab:blue", ms=2.5, label="start")
    panels[0].legend(fontsize=8, loc="upper right")
    # Panels of equal sides push their titles over the edge of a low figure.
    files.write_figure(path, figure, dpi=110, bbox_inches="tight")
    plt.close(figure)
