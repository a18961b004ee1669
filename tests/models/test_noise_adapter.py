"""The adapter of the noise: its density, its bound, and the laws that reach it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import noise_adapter
from taxonomy import exact, flow_map, tilted
from taxonomy.interpolants import LINEAR
from taxonomy.tilted import LinearQuadratic

pytestmark = pytest.mark.usefixtures("x64")
STD = 0.7
MEAN, COVARIANCE = np.array([0.4, -0.2]), np.array([[0.25, 0.08], [0.08, 0.1]])
REWARD = LinearQuadratic(jnp.asarray(0.0), jnp.array([-1.5, 1.0]), jnp.array([[0.8, 0.2], [0.2, 0.4]]))


def moved(layers, seed=3):
    """An adapter of random weights."""
    adapter = noise_adapter.initialize(jax.random.key(0), 2, layers=layers, width=6)
    leaves, structure = jax.tree.flatten(adapter)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    return jax.tree.unflatten(
        structure, [a + 0.3 * jax.random.normal(key, a.shape) for a, key in zip(leaves, keys, strict=True)]
    )


@pytest.mark.parametrize("layers", [0, 3])
def test_the_determinant_is_that_of_the_jacobian(layers):
    adapter, z = moved(layers), jax.random.normal(jax.random.key(1), (4, 2))
    _, found = jax.jit(noise_adapter.transform)(adapter, z)
    jacobians = jax.jit(jax.vmap(jax.jacobian(lambda z: noise_adapter.transform(adapter, z[None])[0][0])))(z)
    np.testing.assert_allclose(found, jnp.linalg.slogdet(jacobians)[1], rtol=1e-9)


def test_it_begins_as_the_noise_itself():
    z = jax.random.normal(jax.random.key(1), (4, 2))
    adapter = noise_adapter.initialize(jax.random.key(0), 2, layers=3)
    np.testing.assert_allclose(noise_adapter.adapted(adapter, z, noise_std=STD), STD * z, rtol=1e-12)
    loss = noise_adapter.loss(adapter, lambda x: x, lambda x: 3 * x[:, 0], z, noise_std=STD)
    np.testing.assert_allclose(loss, -3 * STD * z[:, 0], rtol=1e-9)


def test_the_best_gaussian_for_a_gaussian_gives_the_tilted_law_and_reaches_the_bound():
    """The map of a Gaussian is affine, X = m + A x0, so the best law of noise is a Gaussian, known in closed form."""
    flow = exact.gaussian(LINEAR, mean=MEAN, covariance=COVARIANCE, noise_std=STD)

    @jax.jit
    def end(x):
        return flow_map.jump(flow.v, jnp.zeros(len(x)), jnp.ones(len(x)), x)

    aim = tilted.tilt(REWARD, weights=np.ones(1), means=MEAN[None], covariances=COVARIANCE[None])
    shift = end(jnp.zeros((1, 2)))
    matrix = (end(jnp.eye(2)) - shift).T
    back = jnp.linalg.inv(matrix)
    mean, covariance = back @ (aim.means[0] - shift[0]), back @ aim.covariances[0] @ back.T
    factor = jnp.linalg.cholesky(covariance) / STD
    adapter = noise_adapter.initialize(jax.random.key(0), 2, layers=0)
    best = adapter | {
        "shift": mean[None] / STD,
        "log_diagonal": jnp.log(jnp.diag(factor))[None],
        "below": jnp.tril(factor, -1),
    }
    z = jax.random.normal(jax.random.key(2), (500, 2))
    loss = jax.jit(lambda adapter: noise_adapter.loss(adapter, end, REWARD, z, noise_std=STD))
    at_best = loss(best)
    # At the optimum the loss is the bound at every single point, not in the mean alone.
    np.testing.assert_allclose(at_best, -aim.log_z, rtol=1e-8)
    x = end(noise_adapter.adapted(best, z, noise_std=STD))
    np.testing.assert_allclose(x.mean(axis=0), aim.mean, atol=4 * np.sqrt(aim.covariance.max() / 500))
    other = jax.tree.map(lambda a: a + 0.2, best)
    assert loss(other).mean() > -aim.log_z + 0.01


def test_any_law_of_noise_is_above_the_bound():
    """With a map that is not affine: ``X = x0 + sin(2 x0) / 3``, and Z by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()

    def end(x):
        return x + jnp.sin(2 * x) / 3

    reward = lambda x: 1.5 * x.sum(axis=1)  # noqa: E731
    ends = np.asarray(end(STD * nodes[:, None]))[:, 0]
    log_z = 2 * np.log(weights @ np.exp(1.5 * ends))
    z = jax.random.normal(jax.random.key(4), (20_000, 2))
    for layers in (0, 3):
        value = jax.jit(lambda a: noise_adapter.loss(a, end, reward, z, noise_std=STD))(moved(layers))
        assert float(value.mean()) > -log_z + 4 * float(value.std()) / np.sqrt(len(z))
