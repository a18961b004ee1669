"""What networks are told of their times: which ones, how fast, and that published networks stay as they were."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import networks
from models.networks.embeddings import TIMES, told

SMALL = {
    "mlp": {"width": 8, "depth": 1, "time_features": 2},
    "unet": {"channels": 8, "multipliers": (1,), "blocks": 1, "attention": ()},
    "dit": {"width": 16, "depth": 1, "heads": 2, "patch": 2},
}
S, T = jnp.array([0.25, 0.1]), jnp.array([0.5, 0.9])


def made(kind, **fields):
    """A network with all weights moved from where they start, and points for it."""
    network = networks.build(kind, **SMALL[kind] | fields)
    x = jax.random.normal(jax.random.key(0), (2, 4, 4, 1) if kind != "mlp" else (2, 3))
    params = network.init(jax.random.key(1), S, T, x)
    keys = iter(jax.random.split(jax.random.key(2), len(jax.tree.leaves(params))))
    params = jax.tree.map(lambda leaf: leaf + 0.3 * jax.random.normal(next(keys), leaf.shape), params)
    return jax.jit(lambda s, t: network.apply(params, s, t, x)), params


def test_the_numbers_that_are_told():
    given = {name: told(S, T, time_embedding=name, own="ends") for name in TIMES}
    np.testing.assert_array_equal(jnp.stack(list(given["both"].values())), jnp.stack([S, T]))
    np.testing.assert_array_equal(jnp.stack(list(given["source_gap"].values())), jnp.stack([S, T - S]))
    np.testing.assert_array_equal(jnp.stack(list(given["all"].values())), jnp.stack([S, T, T - S]))
    assert list(given["gap"]) == ["gap"]
    with pytest.raises(ValueError, match="time_embedding = 'start'; expected one of both, gap, ends"):
        told(S, T, time_embedding="start", own="ends")


@pytest.mark.parametrize("kind", SMALL)
def test_the_gap_alone_cannot_tell_when_and_all_others_can(kind):
    for name in TIMES:
        network, _ = made(kind, time_embedding=name)
        moved = float(jnp.abs(network(S + 0.1, T + 0.1) - network(S, T)).max())
        assert (moved < 1e-5) == (name == "gap"), name
        assert float(jnp.abs(network(S, T + 0.1) - network(S, T)).max()) > 1e-4, name


@pytest.mark.parametrize("kind", SMALL)
def test_a_time_below_zero_is_told_from_the_one_above(kind):
    # The twin of a velocity, in ``dmd``, is the same network at minus the time.
    for name in TIMES:
        network, _ = made(kind, time_embedding=name)
        above, below = network(S, S), network(-S, -S)
        assert np.all(np.isfinite(below))
        assert (float(jnp.abs(above - below).max()) < 1e-5) == (name == "gap"), name


@pytest.mark.parametrize(("kind", "own"), [("mlp", "ends"), ("unet", "source_gap"), ("dit", "source_gap")])
def test_both_is_the_pair_of_the_networks_own_publication(kind, own):
    (plain, weights), (named, same) = made(kind), made(kind, time_embedding=own)
    jax.tree.map(np.testing.assert_array_equal, weights, same)
    np.testing.assert_array_equal(plain(S, T), named(S, T))


@pytest.mark.parametrize("kind", ["mlp", "unet"])
def test_faster_times_are_the_same_network_at_other_times(kind):
    """k(s, t) through a network of scale 1 is (s, t) through one of scale k; so derivatives grow by k."""
    (plain, _), (fast, _) = made(kind), made(kind, time_scale=4.0)
    np.testing.assert_allclose(fast(S, T), plain(4 * S, 4 * T), atol=2e-5)
    zero = jnp.zeros_like(S)
    slope, steep = (jax.jvp(f, (zero, zero), (zero, zero + 1))[1] for f in (plain, fast))
    np.testing.assert_allclose(steep, 4 * slope, rtol=1e-3, atol=1e-4)


def test_relu_is_piecewise_linear():
    network = networks.build("mlp", width=8, depth=2, activation="relu")
    x = jax.random.normal(jax.random.key(3), (2, 3))
    params = network.init(jax.random.key(4), S, T, x)

    def along(h):
        return network.apply(params, S, T, x + h)

    middle = (along(1e-3) + along(-1e-3)) / 2
    np.testing.assert_allclose(middle, along(0.0), atol=1e-5)
    # A step that crosses a kink is not linear.
    assert float(jnp.abs((along(3.0) + along(-3.0)) / 2 - along(0.0)).max()) > 1e-3
