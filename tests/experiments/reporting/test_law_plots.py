import numpy as np

from experiments.reporting import law_plots

LINES = [
    {"step": 5, "kl/1": 2.0, "reverse_kl/1": 1.0, "rarest_mode/1": 0.0, "kl/4": 1.0, "reverse_kl/4": 0.5},
    {"step": 20, "kl/1": np.inf},
]


def test_curves_are_over_the_share_of_each_training():
    curves = law_plots.over_training({"lsd": LINES, "old": [{"step": 5, "kl/1": 1.0}], "none": []}, steps=1)
    assert list(curves) == ["lsd"]
    np.testing.assert_array_equal(curves["lsd"]["share"], [0.25, 1])
    np.testing.assert_array_equal(curves["lsd"]["kl"], [2, np.inf])
    np.testing.assert_array_equal(curves["lsd"]["reverse_kl"], [1, np.nan])
    np.testing.assert_array_equal(law_plots.over_training({"lsd": LINES}, steps=4)["lsd"]["kl"], [1, np.nan])


def test_a_picture_with_and_without_modes(tmp_path):
    curves = law_plots.over_training({"lsd": LINES, "dmd": LINES[:1]}, steps=1)
    perfect = {"kl": 0.01, "reverse_kl": 0.012, "rarest_mode": 0.98}
    law_plots.plot(tmp_path / "modes.png", curves, perfect=perfect, steps=1)
    without = {name: curve | {"rarest_mode": np.full(len(curve["kl"]), np.nan)} for name, curve in curves.items()}
    law_plots.plot(tmp_path / "none.png", without, perfect=perfect | {"rarest_mode": None}, steps=1)
    assert (tmp_path / "modes.png").stat().st_size > (tmp_path / "none.png").stat().st_size > 10_000
