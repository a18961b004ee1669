"""Numbers of tables, and curves of a comparison in which some run has left no log, or no number."""

import math

import matplotlib.pyplot as plt
import pytest

from experiments.reporting import plots, tables


@pytest.mark.parametrize(
    ("given", "options", "shown"),
    [
        ((None,), {}, "-"),
        ((math.nan,), {}, "-"),
        ((math.nan, math.nan), {"nan": tables.DIVERGED}, "diverged"),
        ((None,), {"nan": tables.DIVERGED}, "-"),
        ((math.inf,), {"nan": tables.DIVERGED}, "inf"),
        ((1.23456, 0.0123), {}, "1.235 ± 0.01"),
        ((1.23456, math.nan), {}, "1.235"),
        ((1.23456,), {"digits": 3}, "1.23"),
    ],
)
def test_a_number_is_diverged_only_in_the_row_of_a_run_that_did(given, options, shown):
    assert tables.number(*given, **options) == shown


RECORDS = [{"step": 5 * k, "raw/diagonal": 1.0 / k, "raw/lagrangian": 2.0 / k} for k in range(1, 5)]
BY_STEPS = {"lsd": {1: 0.1, 2: 0.05}, "esd": {1: math.nan, 2: math.nan}, "psd_m": {1: None, 2: 0.2}}


def drawn(tmp_path, monkeypatch, training, *, floor=0.01):
    """{name: colour} of the curves in each panel."""
    found = []

    def close(figure):
        found.extend({line.get_label(): line.get_color() for line in axis.lines} for axis in figure.axes)
        figure.clear()

    monkeypatch.setattr(plots.plt, "close", close)
    plots.curves(tmp_path / "x.png", training, BY_STEPS, metric="KL", floor=floor, floor_name="perfect samples")
    plt.clf()
    return found


def test_a_run_without_its_log_keeps_its_colour(tmp_path, monkeypatch):
    whole = {"lsd": RECORDS, "esd": RECORDS, "psd_m": RECORDS}
    colours = {"lsd": "C0", "esd": "C1", "psd_m": "C2"}
    diagonal, rule, quality = drawn(tmp_path, monkeypatch, whole)
    assert diagonal == rule == colours
    assert quality == {"lsd": "C0", "psd_m": "C2", "perfect samples": "black"}
    diagonal, rule, quality = drawn(tmp_path, monkeypatch, whole | {"lsd": []}, floor=None)
    assert diagonal == rule == {"esd": "C1", "psd_m": "C2"}
    assert quality == {"lsd": "C0", "psd_m": "C2"}


def test_no_run_has_left_a_log(tmp_path, monkeypatch):
    _, _, quality = drawn(tmp_path, monkeypatch, {})
    assert quality == {"lsd": "C0", "psd_m": "C2", "perfect samples": "black"}
