from types import SimpleNamespace

import jax
import numpy as np
from ott.solvers import linear
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist, pdist
from scipy.stats import norm

from experiments import datasets
from experiments.metrics import images as image_metrics
from experiments.metrics import samples as metrics

RNG = np.random.default_rng(0)


def perfect(name="checkerboard", count=64_000, seed=0):
    dataset = datasets.load(name)
    keys = jax.random.split(jax.random.key(seed), count)
    return np.asarray(jax.jit(jax.vmap(dataset.sample))(keys)), dataset.truth


def test_floors_of_both_divergences():
    samples, truth = perfect()
    assert 0.064 < metrics.paper_kl(samples, truth) < 0.068
    assert 0.007 < metrics.aligned_kl(samples, truth) < 0.011


def test_scale_of_both_divergences_under_blur():
    samples, truth = perfect()
    blurred = samples + 0.03 * RNG.standard_normal(samples.shape)
    np.testing.assert_allclose(metrics.paper_kl(blurred, truth), 0.114, atol=0.004)
    # The aligned one counts what left the box; without that it is 0.095.
    inside = np.mean(np.all(np.abs(blurred) < 1, axis=1))
    np.testing.assert_allclose(metrics.aligned_kl(blurred, truth) + np.log(inside), 0.095, atol=0.004)
    np.testing.assert_allclose(metrics.in_support(blurred, truth), 0.907, atol=0.004)


def test_the_reverse_divergence_sees_empty_places_and_the_forward_one_lost_modes():
    samples, truth = perfect("eight_gaussians", 16_000)
    floor = metrics.reverse_kl(samples, truth)
    assert floor < 0.02
    one_mode = np.tile(samples[cKDTree(truth.modes).query(samples)[1] == 0], (8, 1))
    # All of the mass on an eighth of the data: every bin there has eight times its share.
    np.testing.assert_allclose(metrics.reverse_kl(one_mode, truth), np.log(8), atol=0.03)
    assert metrics.aligned_kl(one_mode, truth) > 1.3 * np.log(8)
    stray = np.concatenate([samples, np.zeros((2000, 2))])  # a ninth of the points at the empty centre
    share, half = 1 / 9, 0.5 / 18_000
    expected = share * np.log(share / half) + (1 - share) * np.log(1 - share)
    np.testing.assert_allclose(metrics.reverse_kl(stray, truth) - floor * (1 - share), expected, atol=0.01)
    np.testing.assert_allclose(
        metrics.aligned_kl(stray, truth) - metrics.aligned_kl(samples, truth), -np.log(1 - share), atol=0.01
    )


def test_samples_outside_the_box_are_samples_without_data():
    samples, truth = perfect(count=16_000)
    outside = np.concatenate([samples[:8000], samples[8000:] + 10])
    expected = 0.5 * np.log(0.5 / (0.5 / 16_000)) + 0.5 * np.log(0.5)
    np.testing.assert_allclose(metrics.reverse_kl(outside, truth), expected, atol=0.05)


@pytest.mark.parametrize("name", ["checkerboard", "eight_gaussians"])
def test_the_rarest_mode(name):
    samples, truth = perfect(name, 16_000)
    modes = cKDTree(truth.modes).query(samples)[1]
    counts = np.bincount(modes)
    assert len(counts) == 8
    np.testing.assert_allclose(metrics.rarest_mode(samples, truth), 8 * counts.min() / 16_000)
    assert metrics.rarest_mode(samples, truth) > 0.93
    assert metrics.rarest_mode(samples[modes != 3], truth) == 0


def test_a_curve_has_no_modes():
    samples, truth = perfect("spiral", 100)
    assert truth.modes is None
    assert metrics.rarest_mode(samples, truth) is None


def test_aligned_divergence_of_a_known_pair():
    # Half of the checkerboard's squares twice as often, the others never: KL = sum p log(p / q).
    samples, truth = perfect(count=20_000)
    half = samples[samples[:, 0] < 0]
    doubled = metrics.aligned_kl(half, truth, bins=4)
    expected = 0.5 * np.log(0.5) + 0.5 * np.log((1 / 8) / (0.5 / len(half)))
    np.testing.assert_allclose(doubled, expected, atol=2e-3)


def test_samples_outside_the_box_are_lost_mass():
    samples, truth = perfect(count=20_000)
    outside = np.concatenate([samples, samples + 10])
    difference = metrics.aligned_kl(outside, truth, bins=4) - metrics.aligned_kl(samples, truth, bins=4)
    np.testing.assert_allclose(difference, np.log(2), atol=1e-9)


def test_sliced_wasserstein_of_a_shift():
    # A shift by d has squared distance (w . d)^2 along w: |d|^2 / dim on average.
    x = RNG.standard_normal((2000, 2))
    found = metrics.sliced_wasserstein(x, x + np.array([0.3, 0.4]), projections=4000, seed=0)
    np.testing.assert_allclose(found, 0.5 / np.sqrt(2), rtol=0.02)
    assert metrics.sliced_wasserstein(x, x[::-1], projections=8, seed=0) < 1e-12
    with pytest.raises(ValueError, match="draw as many of both"):
        metrics.sliced_wasserstein(x, x[1:], projections=8, seed=0)


def test_frechet_in_closed_form():
    x = RNG.standard_normal((200_000, 3)) * np.array([1.0, 2.0, 3.0])
    y = RNG.standard_normal((200_000, 3)) * np.array([2.0, 2.0, 1.0]) + np.array([1.0, 0.0, 0.0])
    np.testing.assert_allclose(metrics.frechet(x, y), 1 + 1 + 0 + 4, rtol=0.02)
    np.testing.assert_allclose(metrics.frechet(x, x), 0, atol=1e-9)


def test_frechet_with_singular_and_non_commuting_covariances():
    a, b = RNG.standard_normal((2, 4, 4))
    a[:, 0] = 0
    x = RNG.standard_normal((50_000, 4)) @ a
    y = RNG.standard_normal((50_000, 4)) @ b
    cov_x, cov_y = np.cov(x.T), np.cov(y.T)
    cross = np.sqrt(np.clip(np.linalg.eigvals(cov_x @ cov_y).real, 0, None)).sum()
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(cov_x + cov_y) - 2 * cross
    np.testing.assert_allclose(metrics.frechet(x, y), expected, rtol=1e-6)


def test_mmd_of_a_shifted_gaussian():
    n = 1500
    x, y = RNG.standard_normal((n, 1)) + 1.0, RNG.standard_normal((n, 1))
    # Median of |a - b| for a - b ~ N(0, 2); the kernel's mean under a Gaussian is closed.
    width2 = (np.sqrt(2) * norm.ppf(0.75)) ** 2

    def mean_kernel(shift):
        return np.sqrt(width2 / (width2 + 2)) * np.exp(-(shift**2) / (2 * (width2 + 2)))

    np.testing.assert_allclose(metrics.mmd(x, y), 2 * (mean_kernel(0) - mean_kernel(1)), rtol=0.15)
    assert abs(metrics.mmd(RNG.standard_normal((n, 1)), y)) < 3e-3


def test_mmd_by_pairs():
    x, y = RNG.standard_normal((2, 40, 30)) + 50 + np.array([0.0, 0.2])[:, None, None]
    y = y[:30]
    width = np.median(pdist(y))
    k_xx, k_yy, k_xy = (np.exp(-cdist(*pair, "sqeuclidean") / (2 * width**2)) for pair in ((x, x), (y, y), (x, y)))
    expected = k_xx[~np.eye(40, dtype=bool)].mean() + k_yy[~np.eye(30, dtype=bool)].mean() - 2 * k_xy.mean()
    np.testing.assert_allclose(metrics.mmd(x, y), expected, rtol=1e-9)


def test_mass_outside_the_box():
    _, truth = perfect(count=10)
    samples = np.array([[0.0, 0.0], [1.01, 0.0], [0.5, -3.0], [-1.0, 1.0]])
    assert metrics.outside_box(samples, truth) == 0.5


def test_entropic_distance_to_a_shifted_target():
    samples, truth = perfect(count=20_000)
    # For a shift by d the debiased divergence is |d|^2, whatever the entropy; whole bins, so that bins do not blur it.
    shift = np.array([2 * 2 / 48, 0.0])
    floor = metrics.entropic_w2(samples, truth, epsilon=0.01)
    assert floor < 0.03
    for epsilon in (0.01, 0.05):
        found = metrics.entropic_w2(samples + shift, truth, epsilon=epsilon)
        np.testing.assert_allclose(found, shift[0], rtol=0.06)


def test_entropic_distance_between_points():
    x = RNG.standard_normal((60, 5)).astype(np.float32)
    y = x[::-1] + np.float32([0.3, 0, 0, 0, 0.4])
    np.testing.assert_allclose(metrics.entropic_w2_of_points(x, y, epsilon=0.2), 0.5, rtol=1e-3)
    assert metrics.entropic_w2_of_points(x, x[::-1], epsilon=0.2) < 1e-2


def test_entropic_distance_agrees_with_the_assignment_problem():
    x, y = RNG.standard_normal((2, 50, 2)) * np.array([[[1.0, 0.5]], [[0.2, 1.0]]])
    cost = cdist(x, y, "sqeuclidean")
    optimal = cost[linear_sum_assignment(cost)].mean()
    np.testing.assert_allclose(metrics.entropic_w2_of_points(x, y, epsilon=0.01), np.sqrt(optimal), rtol=0.05)


def test_classifier_reaches_the_accuracy_of_bayes():
    # Two normal laws at distance d: the best accuracy is Phi(d / 2).
    x, y = RNG.standard_normal((2, 20_000, 1))
    np.testing.assert_allclose(metrics.classifier_accuracy(x + 1.0, y, seed=0), norm.cdf(0.5), atol=0.015)
    np.testing.assert_allclose(metrics.classifier_accuracy(x, y, seed=0), 0.5, atol=0.015)
    with pytest.raises(ValueError, match="expected as many of both"):
        metrics.classifier_accuracy(x, y[1:], seed=0)


def test_a_distance_that_was_not_reached_is_no_number(monkeypatch):
    monkeypatch.setattr(metrics, "SINKHORN_ITERATIONS", 10)
    x, y = RNG.standard_normal((2, 37, 3))
    assert metrics.entropic_w2_of_points(x, y + 3, epsilon=1e-3) is None


def test_seeds_draw_the_directions_and_the_split():
    x, y = RNG.standard_normal((2, 200, 3)) * np.array([[[1.0, 2.0, 0.5]], [[1.0, 1.0, 1.0]]])
    sliced = {metrics.sliced_wasserstein(x, y, projections=3, seed=seed) for seed in (0, 0, 1)}
    accuracies = {metrics.classifier_accuracy(x, y, seed=seed) for seed in (0, 0, 1)}
    assert len(sliced) == len(accuracies) == 2


def test_samples_beyond_the_margin_count_at_its_edge(monkeypatch):
    masses = []
    monkeypatch.setattr(metrics, "_root", lambda divergence, centres, epsilon, a, b: masses.append((centres, a)))
    samples, truth = perfect(count=5000)
    far, edge = samples.copy(), samples.copy()
    # The margin is an eighth of the box of 2: its last bin lies around 1.25 - 1/48.
    far[:500], edge[:500] = [9.0, 0.3], [1.24, 0.3]
    for x in (far, edge):
        metrics.entropic_w2(x, truth, epsilon=0.05)
    (centres, of_far), (_, of_edge) = masses
    np.testing.assert_allclose(centres[[0, -1]], [-1.25 + 1 / 48, 1.25 - 1 / 48])
    np.testing.assert_array_equal(of_far, of_edge)
    np.testing.assert_allclose(of_far.reshape(60, 60)[-1].sum(), 0.1, rtol=1e-4)


@pytest.mark.parametrize("failing", ["ab", "aa", "bb", None])
def test_a_divergence_is_no_number_if_one_of_its_three_problems_did_not_converge(failing, monkeypatch):
    def solve(geometry, a, b, **options):
        cost = {"ab": 5.0, "aa": 1.0, "bb": 2.0}[geometry]
        return SimpleNamespace(reg_ot_cost=cost, converged=np.array(geometry != failing))

    monkeypatch.setattr(linear, "solve", solve)
    found = float(metrics._sinkhorn_divergence("ab", "aa", "bb", None, None))
    np.testing.assert_equal(found, 3.5 if failing is None else np.nan)


@pytest.mark.parametrize("place", [50.0, 90.0, -1000.0])
def test_judges_of_points_do_not_see_where_the_origin_is(place):
    spread, random = 1e-4 * abs(place), np.random.default_rng(1)
    # These lie on the grid of single precision there: what is subtracted below is exact.
    x, y, z = (spread * random.standard_normal((3, 150, 2)) * [[[1.3]], [[1]], [[1]]] + place).astype(np.float32)
    judges = {
        "entropic_w2": lambda x, y, z: metrics.entropic_w2_of_points(x, y, epsilon=0.03 * spread**2),
        "sliced_w2": lambda x, y, z: metrics.sliced_wasserstein(x, y, projections=8, seed=0),
        "mmd": lambda x, y, z: metrics.mmd(x, y),
        "frechet": lambda x, y, z: metrics.frechet(x, y),
        "memorization": image_metrics.memorization,
        "precision": lambda x, y, z: image_metrics.precision_recall(x, y),
    }
    for name, judge in judges.items():
        far, near = (judge(*(points - moved for points in (x, y, z))) for moved in (np.float32(0), np.float32(place)))
        np.testing.assert_allclose(far, near, rtol=2e-3, err_msg=name)
