import jax
import numpy as np
import pytest
from scipy import stats

from taxonomy import jump_laws, laws, times
from taxonomy.times import Times

N = 20_000


def draw(law):
    return Times(*(np.asarray(time, float) for time in law(jax.random.key(7), (N,))))


def is_uniform(values):
    return stats.kstest(values, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("first", [0.0, 0.25])
def test_sources_are_uniform_and_targets_uniform_after_them(first):
    s, u, t = draw(jump_laws.source_then_target(first=first))
    np.testing.assert_array_equal(u, t)
    assert is_uniform((s - first) / (1 - first))
    assert is_uniform((t - s) / (1 - s))
    assert abs(np.corrcoef(s, (t - s) / (1 - s))[0, 1]) < 0.03
    # On the triangle the mean source is 1/3.
    np.testing.assert_allclose(s.mean(), (1 + first) / 2, atol=0.01)


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_a_mixture_has_the_share_and_the_laws_of_both(probability):
    s, u, t = draw(jump_laws.mixed(times.triangle, laws.from_noise, probability=probability))
    np.testing.assert_array_equal(u, t)
    assert np.all(s <= t)
    from_noise = s == 0
    np.testing.assert_allclose(from_noise.mean(), probability, atol=0.01)
    if probability > 0:
        assert is_uniform(t[from_noise])
    if probability < 1:
        # The largest of two uniforms, and the least as a share of it.
        assert is_uniform(t[~from_noise] ** 2)
        assert is_uniform((s / t)[~from_noise])


@pytest.mark.parametrize("probability", [-0.1, 1.1])
def test_a_mixture_refuses_what_is_no_probability(probability):
    with pytest.raises(ValueError, match=rf"probability = {probability}; expected a number in \[0, 1\]"):
        jump_laws.mixed(times.triangle, laws.from_noise, probability=probability)


def test_a_step_lowers_the_noise_level_by_a_constant():
    pairs = jump_laws.source_then_target(first=0.1)
    s, u, t = draw(jump_laws.with_level_step(pairs, decrement=0.5))
    assert np.all((s <= u) & (u <= t))
    wanted = np.maximum((1 - s) / s - 0.5, 0)
    inner = u < t
    assert 0.1 < inner.mean() < 0.9
    np.testing.assert_allclose(((1 - u) / u)[inner], wanted[inner], rtol=2e-5)
    # Elsewhere the target came first.
    assert np.all((1 / (1 + wanted))[~inner] >= t[~inner] - 1e-6)
    # A step past the data ends at the target, also at the data itself.
    late = jump_laws.with_level_step(lambda key, shape: Times(*3 * [np.ones(shape)]), decrement=2.0)
    np.testing.assert_array_equal(draw(late).u, 1)


def test_the_least_step_is_a_fixed_one_where_the_decrement_is_smaller():
    pairs = jump_laws.source_then_target()
    fixed, level = (draw(law) for law in (times.with_step(pairs, step=0.05), least(pairs, 0.05)))
    for one, other in zip(fixed, level, strict=True):
        np.testing.assert_array_equal(one, other)


def least(pairs, step):
    return jump_laws.with_level_step(pairs, decrement=0.04, least=step)


@pytest.mark.parametrize("longest", [1.0, 0.25])
def test_gaps_are_uniform_and_starts_uniform_in_what_is_left(longest):
    s, u, t = draw(jump_laws.gap_then_start(longest=longest))
    np.testing.assert_array_equal(u, t)
    assert is_uniform((t - s) / longest)
    assert is_uniform(np.clip(s / (1 - (t - s)), 0, 1))
    assert t.max() <= 1
    # A uniform pair has short gaps more often, and ends near the data more often.
    np.testing.assert_allclose((t - s).mean(), longest / 2, atol=0.01)


def test_jumps_on_the_grid_begin_where_a_step_of_the_sampler_does():
    s, _, t = draw(jump_laws.gap_then_start(longest=0.25, on_grid=True))
    np.testing.assert_array_equal(np.unique(s), [0, 0.25, 0.5, 0.75])
    assert is_uniform((t - s) / 0.25)
    # With one step there is one start.
    s, _, t = draw(jump_laws.gap_then_start(longest=1.0, on_grid=True))
    np.testing.assert_array_equal(s, 0)
    assert is_uniform(t)


def test_half_of_the_jumps_go_back():
    s, _, t = draw(jump_laws.gap_then_start(longest=0.5, both=True))
    assert abs(np.mean(s > t) - 0.5) < 0.02
    assert is_uniform(np.abs(t - s) / 0.5)
    for forward in (s < t, s > t):
        assert abs(np.minimum(s, t)[forward].mean() - np.minimum(s, t).mean()) < 0.01


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: jump_laws.source_then_target(first=1.0), r"first = 1.0; expected a time in \[0, 1\)"),
        (lambda: jump_laws.with_level_step(times.triangle, decrement=0.0), "decrement = 0.0; expected a positive"),
        (lambda: jump_laws.with_level_step(times.triangle, decrement=1.0, least=-0.1), "step = -0.1; expected"),
        (lambda: jump_laws.gap_then_start(longest=1.5), r"longest = 1.5; expected a length of time in \(0, 1\]"),
    ],
)
def test_impossible_laws_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
