"""Figures of data that are categories: a triangle for one of three categories, and bars for sequences."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.datasets.sequences import TRIANGLE, Sequences

BOX = (-1.5, 1.5)  # of the plane of the triangle: three standard deviations of the noise
POINTS = 2000


def draw(axis: plt.Axes, truth: Sequences, samples: np.ndarray | None) -> None:
    """Draws samples into one panel, or the law itself.

    Args:
      axis: the panel.
      truth: the law.
      samples: [n, positions * categories], or None.
    """
    if truth.is_triangle:
        _draw_in_triangle(axis, truth, samples)
    else:
        _draw_bars(axis, truth, samples)


def draw_triangle(axis: plt.Axes) -> None:
    """Draws the simplex of three categories as a background, in the plane of ``Sequences.project``.

    Args:
      axis: the panel.
    """
    axis.fill(*TRIANGLE.T, facecolor="0.95", edgecolor="0.6", lw=0.8, zorder=0)


def _draw_in_triangle(axis: plt.Axes, truth: Sequences, samples: np.ndarray | None) -> None:
    """Samples as points, and at each corner how many of them are nearest to it."""
    draw_triangle(axis)
    shares = truth.weights if samples is None else truth.shares(samples)
    if samples is not None:
        axis.plot(*truth.project(samples[:POINTS]).T, ".", color="tab:red", ms=2, markeredgewidth=0)
    corners = TRIANGLE[truth.codes[:, 0]]
    for name, share, (x, y) in zip(truth.names, shares, corners, strict=True):
        axis.annotate(
            f"{name} {share:.3f}", (x, y), (0, 5 if y > 0 else -11), textcoords="offset points", ha="center", fontsize=7
        )
    axis.set(xlim=(-1.2, 1.2), ylim=(-0.95, 1.45), aspect="equal")


def _draw_bars(axis: plt.Axes, truth: Sequences, samples: np.ndarray | None) -> None:
    """The probability of each sequence in grey, and how often samples have it in red; all others below."""
    places = np.arange(len(truth.weights) + 1)
    names = [*truth.names, "other"]
    axis.barh(places, [*truth.weights, 0.0], color="0.8", height=0.9)
    if samples is not None:
        found = truth.shares(samples)
        axis.barh(places, [*found, 1 - found.sum()], color="tab:red", height=0.4)
    for place, name in zip(places, names, strict=True):
        axis.text(0.0, place, name, fontsize=5, family="monospace", ha="right", va="center")
    highest = 1.3 * float(truth.weights.max())
    axis.set(xlim=(-0.3 * highest, highest), ylim=(len(names) - 0.4, -0.6))
