import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taxonomy import exact, random_walk
from taxonomy.interpolants import LINEAR

pytestmark = pytest.mark.usefixtures("x64")
STD, BASE = 0.3, 0.9
TWO = {"weights": np.array([0.3, 0.7]), "means": np.array([[0.8], [-0.6]]), "covariances": np.full((2, 1, 1), 0.02)}


def walks(count=400_000, steps=6):
    keys = jax.random.split(jax.random.key(0), 3)
    means = jnp.asarray(TWO["means"])[(jax.random.uniform(keys[0], (count,)) < 0.7).astype(int)]
    x_0 = means + np.sqrt(0.02) * jax.random.normal(keys[1], (count, 1))
    return random_walk.walk(keys[2], x_0, steps=steps, std=STD)


def test_points_are_sums_of_noises():
    found = walks(count=10)
    for n in range(1, 7):
        np.testing.assert_allclose(found.points[n] - found.points[n - 1], STD * found.noises[n - 1], atol=1e-12)
        np.testing.assert_allclose(
            found.points[n] - found.points[0], n * STD * random_walk.mean_noise(found, n), atol=1e-12
        )
        np.testing.assert_array_equal(random_walk.last_noise(found, n), found.noises[n - 1])


@pytest.mark.parametrize("n", [1, 2, 6])
def test_both_targets_have_the_exact_optimum_in_every_bin(n):
    found, flow = walks(), exact.mixture(LINEAR, noise_std=BASE, **TWO)
    x = found.points[n]
    best = random_walk.optimum(flow.posterior_mean, jnp.full(len(x), float(n)), x, std=STD, noise_std=BASE)
    edges = np.quantile(np.asarray(x), np.linspace(0, 1, 21))
    bins = np.digitize(np.asarray(x)[:, 0], edges[1:-1])
    for target in (random_walk.last_noise(found, n), random_walk.mean_noise(found, n)):
        gap = np.asarray(target - best)[:, 0]
        for k in range(20):
            inside = gap[bins == k]
            # Five standard errors of 20,000 samples each.
            assert abs(inside.mean()) < 5 * inside.std() / np.sqrt(len(inside))


@pytest.mark.parametrize("n", [1, 2, 6])
def test_the_last_noise_varies_more_by_a_known_amount(n):
    found, flow = walks(), exact.mixture(LINEAR, noise_std=BASE, **TWO)
    x = found.points[n]
    best = random_walk.optimum(flow.posterior_mean, jnp.full(len(x), float(n)), x, std=STD, noise_std=BASE)
    last, mean = (
        float(jnp.mean(jnp.square(target - best)))
        for target in (random_walk.last_noise(found, n), random_walk.mean_noise(found, n))
    )
    np.testing.assert_allclose(last - mean, 1 - 1 / n, atol=5 * np.sqrt(2 / 400_000))


def test_the_optimum_is_the_score():
    """Of the density of data plus noise of variance n std^2, which is a mixture of wider Gaussians."""
    flow, n = exact.mixture(LINEAR, noise_std=BASE, **TWO), jnp.array([1.0, 4.0, 6.0])
    x = jnp.array([[0.1], [-0.4], [1.3]])

    def log_density(x):
        variance = 0.02 + n * STD**2
        offset = x - jnp.asarray(TWO["means"])[:, 0][None]
        logs = jnp.log(jnp.asarray(TWO["weights"]))[None] - offset**2 / (2 * variance[:, None])
        return jnp.sum(jax.nn.logsumexp(logs, axis=1))

    found = random_walk.optimum(flow.posterior_mean, n, x, std=STD, noise_std=BASE)
    np.testing.assert_allclose(found, -STD * jax.grad(log_density)(x), atol=1e-10)


def test_for_a_gaussian_it_is_linear():
    flow = exact.gaussian(LINEAR, mean=np.zeros(2), covariance=4 * np.eye(2), noise_std=BASE)
    x = jnp.array([[1.0, -2.0]])
    found = random_walk.optimum(flow.posterior_mean, jnp.array([5.0]), x, std=STD, noise_std=BASE)
    np.testing.assert_allclose(found, STD * x / (4 + 5 * STD**2), rtol=1e-10)


def test_bad_input():
    for options in ({"steps": 0, "std": 1.0}, {"steps": 3, "std": 0.0}):
        with pytest.raises(ValueError, match="expected at least 1 step of positive length"):
            random_walk.walk(jax.random.key(0), jnp.zeros((1, 1)), **options)
