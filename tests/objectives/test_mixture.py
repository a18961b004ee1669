from fractions import Fraction

from hypothesis import given, settings, strategies
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives import weighting
from objectives.mixture import check_shares, counts, mixture
from objectives.objective import Batch, Maps, Term
from taxonomy import times
from taxonomy.interpolants import LINEAR


def constant(value):
    return lambda maps, path, batch: jnp.full(batch.x0.shape[0], value)


def term(name, share, value=1.0, weight=weighting.uniform):
    return Term(name, constant(value), times.diagonal, share, weight)


def batch(n):
    zeros = jnp.zeros((n, 2))
    t = jnp.linspace(0.1, 0.9, n)
    return Batch(zeros, zeros, times.Times(t / 2, 3 * t / 4, t))


MAPS = Maps(student=lambda s, t, x: x, target=lambda s, t, x: x, teacher=None)


def test_per_term_adds_means_and_per_example_takes_one_mean():
    terms, batches = [term("a", 0.75, 2.0), term("b", 0.25, 10.0)], [batch(6), batch(2)]
    per_term, raw = mixture(terms, MAPS, LINEAR, batches, reduction="per_term")
    per_example, _ = mixture(terms, MAPS, LINEAR, batches, reduction="per_example")
    assert float(per_term) == 12.0
    assert float(per_example) == (6 * 2 + 2 * 10) / 8
    assert {name: float(value) for name, value in raw.items()} == {"a": 2.0, "b": 10.0}
    with pytest.raises(ValueError, match="reduction = 'sum'; expected one of per_term, per_example"):
        mixture(terms, MAPS, LINEAR, batches, reduction="sum")


def test_raw_residual_is_logged_before_weights():
    value, raw = mixture([term("a", 1.0, 3.0, weighting.adaptive(power=1.0))], MAPS, LINEAR, [batch(4)])
    np.testing.assert_allclose(value, 3 / 3.01, rtol=1e-6)
    assert float(raw["a"]) == 3.0


@pytest.mark.parametrize("shares", [(0.5, 0.4), (0.75, 0.35), (1.0, 0.0), (1.25, -0.25)])
def test_shares_must_sum_to_one(shares):
    with pytest.raises(
        ValueError, match=r"shares of the batch are a .*, b .*; expected positive numbers that sum to 1"
    ):
        check_shares([term("a", shares[0]), term("b", shares[1])])


def test_indivisible_batch_names_one_that_divides():
    terms = [term("a", 0.75), term("b", 0.25)]
    assert counts(terms, 1024, devices=4) == (192, 64)
    with pytest.raises(ValueError, match="a batch of 1000 on 16 .* expected a multiple of 64: use 1024"):
        counts(terms, 1000, devices=16)


@settings(deadline=None)
@given(
    percent=strategies.integers(1, 99),
    devices=strategies.sampled_from([1, 2, 4, 8]),
    batch=strategies.integers(1, 4000),
)
def test_every_device_holds_every_share_exactly(percent, devices, batch):
    terms = [term("a", percent / 100), term("b", 1 - percent / 100)]
    exact = [Fraction(percent, 100) * batch / devices, Fraction(100 - percent, 100) * batch / devices]
    if all(count.denominator == 1 for count in exact):
        assert counts(terms, batch, devices=devices) == tuple(exact)
    else:
        with pytest.raises(ValueError, match="does not divide") as error:
            counts(terms, batch, devices=devices)
        counts(terms, int(str(error.value).rsplit(" ", 1)[1]), devices=devices)


def test_weights():
    example, loss = batch(3).times, jnp.array([1.0, 4.0, 9.0])
    np.testing.assert_array_equal(weighting.uniform(example, loss), np.ones(3))
    np.testing.assert_allclose(weighting.gap_squared(example, loss), (example.t - example.s) ** 2)
    np.testing.assert_allclose(weighting.inverse_step(example, loss), 1 / (example.u - example.s))
    np.testing.assert_allclose(weighting.adaptive(power=0.5, offset=0.0)(example, loss), [1, 1 / 2, 1 / 3])
    still = times.Times(example.s, example.s, example.t)
    np.testing.assert_array_equal(weighting.inverse_step(still, loss), np.zeros(3))


def test_adaptive_weight_is_stopped():
    weight = weighting.adaptive(power=1.0, offset=0.01)
    gradient = jax.grad(lambda r: jnp.sum(weight(batch(2).times, r**2) * r**2))(jnp.array([1.0, 2.0]))
    np.testing.assert_allclose(gradient, [2 / 1.01, 4 / 4.01], rtol=1e-6)


@pytest.mark.parametrize("wrong", [{"power": -1.0}, {"power": float("nan")}, {"offset": -0.1}])
def test_a_weight_that_rewards_large_residuals_is_refused(wrong):
    with pytest.raises(ValueError, match="expected numbers that are not negative"):
        weighting.adaptive(**wrong)


def test_adaptive_weight_moves_the_minimizer_of_noisy_residuals_only():
    noise = jnp.array([-1.0, -1.0, -1.0, 3.0])  # of mean zero, and skewed

    def pull(power, targets):
        weight = weighting.adaptive(power=power)
        return jax.grad(lambda mean: jnp.mean(weight(batch(4).times, (mean - targets) ** 2) * (mean - targets) ** 2))(
            0.0
        )

    np.testing.assert_allclose(pull(0.0, noise), 0, atol=1e-6)
    # 2 mean(r / (r^2 + offset)): towards the three equal ones.
    np.testing.assert_allclose(pull(1.0, noise), 2 * (3 / 1.01 - 3 / 9.01) / 4, rtol=1e-5)
    np.testing.assert_allclose(pull(1.0, 0 * noise), 0, atol=1e-6)
