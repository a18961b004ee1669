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
    """The published level of a time, whose data have a standard deviation of 0.5."""
    return 0.5 * (1 - t) / t


def grid(steps):
    """The noise levels of the paper, from the largest to the data."""
    k = np.arange(steps)
    levels = (80 ** (1 / 7) + k / steps * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    return np.append(levels, 0)


def places(t, levels):
    """Which level each time is at; fails if it is at none."""
    times = 1 / (1 + levels / 0.5)
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


def test_levels_have_the_unit_of_data_with_a_spread_of_one_half():
    found = noise_levels.time_of(jnp.array([80.0, 1.0, 0.5, 0.002, 0.0]))
    np.testing.assert_allclose(found, [1 / 161, 1 / 3, 1 / 2, 0.5 / 0.502, 1], rtol=1e-6)


def test_eighteen_levels_are_those_of_the_papers_grid():
    # N levels are N - 1 steps; the last level, 0.002, is the data here.
    levels = (80 ** (1 / 7) + np.arange(18) / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    s, u, _ = draw(noise_levels.uniform_neighbours(steps=17))
    np.testing.assert_allclose(np.unique(s), np.sort(0.5 / (0.5 + levels[:-1])), rtol=1e-5)
    np.testing.assert_allclose(np.unique(u), np.append(np.sort(0.5 / (0.5 + levels[1:-1])), 1), rtol=1e-5)


WHOLE = noise_levels.log_normal_levels(mean=-1.1, std=2.0, truncated=False)
TRUNCATED = noise_levels.log_normal_levels(mean=-1.1, std=2.0, truncated=True)


@pytest.mark.parametrize("stage", [0, 1, 6])
def test_shrinking_neighbours(stage):
    s, u, t = draw(noise_levels.shrinking_neighbours(TRUNCATED, stage=stage))
    np.testing.assert_array_equal(t, 1)
    level = sigma(s)
    # The map of the paper, r / t = 1 - q^-(stage + 1) (1 + 8 sigmoid(-t)), clamped at zero.
    kept = np.maximum(1 - 0.5 ** (stage + 1) * (1 + 8 * expit(-level)), 0)
    np.testing.assert_allclose(sigma(u), level * kept, rtol=1e-3, atol=2e-6)
    assert np.all(u[kept == 0] == 1)
    # At the first stages low levels are mapped to the data, at the last ones none.
    assert (kept == 0).any() == (stage < 2)
    assert np.all(u >= s)


def test_steps_stop_shrinking_at_the_shortest():
    key = jax.random.key(KEY)
    at = {k: noise_levels.shrinking_neighbours(TRUNCATED, stage=k, shortest=0.001)(key, (500,)) for k in (8, 9, 20)}
    free = noise_levels.shrinking_neighbours(TRUNCATED, stage=8)(key, (500,))
    np.testing.assert_array_equal(at[8].u, free.u)
    np.testing.assert_array_equal(at[9].u, at[20].u)
    level = sigma(np.asarray(at[9].s, float))
    step = 0.001 * (1 + 8 * expit(-level))
    np.testing.assert_allclose(sigma(np.asarray(at[9].u, float)) / level, 1 - step, rtol=1e-3)


def test_ect_draws_the_whole_log_normal_and_tcm_the_truncated_one():
    whole, truncated = (np.asarray(draw(jax.random.key(KEY), (N,)), float) for draw in (WHOLE, TRUNCATED))
    assert stats.kstest(np.log(whole), stats.norm(-1.1, 2.0).cdf).pvalue > 1e-3
    # 0.5 % of the levels lie below 0.002, and 0.3 % above 80.
    assert whole.min() < 0.002
    assert whole.max() > 80
    low, high = ((np.log(end) + 1.1) / 2 for end in (0.002, 80))
    assert stats.kstest((np.log(truncated) + 1.1) / 2, stats.truncnorm(low, high).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("smallest", "std", "freedom"), [(1.0, 0.2, 0.01), (1.0, 0.2, 3.0), (0.5, 0.7, 1.0)])
def test_student_levels_are_those_of_scipy(smallest, std, freedom):
    levels = noise_levels.student_levels(smallest=smallest, std=std, freedom=freedom)
    found = np.log(np.asarray(levels(jax.random.key(KEY), (N,)), float))
    law = stats.t(freedom, scale=std)
    low, high = law.cdf([np.log(smallest), np.log(80)])
    assert stats.kstest(found, lambda x: (law.cdf(x) - low) / (high - low)).pvalue > 1e-3
    assert found.min() >= np.log(smallest) - 1e-6
    assert found.max() <= np.log(80) + 1e-6


def test_steps_shrink_by_the_ratio():
    key = jax.random.key(KEY)
    first, second = (noise_levels.shrinking_neighbours(TRUNCATED, stage=k, ratio=3.0)(key, (500,)) for k in (4, 5))
    np.testing.assert_array_equal(first.s, second.s)
    steps = [(sigma(np.asarray(p.s, float)) - sigma(np.asarray(p.u, float))) for p in (first, second)]
    np.testing.assert_allclose(steps[0] / steps[1], 3, rtol=0.05)
    plain = noise_levels.shrinking_neighbours(TRUNCATED, stage=1, boost=0.0)(key, (500,))
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
        (lambda x: noise_levels.shrinking_neighbours(WHOLE, stage=x), 3.0),
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
        (
            lambda: noise_levels.shrinking_neighbours(WHOLE, stage=0, ratio=1.0),
            "ratio = 1.0; expected a number",
        ),
        (
            lambda: noise_levels.shrinking_neighbours(WHOLE, stage=0, ratio=float("nan")),
            "ratio = nan; expected a number",
        ),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
