"""The picture of inversion: data, latents, regenerated data, and the way from one example to another."""

from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from experiments import files
from experiments.datasets.dataset import Dataset, Images
from experiments.reporting import plots
from models import two_directions
from taxonomy.flow_map import AverageVelocity

POINTS = 4000


def draw(
    path: Path, dataset: Dataset, v: AverageVelocity, data: np.ndarray, latents: np.ndarray, *, pairs: int, shares: int
) -> None:
    """Draws one jump each way.

    Args:
      path: the png file.
      dataset: the data set.
      v: average velocity.
      data: [n, ...]; held-out data, centred if the data set is; they are drawn in their own units.
      latents: [n, ...]; their X_{1,0}.
      pairs: number of interpolations, at most half as many as there are data.
      shares: points of each.
    """
    pairs = min(pairs, len(data) // 2)
    between = {
        kind: np.asarray(
            jax.jit(lambda a, b, kind=kind: two_directions.interpolate(v, a, b, jnp.linspace(0, 1, shares), path=kind))(
                data[:pairs], data[pairs : 2 * pairs]
            )
        )
        for kind in two_directions.PATHS
    }
    again = np.asarray(jax.jit(lambda x: two_directions.regenerate(v, x))(latents))
    data, again = dataset.in_own_units(data), dataset.in_own_units(again)
    between = {kind: dataset.in_own_units(points) for kind, points in between.items()}
    pictured = isinstance(dataset.truth, Images) and dataset.truth.size is not None
    figure = _images(dataset, data, again, between) if pictured else _plane(dataset, data, latents, again, between)
    files.write_figure(path, figure, dpi=110)
    plt.close(figure)


def _plane(dataset: Dataset, data: np.ndarray, latents: np.ndarray, again: np.ndarray, between) -> plt.Figure:
    figure, axes = plt.subplots(1, 4, figsize=(15, 4), layout="constrained")
    few = slice(min(POINTS, len(data)))
    colour = np.arctan2(*dataset.centred(data[few])[:, 1::-1].T)
    titles = ("data", "latents: one jump back", "regenerated: one jump ahead")
    for axis, title, points in zip(axes, titles, (data, latents, again), strict=False):
        axis.scatter(points[few, 0], points[few, 1], c=colour, cmap="twilight", s=2, linewidths=0)
        axis.set(title=title, aspect="equal")
    turn = np.linspace(0, 2 * np.pi, 200)
    for deviations in (1, 2):
        radius = deviations * dataset.std
        axes[1].plot(radius * np.cos(turn), radius * np.sin(turn), color="black", lw=0.8, ls="--")
    plots.draw_target(axes[3], dataset)
    for kind, style in zip(between, ("o-", "s--"), strict=True):
        for k in range(between[kind].shape[1]):
            label = kind if k == 0 else None
            axes[3].plot(*between[kind][:, k, :2].T, style, color=f"C{k}", ms=2.5, lw=1, label=label)
    axes[3].set(title="interpolated through the noise", aspect="equal")
    axes[3].legend(fontsize=8)
    return figure


def _images(dataset: Dataset, data: np.ndarray, again: np.ndarray, between) -> plt.Figure:
    height, width, *channels = dataset.truth.size
    low, high = dataset.truth.test.min(), dataset.truth.test.max()
    ways = between["spherical"]
    pairs, shares = ways.shape[1], len(ways)
    figure, axes = plt.subplots(
        pairs, shares + 2, figsize=(0.8 * (shares + 2), 0.85 * pairs + 0.3), layout="constrained", squeeze=False
    )
    for row in range(pairs):
        for column in range(shares + 2):
            image = data[row] if column == 0 else again[row] if column == 1 else ways[column - 2, row]
            shown = np.clip((image.reshape(height, width, *channels) - low) / (high - low), 0, 1)
            if channels != [3]:
                shown = shown[..., 0] if channels else 1 - shown
            axes[row, column].imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes[row, column].set(xticks=[], yticks=[])
    for column, title in ((0, "data"), (1, "round trip"), (2, "interpolation: from it"), (shares + 1, "to another")):
        axes[0, column].set_title(title, fontsize=7)
    return figure
