"""The picture of likelihoods: densities on a grid, the exact one first."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from experiments import files
import experiments.reporting.plots  # noqa: F401 (draws into files)


def draw(path: Path, densities: Mapping[str, np.ndarray], *, cells: int, box: tuple[float, float]) -> None:
    """Draws densities on one color scale.

    Args:
      path: the png file.
      densities: {title: [cells^2]}, the exact one first.
      cells: per axis.
      box: (low, high) of both coordinates.
    """
    figure, axes = plt.subplots(1, len(densities), figsize=(3 * len(densities), 3.2), layout="constrained")
    top = 1.5 * float(next(iter(densities.values())).max())
    for axis, (title, density) in zip(axes, densities.items(), strict=True):
        axis.imshow(
            density.reshape(cells, cells).T,
            origin="lower",
            extent=(*box, *box),
            cmap="magma",
            vmin=0,
            vmax=top,
            interpolation="nearest",
        )
        axis.set_title(title, fontsize=10)
    files.write_figure(path, figure, dpi=110)
    plt.close(figure)
