"""Each step of trajectory tilting by itself: weights, resampling, Langevin steps; ``test_steering`` has its law."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import grids, tilting

SLOPE, COUNT, STEPS = 1.2, 20_000, 12


def nothing(s, t, x):
    """The transport of a law that does not change."""
    return jnp.zeros_like(x)


def linear(t, x):
    """A value that is constant along these paths: N(0, 1) tilted by it is N(SLOPE, 1)."""
    return SLOPE * x[:, 0]


def pulled(t, x):
    """The score of N(0, 1)."""
    return -x


def run(*, threshold, noise=0.0, seed=0, **options):
    start = jax.random.normal(jax.random.key(seed), (COUNT, 1))
    return tilting.tilting(
        nothing,
        linear,
        pulled,
        jax.random.key(seed + 100),
        start,
        grids.uniform(STEPS),
        diffusion=lambda t: jnp.float32(noise),
        threshold=threshold,
        **options,
    )


@pytest.mark.parametrize("constancy", [True, False])
def test_after_a_resampling_weights_begin_anew(constancy):
    """The points do not move here: a weight is ``e^{(1 - t) r(x)}``, t the time of the last resampling."""
    found = run(threshold=0.95, constancy=constancy)
    assert 3 <= int(found.resampled.sum()) < STEPS - 2
    np.testing.assert_array_equal(found.resampled[:-1], found.shares[:-1] < 0.95)
    last = int(np.flatnonzero(found.resampled)[-1])
    since = 1 - (last + 1) / STEPS
    assert since > 0
    np.testing.assert_allclose(found.log_weights, since * SLOPE * found.x[:, 0], atol=1e-5)
    # The share of the weights e^{d r} of a normal law is e^{-(d SLOPE)^2}, d the time since the last resampling.
    assert float(found.shares[0]) == pytest.approx(np.exp(-((SLOPE / STEPS) ** 2)), abs=0.005)
    assert float(found.shares[-1]) == pytest.approx(np.exp(-((since * SLOPE) ** 2)), abs=0.03)
    # One part after the other in the points and in the weights: together N(SLOPE, 1).
    w = np.asarray(jax.nn.softmax(found.log_weights))
    error = 5 / np.sqrt(COUNT * np.exp(-(SLOPE**2)))
    np.testing.assert_allclose(w @ found.x[:, 0], SLOPE, atol=error)
    np.testing.assert_allclose(w @ (found.x[:, 0] - SLOPE) ** 2, 1, atol=np.sqrt(2) * error)
    np.testing.assert_allclose(found.x.mean(), SLOPE * (1 - since), atol=error)
    # Points of equal weight have the law by themselves.
    np.testing.assert_allclose(tilting.drawn(jax.random.key(7), found).mean(), SLOPE, atol=error)


def test_without_constancy_weights_are_the_values_at_the_ends_of_each_step():
    """They telescope to ``h_1`` at the end, however the value changes on the way, since a_0 = 0 and a_1 = 1."""
    x = jax.random.normal(jax.random.key(0), (50, 1))
    found = tilting.tilting(
        lambda s, t, x: jnp.sin(3 * x) + t[:, None],
        lambda t, x: jnp.cos(2 * x[:, 0]) + t * x[:, 0],
        pulled,
        jax.random.key(1),
        x,
        grids.uniform(3),
        diffusion=jnp.zeros_like,
        tilt=lambda t: t**2,
        constancy=False,
        threshold=0.0,
    )
    np.testing.assert_allclose(found.log_weights, np.cos(2 * found.x[:, 0]) + found.x[:, 0], atol=1e-5)
    assert float(jnp.abs(found.x - x).max()) > 0.5


def test_the_law_is_right_with_resampling_and_langevin_steps_several_times_on_the_way():
    found = run(threshold=0.95, noise=1.5, substeps=2)
    assert int(found.resampled.sum()) >= 3
    w = np.asarray(jax.nn.softmax(found.log_weights))
    # Langevin steps make the points new, so that all of them count.
    np.testing.assert_allclose(w @ found.x[:, 0], SLOPE, atol=5 / np.sqrt(0.5 * COUNT))
    np.testing.assert_allclose(w @ (found.x[:, 0] - SLOPE) ** 2, 1, atol=5 * np.sqrt(2 / (0.5 * COUNT)))


@pytest.mark.usefixtures("x64")
def test_a_langevin_step_by_hand():
    """At one inner time, of a normal law with the value of a wave: proposal and acceptance from the densities."""
    count, spread, time, substeps = 200, 0.6, 0.4, 2
    grid, strength, key = jnp.array([0.0, time, 1.0]), 3.0, jax.random.key(3)
    start = spread * jax.random.normal(jax.random.key(0), (count, 2))

    def h(t, x):
        return jnp.sin(3 * x[:, 0]) + t * x[:, 1]

    found = tilting.tilting(
        nothing,
        h,
        lambda t, x: -x / spread**2,
        key,
        start,
        grid,
        diffusion=lambda t: strength * (1 - t),
        tilt=lambda t: t**2,
        substeps=substeps,
        threshold=0.0,
    )
    half = (strength * (1 - time)) ** 2 * time / substeps / 2

    def log_aim(x):
        """Log of ``p e^{a h}`` at the inner time, a = t^2."""
        wave = np.sin(3 * x[:, 0]) + time * x[:, 1]
        return -np.sum(x**2, axis=1) / (2 * spread**2) + time**2 * wave

    def centre(x):
        slope = np.stack([3 * np.cos(3 * x[:, 0]), np.full(count, time)], axis=1)
        return x + half * (time**2 * slope - x / spread**2)

    x, moved = np.asarray(start), []
    for of_step in jax.random.split(jax.random.split(jax.random.split(key, 2)[0])[1], substeps):
        of_noise, of_choice = jax.random.split(of_step)
        z = np.asarray(jax.random.normal(of_noise, x.shape))
        u = np.asarray(jax.random.uniform(of_choice, (count,)))
        y = centre(x) + np.sqrt(2 * half) * z
        ways = (np.sum((b - centre(a)) ** 2, axis=1) / (4 * half) for a, b in ((x, y), (y, x)))
        log_rate = log_aim(y) - log_aim(x) + next(ways) - next(ways)
        x = np.where((np.log(u) < log_rate)[:, None], y, x)
        moved.append((np.log(u) < log_rate).mean())
    assert 0.5 < min(moved) <= max(moved) < 0.95
    np.testing.assert_allclose(found.x, x, rtol=1e-9)
    # The weight is made before the step, by the value where the point was then.
    first, second = h(0.0, np.asarray(start)), h(time, x)
    np.testing.assert_allclose(found.log_weights, time**2 * first + (1 - time**2) * second, rtol=1e-9)


def test_the_strength_of_the_noise_falls_to_zero_at_the_data():
    found = tilting.falling(noise_std=0.7, noise=0.5)(jnp.array([0.0, 0.5, 0.92, 1.0]))
    np.testing.assert_allclose(found, 0.35 * np.array([np.sqrt(2), 1.0, 0.4, 0.0]), atol=1e-6)
