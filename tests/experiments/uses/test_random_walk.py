"""The comparison of two targets of a random walk, on data for which the optimum is linear."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.uses import random_walk
from taxonomy.random_walk import last_noise
from tests.experiments.metrics.test_reference import COVARIANCE, gaussian_dataset

STD = random_walk.STD


def optimum(n, x):
    """``n std^2 (C + n std^2)^{-1} x / (n std)``, of centred normal data."""
    total = jnp.float32(COVARIANCE)[None] + (n * STD**2)[:, None, None] * jnp.eye(2)[None]
    return STD * jnp.linalg.solve(total, x[:, :, None])[:, :, 0]


def test_errors_and_variances_are_measured_around_the_optimum():
    count, off = 20_000, 0.1
    fields = {name: lambda n, x, k=k: optimum(n, x) + k * off for k, name in enumerate(random_walk.TARGETS)}
    found = random_walk.measure(gaussian_dataset(), fields, optimum, count=count, seed=5)
    assert tuple(found) == random_walk.SHOWN
    first, second = random_walk.TARGETS
    for n, row in found.items():
        marginal = COVARIANCE + n * STD**2 * np.eye(2)
        size = STD**2 * np.trace(np.linalg.inv(marginal)) / 2
        assert row["size"] == pytest.approx(size, rel=0.05)
        np.testing.assert_allclose([row[f"error, {first}"], row[f"error, {second}"]], [0, off**2], atol=1e-6)
        # e_n has variance 1 and its mean given x_n the variance of the optimum; means have 1 / n.
        np.testing.assert_allclose(row[f"variance, {first}"], 1 - size, atol=5 * np.sqrt(1 / count))
        np.testing.assert_allclose(row[f"variance, {second}"], 1 / n - size, atol=5 * np.sqrt(1 / count) / n)


@pytest.mark.slow
def test_numbers_of_steps_belong_to_their_points(monkeypatch):
    """A target that names its number of steps, which the network is told, is learned in a few updates."""
    monkeypatch.setattr(random_walk, "BATCH", 8)
    monkeypatch.setattr(random_walk, "STEPS", 6)

    def numbers(walk, n):
        return jnp.full_like(last_noise(walk, n), n / 6)

    field = random_walk.learn(gaussian_dataset(), numbers, updates=120, seed=0)
    x = 0.5 * jax.random.normal(jax.random.key(1), (50, 2))
    for n in (1, 6):
        np.testing.assert_allclose(field(jnp.full(50, float(n)), x).mean(), n / 6, atol=0.1)
