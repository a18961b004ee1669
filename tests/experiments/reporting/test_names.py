import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest

from experiments import datasets
from experiments.reporting import map_plots, names, plots

LONG = "lsd[diagonal_share=0.5,times=noise_end,adaptive_power=0.5,velocity=pooled,pool=2048]"


def test_a_name_is_broken_after_brackets_and_commas_and_keeps_every_letter():
    assert names.wrapped("mean_flow") == "mean_flow"
    lines = names.wrapped(LONG).split("\n")
    assert "".join(lines) == LONG
    assert all(len(line) <= names.WIDTH for line in lines)
    assert all(line[-1] in "[,]" for line in lines)
    assert names.wrapped("a_very_long_name_without_a_comma_in_it") == "a_very_long_name_without_a_comma_in_it"
    assert names.size("lsd") > names.size(LONG)


@pytest.mark.parametrize("several", [False, True], ids=["one row", "two rows"])
def test_pictures_show_a_long_name_whole(tmp_path, monkeypatch, several):
    """Neither is a panel collapsed, which matplotlib warns of, nor does a name leave its picture."""
    dataset = datasets.load("checkerboard")
    drawn = {"1": np.zeros((10, 2)), "2": np.zeros((10, 2))}
    rows = [LONG, "lsd"] if several else [LONG]
    seen = []

    def within(path, figure, **options):
        figure.canvas.draw()
        frame = figure.bbox
        for axis in figure.axes:
            for text in (axis.yaxis.label, axis.title):
                box = text.get_window_extent()
                inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
                seen.append("" if inside else text.get_text())

    monkeypatch.setattr(plots.files, "write_figure", within)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.samples(tmp_path / "samples.png", dataset, dict.fromkeys(rows, drawn))
        map_plots.errors(tmp_path / "map_error.png", dict.fromkeys(rows, np.ones((4, 4))))
        curve = np.zeros((3, 5, 2))
        map_plots.trajectories(
            tmp_path / "trajectories.png", dataset, dict.fromkeys(rows, curve), dict.fromkeys(rows, curve)
        )
    assert set(seen) == {""}
    plt.close("all")
