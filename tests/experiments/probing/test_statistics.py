"""Estimates of means, cosines and shares, against what is known about the vectors that they are made of."""

import math

import numpy as np
import pytest

from experiments.probing import statistics

RNG = np.random.default_rng(0)


def batches(mean, *, n, std):
    return np.asarray(mean) + std * RNG.standard_normal((n, len(mean)))


def gram(a, b=None):
    return statistics.products(a, a if b is None else b)


def test_products_in_parts_are_those_of_the_whole(monkeypatch):
    a, b = RNG.standard_normal((3, 11)).astype(np.float32), RNG.standard_normal((4, 11)).astype(np.float32)
    monkeypatch.setattr(statistics, "AT_ONCE", 4)
    np.testing.assert_allclose(statistics.products(a, b), a.astype(float) @ b.T.astype(float), rtol=1e-12)


def test_the_square_of_a_mean_has_no_bias_by_noise():
    mean = np.full(50, 0.1)  # |mean|^2 = 0.5, beside which the noise of a batch has 50
    found = [statistics.squared_mean(gram(batches(mean, n=8, std=1.0))) for _ in range(2000)]
    assert abs(np.mean(found) - 0.5) < 4 * np.std(found) / math.sqrt(2000)
    naive = np.mean([np.sum(batches(mean, n=8, std=1.0).mean(axis=0) ** 2) for _ in range(200)])
    assert naive > 5


def test_the_length_of_a_mean_comes_with_its_error_and_is_nothing_below_the_noise():
    length = statistics.norm_of_mean(gram(batches([3.0, 4.0] + [0.0] * 30, n=64, std=0.5)))
    assert abs(length.value - 5) < 4 * length.error < 1
    assert math.isnan(statistics.norm_of_mean(gram(batches([0.0] * 200, n=8, std=1.0))).value)


@pytest.mark.parametrize("angle", [0.0, 0.3, math.pi / 2, 2.0, math.pi])
def test_a_cosine_is_that_of_the_means_however_large_the_noise(angle):
    dim, n = 400, 64
    a, b = np.zeros(dim), np.zeros(dim)
    a[0], b[:2] = 1.0, (math.cos(angle), math.sin(angle))
    noisy = batches(2 * a, n=n, std=1.0), batches(3 * b, n=n, std=1.0)
    found = statistics.cosine(gram(*noisy), gram(noisy[0]), gram(noisy[1]))
    assert abs(found.value - math.cos(angle)) < 4 * found.error
    assert found.error < 0.2
    # Of the noisy means themselves, it is nearer to zero.
    means = [each.mean(axis=0) for each in noisy]
    naive = means[0] @ means[1] / np.linalg.norm(means[0]) / np.linalg.norm(means[1])
    assert angle == math.pi / 2 or abs(naive) < 0.7 * abs(math.cos(angle))


def test_a_cosine_with_what_is_only_noise_is_not_given():
    a, b = batches([1.0] + [0.0] * 99, n=16, std=0.1), batches([0.0] * 100, n=16, std=1.0)
    assert math.isnan(statistics.cosine(gram(a, b), gram(a), gram(b)).value)


def test_the_variance_between_batches_is_the_sum_of_squared_distances():
    x = RNG.standard_normal((7, 5))
    expected = 10 * np.sum((x - x.mean(axis=0)) ** 2) / 6
    np.testing.assert_allclose(statistics.between_batches(gram(x), size=10), expected, rtol=1e-12)


def test_a_mean_has_the_error_of_the_means_of_batches():
    x = np.array([[1.0, 3.0], [5.0, 7.0]])
    assert statistics.mean(x) == (4.0, pytest.approx(2.0))


def test_the_worst_have_what_their_law_gives_them():
    # Squares of two coordinates are exponential: the largest share p of them has p (1 - ln p) of the sum.
    values = RNG.exponential(size=(100, 5000))
    np.testing.assert_allclose(statistics.share_of_worst(values), 0.01 * (1 - math.log(0.01)), rtol=0.02)
    # Pareto's tail of exponent 2: p^(1 - 1/2).
    values = RNG.pareto(2.0, size=(100, 20000)) + 1
    np.testing.assert_allclose(statistics.share_of_worst(values), 0.1, rtol=0.05)
    assert statistics.share_of_worst(np.ones(1000)) == pytest.approx(0.01)
    assert statistics.share_of_worst(np.array([1.0, 0.0, 3.0])) == 0.75
    assert math.isnan(statistics.share_of_worst(np.zeros(10)))


def test_two_batches_give_a_length_without_an_error():
    found = statistics.norm_of_mean(gram(np.array([[3.0, 0.0], [3.0, 0.0]])))
    assert found.value == 3
    assert math.isnan(found.error)
