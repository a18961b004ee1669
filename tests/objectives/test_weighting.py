import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives import weighting
from objectives.build import OBJECTIVES
from objectives.mixture import minimized
from objectives.objective import Batch, Maps
from taxonomy.interpolants import LINEAR
from taxonomy.times import Times
from tests.helpers import inputs

pytestmark = pytest.mark.usefixtures("x64")
ONES = jnp.ones(5)


def drawn():
    return Times(*inputs()[:3])


def test_gap_is_its_length_in_both_directions():
    s, u, t = drawn()
    np.testing.assert_allclose(weighting.gap(Times(s, u, t), ONES), t - s, rtol=1e-14)
    np.testing.assert_allclose(weighting.gap(Times(t, u, s), ONES), t - s, rtol=1e-14)
    np.testing.assert_allclose(weighting.gap_squared(Times(t, u, s), ONES), (t - s) ** 2, rtol=1e-14)


def test_inverse_share_is_one_over_alpha():
    s, _, t = drawn()
    for alpha in (1.0, 0.5, 1e-3):
        found = weighting.inverse_share(Times(s, s + alpha * (t - s), t), ONES)
        np.testing.assert_allclose(found, 1 / alpha, rtol=1e-10)


def test_inverse_noise_step_is_one_over_the_step_in_sigma():
    s, u, t = drawn()
    sigma_s, sigma_u = (1 - s) / s, (1 - u) / u
    np.testing.assert_allclose(weighting.inverse_noise_step(Times(s, u, t), ONES), 1 / (sigma_s - sigma_u), rtol=1e-11)
    # Up to the data, where sigma is zero.
    np.testing.assert_allclose(weighting.inverse_noise_step(Times(s, ONES, ONES), ONES), 1 / sigma_s, rtol=1e-12)


@pytest.mark.parametrize(("power", "shift"), [(1.0, 5.0), (2.0, 4.0)])
def test_shifted_elbo_is_the_published_formula(power, shift):
    # In the paper's direction, noise at 1: sigmoid(b - lambda) (-d lambda / dt) / 2 alpha^a / (alpha^2 + sigma^2).
    s, u, t = drawn()
    noise = 1 - s
    lam, slope = 2 * jnp.log(s / noise), 2 / (s * noise)
    expected = 0.5 / (1 + jnp.exp(lam - shift)) * slope * s**power / (s**2 + noise**2)
    weight = weighting.shifted_elbo(signal_power=power, shift=shift)
    np.testing.assert_allclose(weight(Times(s, u, t), ONES), expected, rtol=1e-11)
    # At the ends the quotients have no value, and the weight does.
    ends = weight(Times(*3 * [jnp.array([0.0, 1.0])]), jnp.ones(2))
    np.testing.assert_allclose(ends, [1.0 if power == 1 else 0.0, 0.0], atol=1e-12)


def test_truncated_signal_weighs_the_error_of_the_denoiser():
    s, u, t = drawn()
    s = s.at[0].set(0.9)  # on both sides of as much signal as noise
    _, _, _, v, target = inputs(seed=2)
    error = jnp.sum((v - target) ** 2, axis=1)
    x = jnp.ones((5, 2))
    denoiser_error = jnp.sum(((x + (1 - s)[:, None] * v) - (x + (1 - s)[:, None] * target)) ** 2, axis=1)
    signal_to_noise = (s / (1 - s)) ** 2
    assert signal_to_noise.min() < 1 < signal_to_noise.max()
    found = weighting.truncated_signal(Times(s, u, t), error) * error
    np.testing.assert_allclose(found, np.maximum(signal_to_noise, 1) * denoiser_error, rtol=1e-12)


def test_the_bounded_weight_is_one_at_zero_and_the_adaptive_one_in_its_shape():
    times, loss = drawn(), jnp.array([0.0, 0.03, 0.09, 3.0, 300.0])
    found = weighting.bounded(power=0.5, offset=0.03)(times, loss)
    np.testing.assert_allclose(found, [1, 2**-0.5, 0.5, 101**-0.5, 10_001**-0.5], rtol=1e-12)
    np.testing.assert_array_equal(weighting.bounded(power=0.0, offset=0.03)(times, loss), 1)


def test_lsd_bounds_its_rule_and_leaves_its_diagonal():
    """Noise with a standard deviation of 2: residuals count in its unit."""
    plain, bounded = OBJECTIVES["lsd"](), OBJECTIVES["lsd"](adaptive_power=0.5)
    x0, x1, time = jnp.ones((2, 3)), jnp.array([[1.0, 0.5, 2.0], [4.0, 3.0, -5.0]]), jnp.array([0.3, 0.6])
    batch = Batch(x0, x1, Times(time, time, time + 0.3), noise_std=2.0)
    maps = Maps(lambda s, t, x: jnp.sin(x) * t[:, None], lambda s, t, x: jnp.sin(x) * t[:, None], None)
    (diagonal, rule), (same, lighter) = (
        [minimized(term, maps, LINEAR, batch)[0] for term in objective.terms] for objective in (plain, bounded)
    )
    np.testing.assert_allclose(same, diagonal, rtol=1e-12)
    np.testing.assert_allclose(lighter, rule * (0.03 / (rule / 4 + 0.03)) ** 0.5, rtol=1e-10)
    assert np.all(lighter < 0.9 * rule)


def test_product_multiplies_and_hands_on_times_and_losses():
    times, loss = drawn(), jnp.arange(5.0)
    found = weighting.product(weighting.gap, weighting.inverse_step, weighting.adaptive(power=2.0, offset=0.5))(
        times, loss
    )
    np.testing.assert_allclose(found, (times.t - times.s) / (times.u - times.s) / (loss + 0.5) ** 2, rtol=1e-12)
    np.testing.assert_array_equal(weighting.product()(times, loss), 1)


@pytest.mark.parametrize(
    ("weight", "on_the_diagonal", "without_a_first_leg"),
    [
        (weighting.gap, 0, 0.4),
        (weighting.inverse_step, 0, 0),
        (weighting.inverse_share, 1, 0),
        (weighting.inverse_noise_step, 0, 0),
        (weighting.truncated_signal, 0.25, 0.25),
    ],
)
def test_steps_of_length_zero_are_finite(weight, on_the_diagonal, without_a_first_leg):
    s, t = jnp.array([0.5]), jnp.array([0.9])
    np.testing.assert_allclose(weight(Times(s, s, s), ONES[:1]), on_the_diagonal)
    np.testing.assert_allclose(weight(Times(s, s, t), ONES[:1]), without_a_first_leg, rtol=1e-12)
    # Ends of the unit interval, and derivatives in the times.
    ends = Times(jnp.array([0.0, 1.0, 0.0, 0.0]), jnp.array([0.0, 1.0, 1.0, 0.0]), jnp.array([0.0, 1.0, 1.0, 1.0]))
    assert np.all(np.isfinite(weight(ends, jnp.zeros(4))))
    slopes = jax.grad(lambda times: weight(times, jnp.zeros(4)).sum())(ends)
    assert all(np.all(np.isfinite(slope)) for slope in slopes)
