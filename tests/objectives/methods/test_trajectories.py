"""Options about trajectories: skipped steps, segments and both directions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.build import OBJECTIVES
from objectives.losses.progressive import progressive
from objectives.objective import Batch, Maps
from taxonomy import noise_levels
from taxonomy.interpolants import LINEAR
from tests.helpers import tiny, tiny_params


def test_skipped_steps_lie_on_the_grid_and_keep_their_distance_from_the_data():
    steps, skip = 12, 5
    s, u, t = map(np.asarray, noise_levels.uniform_neighbours(steps=steps, skip=skip)(jax.random.key(0), (4000,)))
    grid = np.append(noise_levels.time_of(noise_levels.karras(jnp.arange(steps) / steps)), 1.0)
    start, end = (np.argmin(np.abs(times[:, None] - grid[None]), axis=1) for times in (s, u))
    np.testing.assert_allclose(grid[start], s, atol=1e-6)
    np.testing.assert_allclose(grid[end], u, atol=1e-6)
    np.testing.assert_array_equal(end - start, skip)
    np.testing.assert_array_equal(t, 1.0)
    # All starts from which so many steps are left, alike.
    counts = np.bincount(start)
    assert len(counts) == steps - skip + 1
    np.testing.assert_allclose(counts / 4000, 1 / len(counts), atol=0.03)


def test_neighbours_are_what_they_were():
    key = jax.random.key(1)
    k = jnp.minimum(jnp.floor(17 * jax.random.uniform(key, (200,))), 16)
    s = noise_levels.time_of(noise_levels.karras(k / 17))
    np.testing.assert_array_equal(OBJECTIVES["cd"]().terms[0].times(key, (200,)).s, s)


@pytest.mark.usefixtures("x64")
def test_a_chain_of_segments_is_the_rule_of_two_legs_at_one_and_of_many_jumps_beyond():
    v, w = tiny(tiny_params()), tiny(tiny_params(seed=3))
    x, s, u, t = jnp.array([[0.3, -0.8]]), jnp.array([0.1]), jnp.array([0.3]), jnp.array([0.9])
    one = progressive(v, w, x, s, u, t, segments=1)
    np.testing.assert_array_equal(one, progressive(v, w, x, s, u, t))
    y, time = x + 0.2 * w(s, u, x), u
    for _ in range(4):
        y, time = y + 0.15 * w(time, time + 0.15, y), time + 0.15
    by_hand = jnp.sum((v(s, t, x) - (y - x) / 0.8) ** 2, axis=1)
    np.testing.assert_allclose(progressive(v, w, x, s, u, t, segments=4), by_hand, rtol=1e-10)
    assert abs(float(one[0] - by_hand[0])) > 1e-6


def test_mean_flow_in_both_directions_draws_both_and_its_round_trip_is_that_of_the_pair():
    method = OBJECTIVES["mean_flow"](times="square", round_trip_share=0.25)
    assert method.both_directions
    assert not OBJECTIVES["mean_flow"]().both_directions
    np.testing.assert_allclose([term.share for term in method.terms], [0.75 * 0.75, 0.75 * 0.25, 0.25])
    term = method.terms[-1]
    times = term.times(jax.random.key(0), (500,))
    assert 0.4 < float(jnp.mean(times.t < times.s)) < 0.6

    def one_way(s, t, x):
        # From the noise on it moves at speed one; back it stays.
        return jnp.where(t > s, 1.0, 0.0)[:, None] * jnp.ones_like(x)

    batch = Batch(jnp.zeros((2, 1)), jnp.ones((2, 1)), term.times(jax.random.key(0), (2,)))
    gap = np.asarray(batch.times.t - batch.times.s)
    np.testing.assert_allclose(term.loss(Maps(one_way, one_way, None), LINEAR, batch), gap**2, rtol=1e-5)


def test_the_methods_that_use_the_law_of_the_noise_say_so():
    found = {name for name, method in OBJECTIVES.items() if method().needs_noise}
    assert found == {"esc", "free_flow", "dmd", "rcm", "any_flow", "drifting", "ssfm", "ito_map", "posterior_map"}
    for name in ("lsd", "ect", "shortcut"):
        assert OBJECTIVES[name](velocity="pooled").needs_noise
