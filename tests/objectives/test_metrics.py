import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives import metrics

pytestmark = pytest.mark.usefixtures("x64")
SCALE = 0.3
ROBUST = {"pseudo_huber": metrics.pseudo_huber, "log_cosh": metrics.log_cosh, "cauchy": metrics.cauchy}


def of_length(name, r):
    return ROBUST[name](scale=SCALE)(jnp.square(jnp.asarray(r, float)))


@pytest.mark.parametrize(("name", "curvature"), [("pseudo_huber", 1 / (2 * SCALE)), ("log_cosh", 1 / 2), ("cauchy", 1)])
def test_quadratic_below_the_scale(name, curvature):
    r = SCALE * np.array([1e-6, 1e-5, 1e-4, 1e-3])
    # The next order is relative to the square of r / scale; the differences of nearly equal numbers cost digits.
    np.testing.assert_allclose(of_length(name, r)[2:], curvature * r[2:] ** 2, rtol=1e-6)
    np.testing.assert_allclose(of_length(name, r)[:2], curvature * r[:2] ** 2, rtol=1e-3)
    slope = jax.grad(ROBUST[name](scale=SCALE))
    np.testing.assert_allclose(slope(0.0), curvature, rtol=1e-12)
    np.testing.assert_allclose(slope(r[0] ** 2), curvature, rtol=1e-9)


def test_linear_and_logarithmic_above_the_scale():
    r = SCALE * np.array([1e3, 1e5])
    np.testing.assert_allclose(of_length("pseudo_huber", r), r - SCALE, rtol=1e-6)
    np.testing.assert_allclose(of_length("log_cosh", r), SCALE * r - SCALE**2 * np.log(2), rtol=1e-12)
    np.testing.assert_allclose(of_length("cauchy", r), 2 * SCALE**2 * np.log(r / SCALE), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "pull"),
    [
        ("pseudo_huber", lambda r: r / np.hypot(r, SCALE)),
        ("log_cosh", lambda r: SCALE * np.tanh(r / SCALE)),
        ("cauchy", lambda r: 2 * r / (1 + (r / SCALE) ** 2)),
    ],
)
def test_pull_of_a_residual(name, pull):
    # The derivative by the length: bounded, and falling off for the last one.
    r = SCALE * np.array([0.01, 0.3, 1.0, 3.0, 100.0])
    np.testing.assert_allclose(jax.vmap(jax.grad(lambda r: of_length(name, r)))(r), pull(r), rtol=1e-10)


def test_log_cosh_is_that_of_numpy():
    z = np.array([0, 1e-5, 0.9e-4, 1.1e-4, 1e-3, 0.1, 1.0, 10.0, 300.0])
    expected = np.log1p(2 * np.sinh(z / 2) ** 2)  # precise where z is small
    np.testing.assert_allclose(of_length("log_cosh", SCALE * z), SCALE**2 * expected, rtol=1e-7)
    # Far above the overflow of cosh.
    np.testing.assert_allclose(of_length("log_cosh", 1e4 * SCALE), SCALE**2 * (1e4 - np.log(2)), rtol=1e-12)


def test_gradient_of_log_cosh_in_float32():
    z = np.array([0, 1e-5, 2e-4, 1e-3, 0.1, 1.0, 100.0], np.float32)
    slope = jax.vmap(jax.grad(metrics.log_cosh(scale=SCALE)))((SCALE * z) ** 2)
    assert slope.dtype == jnp.float32
    safe = np.maximum(z, 1e-3).astype(float)
    np.testing.assert_allclose(slope, np.where(z < 1e-3, 0.5, np.tanh(safe) / (2 * safe)), rtol=2e-3)


def test_squared_is_the_residual_itself():
    np.testing.assert_array_equal(metrics.squared(jnp.array([0.0, 0.5, 2.0])), [0, 0.5, 2])


LOSSES = np.array([0.1, 0.5, 2.0, 9.0])


def test_gaussian_likelihood_is_minimal_at_the_log_of_the_mean():
    def total(w):
        return metrics.gaussian_likelihood(jnp.asarray(LOSSES), log_variance=jnp.asarray(w)).mean()

    best = np.log(LOSSES.mean())
    np.testing.assert_allclose(jax.grad(total)(best), 0, atol=1e-14)
    np.testing.assert_allclose(total(best), 1 + best, rtol=1e-14)
    assert min(total(best - 0.1), total(best + 0.1)) > total(best) + 1e-3
    # There all times weigh alike: the gradient in the loss is one over its mean.
    np.testing.assert_allclose(
        jax.grad(lambda loss: metrics.gaussian_likelihood(loss, log_variance=jnp.asarray(best)))(2.0),
        1 / LOSSES.mean(),
        rtol=1e-12,
    )


def test_cauchy_likelihood():
    w = np.array([-2.0, 0.0, 1.0, 3.0])
    # The scale of the distribution: exp(w) times 0.01 beside the squared residual.
    np.testing.assert_allclose(
        metrics.cauchy_likelihood(jnp.asarray(LOSSES), log_variance=jnp.asarray(w)),
        np.log(LOSSES + 0.01 * np.exp(w)),
        rtol=1e-13,
    )
    # It grows with w at any residual: the only stationary point is at minus infinity, where it is log |r|^2.
    slope = jax.vmap(jax.grad(lambda loss, w: metrics.cauchy_likelihood(loss, log_variance=w), argnums=1))(LOSSES, w)
    share = 0.01 * np.exp(w) / (LOSSES + 0.01 * np.exp(w))
    np.testing.assert_allclose(slope, share, rtol=1e-10)
    np.testing.assert_allclose(
        metrics.cauchy_likelihood(jnp.asarray(LOSSES), log_variance=jnp.full(4, -30.0)), np.log(LOSSES), atol=1e-12
    )
    # In single precision exp(-w) is infinite long before w ends to fall.
    loss, far = jnp.float32(0.5), jnp.float32(-200.0)
    of_both = jax.value_and_grad(lambda loss, w: metrics.cauchy_likelihood(loss, log_variance=w), argnums=(0, 1))
    value, pulls = of_both(loss, far)
    np.testing.assert_allclose([value, *pulls], [np.log(0.5), 2.0, 0.0], rtol=1e-6)
    assert np.isfinite(metrics.cauchy_likelihood(jnp.zeros(()), log_variance=jnp.zeros(())))


@pytest.mark.parametrize("name", ROBUST)
@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_bad_scale_is_named(name, scale):
    with pytest.raises(ValueError, match=f"{name} received scale = {scale}; expected a positive number"):
        ROBUST[name](scale=scale)
