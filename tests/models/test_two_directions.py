import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import two_directions
from taxonomy import exact, exact_map
from taxonomy.arrays import expand, squared_norm
from taxonomy.interpolants import LINEAR, TRIGONOMETRIC
from tests.helpers import tiny, tiny_params

pytestmark = pytest.mark.usefixtures("x64")
MEAN, COVARIANCE, STD = np.array([1.3, -0.4]), np.array([[0.6, 0.2], [0.2, 0.3]]), 0.7


def root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values)) @ vectors.T


def data(count=6, seed=0):
    return MEAN + np.asarray(jax.random.normal(jax.random.key(seed), (count, 2))) @ root(COVARIANCE)


@pytest.mark.parametrize("path", [LINEAR, TRIGONOMETRIC])
@pytest.mark.parametrize("steps", [1, 3])
def test_inversion_of_the_gaussian_map_is_whitening(path, steps):
    v = exact.gaussian(path, mean=MEAN, covariance=COVARIANCE, noise_std=STD).v
    x = data()
    latent = two_directions.invert(v, jnp.asarray(x), steps=steps)
    expected = STD * (x - MEAN) @ np.linalg.inv(root(COVARIANCE))
    np.testing.assert_allclose(latent, expected, atol=1e-12)
    np.testing.assert_allclose(two_directions.regenerate(v, jnp.asarray(expected), steps=steps), x, atol=1e-12)
    np.testing.assert_allclose(two_directions.round_trip(v, jnp.asarray(x), steps=steps), x, atol=1e-12)


def test_a_map_that_does_not_invert_itself_is_seen_by_its_round_trip():
    v, x = tiny(tiny_params()), data()
    zero, one = jnp.zeros(len(x)), jnp.ones(len(x))
    latent = x - v(one, zero, x)
    np.testing.assert_allclose(two_directions.round_trip(v, jnp.asarray(x)), latent + v(zero, one, latent), rtol=1e-12)
    assert float(jnp.max(jnp.abs(two_directions.round_trip(v, jnp.asarray(x)) - x))) > 0.1


def test_inversion_part_of_the_way():
    v = exact.gaussian(LINEAR, mean=MEAN, covariance=COVARIANCE, noise_std=STD).v
    x, u = data(), 0.4
    middle = root((1 - u) ** 2 * STD**2 * np.eye(2) + u**2 * COVARIANCE)
    expected = u * MEAN + (x - MEAN) @ np.linalg.inv(root(COVARIANCE)) @ middle
    np.testing.assert_allclose(two_directions.invert(v, jnp.asarray(x), until=u, steps=2), expected, atol=1e-12)
    np.testing.assert_allclose(two_directions.regenerate(v, jnp.asarray(expected), until=u), x, atol=1e-12)


def test_editing_between_gaussians_is_the_optimal_transport_of_commuting_ones():
    other_mean, other = np.array([-2.0, 0.5]), 2.5 * COVARIANCE + 0.1 * np.eye(2)  # commutes with COVARIANCE
    v = exact.gaussian(LINEAR, mean=MEAN, covariance=COVARIANCE, noise_std=STD).v
    w = exact.gaussian(LINEAR, mean=other_mean, covariance=other, noise_std=STD).v
    x = data()
    expected = other_mean + (x - MEAN) @ np.linalg.inv(root(COVARIANCE)) @ root(other)
    np.testing.assert_allclose(two_directions.edit(v, w, jnp.asarray(x)), expected, atol=1e-12)
    np.testing.assert_allclose(two_directions.edit(w, v, jnp.asarray(expected)), x, atol=1e-12)
    np.testing.assert_allclose(two_directions.edit(v, v, jnp.asarray(x), until=0.3), x, atol=1e-12)


CLASSES = [
    {
        "weights": np.array([0.3, 0.7]),
        "means": np.array([[1.0, -0.5], [1.2, 0.9]]),
        "covariances": np.array([[[0.2, 0.05], [0.05, 0.1]], [[0.1, -0.04], [-0.04, 0.2]]]),
    },
    {
        "weights": np.array([0.5, 0.5]),
        "means": np.array([[-1.0, 0.6], [-0.8, -0.7]]),
        "covariances": np.array([[[0.1, 0.0], [0.0, 0.3]], [[0.2, 0.06], [0.06, 0.1]]]),
    },
]


def exact_average_velocity(flow, tolerance):
    def v(s, t, x):
        return (exact_map.solve(flow.b, s, t, x, tolerance=tolerance) - x) / expand(t - s, x)

    return v


@pytest.mark.slow
def test_editing_from_one_class_to_another_has_the_law_of_the_other():
    count, tolerance = 200, 1e-7
    v, w = (jax.jit(exact_average_velocity(exact.mixture(LINEAR, noise_std=STD, **law), tolerance)) for law in CLASSES)
    keys = jax.random.split(jax.random.key(3), 2)
    source, target = CLASSES
    picked = jax.random.choice(keys[0], 2, (count,), p=source["weights"])
    spread = np.linalg.cholesky(source["covariances"])[picked]
    x = source["means"][picked] + jnp.einsum("nij,nj->ni", spread, jax.random.normal(keys[1], (count, 2)))
    edited = two_directions.edit(v, w, jnp.asarray(x))
    mean = target["weights"] @ target["means"]
    offsets = target["means"] - mean
    spread = target["covariances"] + offsets[:, :, None] * offsets[:, None]
    second = np.einsum("k,kij->ij", target["weights"], spread)
    # Four standard errors of the mean, and of second moments with a fourth moment of at most three squares.
    np.testing.assert_allclose(edited.mean(axis=0), mean, atol=4 * np.sqrt(second.max() / count))
    np.testing.assert_allclose(np.cov(edited, rowvar=False), second, atol=4 * second.max() * np.sqrt(2 / count))
    # What is edited there and back is what it was.
    np.testing.assert_allclose(two_directions.edit(w, v, edited), x, atol=1e-4)


def test_the_great_circle_by_hand():
    # A quarter of a circle of radius 2, and a third of a turn between lengths 1 and 3.
    a, b = jnp.array([[2.0, 0.0], [1.0, 0.0]]), jnp.array([[0.0, 2.0], [-1.5, 1.5 * np.sqrt(3)]])
    third = two_directions.spherical(a, b, jnp.array([1 / 3, 1 / 2]))
    expected = [[2 * np.cos(np.pi / 6), 2 * np.sin(np.pi / 6)], [2 * np.cos(np.pi / 3), 2 * np.sin(np.pi / 3)]]
    np.testing.assert_allclose(third, expected, atol=1e-12)
    ends = (two_directions.spherical(a, b, jnp.full(2, w)) for w in (0.0, 1.0))
    for end, point in zip(ends, (a, b), strict=True):
        np.testing.assert_allclose(end, point, atol=1e-12)
    # Parallel noises have no angle: the length alone moves, with finite derivatives.
    line = two_directions.spherical(a, 3 * a, jnp.full(2, 0.25))
    np.testing.assert_allclose(line, 1.5 * a, atol=1e-12)


def test_noise_between_noises_has_the_length_of_noise():
    count, dim, std = 500, 64, 0.4
    a, b = std * jax.random.normal(jax.random.key(0), (2, count, dim))
    half = jnp.full(count, 0.5)
    # |x|^2 has mean std^2 dim and variance 2 std^4 dim per sample: four standard errors.
    bound = 4 * std**2 * np.sqrt(2 * dim / count)
    for between in (two_directions.spherical, two_directions.rotation):
        lengths = squared_norm(between(a, b, half))
        # The mean of two lengths has half their variance: 1/4 of std^2 is missing of std^2 dim.
        np.testing.assert_allclose(float(lengths.mean()), std**2 * dim, atol=bound + std**2 / 4)
    assert float(squared_norm((a + b) / 2).mean()) < 0.6 * std**2 * dim


def test_rotation_keeps_the_law_in_the_plane_where_the_great_circle_does_not():
    count = 40_000
    a, b = jax.random.normal(jax.random.key(1), (2, count, 2))
    share = jnp.full(count, 0.5)
    turned, great = two_directions.rotation(a, b, share), two_directions.spherical(a, b, share)
    bound = 4 * np.sqrt(8 / count)  # |x|^2 = 2 with variance 4, |x|^4 = 8
    np.testing.assert_allclose(np.cov(turned, rowvar=False), np.eye(2), atol=bound)
    # Lengths are averaged: E ((|a| + |b|) / 2)^2 = 1 + pi / 4 in the plane.
    np.testing.assert_allclose(float(squared_norm(great).mean()), 1 + np.pi / 4, atol=bound)


@pytest.mark.parametrize("path", two_directions.PATHS)
def test_interpolation_of_gaussian_data(path):
    v = exact.gaussian(LINEAR, mean=MEAN, covariance=COVARIANCE, noise_std=STD).v
    a, b = data(seed=1), data(seed=2)
    shares = jnp.array([0.0, 0.3, 1.0])
    found = two_directions.interpolate(v, jnp.asarray(a), jnp.asarray(b), shares, path=path)
    np.testing.assert_allclose(found[0], a, atol=1e-12)
    np.testing.assert_allclose(found[2], b, atol=1e-12)
    z_a, z_b = (STD * (x - MEAN) @ np.linalg.inv(root(COVARIANCE)) for x in (a, b))
    between = np.asarray(two_directions.PATHS[path](jnp.asarray(z_a), jnp.asarray(z_b), jnp.full(len(a), 0.3)))
    np.testing.assert_allclose(found[1], MEAN + between @ root(COVARIANCE) / STD, atol=1e-12)


def test_every_way_takes_its_own_number_of_jumps():
    """On maps that do not compose, where two jumps are not one."""
    v, w = jax.jit(tiny(tiny_params(1))), jax.jit(tiny(tiny_params(2)))
    a, b = (jnp.asarray(data(seed=seed)) for seed in (1, 2))

    def jumps(v, x, *times):
        for s, t in itertools.pairwise(times):
            x = x + (t - s) * v(jnp.full(len(x), s), jnp.full(len(x), t), x)
        return x

    z_a, z_b = (jumps(v, x, 1, 0.5, 0) for x in (a, b))
    assert float(jnp.abs(z_a - jumps(v, a, 1, 0)).max()) > 0.05
    np.testing.assert_allclose(two_directions.round_trip(v, a, steps=2), jumps(v, z_a, 0, 0.5, 1), rtol=1e-12)
    edited = jumps(w, jumps(v, a, 1, 0.6, 0.2), 0.2, 0.6, 1)
    np.testing.assert_allclose(two_directions.edit(v, w, a, steps=2, until=0.2), edited, rtol=1e-12)
    between = two_directions.rotation(z_a, z_b, jnp.full(len(a), 0.3))
    found = two_directions.interpolate(v, a, b, jnp.array([0.3]), steps=2, path="rotation")
    np.testing.assert_allclose(found[0], jumps(v, between, 0, 0.5, 1), rtol=1e-12)


@pytest.mark.parametrize("options", [{"steps": 0}, {"until": 1.0}, {"until": -0.1}])
def test_faulty_grids_are_refused(options):
    with pytest.raises(ValueError, match="expected"):
        two_directions.invert(tiny(tiny_params()), jnp.asarray(data()), **options)


def test_an_unknown_path_is_refused():
    with pytest.raises(ValueError, match="path = 'straight'; expected one of spherical, rotation"):
        two_directions.interpolate(tiny(tiny_params()), *2 * [jnp.asarray(data())], jnp.zeros(1), path="straight")
