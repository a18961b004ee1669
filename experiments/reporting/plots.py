"""Figures of samples in columns by number of steps, with the target on the right, and curves of training."""

from collections.abc import Mapping, Sequence
import math
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # commands draw into files, on machines without a screen

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator
import numpy as np

from experiments import files
from experiments.datasets.dataset import Dataset, Images
from experiments.datasets.sequences import Sequences
from experiments.reporting import names, sequence_plots

PICTURE_BINS = 80
DIGIT_ROWS, CLASS_ROWS = 6, 10  # rows of pictures in a panel; of classes, where there are some
CELL, LARGEST_CELL, DPI = 1.9, 5.0, 110  # inches of a panel
POINTS = 2000  # that are drawn of examples which are no pictures, by their first two coordinates


def _draw_planar(axis: plt.Axes, mass: np.ndarray, top: float) -> None:
    axis.imshow(mass.T, origin="lower", cmap="magma", vmin=0, vmax=top, interpolation="nearest")


def _grid(images: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """[rows, columns, dim]; the first images, or with labels [n] the first images of each class in rows of its own."""
    if labels is None:
        rows = min(DIGIT_ROWS, math.isqrt(len(images)))
        return images[: rows**2].reshape(rows, rows, -1)
    classes, counts = np.unique(labels, return_counts=True)
    lines, fewest = _lines(len(classes)), int(counts[:CLASS_ROWS].min())
    # Few images of a class fill one row.
    lines = lines if fewest >= lines * DIGIT_ROWS else 1
    columns = min(DIGIT_ROWS, fewest)
    chosen = [images[np.flatnonzero(labels == label)[: lines * columns]] for label in classes[:CLASS_ROWS]]
    return np.stack(chosen).reshape(-1, columns, images.shape[-1])


def _lines(classes: int) -> int:
    """Rows of each class: several, where there are few classes."""
    return max(1, DIGIT_ROWS // classes)


def _draw_images(axis: plt.Axes, images: np.ndarray, truth: Images, labels: np.ndarray | None = None) -> None:
    height, width, *channels = truth.size
    low, high = truth.test.min(), truth.test.max()
    if channels and low >= -1 and high <= 1:
        low, high = -1, 1  # as bright as they are, whatever the brightest one is
    images = np.clip((_grid(images.reshape(len(images), -1), labels) - low) / (high - low), 0, 1)
    rows, columns, _ = images.shape
    images = images.reshape(rows, columns, height, width, -1)
    framed = np.pad(images, ((0, 0), (0, 0), (0, 1), (0, 1), (0, 0)))
    tiled = framed.swapaxes(1, 2).reshape(rows * (height + 1), columns * (width + 1), -1)
    # One channel is drawn in grey, and what is drawn by hand is dark on white.
    grey = tiled[..., 0] if channels else 1 - tiled[..., 0]
    axis.imshow(tiled if channels == [3] else grey, cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def _cell_size(truth: object, labels: np.ndarray | None) -> tuple[float, float]:
    """(width, height) in inches of a panel: large enough that no pixel of a picture is left out."""
    if not isinstance(truth, Images) or truth.size is None:
        return CELL, CELL
    classes = 0 if labels is None else len(np.unique(labels))
    rows = min(CLASS_ROWS, classes * _lines(classes)) if classes else DIGIT_ROWS
    width, height = (count * (side + 1) / DPI for count, side in ((DIGIT_ROWS, truth.size[1]), (rows, truth.size[0])))
    # A tenth goes to margins.
    scale = min(max(1.1, CELL / max(width, height)), LARGEST_CELL / max(width, height))
    return scale * width, scale * height


def _draw_points(axis: plt.Axes, points: np.ndarray, truth: Images, **style: object) -> None:
    axis.plot(points[:POINTS, 0], points[:POINTS, 1], ".", markeredgewidth=0, **({"color": "black", "ms": 2} | style))
    frame = widened(truth.box, 1.1)
    axis.set(xlim=frame, ylim=frame, aspect="equal")


def widened(box: tuple[float, float], factor: float) -> tuple[float, float]:
    """An interval so many times as wide, about its middle."""
    middle, reach = (box[0] + box[1]) / 2, factor * (box[1] - box[0]) / 2
    return middle - reach, middle + reach


def draw_target(axis: plt.Axes, dataset: Dataset) -> None:
    """Draws a data set in the plane as a light background, in its own coordinates: its density, or its points."""
    if isinstance(dataset.truth, Images):
        _draw_points(axis, dataset.truth.test, dataset.truth, color="lightgrey", ms=4)
        return
    if isinstance(dataset.truth, Sequences):
        sequence_plots.draw_triangle(axis)
        return
    low, high = dataset.truth.box
    mass = dataset.truth.bin_mass(PICTURE_BINS)
    axis.imshow(mass.T, origin="lower", extent=(low, high, low, high), cmap="Greys", vmin=0, vmax=4 * mass.max())


def samples(
    path: Path,
    dataset: Dataset,
    by_objective: Mapping[str, Mapping[str, np.ndarray]],
    *,
    labels: np.ndarray | None = None,
) -> None:
    """A grid: one row per objective, one column per number of steps, the target on the right.

    Args:
      path: the png file.
      dataset: the data set.
      by_objective: {objective: {number of steps: samples}}.
      labels: [n]; the classes that were asked for, the same for every objective and number of steps: pictures are then
        drawn with one row per class.
    """
    columns = list(next(iter(by_objective.values())))
    rows = len(by_objective)
    width, height = _cell_size(dataset.truth, labels)
    figure, axes = plt.subplots(
        rows,
        len(columns) + 1,
        figsize=(width * (len(columns) + 1), height * rows + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for row, (objective, by_steps) in enumerate(by_objective.items()):
        for column, axis in enumerate(axes[row]):
            axis.set_xticks([])
            axis.set_yticks([])
            steps = columns[column] if column < len(columns) else None
            draw_cell(axis, dataset, by_steps[steps] if steps else None, labels=labels)
            if row == 0:
                axis.set_title(f"N = {steps}" if steps else "target", fontsize=11)
        axes[row, 0].set_ylabel(names.wrapped(objective), fontsize=names.size(objective))
    files.write_figure(path, figure, dpi=DPI)
    plt.close(figure)


def draw_cell(axis: plt.Axes, dataset: Dataset, drawn: np.ndarray | None, *, labels: np.ndarray | None = None) -> None:
    """Draws samples of a data set into one panel: a histogram, pictures or points; None for the data themselves.

    Args:
      axis: the panel.
      dataset: the data set.
      drawn: [n, ...]; the samples, or None.
      labels: [n or more]; their classes, for pictures in one row per class. The data have their own.
    """
    truth = dataset.truth
    if isinstance(truth, Sequences):
        sequence_plots.draw(axis, truth, drawn)
        return
    if isinstance(truth, Images):
        examples = truth.test if drawn is None else drawn
        if truth.size is None:
            _draw_points(axis, examples, truth)
        elif labels is None:
            _draw_images(axis, examples, truth)
        else:
            _draw_images(axis, examples, truth, truth.test_labels if drawn is None else labels[: len(drawn)])
        return
    exact = truth.bin_mass(PICTURE_BINS)
    mass = exact
    if drawn is not None:
        counts = np.histogram2d(*truth.project(drawn).T, bins=PICTURE_BINS, range=[truth.box, truth.box])[0]
        mass = counts / len(drawn)
    # One scale for the row: the target at about two thirds, so that excess is visible too.
    _draw_planar(axis, mass, 1.5 * float(np.quantile(exact[exact > 0.01 * exact.max()], 0.9)))


def curves(
    path: Path,
    training: Mapping[str, Sequence[Mapping[str, float]]],
    by_steps: Mapping[str, Mapping[int, float]],
    *,
    metric: str,
    floor: float | None,
    floor_name: str,
) -> None:
    """Residuals during training, and the main metric against the number of steps.

    Args:
      path: the png file.
      training: {objective: records of training.jsonl}; none of a run that diverged at once, or whose log is gone.
      by_steps: {objective: {number of steps: metric}}; None or NaN where there is no number.
      metric: title of the metric.
      floor: the metric of the reference, if it has one.
      floor_name: what the reference is.
    """
    figure, (diagonal, rule, quality) = plt.subplots(1, 3, figsize=(14, 4), layout="constrained")
    colors = {name: f"C{i}" for i, name in enumerate(dict.fromkeys((*training, *by_steps)))}
    for name, records in training.items():
        if not records:
            continue
        step = [record["step"] for record in records]
        for field in (field for field in records[0] if field.startswith("raw/")):
            axis = diagonal if field == "raw/diagonal" else rule
            # The first records are far above the rest and would hide it.
            late = len(records) // 20
            values = _smooth([record.get(field, math.nan) for record in records])
            axis.plot(step[late:], values[late:], color=colors[name], label=names.wrapped(name), lw=1.3)
    for axis, title in (
        (diagonal, "diagonal: $|v_{t,t}(I_t) - \\dot I_t|^2$"),
        (rule, "each method's own rule: squared residual"),
    ):
        axis.set_title(title, fontsize=11)
        axis.set_xlabel("training step")
        axis.xaxis.set_major_locator(MaxNLocator(5))
        axis.grid(alpha=0.3, which="both")
        if axis.lines:
            axis.legend(fontsize=9)
    rule.set_yscale("log")
    for name, values in by_steps.items():
        numbers = np.array(list(values.values()), np.float64)
        if np.isfinite(numbers).any():
            quality.plot(list(values), numbers, "o-", color=colors[name], label=names.wrapped(name))
    if floor is not None and floor > 0:
        quality.axhline(floor, color="black", ls="--", lw=1, label=floor_name)
        quality.set_yscale("log")
    quality.set_xscale("log", base=2)
    quality.set_title(metric, fontsize=11)
    quality.set_xlabel("sampling steps N")
    quality.grid(alpha=0.3, which="both")
    if quality.lines:
        quality.legend(fontsize=9)
    files.write_figure(path, figure, dpi=110)
    plt.close(figure)


def _smooth(values: Sequence[float], *, window: int = 9) -> np.ndarray:
    values = np.asarray(values, np.float64)
    window = min(window, len(values))
    padded = np.pad(values, (window // 2, window - 1 - window // 2), mode="edge")
    return np.convolve(padded, np.ones(window) / window, mode="valid")
