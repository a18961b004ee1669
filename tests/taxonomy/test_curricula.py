import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taxonomy import curricula, times

PROGRESS = np.linspace(0, 1, 1001)


def test_warm_up():
    found = curricula.warm_up(PROGRESS, length=0.25)
    np.testing.assert_allclose(found, np.minimum(1, 4 * PROGRESS), rtol=1e-6)
    np.testing.assert_array_equal(curricula.warm_up(jnp.array([0.0, 0.5, 1.0]), length=0), 1)


def test_sigmoid_decay():
    found = np.asarray(curricula.sigmoid_decay(PROGRESS))
    assert found[0] == 1
    assert found[-1] == 0
    np.testing.assert_allclose(found[500], 0.5, rtol=1e-6)
    assert np.all(np.diff(found) <= 0)
    # Symmetric, and cut where the sigmoid is within the floor of its ends: 25 (p - 1/2) = log(0.995 / 0.005).
    np.testing.assert_allclose(found, 1 - found[::-1], atol=1e-5)
    cut = np.log(0.995 / 0.005) / 25
    offset = PROGRESS - 0.5
    inside = np.abs(offset) < cut
    assert np.all(found[offset > cut] == 0)
    assert np.all(found[offset < -cut] == 1)
    np.testing.assert_allclose(found[inside], 1 / (1 + np.exp(25 * offset[inside])), rtol=1e-4)
    assert 0.005 <= found[inside].min() < 0.0052
    soft = curricula.sigmoid_decay(0.6, steepness=10.0, floor=0.0)
    np.testing.assert_allclose(soft, 1 / (1 + np.e), rtol=1e-6)


def test_exponential_decay():
    found = np.asarray(curricula.exponential_decay(PROGRESS, first=0.5, last=0.005))
    np.testing.assert_allclose(found[[0, 500, 1000]], [0.5, 0.05, 0.005], rtol=1e-5)
    np.testing.assert_allclose(np.diff(np.log(found)), np.log(0.01) / 1000, rtol=1e-2)


def test_arccos_decay():
    found = np.asarray(curricula.arccos_decay(PROGRESS, length=0.5))
    np.testing.assert_allclose(found[[0, 250]], [1, 2 / 3], rtol=1e-5)
    np.testing.assert_array_equal(found[500:], 0)
    assert np.all(np.diff(found) <= 0)
    np.testing.assert_allclose(np.cos(np.pi / 2 * found), np.minimum(1, 2 * PROGRESS), atol=1e-6)
    # Fastest at its end.
    assert found[499] - found[500] > 10 * (found[0] - found[1])


def test_growing_grid_goes_from_the_first_to_one_above_the_last():
    found = np.asarray(curricula.growing_grid(PROGRESS, first=2, last=150))
    assert found[0] == 2
    assert found[-1] == 151
    assert np.all(np.diff(found) >= 0)
    np.testing.assert_array_equal(found, np.round(found))
    # In the middle the squares are averaged: sqrt((151^2 + 2^2) / 2) = 106.8.
    assert found[500] == 107
    # The formula of the paper, N(k) - 1 of k out of K steps.
    k, K = np.arange(0, 1000, 37), 1000
    expected = np.ceil(np.sqrt(k / K * (151**2 - 4) + 4) - 1) + 1
    np.testing.assert_array_equal(curricula.growing_grid(k / K, first=2, last=150), expected)


def test_doubling_grid_and_stages():
    middles = (np.arange(8) + 0.5) / 8
    np.testing.assert_array_equal(
        curricula.doubling_grid(middles, first=10, last=1280), [10, 20, 40, 80, 160, 320, 640, 1280]
    )
    np.testing.assert_array_equal(
        curricula.doubling_grid(np.array([0.0, 0.125, 1.0]), first=10, last=1280), [10, 20, 1280]
    )
    assert curricula.doubling_grid(0.7, first=5, last=5) == 5
    np.testing.assert_array_equal(curricula.stage_of(middles, stages=8), np.arange(8))
    np.testing.assert_array_equal(curricula.stage_of(np.array([0.0, 0.499, 0.5, 1.0]), stages=2), [0, 0, 1, 1])
    assert curricula.stage_of(1.0, stages=1) == 0


@pytest.mark.parametrize(
    "schedule",
    [
        lambda p: curricula.warm_up(p, length=0.1),
        curricula.sigmoid_decay,
        lambda p: curricula.exponential_decay(p, first=0.1, last=0.01),
        lambda p: curricula.arccos_decay(p, length=0.7),
        lambda p: curricula.growing_grid(p, first=2, last=150),
        lambda p: curricula.doubling_grid(p, first=10, last=80),
    ],
)
def test_progress_may_be_traced(schedule):
    progress = np.array([0.0, 0.3, 0.7, 1.0], np.float32)
    found = jax.jit(schedule)(progress)
    assert found.shape == (4,)
    np.testing.assert_allclose(found, [schedule(float(p)) for p in progress], rtol=1e-5, atol=1e-6)


def test_law_at():
    assert curricula.law_at(times.triangle, 0.3) is times.triangle
    curriculum = curricula.Curriculum(lambda progress: times.with_fraction(times.triangle, fraction=1 - progress))
    key = jax.random.key(0)
    s, u, t = jax.jit(lambda p: curricula.law_at(curriculum, p)(key, (9,)))(0.75)
    np.testing.assert_allclose(u, s + 0.25 * (t - s), rtol=1e-5)
    np.testing.assert_array_equal(s, times.triangle(key, (9,)).s)
