import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import erf, expit

from taxonomy import noise_levels
from taxonomy.times import Times

N = 20_000
KEY = 3


def draw(law):
    return Times(*(np.asarray(time, float) for time in law(jax.random.key(KEY), (N,))))


def sigma(t):
    return (1 - t) / t


def grid(steps):
    """The noise levels of the paper, from the largest to the data."""
    k = np.arange(steps)
    levels = (80 ** (1 / 7) + k / steps * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    return np.append(levels, 0)


def places(t, levels):
    """Which level each time is at; fails if it is at none."""
    times = 1 / (1 + levels)
    k = np.argmin(np.abs(t[:, None] - times[None]), axis=1)
    np.testing.assert_allclose(t, times[k], rtol=1e-5)
    return k


def test_karras_levels():
    found = noise_levels.karras(jnp.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(found, [80, ((80 ** (1 / 7) + 0.002 ** (1 / 7)) / 2) ** 7, 0.002], rtol=1e-4)
    assert np.all(np.diff(noise_levels.karras(jnp.linspace(0, 1, 100))) < 0)


@pytest.mark.parametrize("steps", [1, 2, 18])
def test_uniform_neighbours(steps):
    s, u, t = draw(noise_levels.uniform_neighbours(steps=steps))
    k = places(s, grid(steps))
    np.testing.assert_array_equal(places(u, grid(steps)), k + 1)
    np.testing.assert_array_equal(t, 1)
    # The last pair ends at the data itself.
    np.testing.assert_array_equal(u[k == steps - 1], 1)
    assert np.all(u[k < steps - 1] < 1)
    counts = np.bincount(k, minlength=steps)
    assert len(counts) == steps
    assert stats.chisquare(counts).pvalue > 1e-3 or steps == 1


def test_log_normal_neighbours_have_the_probabilities_of_the_paper():
    mean, std, steps = -1.1, 2.0, 12
    s, u, _ = draw(noise_levels.log_normal_neighbours(steps=steps))
    k = places(s, grid(steps))
    np.testing.assert_array_equal(places(u, grid(steps)), k + 1)
    # erf((log sigma_i - mean) / (sqrt(2) std)) - erf((log sigma_{i+1} - mean) / (sqrt(2) std)), normalized.
    levels = np.append(grid(steps)[:-1], 0.002)
    values = erf((np.log(levels) - mean) / (np.sqrt(2) * std))
    probabilities = (values[:-1] - values[1:]) / (values[0] - values[-1])
    counts = np.bincount(k, minlength=steps)
    likely = probabilities * N > 5
    rest = [probabilities[~likely].sum() * N] if not likely.all() else []
    expected = np.append(probabilities[likely] * N, rest)
    observed = np.append(counts[likely], [counts[~likely].sum()] if rest else [])
    assert stats.chisquare(observed, expected).pvalue > 1e-3
    # Far from uniform.
    assert stats.chisquare(counts).pvalue < 1e-10


def test_smallest_level_is_respected():
    # Pairs start at or above it: of the grid of 20, only the levels not below 1 or the one around 1.
    steps, smallest = 20, 1.0
    s, _, _ = draw(noise_levels.log_normal_neighbours(steps=steps, smallest=smallest))
    levels, k = grid(steps), places(s, grid(steps))
    allowed = np.flatnonzero(levels >= smallest)
    assert set(k) <= set(allowed)
    assert k.max() == allowed.max()
    # Given that it is above, nothing else changes.
    values = stats.norm.cdf((np.log(np.append(levels[allowed], smallest)) + 1.1) / 2)
    probabilities = (values[:-1] - values[1:]) / (values[0] - values[-1])
    likely = probabilities * N > 5
    counts = np.bincount(k, minlength=len(allowed))
    expected, observed = probabilities[likely] * N, counts[likely]
    assert abs(observed.sum() - expected.sum()) < 30
    assert stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 1e-3


@pytest.mark.parametrize("stage", [0, 1, 6])
def test_shrinking_neighbours(stage):
    s, u, t = draw(noise_levels.shrinking_neighbours(stage=stage))
    np.testing.assert_array_equal(t, 1)
    level = sigma(s)
    # The map of the paper, r / t = 1 - q^-(stage + 1) (1 + 8 sigmoid(-t)), clamped at zero.
    kept = np.maximum(1 - 0.5 ** (stage + 1) * (1 + 8 * expit(-level)), 0)
    np.testing.assert_allclose(sigma(u), level * kept, rtol=1e-3, atol=2e-6)
    assert np.all(u[kept == 0] == 1)
    # At the first stages low levels are mapped to the data, at the last ones none.
    assert (kept == 0).any() == (stage < 2)
    assert np.all(u >= s)
    assert is_truncated_log_normal(level, -1.1, 2.0)


def is_truncated_log_normal(level, mean, std):
    low, high = ((np.log(end) - mean) / std for end in (0.002, 80))
    return stats.kstest((np.log(level) - mean) / std, stats.truncnorm(low, high).cdf).pvalue > 1e-3


def test_steps_shrink_by_the_ratio():
    key = jax.random.key(KEY)
    first, second = (noise_levels.shrinking_neighbours(stage=k, ratio=3.0)(key, (500,)) for k in (4, 5))
    np.testing.assert_array_equal(first.s, second.s)
    steps = [(sigma(np.asarray(p.s, float)) - sigma(np.asarray(p.u, float))) for p in (first, second)]
    np.testing.assert_allclose(steps[0] / steps[1], 3, rtol=0.05)
    plain = noise_levels.shrinking_neighbours(stage=1, boost=0.0)(key, (500,))
    np.testing.assert_allclose(sigma(np.asarray(plain.u, float)) / sigma(np.asarray(plain.s, float)), 0.75, rtol=1e-2)


def test_log_normal():
    s, u, t = draw(noise_levels.log_normal())
    np.testing.assert_array_equal(t, 1)
    np.testing.assert_array_equal(u, 1)
    assert stats.kstest(np.log(sigma(s)), stats.norm(-1.0, 1.4).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("make", "value"),
    [
        (lambda x: noise_levels.uniform_neighbours(steps=x), 40.0),
        (lambda x: noise_levels.log_normal_neighbours(steps=x), 40.0),
        (lambda x: noise_levels.log_normal_neighbours(steps=40, smallest=x), 0.7),
        (lambda x: noise_levels.shrinking_neighbours(stage=x), 3.0),
    ],
)
def test_arguments_may_be_traced(make, value):
    key = jax.random.key(KEY)
    traced = jax.jit(lambda x: make(x)(key, (200,)))(value)
    for found, expected in zip(traced, make(value)(key, (200,)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: noise_levels.uniform_neighbours(steps=0), "steps = 0; expected at least 1 step of noise"),
        (lambda: noise_levels.log_normal_neighbours(steps=0.5), "steps = 0.5; expected at least 1 step of noise"),
        (lambda: noise_levels.shrinking_neighbours(stage=0, ratio=1.0), "ratio = 1.0; expected a number above 1"),
        (lambda: noise_levels.shrinking_neighbours(stage=0, ratio=float("nan")), "ratio = nan; expected a number"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
