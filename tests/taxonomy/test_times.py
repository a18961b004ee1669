import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from taxonomy import times

N = 20_000
KEY = 5


def draw(law):
    return times.Times(*(np.asarray(time) for time in law(jax.random.key(KEY), (N,))))


def is_distributed(values, cdf):
    return stats.kstest(values, cdf).pvalue > 1e-3


def test_diagonal_is_uniform_with_equal_times():
    s, u, t = draw(times.diagonal)
    np.testing.assert_array_equal(s, t)
    np.testing.assert_array_equal(u, t)
    assert is_distributed(t, "uniform")


def test_triangle_is_uniform_on_the_triangle():
    s, u, t = draw(times.triangle)
    assert np.all(s <= t)
    np.testing.assert_array_equal(u, t)
    # Marginals of the uniform density on the triangle, and uniform s given t.
    assert is_distributed(s, lambda x: 1 - (1 - x) ** 2)
    assert is_distributed(t, lambda x: x**2)
    assert is_distributed(s / t, "uniform")


def test_square_goes_both_ways():
    s, _, t = draw(times.square)
    assert is_distributed(s, "uniform")
    assert is_distributed(t, "uniform")
    assert abs(np.corrcoef(s, t)[0, 1]) < 0.03
    assert 0.48 < np.mean(s > t) < 0.52


def test_fixed_end():
    s, _, t = draw(lambda key, shape: times.fixed_end(key, shape, end=0.5))
    np.testing.assert_array_equal(t, 0.5)
    assert is_distributed(2 * s, "uniform")
    with pytest.raises(ValueError, match="end = 1.5"):
        times.fixed_end(jax.random.key(0), end=1.5)


def test_intermediate_times():
    s, u, t = draw(times.with_fraction(times.triangle, fraction=0.5))
    np.testing.assert_allclose(u, (s + t) / 2)
    s, u, t = draw(times.with_uniform(times.triangle))
    assert np.all((s <= u) & (u <= t))
    assert is_distributed((u - s) / (t - s), "uniform")
    assert abs(np.corrcoef((u - s) / (t - s), t - s)[0, 1]) < 0.03


def test_step_ends_at_the_data():
    s, u, t = draw(times.with_step(times.fixed_end, step=0.1))
    np.testing.assert_allclose(u, np.minimum(s + np.float32(0.1), 1))
    assert np.all(u[s > 0.9] == t[s > 0.9])
    with pytest.raises(ValueError, match="step = 0"):
        times.with_step(times.fixed_end, step=0)


def test_order_is_checked_where_values_are_known():
    s, u, t = jnp.array([0.1, 0.9]), jnp.array([0.2, 0.5]), jnp.array([0.3, 0.4])
    times.check_order(s[:1], u[:1], t[:1], needed_by="loss")
    with pytest.raises(ValueError, match=r"loss received s = 0.9, u = 0.5, t = 0.4 in example 1; expected s <= u <= t"):
        times.check_order(s, u, t, needed_by="loss")
    jax.jit(lambda s: times.check_order(s, u, t, needed_by="loss"))(s)


def test_times_outside_of_the_unit_interval_are_named():
    times.check_unit(np.array([0.0, 0.5, 1.0]), np.float32(1), needed_by="b")
    jax.jit(lambda t: times.check_unit(t, needed_by="b"))(np.array([2.0]))  # unknown within jit: not refused
    for wrong, shown in ((1.2, "1.2"), (-0.1, "-0.1"), (np.nan, "nan")):
        with pytest.raises(ValueError, match=rf"b received the time {shown} in example 1; expected times in \[0, 1\]"):
            times.check_unit(np.array([0.5, wrong]), needed_by="b")
