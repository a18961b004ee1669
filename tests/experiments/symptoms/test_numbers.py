"""Numbers of one name and two meanings: the scale of a fixed point, and scores with their floors."""

import jax
import numpy as np
import pytest

from experiments.symptoms import numbers
from experiments.training.runs import load_trained
from objectives import guidance


@pytest.mark.parametrize("wanted", [1.5, 2.0])
def test_the_scale_that_comes_out_is_omega_over_one_minus_kappa(wanted):
    *of_mean_flow, classic = numbers.guidance_scale(wanted)
    for row, kappa in zip(of_mean_flow, (0.0, 0.5, 0.75), strict=True):
        assert f"kappa = {kappa:g}:" in row.see
        np.testing.assert_allclose(row.fault, wanted / (1 - kappa), rtol=1e-5)
        np.testing.assert_allclose(row.fault, guidance.effective_scale_mean_flow(omega=wanted, kappa=kappa), rtol=1e-5)
        np.testing.assert_allclose(row.cured, wanted, rtol=1e-5)
    np.testing.assert_allclose([classic.fault, classic.cured], [wanted - 1, wanted], rtol=1e-5)


def test_a_fixed_point_is_found_and_not_assumed():
    # g = (v_c + v_u + g) / 3 has g = (v_c + v_u) / 2, which is the scale 1/2.
    np.testing.assert_allclose(numbers.fixed_point(lambda v_c, v_u, own: (v_c + v_u + own) / 3), 0.5, rtol=1e-5)


def test_scores_lose_the_score_of_as_many_perfect_samples():
    rows, counts = numbers.scores((500, 3000), seed=5), (500, 3000)
    assert len(rows) == len(counts) * len(numbers.ESTIMATORS)
    dataset = load_trained(numbers.MAP).dataset
    perfect = np.asarray(dataset.draw(jax.random.key(5), 3000))
    for row, n in zip(rows, counts, strict=False):  # those of bins that line up with the board
        counted = np.histogram2d(*perfect[:n].T, bins=48, range=[(-1, 1), (-1, 1)])[0].ravel()
        mass = dataset.truth.bin_mass(48).ravel()
        on = mass > 0
        floor = np.sum(mass[on] * np.log(mass[on] * n / np.maximum(counted[on], 0.5)))  # empty: half a sample
        assert f"{n:,} samples, 48 x 48" in row.see
        np.testing.assert_allclose(row.fault - row.cured, floor, atol=1e-6)
