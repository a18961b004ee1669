import numpy as np
import pytest
import scipy.linalg
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import polynomial_kernel

from experiments.metrics import images as image_metrics
from experiments.metrics import samples as metrics

RNG = np.random.default_rng(0)


def test_frechet_agrees_with_the_matrix_square_root():
    # Another formula and another algorithm: (C_x C_y)^{1/2} by the Schur decomposition.
    x = RNG.standard_normal((500, 12)) @ RNG.standard_normal((12, 12))
    y = RNG.standard_normal((400, 12)) @ RNG.standard_normal((12, 12)) + 1
    cov_x, cov_y = np.cov(x.T), np.cov(y.T)
    cross = np.trace(scipy.linalg.sqrtm(cov_x @ cov_y).real)
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(cov_x + cov_y) - 2 * cross
    np.testing.assert_allclose(metrics.frechet(x, y), expected, rtol=1e-9)
    np.testing.assert_allclose(metrics.frechet_of_moments(*metrics.moments(x), *metrics.moments(y)), expected)
    # Covariances that commute: the sum of squared differences of means and of standard deviations.
    diagonal = [np.diag([1.0, 4.0, 9.0]), np.diag([4.0, 4.0, 1.0])]
    found = metrics.frechet_of_moments(np.zeros(3), diagonal[0], np.array([0.0, 2.0, 0.0]), diagonal[1])
    np.testing.assert_allclose(found, 4 + 1 + 0 + 4)


def test_kernel_distance_of_whole_sets_is_the_unbiased_estimate():
    x, y = RNG.standard_normal((2, 60, 7)) + np.array([0.0, 0.5])[:, None, None]
    k_xx, k_yy, k_xy = (polynomial_kernel(*pair, degree=3) for pair in ((x, x), (y, y), (x, y)))
    apart = ~np.eye(60, dtype=bool)
    expected = k_xx[apart].mean() + k_yy[apart].mean() - 2 * k_xy.mean()
    np.testing.assert_allclose(image_metrics.kid(x, y, subset=60, subsets=1, seed=0), expected, rtol=1e-9)
    # More than there are of the smaller set are not drawn.
    np.testing.assert_allclose(image_metrics.kid(x, y, subset=999, subsets=2, seed=1), expected, rtol=1e-9)


def test_kernel_distance_of_gaussians_in_one_dimension():
    # With k = (ab + 1)^3 the distance is sum_j binom(3, j) (E a^j - E b^j)^2; for N(0, 1) and N(1, 1) the first three
    # moments are (0, 1, 0) and (1, 2, 4).
    x, y = RNG.standard_normal((2, 20_000, 1)) + np.array([0.0, 1.0])[:, None, None]
    expected = 3 * 1 + 3 * 1 + 1 * 16
    found = image_metrics.kid(x, y, subset=500, subsets=200, seed=0)
    # Third powers have variance 60 and 15: on 20,000 points a standard error of 0.06 for the difference 4 of their
    # means, hence 0.5 for its square, which is the largest part.
    np.testing.assert_allclose(found, expected, atol=2.5)
    same = [image_metrics.kid(x[:10_000], x[10_000:], subset=200, subsets=50, seed=seed) for seed in range(5)]
    assert abs(np.mean(same)) < 0.15
    assert min(same) != max(same)  # the seed draws the subsets


def test_precision_and_recall_by_the_definition():
    x, real = RNG.standard_normal((70, 3)), RNG.standard_normal((90, 3)) * 0.7 + 0.5

    def share(points, of):
        radii = np.sort(cdist(of, of), axis=1)[:, 3]
        return np.mean([np.any(np.linalg.norm(of - point, axis=1) <= radii) for point in points])

    found = image_metrics.precision_recall(x, real)
    np.testing.assert_allclose(found, (share(x, real), share(real, x)), rtol=1e-12)
    assert 0.3 < found[0] < 0.95


def test_precision_and_recall_of_known_sets(monkeypatch):
    real = RNG.standard_normal((400, 2)) + np.array([1000.0, 0.0])
    far = real + np.array([500.0, 0.0])
    assert image_metrics.precision_recall(far, real) == (0.0, 0.0)
    assert image_metrics.precision_recall(real, real) == (1.0, 1.0)
    # One half of the samples is off the data, all data are covered; and samples of a half of the data.
    both = np.concatenate([real, far])
    assert image_metrics.precision_recall(both, real) == (0.5, 1.0)
    assert image_metrics.precision_recall(real, both) == (1.0, 0.5)
    # In small parts the same.
    monkeypatch.setattr(image_metrics, "BLOCK", 1000)
    assert image_metrics.precision_recall(real, both) == (1.0, 0.5)
    with pytest.raises(ValueError, match="3 samples and 400 real ones; expected more than 3"):
        image_metrics.precision_recall(real[:3], real)


def test_nearest_distances(monkeypatch):
    monkeypatch.setattr(image_metrics, "BLOCK", 300)
    train, x = RNG.standard_normal((80, 5)).astype(np.float32), RNG.standard_normal((30, 5)).astype(np.float32)
    np.testing.assert_allclose(image_metrics.nearest_distance(x, train), cdist(x, train).min(1), rtol=1e-6)
    # Copies are found as such, although squares of these numbers have lost all digits of their differences.
    assert image_metrics.nearest_distance(train[:9] + 1000, train + 1000).max() == 0


def test_memorization_is_one_for_fresh_data_and_zero_for_copies():
    train, held_out, fresh = RNG.standard_normal((3, 1500, 2))
    # Medians of 1500 distances have a relative standard error of about 1.25 x 0.5 / sqrt(1500) = 2 %.
    np.testing.assert_allclose(image_metrics.memorization(fresh, held_out, train), 1, atol=0.15)
    assert image_metrics.memorization(train[:100], held_out, train) == 0
    assert image_metrics.memorization(fresh, train, train) is None
    nearest = np.median(cdist(held_out, train).min(1))
    moved = train[:100] + 0.1 * nearest * np.array([0.6, 0.8])
    assert image_metrics.memorization(moved, held_out, train) <= 0.1 + 1e-6


def test_memorization_compares_medians_and_precision_counts_the_boundary():
    train = np.array([[0.0], [100.0], [200.0]])
    samples, held_out = np.array([[1.0], [2.0], [50.0]]), np.array([[104.0], [96.0], [160.0]])
    assert image_metrics.memorization(*(np.tile(x, (4, 1)) for x in (samples, held_out, train))) == 2 / 4
    # The nearest neighbours of 0, 2 and 7 are 2, 2 and 5 away: -2 and 12 lie on their circles, 12.5 beyond.
    real = np.array([[0.0], [2.0], [7.0]])
    assert image_metrics.precision_recall(np.array([[-2.0], [12.0], [12.5]]), real, neighbours=1)[0] == 2 / 3


def test_rounding_to_eight_bits():
    x = np.array([-1.7, -1, -0.999, 0.0, 1 / 127.5, 0.5, 1, 1.2])
    # 0.0 is 127.5, which rounds to the even neighbour.
    np.testing.assert_array_equal(image_metrics.as_uint8(x), [0, 0, 0, 128, 128, 191, 255, 255])
    levels = np.arange(256, dtype=np.float32) / 127.5 - 1
    np.testing.assert_array_equal(image_metrics.as_uint8(levels), np.arange(256))
    np.testing.assert_allclose(image_metrics.rounded(levels), levels, atol=1e-7)
    assert np.abs(image_metrics.rounded(x.clip(-1, 1)) - x.clip(-1, 1)).max() <= 0.5 / 127.5 + 1e-6
