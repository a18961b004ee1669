import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import posterior
from taxonomy import exact, tilted
from taxonomy.interpolants import LINEAR
from taxonomy.tilted import LinearQuadratic

pytestmark = pytest.mark.usefixtures("x64")

BASE_STD = 0.7
PARTS = {
    "weights": np.array([0.3, 0.7]),
    "means": np.array([[-0.8, 0.3], [0.6, -0.2]]),
    "covariances": np.array([[[0.03, 0.01], [0.01, 0.02]], [[0.01, 0.0], [0.0, 0.04]]]),
}
T, X = np.array([0.3, 0.5, 0.0]), np.array([[0.1, 0.0], [-0.2, 0.1], [0.4, -0.3]])


def exact_posterior(i):
    """p(x1 | x_t): the data's law tilted by the likelihood of x_t, a mixture."""
    measured = tilted.measurement(T[i] * jnp.eye(2), X[i], noise_std=float(1 - T[i]) * BASE_STD)
    return tilted.tilt(measured, **PARTS)


def test_inner_velocity_is_that_of_the_path_to_the_posterior():
    flow = exact.mixture(LINEAR, **PARTS, noise_std=BASE_STD)
    z = jnp.array([[0.3, -0.5], [0.9, 0.2], [-0.4, 0.1]])
    inner = posterior.inner_velocity(flow.b, jnp.asarray(T), jnp.asarray(X))
    found = [inner(jnp.full(3, s), z) for s in (0.0, 0.25, 0.8)]
    for i in range(3):
        law = exact_posterior(i)._asdict()
        law.pop("log_z")
        to_posterior = exact.mixture(LINEAR, **law, noise_std=BASE_STD)
        expected = to_posterior.b(jnp.array([0.0, 0.25, 0.8]), jnp.repeat(z[i : i + 1], 3, axis=0))
        np.testing.assert_allclose([y[i] for y in found], expected, rtol=1e-10, atol=1e-12)


def test_the_statistic_is_one_of_the_two_where_the_other_says_nothing():
    t, s = jnp.array([0.4, 0.0]), jnp.array([0.0, 0.6])
    x_t, z = jnp.array([[0.3], [5.0]]), jnp.array([[7.0], [-0.2]])
    u, x_u = posterior.sufficient_statistic(t, x_t, s, z)
    np.testing.assert_allclose(u, [0.4, 0.6], rtol=1e-14)
    np.testing.assert_allclose(x_u, [[0.3], [-0.2]], rtol=1e-14)


def test_samples_and_value_of_the_posterior():
    flow = exact.mixture(LINEAR, **PARTS, noise_std=BASE_STD)
    count = 20_000

    @jax.jit
    def draw(t, x):
        return posterior.sample(flow.b, jax.random.key(0), t, x, noise_std=BASE_STD, count=count)

    samples = draw(T, X)
    reward = LinearQuadratic(jnp.asarray(0.2), jnp.array([1.0, -0.5]), jnp.array([[0.8, 0.2], [0.2, 0.4]]))
    values = posterior.value(reward, samples)
    for i in range(3):
        truth = exact_posterior(i)
        spread = np.sqrt(np.diagonal(truth.covariance))
        # Four standard errors of the mean, and 0.005 for 16 midpoint steps.
        np.testing.assert_array_less(np.abs(samples[i].mean(0) - truth.mean), 4 * spread / count**0.5 + 0.005)
        # The fourth moment of these mixtures is below that of a Gaussian, 3 spread^4.
        bound = 4 * np.sqrt(2 / count) * np.outer(spread, spread) + 0.01
        np.testing.assert_array_less(np.abs(np.cov(samples[i].T) - truth.covariance), bound)
        expected = tilted.tilt(reward, weights=truth.weights, means=truth.means, covariances=truth.covariances).log_z
        weights = np.exp(np.asarray(reward(samples[i])) - float(expected))
        assert abs(float(values[i] - expected)) < 4 * weights.std() / count**0.5 + 0.01


def test_samples_of_a_point_and_of_points_that_agree_have_noise_of_their_own():
    def b(t, x):
        return -x

    t, x = jnp.full(2, 0.4), jnp.zeros((2, 1))
    found = posterior.sample(b, jax.random.key(0), t, x, noise_std=0.7, count=3)
    assert len(np.unique(found)) == 6
    np.testing.assert_array_equal(found, posterior.sample(b, jax.random.key(0), t, x, noise_std=0.7, count=3, steps=16))


def test_a_constant_reward_is_its_own_value():
    samples = jnp.zeros((3, 4, 2))
    np.testing.assert_allclose(posterior.value(lambda x: jnp.full(len(x), 1.5), samples), 1.5, rtol=1e-14)
    with pytest.raises(ValueError, match="count = 0, steps = 16"):
        posterior.sample(lambda t, x: x, jax.random.key(0), jnp.asarray(T), jnp.asarray(X), noise_std=1.0, count=0)
