"""Exact samples of posteriors: means by another formula, supports, and the masses of squares."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taxonomy import exact_planar, exact_posterior
from taxonomy.interpolants import INTERPOLANTS, LINEAR

COUNT = 20_000
T = jnp.array([0.1, 0.5, 0.9])


@pytest.mark.parametrize("name", ["checkerboard", "eight_gaussians"])
@pytest.mark.parametrize("path", INTERPOLANTS)
def test_the_mean_of_samples_is_the_posterior_mean(name, path):
    data, path = getattr(exact_planar, name)(), INTERPOLANTS[path]
    x_t = jnp.array([[0.1, 0.0], [-0.2, 0.3], [0.6, 0.55]])
    found = exact_posterior.sample(data, path, jax.random.key(0), T, x_t, count=COUNT)
    assert found.shape == (3, COUNT, 2)
    expected = data.exact_flow(path).posterior_mean(T, x_t)
    spread = np.asarray(found).std(axis=1)
    np.testing.assert_array_less(np.abs(found.mean(axis=1) - expected), 4 * spread / COUNT**0.5 + 1e-4)


def test_samples_of_the_checkerboard_lie_on_its_squares_in_their_shares():
    data, x_t = exact_planar.checkerboard(), jnp.array([[0.05, 0.02], [0.3, 0.1], [0.7, 0.7]])
    found = np.asarray(exact_posterior.sample(data, LINEAR, jax.random.key(1), T, x_t, count=COUNT))
    cells = np.floor(np.clip((found + 1) * 2, 0, 3.999)).astype(int)
    assert np.all(cells.sum(axis=-1) % 2 == 0)
    # The share of each square by a fine grid of the density of x1 given x_t.
    side = (np.arange(800) + 0.5) / 400 - 1
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    on = np.floor((grid + 1) * 2).astype(int)
    for i in range(3):
        t = float(T[i])
        weight = np.exp(-(((np.asarray(x_t[i]) - t * grid) / ((1 - t) * data.std)) ** 2).sum(axis=1) / 2)
        weight = weight * (on.sum(axis=1) % 2 == 0)
        expected = np.bincount(on @ [4, 1], weight, 16) / weight.sum()
        shares = np.bincount(cells[i] @ [4, 1], minlength=16) / COUNT
        np.testing.assert_allclose(shares, expected, atol=4 * np.sqrt(0.25 / COUNT))


def test_a_posterior_at_the_ends_is_refused():
    with pytest.raises(ValueError, match="expected 0 < t < 1: at t = 1 the point is the datum"):
        exact_posterior.sample(
            exact_planar.checkerboard(), LINEAR, jax.random.key(0), jnp.ones(1), jnp.zeros((1, 2)), count=2
        )
