"""What the rules of flow maps ask of every network: derivatives of derivatives, in its times and its points."""

import jax
import jax.numpy as jnp
import pytest

from models import networks
from models.conditions import Condition

SMALL = {
    "mlp": {"width": 8, "depth": 2},
    "unet": {"channels": 8, "multipliers": (1, 2), "blocks": 1, "attention": (2,)},
    "edm2": {"channels": 8, "multipliers": (1, 2), "blocks": 1, "attention": (2,)},
    "dit": {"width": 16, "depth": 1, "heads": 2, "patch": 2},
}


def test_every_kind_is_here():
    assert SMALL.keys() == networks.KINDS.keys()


@pytest.mark.parametrize("kind", SMALL)
def test_forward_derivatives_of_reverse_ones_agree_with_differences(kind, x64):
    network = networks.build(kind, classes=3, guided=True, **SMALL[kind])
    s, t = jnp.array([0.2, 0.5]), jnp.array([0.7, 0.6])
    keys = iter(jax.random.split(jax.random.key(0), 200))
    x, weight, direction = (jax.random.normal(next(keys), (2, 4, 4, 1)) for _ in range(3))
    told = Condition(jnp.array([0, 2]), jnp.array([1.5, 3.0]))
    params = network.init(jax.random.key(1), s, t, x, told)
    # Away from the start, where the output is zero.
    params = jax.tree.map(lambda leaf: leaf + 0.1 * jax.random.normal(next(keys), leaf.shape), params)

    @jax.jit
    def energy(s, x):
        _, back = jax.vjp(lambda s, x: network.apply(params, s, t, x, told), s, x)
        of_s, of_x = back(weight)
        return jnp.sum(jnp.sin(of_s)) + jnp.sum(of_x * direction)

    _, slope = jax.jvp(energy, (s, x), (jnp.ones_like(s), direction))
    # Norms of edm2 and dit are computed in float32, whatever their input.
    step = 1e-3 if kind in ("edm2", "dit") else 1e-4
    ends = [energy(s + k * step, x + k * step * direction) for k in (-2, -1, 1, 2)]
    difference = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * step)
    assert abs(float(slope)) > 1e-3
    assert float(slope) == pytest.approx(float(difference), rel=2e-3)
