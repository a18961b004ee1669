"""The exact path to data of which a noisy reading is known: closed form, quadrature, and regression on samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import posterior
from taxonomy import exact, exact_observed, exact_planar
from taxonomy.interpolants import INTERPOLANTS, LINEAR

PATHS = pytest.mark.parametrize("path", INTERPOLANTS.values(), ids=INTERPOLANTS)


@PATHS
def test_of_gaussians_it_is_the_regression_on_both_measurements(path):
    covariance, mean = np.array([[1.5, 0.4], [0.4, 0.5]]), np.array([0.3, -1.0])
    std, time = 0.7, 0.4
    with jax.enable_x64(True):
        linear = exact.gaussian(LINEAR, mean=mean, covariance=covariance, noise_std=std)
        b = exact_observed.velocity(linear, path, time=time, noise_std=std)
        x, y = np.random.default_rng(0).normal(size=(2, 5, 2))
        times = np.array([0.0, 0.2, 0.5, 0.8, 0.95])
        found = np.asarray(b(jnp.asarray(times), jnp.asarray(x), jnp.asarray(y)))
        weights = [[float(f(jnp.asarray([t]))[0]) for f in (path.alpha, path.beta)] for t in times]
        slopes = [[float(f(jnp.asarray([t]))[0]) for f in (path.d_alpha, path.d_beta)] for t in times]
    eye = np.eye(2)
    for k in range(5):
        (alpha, beta), (d_alpha, d_beta) = weights[k], slopes[k]
        # (dI, I, y) of (x0, n, x1), whose covariance is known: E[dI | I, y] by the normal equations.
        whole = np.zeros((6, 6))
        whole[:2, :2], whole[2:4, 2:4], whole[4:, 4:] = std**2 * eye, std**2 * eye, covariance
        zero = 0 * eye
        made = np.block([[alpha * eye, zero, beta * eye], [zero, (1 - time) * eye, time * eye]])
        slope = np.block([[d_alpha * eye, zero, d_beta * eye]])
        seen = np.concatenate([x[k] - beta * mean, y[k] - time * mean])
        expected = d_beta * mean + slope @ whole @ made.T @ np.linalg.solve(made @ whole @ made.T, seen)
        np.testing.assert_allclose(found[k], expected, rtol=1e-9, atol=1e-9)


@PATHS
def test_on_the_checkerboard_it_is_the_mean_over_the_squares(path):
    data, time = exact_planar.checkerboard(), 0.6
    fine = (np.arange(400) + 0.5) / 200 - 1
    grid = np.stack(np.meshgrid(fine, fine, indexing="ij"), axis=-1).reshape(-1, 2)
    grid = grid[np.floor((grid + 1) * 2).astype(int).sum(axis=-1) % 2 == 0]
    with jax.enable_x64(True):
        b = exact_observed.velocity(data.exact_flow(LINEAR), path, time=time, noise_std=data.std)
        for t in (0.3, 0.7):
            x, y = np.random.default_rng(1).normal(size=(2, 2)) * data.std
            times = jnp.asarray([t])
            found = np.asarray(b(times, jnp.asarray(x)[None], jnp.asarray(y)[None]))[0]
            alpha, beta, d_alpha, d_beta = (
                float(f(times)[0]) for f in (path.alpha, path.beta, path.d_alpha, path.d_beta)
            )
            noise, other = (x - beta * grid) / alpha, (y - time * grid) / (1 - time)
            logits = -0.5 * ((noise**2).sum(axis=1) + (other**2).sum(axis=1)) / data.std**2
            weights = np.exp(logits - logits.max())
            mean = weights @ (d_alpha * noise + d_beta * grid) / weights.sum()
            np.testing.assert_allclose(found, mean, atol=2e-3)


def test_on_the_linear_path_it_is_the_velocity_of_glass_flows():
    data, time = exact_planar.spiral(), 0.3
    linear = data.exact_flow(LINEAR)
    b = exact_observed.velocity(linear, LINEAR, time=time, noise_std=data.std)
    t = jnp.linspace(0.0, 0.9, 8)
    x, y = data.std * jax.random.normal(jax.random.key(0), (2, 8, 2))
    other = posterior.inner_velocity(linear.b, jnp.full(8, time), y)
    np.testing.assert_allclose(b(t, x, y), other(t, x), rtol=1e-3, atol=1e-3)
    assert np.isfinite(b(jnp.ones(8), x, y)).all()


def test_an_early_reading_says_nothing():
    data = exact_planar.two_moons()
    linear = data.exact_flow(LINEAR)
    b = exact_observed.velocity(linear, LINEAR, time=1e-4, noise_std=data.std)
    t = jnp.linspace(0.05, 0.9, 8)
    x, y = jax.random.normal(jax.random.key(0), (2, 8, 2))
    np.testing.assert_allclose(b(t, x, y), linear.b(t, x), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("time", [0.0, 1.0, -0.5])
def test_a_reading_at_no_time_of_the_path_is_refused(time):
    linear = exact_planar.checkerboard().exact_flow(LINEAR)
    with pytest.raises(ValueError, match="expected a time of the reading between 0 and 1"):
        exact_observed.velocity(linear, LINEAR, time=time, noise_std=1.0)


def test_a_reading_is_the_point_of_the_linear_path():
    x1, noise = jnp.asarray([[2.0, 0.0]]), jnp.asarray([[0.0, 4.0]])
    np.testing.assert_allclose(exact_observed.read(x1, noise, time=0.25), [[0.5, 3.0]])
