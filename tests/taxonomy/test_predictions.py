import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taxonomy import exact, predictions
from taxonomy.interpolants import INTERPOLANTS

pytestmark = pytest.mark.usefixtures("x64")
STD = 0.7


def mixture(path):
    covariances = np.array([[[0.2, 0.05], [0.05, 0.1]], [[0.05, 0.0], [0.0, 0.3]]])
    means = np.array([[1.0, -0.5], [-0.7, 0.4]])
    return exact.mixture(path, weights=np.array([0.3, 0.7]), means=means, covariances=covariances, noise_std=STD)


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_predictions_of_the_exact_velocity_are_exact(name):
    path = INTERPOLANTS[name]
    flow, t = mixture(path), jnp.linspace(0.0, 1.0, 9)
    x = jax.random.normal(jax.random.key(0), (9, 2))
    b = flow.b(t, x)
    data = predictions.data_from_velocity(path, t, x, b)
    np.testing.assert_allclose(data, flow.posterior_mean(t, x), atol=1e-10)
    noise = predictions.noise_from_velocity(path, t, x, b)
    np.testing.assert_allclose(path.alpha(t)[:, None] * noise + path.beta(t)[:, None] * data, x, atol=1e-12)
    inner = slice(0, 8)
    score = predictions.score_from_velocity(path, t[inner], x[inner], b[inner], noise_std=STD)
    np.testing.assert_allclose(score, flow.score(t[inner], x[inner]), atol=1e-9)
    # And the score is the gradient of the density, which knows nothing of predictions.
    gradient = jax.grad(lambda x: jnp.sum(flow.log_density(t[inner], x)))(x[inner])
    np.testing.assert_allclose(score, gradient, atol=1e-9)


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_a_sample_gives_its_own_noise_and_data(name):
    path, t = INTERPOLANTS[name], jnp.linspace(0.0, 1.0, 5)
    x0, x1 = jax.random.normal(jax.random.key(0), (2, 5, 3))
    x, velocity = path.position(t, x0, x1), path.velocity(t, x0, x1)
    np.testing.assert_allclose(predictions.noise_from_velocity(path, t, x, velocity), x0, atol=1e-12)
    np.testing.assert_allclose(predictions.data_from_velocity(path, t, x, velocity), x1, atol=1e-12)


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_the_ways_back(name):
    path, t = INTERPOLANTS[name], jnp.linspace(0.1, 0.9, 5)
    x, b = jax.random.normal(jax.random.key(0), (2, 5, 3))
    noise, data = (f(path, t, x, b) for f in (predictions.noise_from_velocity, predictions.data_from_velocity))
    score = predictions.score_from_velocity(path, t, x, b, noise_std=STD)
    np.testing.assert_allclose(predictions.velocity_from_noise(path, t, x, noise), b, atol=1e-11)
    np.testing.assert_allclose(predictions.velocity_from_data(path, t, x, data), b, atol=1e-11)
    np.testing.assert_allclose(predictions.velocity_from_score(path, t, x, score, noise_std=STD), b, atol=1e-11)
