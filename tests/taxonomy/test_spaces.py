"""Spheres and tori: exponential and logarithm, tangent vectors, uniform points, and the geodesic path."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taxonomy import flow_map
from taxonomy.interpolants import LINEAR
from taxonomy.spaces import FLAT, SPHERE, TORUS, check_on, distance, sphere, wrapped

pytestmark = pytest.mark.usefixtures("x64")
LARGE = sphere(radius=2.5)
SPACES = {"flat": (FLAT, 2), "sphere": (SPHERE, 3), "large sphere": (LARGE, 3), "torus": (TORUS, 2)}


def draw(space, dim, seed, count=200):
    key = jax.random.key(seed)
    return space.uniform(key, (count, dim)) if space.curved else jax.random.normal(key, (count, dim))


@pytest.fixture(params=SPACES)
def case(request):
    space, dim = SPACES[request.param]
    return space, draw(space, dim, 0), draw(space, dim, 1)


def test_exp_and_log_are_inverse_to_each_other(case):
    space, x, y = case
    w = space.log(x, y)
    np.testing.assert_allclose(space.exp(x, w), y, atol=1e-9)
    np.testing.assert_allclose(space.tangent(x, w), w, atol=1e-12)
    # Short vectors come back; long ones go around.
    short = 0.3 * w
    np.testing.assert_allclose(space.log(x, space.exp(x, short)), short, atol=1e-10)
    # Both ways are as long, and where points are equal all is zero.
    np.testing.assert_allclose(distance(space, x, y), distance(space, y, x), rtol=1e-9)
    np.testing.assert_allclose(space.log(x, x), 0, atol=1e-12)


def test_distances_are_the_known_ones():
    x, y = draw(LARGE, 3, 0), draw(LARGE, 3, 1)
    expected = 2.5 * np.arccos(np.sum(np.asarray(x) * np.asarray(y), axis=-1) / 2.5**2)
    np.testing.assert_allclose(distance(LARGE, x, y), expected, rtol=1e-9)
    a, b = jnp.array([[3.0, 0.0]]), jnp.array([[-3.0, 0.5]])
    np.testing.assert_allclose(distance(TORUS, a, b), math.hypot(2 * math.pi - 6, 0.5), rtol=1e-12)
    np.testing.assert_allclose(wrapped(jnp.array([3.5, -4.0, 7.0])), [3.5 - 2 * np.pi, 2 * np.pi - 4, 7 - 2 * np.pi])


def test_derivatives_are_finite_differences_at_all_distances(case):
    space, x, y = case
    h = 1e-6
    direction = space.tangent(x, jnp.sin(3 * x) + 0.5)
    for scale in (0.0, 1e-8, 1e-3, 0.9e-2, 1.1e-2, 0.7):
        w = scale * space.log(x, y)
        for f in (lambda w: space.exp(x, w), lambda w: space.log(x, space.exp(x, w))):
            found = jax.jvp(f, (w,), (direction,))[1]
            expected = (f(w + h * direction) - f(w - h * direction)) / (2 * h)
            np.testing.assert_allclose(found, expected, atol=2e-6)
            assert np.all(np.isfinite(jax.grad(lambda w, f=f: jnp.sum(f(w) ** 2))(w)))


def test_uniform_points_are_uniform():
    x = np.asarray(draw(SPHERE, 3, 3, 40_000))
    np.testing.assert_allclose(np.linalg.norm(x, axis=-1), 1, rtol=1e-12)
    np.testing.assert_allclose(x.T @ x / len(x), np.eye(3) / 3, atol=0.01)
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=0.012)
    x = np.asarray(draw(TORUS, 2, 3, 40_000))
    for turns in (1, 2, 3):
        assert np.all(np.abs(np.exp(1j * turns * x).mean(axis=0)) < 0.02)


def test_what_a_network_returns_is_made_tangent(case):
    space, x, _ = case
    shown = space.embed(x)
    vector = space.pull(x, jnp.cos(2 * shown) + 0.3)
    np.testing.assert_allclose(space.tangent(x, vector), vector, atol=1e-12)
    # A velocity of the point, seen in what is shown of it, is pulled back to itself.
    w = space.tangent(x, jnp.sin(x) + 0.1)
    pushed = jax.jvp(space.embed, (x,), (w,))[1]
    scale = 2.5 if space is LARGE else 1.0
    np.testing.assert_allclose(scale * space.pull(x, pushed), w, atol=1e-12)


def test_the_path_is_a_geodesic_of_constant_speed(case):
    space, x0, x1 = case
    path, h = dataclasses.replace(LINEAR, check=False, space=space), 1e-6
    t = jnp.linspace(0.05, 0.95, len(x0))
    for end, x in ((0.0, x0), (1.0, x1)):
        np.testing.assert_allclose(path.position(jnp.full(len(t), end), x0, x1), x, atol=1e-9)
    position, velocity = path.position(t, x0, x1), path.velocity(t, x0, x1)
    np.testing.assert_allclose(jnp.linalg.norm(velocity, axis=-1), distance(space, x0, x1), rtol=1e-9)
    np.testing.assert_allclose(space.tangent(position, velocity), velocity, atol=1e-9)
    np.testing.assert_allclose(space.log(position, x1), (1 - t)[:, None] * velocity, atol=1e-8)
    slope = space.log(path.position(t - h, x0, x1), path.position(t + h, x0, x1)) / (2 * h)
    # The slope is tangent a little before.
    np.testing.assert_allclose(velocity, space.tangent(position, slope), atol=1e-7)


def test_a_jump_in_flat_space_is_what_it_was():
    x, (s, t) = draw(FLAT, 2, 0), jax.random.uniform(jax.random.key(4), (2, 200))

    def v(s, t, x):
        return jnp.sin(x) + (t - s)[:, None]

    np.testing.assert_array_equal(flow_map.jump(v, s, t, x), x + (t - s)[:, None] * v(s, t, x))


@pytest.mark.parametrize(
    ("space", "points", "message"),
    [
        (
            SPHERE,
            [[0.0, 0.0, 1.0], [0.0, 0.0, 1.1]],
            r"1 of 2 centres do not lie on a sphere, first number 1: .* 0.1 off",
        ),
        (SPHERE, [[0.0, np.nan, 1.0]], "1 of 1 centres do not lie on a sphere"),
        (TORUS, [[180.0, 0.0]], r"a torus, .* expected angles in \[-pi, pi\], in radians"),
    ],
)
def test_a_point_off_the_space_is_named(space, points, message):
    with pytest.raises(ValueError, match=message):
        check_on(space, points, name="centres")


def test_points_on_the_space_pass_and_a_radius_is_positive():
    check_on(SPHERE, np.eye(3, dtype=np.float32), name="centres")
    check_on(TORUS, [[np.pi, -np.pi]], name="centres")
    with pytest.raises(ValueError, match="radius = 0; expected a positive number"):
        sphere(radius=0)
