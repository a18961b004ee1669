"""The rules on the sphere: zero at exact maps, finite differences, and flat space as a limit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.losses import eulerian, lagrangian, progressive, riemannian
from taxonomy import characterizations, exact_curved, flow_map
from taxonomy.arrays import expand, ratio, squared_norm
from taxonomy.spaces import FLAT, SPHERE, TORUS, sphere
from tests.helpers import inputs, tiny, tiny_params

pytestmark = pytest.mark.usefixtures("x64")
AXIS = np.array([[0.3, -0.5, 0.8]])


def points(seed=0, count=5):
    return SPHERE.uniform(jax.random.key(seed), (count, 3))


def times():
    s, u, t, _, _ = inputs()
    return s, u, t


def average(space, jump):
    """The average velocity of a map that is known."""

    def v(s, t, x):
        gap = jnp.broadcast_to(expand(t - s, x), x.shape)
        # Near s = t the logarithm over the gap loses digits: there a small jump stands for none.
        return ratio(space.log(x, jump(s, t, x)), gap, otherwise=space.log(x, jump(s, s + 1e-6, x)) / 1e-6)

    return v


def rotate(s, t, x):
    """About AXIS with angular velocity ``1 + t``: through the angle ``t - s + (t^2 - s^2) / 2``."""
    angle = expand(t - s + (t**2 - s**2) / 2, x)
    axis = jnp.broadcast_to(AXIS / np.linalg.norm(AXIS), x.shape)
    along = jnp.sum(axis * x, axis=-1, keepdims=True) * axis
    return along + jnp.cos(angle) * (x - along) + jnp.sin(angle) * jnp.cross(axis, x)


def rotation(t, x):
    return expand(1 + t, x) * jnp.cross(jnp.broadcast_to(AXIS / np.linalg.norm(AXIS), x.shape), x)


def rise(s, t, x):
    """Along ``b_t(x) = t (e - <e, x> x)``, to the north pole: the artanh of the height grows by ``(t^2 - s^2) / 2``."""
    height = x[:, 2]
    new = jnp.tanh(jnp.arctanh(height) + (t**2 - s**2) / 2)
    return jnp.concatenate([x[:, :2] * jnp.sqrt((1 - new**2) / (1 - height**2))[:, None], new[:, None]], axis=-1)


def rising(t, x):
    north = jnp.broadcast_to(jnp.array([[0.0, 0.0, 1.0]]), x.shape)
    return expand(t, x) * SPHERE.tangent(x, north)


EXACT = {"rotation": (rotate, rotation), "gradient of the height": (rise, rising)}


def values(v, b, x, *, space):
    s, u, t = times()
    return {
        "lagrangian": riemannian.lagrangian(v, b, x, s, t, space=space),
        "eulerian": riemannian.eulerian(v, x, s, t, velocity=b(s, x), space=space),
        "mean_flow": riemannian.mean_flow(v, x, s, t, velocity=b(s, x), space=space),
        "semigroup": riemannian.progressive(v, v, x, s, u, t, space=space),
        "semigroup of velocities": riemannian.progressive(v, v, x, s, u, t, space=space, of_points=False),
    }


@pytest.mark.parametrize("name", EXACT)
def test_every_rule_is_zero_at_an_exact_map_and_not_beside_it(name):
    (jump, b), x = EXACT[name], points()
    exact = average(SPHERE, jump)

    def beside(s, t, x):
        return exact(s, t, x) + 0.1 * SPHERE.tangent(x, jnp.sin(3 * x) * expand(1 + t, x))

    for rule, found in values(exact, b, x, space=SPHERE).items():
        assert float(found.max()) < 1e-18, rule
    for rule, found in values(beside, b, x, space=SPHERE).items():
        assert float(found.min()) > 1e-6, rule


@pytest.mark.parametrize("name", EXACT)
def test_the_exact_maps_solve_their_equation(name):
    (jump, b), x, (s, _, t), h = EXACT[name], points(), times(), 1e-5
    np.testing.assert_allclose(jump(s, s, x), x, atol=1e-12)
    slope = (jump(s, t + h, x) - jump(s, t - h, x)) / (2 * h)
    np.testing.assert_allclose(slope, b(t, jump(s, t, x)), atol=1e-9)


@pytest.mark.slow
def test_the_losses_vanish_at_the_map_of_a_solver():
    """Of the exact path to a mixture on the sphere; derivatives by differences of the solutions."""
    flow = exact_curved.sphere_mixture(np.array([[0.0, 0.6, 0.8], [1.0, 0.0, 0.0]]), 5.0)
    solve = jax.jit(lambda s, t, x: flow.solver(s, t, x, tolerance=1e-10))
    x, (s, u, t), h = points(), times(), 1e-4
    end = solve(s, t, x)
    np.testing.assert_allclose(SPHERE.log(end, solve(u, t, solve(s, u, x))), 0, atol=1e-8)
    slope = SPHERE.log(solve(s, t - h, x), solve(s, t + h, x)) / (2 * h)
    np.testing.assert_allclose(SPHERE.tangent(end, slope), flow.b(t, end), atol=1e-6)
    ahead, behind = (SPHERE.exp(x, sign * h * flow.b(s, x)) for sign in (1, -1))
    np.testing.assert_allclose(solve(s + h, t, ahead), solve(s - h, t, behind), atol=1e-7)


def test_the_rules_of_a_translation_of_the_torus_vanish_across_the_cut():
    x = jnp.array([[3.0, -3.1], [2.9, 1.0], [-3.0, 3.1], [0.1, 3.0], [3.1, 3.1]])
    v = average(TORUS, lambda s, t, x: TORUS.exp(x, expand(t - s, x) * 2.0))
    for rule, found in values(v, lambda t, x: 2 * jnp.ones_like(x), x, space=TORUS).items():
        assert float(found.max()) < 1e-18, rule


def student(p):
    """A tangent average velocity on the sphere."""

    def v(s, t, x):
        flat = tiny(p)(s, t, x[:, :2])
        return SPHERE.tangent(x, jnp.concatenate([flat, jnp.sin(flat[:, :1] + x[:, 2:])], axis=-1))

    return v


def test_the_residuals_are_central_differences():
    v, x, (s, _, t), h = student(tiny_params()), points(), times(), 1e-5
    w = SPHERE.tangent(x, jnp.cos(2 * x))

    def jump(s, t, x):
        return flow_map.jump(v, s, t, x, space=SPHERE)

    ahead, behind = (SPHERE.exp(x, sign * h * w) for sign in (1, -1))
    moved = (jump(s + h, t, ahead) - jump(s - h, t, behind)) / (2 * h)
    found = flow_map.d_source(v, s, t, x, w, space=SPHERE)[1]
    np.testing.assert_allclose(found, moved, atol=1e-8)
    # It is tangent at the mapped point.
    np.testing.assert_allclose(jnp.sum(found * jump(s, t, x), axis=-1), 0, atol=1e-12)
    np.testing.assert_allclose(
        riemannian.eulerian(v, x, s, t, velocity=w, space=SPHERE), squared_norm(moved), rtol=1e-6
    )
    slope = (jump(s, t + h, x) - jump(s, t - h, x)) / (2 * h)
    residual = slope - rising(t, jump(s, t, x))
    expected = squared_norm(characterizations.lagrangian(v, rising, s, t, x, space=SPHERE))
    np.testing.assert_allclose(expected, squared_norm(residual), rtol=1e-6)
    np.testing.assert_allclose(riemannian.lagrangian(v, rising, x, s, t, space=SPHERE), expected, rtol=1e-12)
    # The identity of Riemannian MeanFlow: the derivative of (t - s) v = log_x(y) at fixed y, made tangent.
    end = jump(s, t, x)
    turned = (SPHERE.log(ahead, end) - SPHERE.log(behind, end)) / (2 * h)
    along = (v(s + h, t, ahead) - v(s - h, t, behind)) / (2 * h)
    residual = v(s, t, x) - SPHERE.tangent(x, expand(t - s, x) * along - turned)
    found = riemannian.mean_flow(v, x, s, t, velocity=w, space=SPHERE)
    np.testing.assert_allclose(found, squared_norm(residual), rtol=1e-6)


def flat_values(v, b, x):
    s, u, t = times()
    return {
        "lagrangian": lagrangian.lagrangian(v, b, x, s, t),
        "eulerian": eulerian.eulerian(v, x, s, t, velocity=b(s, x)),
        "mean_flow": eulerian.eulerian(v, x, s, t, velocity=b(s, x), stop_gradient="target"),
        "semigroup": progressive.progressive(v, v, x, s, u, t) * (t - s) ** 2,
        "semigroup of velocities": progressive.progressive(v, v, x, s, u, t),
    }


@pytest.mark.parametrize("space", [FLAT, TORUS], ids=["flat", "torus"])
def test_far_from_the_cut_the_torus_is_flat(space):
    v, x = tiny(tiny_params()), 0.3 * inputs()[3]
    b = flow_map.diagonal(tiny(tiny_params(seed=2)))
    flat = flat_values(v, b, x)
    for rule, found in values(v, b, x, space=space).items():
        np.testing.assert_allclose(found, flat[rule], rtol=1e-10, err_msg=rule)


def test_a_large_sphere_is_flat_near_a_point():
    v, b, x = tiny(tiny_params()), flow_map.diagonal(tiny(tiny_params(seed=2))), inputs()[3]
    flat, errors = flat_values(v, b, x), []
    for radius in (1e2, 1e3):
        space = sphere(radius=radius)

        def lifted(f, radius=radius, space=space):
            def of_sphere(*arguments):
                *moments, y = arguments
                above = f(*moments, y[:, :2])
                return space.tangent(y, jnp.concatenate([above, jnp.zeros_like(above[:, :1])], axis=-1))

            return of_sphere

        above = jnp.sqrt(radius**2 - squared_norm(x))[:, None]
        found = values(lifted(v), lifted(b), jnp.concatenate([x, above], axis=-1), space=space)
        errors.append([float(jnp.abs(found[rule] - flat[rule]).max() / flat[rule].max()) for rule in flat])
    errors = np.array(errors)
    assert errors[1].max() < 1e-4
    # Curvature is one over the radius squared.
    np.testing.assert_allclose(errors[0] / errors[1], 100, rtol=0.1)


def test_unknown_options_are_named():
    x, (s, _, t) = points(), times()
    with pytest.raises(ValueError, match="stop_gradient = 'advection'; expected one of velocity, none"):
        riemannian.lagrangian(student(tiny_params()), rising, x, s, t, space=SPHERE, stop_gradient="advection")
    with pytest.raises(ValueError, match="stop_gradient = 'none'; expected one of advection, velocity"):
        riemannian.eulerian(student(tiny_params()), x, s, t, velocity=x, space=SPHERE, stop_gradient="none")
