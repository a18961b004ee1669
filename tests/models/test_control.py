"""Flow map reward guidance where the best control is known: affine maps and linear rewards."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import control, grids
from taxonomy import exact, flow_map
from taxonomy.interpolants import LINEAR

pytestmark = pytest.mark.usefixtures("x64")
STD, SLOPE = 0.7, jnp.array([0.8, -0.5])


def test_ends_of_a_gaussian_move_as_the_best_control_moves_them():
    flow = exact.gaussian(LINEAR, mean=np.array([0.4, -0.2]), covariance=STD**2 * np.eye(2), noise_std=STD)
    x, strength = STD * jax.random.normal(jax.random.key(0), (3, 2)), 0.3
    guided = jax.jit(
        lambda x: control.reward_guidance(flow.v, flow.v, lambda x: x @ SLOPE, x, grids.uniform(400), strength=strength)
    )
    plain = jax.jit(lambda x: flow_map.jump(flow.v, jnp.zeros(3), jnp.ones(3), x))(x)
    np.testing.assert_allclose(guided(x) - plain, np.broadcast_to(np.pi / 2 * strength * SLOPE, (3, 2)), rtol=5e-3)


def test_a_step_by_hand():
    v = lambda s, t, x: jnp.cos(x) + (s + 2 * t)[:, None]  # noqa: E731
    transport = lambda s, t, x: jnp.sin(x) - (s * t)[:, None]  # noqa: E731
    reward = lambda x: 2 * x[:, 0] - jnp.square(x[:, 1])  # noqa: E731
    x, grid = jnp.array([[0.3, -0.5]]), jnp.array([0.0, 0.4, 1.0])
    by_hand = x
    for s, t in ((0.0, 0.4), (0.4, 1.0)):
        end = by_hand + (1 - s) * (jnp.cos(by_hand) + s + 2)
        slope = jnp.stack([2 + 0 * end[:, 0], -2 * end[:, 1]], axis=1)
        gradient = slope * (1 - (1 - s) * jnp.sin(by_hand))
        by_hand = by_hand + (t - s) * (jnp.sin(by_hand) - s * t + 0.7 * gradient)
    np.testing.assert_allclose(
        control.reward_guidance(v, transport, reward, x, grid, strength=0.7), by_hand, rtol=1e-10
    )
