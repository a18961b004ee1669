"""A picture of what was observed: the wanted example, what the network is told of it, and samples below."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from experiments import files
from experiments.datasets.dataset import Dataset

COLUMNS = 10  # examples that are shown
CELL = 0.8  # inches of a picture


def plot(
    path: Path, dataset: Dataset, examples: np.ndarray, numbers: np.ndarray, samples: Mapping[str, np.ndarray]
) -> None:
    """Draws one column for each of the first examples.

    Args:
      path: the file.
      dataset: of pictures, of which a picture is observed.
      examples: [n, dim]; held-out examples, of the same pictures as ``numbers``.
      numbers: [n, height, width, channels]; what is observed of them.
      samples: {number of steps: [n, dim]}; of the map that is told these numbers.
    """
    height, width, channels = (*dataset.truth.size, 1)[:3]
    rows = {"example": examples, "observed": numbers} | {f"N = {steps}": x for steps, x in samples.items()}
    low, high = float(dataset.truth.test.min()), float(dataset.truth.test.max())
    count = min(COLUMNS, *map(len, rows.values()))
    size = (CELL * count + 1, CELL * len(rows))
    figure, axes = plt.subplots(len(rows), count, figsize=size, squeeze=False, layout="constrained")
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        own = np.asarray(pictures[:count]).reshape(count, height, width, -1)
        shown = np.clip((own - low) / (high - low), 0, 1)
        for axis, picture in zip(line, shown, strict=True):
            # What is drawn by hand is dark on white.
            drawn = picture if picture.shape[-1] == 3 else picture[..., 0] if channels == 3 else 1 - picture[..., 0]
            axis.imshow(drawn, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    files.write_figure(path, figure, dpi=110)
    plt.close(figure)
