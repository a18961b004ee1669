"""The picture of what was observed: a row for each kind, and no figure that stays open."""

import jax
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from experiments import datasets
from experiments.datasets import observed
from experiments.reporting import observed_plots


def test_each_row_is_drawn_and_the_figure_closed(tmp_path):
    dataset = observed.applied(datasets.load("digits"), "coarse:4")
    examples, numbers = map(np.asarray, observed.held_out(dataset, jax.random.key(0), 3))
    before, sizes = plt.get_fignums(), []
    for samples in ({"1": examples}, {"1": examples, "4": examples}):
        observed_plots.plot(tmp_path / "observed.png", dataset, examples, numbers, samples)
        with Image.open(tmp_path / "observed.png") as picture:
            sizes.append(picture.size)
    assert sizes[0][0] == sizes[1][0]
    assert sizes[1][1] > sizes[0][1]
    assert plt.get_fignums() == before
