"""The picture at first sight: its panels, its words, its size."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from experiments import datasets
from experiments.reporting import teaser


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved, kept open."""
    found = []
    monkeypatch.setattr(teaser.plt, "close", found.append)
    yield found
    plt.close("all")


def points(*steps, count=500):
    rng = np.random.default_rng(0)
    return {str(n): rng.uniform(-1, 1, (count, 2)).astype(np.float32) for n in steps}


def test_two_rows_and_the_target_on_one_scale(tmp_path, drawn):
    rows = {"flow matching": points(1, 2, 4, 8, 16), "flow map (lsd)": points(1, 2, 4, 8, 16)}
    teaser.draw(tmp_path / "teaser.png", datasets.load("checkerboard"), rows)
    (figure,) = drawn
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles == ["1 step", "2 steps", "4 steps", "16 steps", "target"]
    assert [axis.get_ylabel() for axis in figure.axes if axis.get_ylabel()] == list(rows)
    assert len(figure.axes) == 2 * 4 + 1
    assert len({axis.images[0].get_clim() for axis in figure.axes}) == 1
    assert not any(axis.get_xticks().size or axis.get_yticks().size for axis in figure.axes)
    height, width, _ = plt.imread(tmp_path / "teaser.png").shape
    assert 1500 < width < 1700
    assert 0.38 < height / width < 0.45


def test_steps_that_both_rows_have():
    assert teaser.shown_steps({"a": points(1, 2, 4, 16), "b": points(2, 4, 8, 1)}) == [1, 2, 4]
    assert teaser.shown_steps({"a": points(8, 3), "b": points(3, 8, 1)}) == [3, 8]


def test_pictures(tmp_path, drawn):
    dataset = datasets.load("digits")
    images = np.random.default_rng(0).uniform(-1, 1, (100, 64)).astype(np.float32)
    rows = {"flow matching": {"1": images}, "flow map (ct)": {"1": images}}
    teaser.draw(tmp_path / "teaser.png", dataset, rows)
    assert [axis.get_title() for axis in drawn[0].axes] == ["1 step", "", "target"]
    assert (tmp_path / "teaser.png").stat().st_size > 5000
