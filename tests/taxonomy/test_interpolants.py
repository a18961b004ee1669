import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taxonomy.interpolants import INTERPOLANTS, LINEAR, TRIGONOMETRIC, Interpolant, check_boundary

pytestmark = pytest.mark.usefixtures("x64")
CUSTOM = Interpolant(alpha=lambda t: (1 - t) ** 2, beta=lambda t: t**3)
ALL = {**INTERPOLANTS, "custom": CUSTOM}


@pytest.mark.parametrize("name", ALL)
def test_path_starts_at_noise_and_ends_at_data(name):
    x0, x1 = jax.random.normal(jax.random.key(0), (2, 3, 4))
    check_boundary(ALL[name])
    np.testing.assert_allclose(ALL[name].position(jnp.zeros(3), x0, x1), x0, atol=1e-15)
    np.testing.assert_allclose(ALL[name].position(jnp.ones(3), x0, x1), x1, atol=1e-15)


@pytest.mark.parametrize("name", ALL)
def test_velocity_is_the_time_derivative_of_the_position(name):
    x0, x1 = jax.random.normal(jax.random.key(0), (2, 7, 3, 2))
    t, step = jnp.linspace(0.05, 0.95, 7), 1e-5
    difference = (ALL[name].position(t + step, x0, x1) - ALL[name].position(t - step, x0, x1)) / (2 * step)
    np.testing.assert_allclose(ALL[name].velocity(t, x0, x1), difference, atol=1e-8)


def test_derivatives_in_closed_form():
    t = jnp.linspace(0, 1, 11)
    np.testing.assert_array_equal(LINEAR.d_alpha(t), -np.ones(11))
    np.testing.assert_array_equal(LINEAR.d_beta(t), np.ones(11))
    np.testing.assert_allclose(TRIGONOMETRIC.d_alpha(t), -np.pi / 2 * np.sin(np.pi * t / 2), atol=1e-15)
    np.testing.assert_allclose(TRIGONOMETRIC.d_beta(t), np.pi / 2 * np.cos(np.pi * t / 2), atol=1e-15)


def test_trigonometric_path_keeps_the_variance():
    t = jnp.linspace(0, 1, 11)
    np.testing.assert_allclose(TRIGONOMETRIC.alpha(t) ** 2 + TRIGONOMETRIC.beta(t) ** 2, 1, atol=1e-15)


@pytest.mark.parametrize(
    ("alpha", "beta", "named"),
    [
        (lambda t: 1 - t / 2, lambda t: t, r"alpha\(1\) = 0.5; expected 0"),
        (lambda t: 1 - t, lambda t: t + 1, r"beta\(0\) = 1; expected 0"),
        (lambda t: t / t - t, lambda t: t, r"alpha\(0\) = nan; expected 1"),
    ],
)
def test_a_path_between_other_ends_is_refused(alpha, beta, named):
    with pytest.raises(ValueError, match=named):
        Interpolant(alpha=alpha, beta=beta)
    with pytest.raises(ValueError, match=named):
        check_boundary(Interpolant(alpha=alpha, beta=beta, check=False))


def test_a_path_may_be_made_within_jit():
    def position(power, t):
        path = Interpolant(alpha=lambda t: 1 - t**power, beta=lambda t: t**power)
        return path.position(t, jnp.zeros((3, 1)), jnp.ones((3, 1)))

    np.testing.assert_allclose(jax.jit(position)(2.0, jnp.full(3, 0.5)), 0.25)


def test_a_path_is_its_two_coefficients():
    alpha, beta = LINEAR.alpha, LINEAR.beta
    assert Interpolant(alpha=alpha, beta=beta) == Interpolant(alpha=alpha, beta=beta, check=False) == LINEAR
    assert "check" not in vars(LINEAR)


def test_times_of_another_batch_are_refused():
    x = jnp.zeros((3, 2))
    with pytest.raises(ValueError, match=r"times have shape \(4,\) and points \(3, 2\)"):
        LINEAR.position(jnp.zeros(4), x, x)
