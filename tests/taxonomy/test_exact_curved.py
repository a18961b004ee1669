"""Exact paths on the sphere and the torus: the equation of continuity, both ends, and a quadrature of another kind."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taxonomy import exact_curved
from taxonomy.spaces import SPHERE, TORUS

pytestmark = pytest.mark.usefixtures("x64")
ON_SPHERE = np.array([[0.0, 0.6, 0.8], [1.0, 0.0, 0.0], [0.0, -0.8, -0.6]])
ON_TORUS = np.array([[3.0, -3.0], [0.5, 1.0], [-2.0, 2.5]])
PATHS = {
    "sphere": (SPHERE, exact_curved.sphere_mixture(ON_SPHERE, 20.0), exact_curved.fisher_density(ON_SPHERE, 20.0), 3),
    "torus": (TORUS, exact_curved.torus_mixture(ON_TORUS, 0.4), exact_curved.wrapped_density(ON_TORUS, 0.4), 2),
}
TIMES = jnp.array([0.05, 0.3, 0.5, 0.8, 0.97])


@pytest.fixture(params=PATHS)
def case(request):
    space, flow, density, dim = PATHS[request.param]
    return space, flow, density, space.uniform(jax.random.key(1), (5, dim))


def test_mass_is_kept_on_the_way(case):
    """``d/dt p + div(p b) = 0``; b is constant along rays, so that its divergence in space is that on the sphere."""
    _, flow, _, x = case

    def mass(t, x):
        return jnp.exp(flow.log_density(t, x))

    change = jax.jvp(lambda t: mass(t, x), (TIMES,), (jnp.ones_like(TIMES),))[1]

    def flux(t, y):
        return (mass(t[None], y[None])[:, None] * flow.b(t[None], y[None]))[0]

    divergence = jax.vmap(lambda t, y: jnp.trace(jax.jacfwd(lambda y: flux(t, y))(y)))(TIMES, x)
    assert float(jnp.abs(change).max()) > 1e-2
    np.testing.assert_allclose(change, -divergence, atol=1e-8)


def test_it_begins_uniform_and_ends_at_the_data(case):
    space, flow, density, x = case
    zero, one = jnp.zeros(5), jnp.ones(5)
    np.testing.assert_allclose(flow.log_density(zero, x), 0, atol=1e-9)
    np.testing.assert_allclose(jnp.exp(flow.log_density(one, x)), density(x), rtol=1e-9)
    # The ways to a point come from all sides at the end.
    np.testing.assert_allclose(flow.b(one, x), 0, atol=1e-9)
    np.testing.assert_allclose(space.tangent(x, flow.b(TIMES, x)), flow.b(TIMES, x), atol=1e-12)
    np.testing.assert_allclose(flow.posterior_mean(one, x), x, atol=1e-9)
    h, direction = 1e-5, space.tangent(x, jnp.sin(x) + 0.2)
    slope = flow.log_density(TIMES, space.exp(x, h * direction)) - flow.log_density(TIMES, space.exp(x, -h * direction))
    np.testing.assert_allclose(
        jnp.sum(flow.score(TIMES, x) * direction, axis=-1), slope / (2 * h), rtol=1e-5, atol=1e-7
    )


def test_velocity_and_density_are_integrals_over_all_noise(case):
    """Over a grid of the whole space, point by point: no Bessel function, and no product over the angles."""
    space, flow, density, x = case
    nodes, weights = np.polynomial.legendre.leggauss(90)
    turns = np.pi * nodes
    if space is TORUS:
        z = np.pi * np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
        w, z = np.outer(weights, weights).ravel() / 4, np.broadcast_to(z, (5, *z.shape))
    else:
        angle, turns = np.pi / 2 * (nodes + 1), 2 * np.pi * np.arange(90) / 90
        first = np.cross(np.asarray(x), np.array([0.6, 0.0, 0.8]))
        first = first / np.linalg.norm(first, axis=-1, keepdims=True)
        second = np.cross(np.asarray(x), first)
        around = np.cos(turns)[None, :, None] * first[:, None] + np.sin(turns)[None, :, None] * second[:, None]
        z = (angle[None, :, None, None] * around[:, None]).reshape(5, -1, 3)
        w = np.outer(np.pi / 4 * weights * np.sin(angle), np.ones(90) / 90).ravel()
    ahead = space.exp(jnp.broadcast_to(x[:, None], z.shape), (1 - TIMES)[:, None, None] * z)
    mass = density(ahead) * w[None]
    np.testing.assert_allclose(jnp.exp(flow.log_density(TIMES, x)), mass.sum(axis=1), rtol=1e-8)
    expected = (mass[..., None] * z).sum(axis=1) / mass.sum(axis=1)[:, None]
    np.testing.assert_allclose(flow.b(TIMES, x), expected, atol=1e-8)


@pytest.mark.parametrize("name", ["torus", pytest.param("sphere", marks=pytest.mark.slow)])
def test_the_map_goes_there_and_back(name):
    space, flow, _, dim = PATHS[name]
    x = space.uniform(jax.random.key(1), (5, dim))
    zero, one = jnp.zeros(5), jnp.ones(5)
    there = flow.solver(zero, one, x, tolerance=1e-8)
    np.testing.assert_allclose(space.log(x, flow.solver(one, zero, there, tolerance=1e-8)), 0, atol=1e-6)
    assert np.all(space.off(np.asarray(there)) < 1e-12)
    assert float(jnp.abs(space.log(x, there)).max()) > 0.1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: exact_curved.sphere_mixture(2 * ON_SPHERE[:1], 20.0), "1 of 1 centres do not lie on a sphere"),
        (lambda: exact_curved.sphere_mixture(ON_SPHERE, 0.0), "concentration = 0.0; expected a positive number"),
        (lambda: exact_curved.torus_mixture(2 * ON_TORUS[:1], 0.4), "1 of 1 centres do not lie on a torus"),
        (lambda: exact_curved.torus_mixture(ON_TORUS, 1.5), "width = 1.5; expected a standard deviation in"),
    ],
)
def test_impossible_mixtures_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
