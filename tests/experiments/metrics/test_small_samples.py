"""An estimator says nothing where its sample is too small or degenerate to say something."""

import math

import numpy as np
import pytest

from experiments.images.table import Features
from experiments.metrics import images, samples
from experiments.metrics.metric import Metric, compute_all

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("count", "found"), [(1, None), (10, None), (39, None), (40, 1.0)])
def test_a_classifier_without_a_split_does_not_call_everything_equal(count, found):
    x = np.random.default_rng(0).standard_normal((count, 2))
    assert samples.classifier_accuracy(x, x + 100, seed=0) == found


@pytest.mark.parametrize(("count", "dim", "says"), [(1, 1, False), (2, 2, True), (15, 64, False), (16, 64, True)])
def test_a_distance_of_covariances_needs_points(count, dim, says):
    x, y = RNG.standard_normal((2, count, dim))
    assert (samples.frechet(x, y) is not None) == says
    assert samples.enough(count, 10**6, dim=dim) == says


def test_a_discrepancy_needs_two_points_that_differ():
    x = RNG.standard_normal((5, 2))
    assert samples.mmd(x[:1], x) is None
    assert samples.mmd(x, x[:1]) is None
    assert samples.mmd(x, np.ones((5, 2))) is None
    assert samples.mmd(x, x + 10) > 0.5


def test_subsets_of_a_kernel_distance():
    x, y = RNG.standard_normal((2, 50, 3))
    options = {"subsets": 5, "seed": 0}
    assert images.kid(x, y, subset=2, **options) is None
    assert images.kid(x[:9], y, subset=50, **options) is None
    assert math.isfinite(images.kid(x, y, subset=10, **options))


@pytest.mark.parametrize(("count", "says"), [(4, False), (20, False), (49, False), (50, True)])
def test_coverage_of_few_points(count, says):
    x = RNG.standard_normal((count, 2))
    found = Features(x, x + 100, *samples.moments(x)).precision_recall
    assert found == ((0.0, 0.0) if says else (None, None))


def test_memorization_of_few_pictures():
    x = RNG.standard_normal((30, 4))
    assert images.memorization(x[:3], x[3:6], x[6:]) is None
    assert images.memorization(x[:10], x[10:20], x[20:]) > 0


def test_a_number_that_is_none_is_left_to_runs_that_diverged():
    metrics = [Metric("a", "a", None, lambda x: x), Metric("b", "b", None, lambda x: math.inf)]
    assert compute_all(metrics, math.nan) == {"a": None, "b": math.inf}
    assert compute_all(metrics, 2.0) == {"a": 2.0, "b": math.inf}
