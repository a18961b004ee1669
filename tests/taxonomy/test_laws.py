import jax
import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit

from taxonomy import laws, times
from taxonomy.times import Times

N = 20_000
KEY = 7


def draw(law, count=N):
    return Times(*(np.asarray(time) for time in law(jax.random.key(KEY), (count,))))


def is_distributed(values, cdf):
    return stats.kstest(values, cdf).pvalue > 1e-3


def logit_normal(mean, std):
    return lambda x: stats.norm.cdf((logit(x) - mean) / std)


def test_logit_normal_is_on_the_diagonal():
    s, u, t = draw(laws.logit_normal(mean=0.4, std=1.3))
    np.testing.assert_array_equal(s, t)
    np.testing.assert_array_equal(u, t)
    assert is_distributed(t, logit_normal(0.4, 1.3))


def test_sorted_logit_normal_is_a_sorted_pair():
    s, u, t = draw(laws.sorted_logit_normal())
    assert np.all(s <= t)
    np.testing.assert_array_equal(u, t)
    cdf = logit_normal(0.4, 1.0)
    # The largest and the smallest of two, and both together.
    assert is_distributed(t, lambda x: cdf(x) ** 2)
    assert is_distributed(s, lambda x: 1 - (1 - cdf(x)) ** 2)
    assert is_distributed(cdf(s) / cdf(t), "uniform")


def test_logits_of_a_paper_change_sign_with_its_axis():
    # The paper draws times with noise at 1 as sigmoid(N(-0.4, 1)), the larger one for the source.
    pair = 1 - expit(-0.4 + np.random.default_rng(0).normal(size=(2, N)))
    s, _, t = draw(laws.sorted_logit_normal())
    assert stats.ks_2samp(s, pair.min(axis=0)).pvalue > 1e-3
    assert stats.ks_2samp(t, pair.max(axis=0)).pvalue > 1e-3


def test_source_and_target_have_a_law_each():
    s, u, t = draw(laws.source_and_target(source=-0.2, target=1.0, std=0.8))
    np.testing.assert_array_equal(u, t)
    assert np.all(s <= t)
    source, target = logit_normal(-0.2, 0.8), logit_normal(1.0, 0.8)
    assert is_distributed(s, source)
    # The larger of two independent times.
    assert is_distributed(t, lambda x: source(x) * target(x))
    # They are equal where the target's own draw was smaller: a difference of normals with variance 2 std^2.
    share = stats.norm.cdf((-0.2 - 1.0) / (0.8 * np.sqrt(2)))
    assert abs(np.mean(s == t) - share) < 4 * np.sqrt(share / N)


def test_a_stop_on_a_jump_of_length_zero_is_the_jump():
    s, u, t = draw(times.with_fraction(laws.source_and_target(source=-0.2, target=1.0, std=0.8), fraction=0.002))
    assert np.mean(s == t) > 0.1
    np.testing.assert_array_equal(u[s == t], s[s == t])
    assert np.all((s <= u) & (u <= t))


def test_gap_and_target_is_the_target_given_that_it_exceeds_the_gap():
    s, u, t = draw(laws.gap_and_target())
    np.testing.assert_array_equal(u, t)
    assert np.all((s >= 0) & (s <= t) & (t <= 1))
    gap = np.clip(t.astype(float) - s, 1e-7, 1 - 1e-7)
    cdf = logit_normal(0.4, 1.0)
    # The gap itself is not conditioned.
    assert is_distributed(gap, logit_normal(-0.8, 1.0))
    # Of each pair, the probability of a smaller t given the gap is uniform and says nothing of the gap.
    rank = (cdf(t) - cdf(gap)) / (1 - cdf(gap))
    assert is_distributed(rank, "uniform")
    assert abs(np.corrcoef(rank, gap)[0, 1]) < 0.03
    # In a narrow bin of gaps, the truncated normal.
    narrow = np.abs(gap - 0.5) < 0.02
    assert narrow.sum() > 300
    truncated = stats.truncnorm((logit(0.5) - 0.4) / 1.0, np.inf, loc=0.4)
    beyond = logit(t[narrow]) - logit(gap[narrow]) + logit(0.5)
    assert stats.kstest(beyond, truncated.cdf).pvalue > 1e-3
    assert not is_distributed(t, cdf)


def test_gap_and_target_by_rejection():
    # Other means, so that few targets exceed their gaps.
    generator = np.random.default_rng(1)
    _, _, t = draw(laws.gap_and_target(gap_mean=0.5, gap_std=0.7, target_mean=-0.5, target_std=1.5))
    gap = expit(0.5 + 0.7 * generator.normal(size=N))
    rejected = np.full(N, np.nan)
    while np.isnan(rejected).any():
        proposal = expit(-0.5 + 1.5 * generator.normal(size=N))
        rejected = np.where(np.isnan(rejected) & (proposal >= gap), proposal, rejected)
    assert stats.ks_2samp(t, rejected).pvalue > 1e-3


def test_from_noise_and_all_the_way():
    s, u, t = draw(laws.from_noise)
    np.testing.assert_array_equal(s, 0)
    np.testing.assert_array_equal(u, t)
    assert is_distributed(t, "uniform")
    s, u, t = draw(laws.all_the_way)
    np.testing.assert_array_equal(s, 0)
    np.testing.assert_array_equal(t, 1)
    assert is_distributed(u, "uniform")


def test_dyadic():
    s, u, t = draw(laws.dyadic(levels=6))
    steps = 1 / (t - s)
    assert set(steps) == {1, 2, 4, 8, 16, 32, 64}
    np.testing.assert_array_equal(s * steps, np.round(s * steps))
    np.testing.assert_array_equal(u, (s + t) / 2)
    assert s.min() == 0
    assert t.max() == 1
    # All lengths alike, and all positions of a length.
    counts = [np.sum(steps == 2**k) for k in range(7)]
    assert stats.chisquare(counts).pvalue > 1e-3
    positions = np.bincount((s * steps)[steps == 8].astype(int), minlength=8)
    assert stats.chisquare(positions).pvalue > 1e-3
    assert set(1 / (lambda p: p.t - p.s)(draw(laws.dyadic(levels=0), 50))) == {1}


def test_uniform_grid():
    s, u, t = draw(laws.uniform_grid(steps=8))
    np.testing.assert_array_equal(t - s, 1 / 8)
    np.testing.assert_array_equal(u - s, 1 / 16)
    counts = np.bincount((8 * s).astype(int), minlength=8)
    assert len(counts) == 8
    assert stats.chisquare(counts).pvalue > 1e-3
    traced = jax.jit(lambda steps: laws.uniform_grid(steps=steps)(jax.random.key(KEY), (N,)))(8.0)
    for found, expected in zip(traced, (s, u, t), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_segment_end_is_the_next_multiple():
    s, u, t = draw(laws.with_segment_end(times.triangle, segments=4))
    np.testing.assert_array_equal(s, draw(times.triangle).s)
    np.testing.assert_array_equal(u, t)
    assert set(t) == {0.25, 0.5, 0.75, 1.0}
    assert np.all((t > s) & (t - s <= 0.25))
    # At a boundary a new segment begins; the last one ends at the data.
    at = laws.with_segment_end(lambda key, shape: Times(*[np.array([0, 0.25, 0.999, 1])] * 3), segments=4)
    np.testing.assert_array_equal(draw(at).t, [0.25, 0.5, 1, 1])
    np.testing.assert_array_equal(draw(laws.with_segment_end(times.triangle, segments=1), 50).t, 1)


def test_shorter_gap_keeps_the_source_and_the_share_of_the_stop():
    whole = times.with_fraction(times.triangle, fraction=0.25)
    long, short = draw(whole), draw(laws.with_shorter_gap(whole, factor=0.2))
    np.testing.assert_array_equal(short.s, long.s)
    np.testing.assert_allclose(short.t - short.s, 0.2 * (long.t - long.s), atol=2e-7)
    np.testing.assert_allclose(short.u - short.s, 0.2 * (long.u - long.s), atol=2e-7)
    for same, before in zip(draw(laws.with_shorter_gap(whole, factor=1.0)), long, strict=True):
        np.testing.assert_array_equal(same, before)


def test_data_end_replaces_a_share_of_the_targets():
    before = draw(lambda key, shape: times.triangle(jax.random.split(key)[0], shape))
    s, u, t = draw(laws.with_data_end(times.triangle, probability=0.3))
    np.testing.assert_array_equal(u, t)
    np.testing.assert_array_equal(s, before.s)
    moved = t == 1
    assert abs(moved.mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / N)
    np.testing.assert_array_equal(t[~moved], before.t[~moved])
    # Whichever they were.
    assert stats.ks_2samp(before.t[moved], before.t[~moved]).pvalue > 1e-3
    np.testing.assert_array_equal(draw(laws.with_data_end(times.triangle, probability=1.0), 50).t, 1)
    none = draw(laws.with_data_end(times.triangle, probability=0.0))
    np.testing.assert_array_equal(none.t, before.t)


def test_arguments_may_be_traced():
    key = jax.random.key(KEY)
    for make, value in (
        (lambda x: laws.with_shorter_gap(times.triangle, factor=x), 0.3),
        (lambda x: laws.with_data_end(times.triangle, probability=x), 0.3),
    ):
        traced = jax.jit(lambda x, make=make: make(x)(key, (100,)))(value)
        for found, expected in zip(traced, make(value)(key, (100,)), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: laws.dyadic(levels=-1), "levels = -1; expected a whole number from 0 to 30"),
        (lambda: laws.uniform_grid(steps=0), "steps = 0; expected at least 1"),
        (lambda: laws.with_segment_end(times.triangle, segments=0), "segments = 0; expected at least 1"),
        (lambda: laws.with_shorter_gap(times.triangle, factor=0.0), "factor = 0.0; expected a share of the gap"),
        (lambda: laws.with_shorter_gap(times.triangle, factor=1.5), "factor = 1.5; expected a share of the gap"),
        (lambda: laws.with_shorter_gap(times.triangle, factor=float("nan")), "factor = nan; expected a share"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_two_means_are_a_distribution_for_each_time_before_they_are_sorted():
    s, u, t = draw(laws.sorted_logit_normal(mean=-0.4, other_mean=1.2))
    np.testing.assert_array_equal(u, t)
    one, other = logit_normal(-0.4, 1.0), logit_normal(1.2, 1.0)
    assert is_distributed(t, lambda x: one(x) * other(x))
    assert is_distributed(s, lambda x: 1 - (1 - one(x)) * (1 - other(x)))
    for shape in ((), (2,), (3, 4)):
        assert laws.sorted_logit_normal(mean=0.0, other_mean=1.0)(jax.random.key(0), shape).s.shape == shape


def test_the_diagonal_at_the_source_is_drawn_as_the_pair_is():
    pair, (s, u, t) = draw(laws.sorted_logit_normal()), draw(laws.at_the_source(laws.sorted_logit_normal()))
    np.testing.assert_array_equal(s, pair.s)
    np.testing.assert_array_equal(s, t)
    np.testing.assert_array_equal(s, u)
    # The papers' noise time is the later of two: 0.535 in the mean, 0.418 for one draw.
    assert abs(np.mean(1 - s) - 0.5347) < 0.005
    assert abs(np.mean(1 - draw(laws.logit_normal(mean=0.4, std=1.0)).s) - 0.418) < 0.005


def test_sources_near_both_ends_jump_to_the_data_where_the_jump_is_long():
    s, u, t = draw(laws.ends_and_gap())
    np.testing.assert_array_equal(u, t)
    assert np.all((s <= t) & (t <= 1))
    assert s.min() == np.float32(1 / 81)
    inside = s[s > 0.02]
    low, high = (0.5 + np.sinh(4 * (x - 0.5)) / (2 * np.sinh(2)) for x in (0.02, 1.0))
    assert is_distributed(inside, lambda x: (0.5 + np.sinh(4 * (x - 0.5)) / (2 * np.sinh(2)) - low) / (high - low))
    assert np.all(t[(s < 0.2) & (t > 0.6)] == 1)
    short = (s > 0.2) & (t < 1)
    # Given that the jump ends before the data, its length is that logit-normal below 1 - s.
    gap, cdf = (t - s)[short], logit_normal(-0.8, 1.0)
    assert is_distributed(cdf(gap) / cdf(1 - s[short]), "uniform")
