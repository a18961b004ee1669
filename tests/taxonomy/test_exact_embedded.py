"""A plane of data in more dimensions: the exact path against a Gaussian's closed form, and its map against a solver."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taxonomy import exact, exact_map, exact_planar
from taxonomy.exact_embedded import basis, embedded
from taxonomy.interpolants import INTERPOLANTS, LINEAR

pytestmark = pytest.mark.usefixtures("x64")
MEAN, COVARIANCE, STD = np.array([0.4, -0.2]), np.array([[0.6, 0.2], [0.2, 0.3]]), 0.7
P = basis(5)


def gaussian(path):
    inner = exact.gaussian(path, mean=MEAN, covariance=COVARIANCE, noise_std=STD)
    return embedded(path, inner, basis=P, noise_std=STD)


def points(count, dim=5):
    return jax.random.normal(jax.random.key(0), (count, dim))


def test_the_basis_is_fixed_orthonormal_and_another_for_other_dimensions():
    for dim in (2, 3, 512):
        np.testing.assert_allclose(basis(dim).T @ basis(dim), np.eye(2), atol=1e-12)
        np.testing.assert_array_equal(basis(dim), basis(dim))
    assert basis(3, inner=1).shape == (3, 1)


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_an_embedded_gaussian_is_the_gaussian_with_the_covariance_of_its_plane(name):
    """P y with y ~ N(m, C) is N(P m, P C P^T), whose path has a closed form of its own."""
    path = INTERPOLANTS[name]
    known = exact.gaussian(path, mean=P @ MEAN, covariance=P @ COVARIANCE @ P.T, noise_std=STD)
    found, x = gaussian(path), points(4)
    s, t = jnp.array([0.0, 0.3, 0.6, 0.2]), jnp.array([0.9, 0.3, 0.8, 0.7])
    for field in ("b", "posterior_mean", "score", "log_density"):
        np.testing.assert_allclose(getattr(found, field)(t, x), getattr(known, field)(t, x), atol=1e-8, err_msg=field)
    np.testing.assert_allclose(found.v(s, t, x), known.v(s, t, x), atol=1e-8)


@pytest.mark.parametrize("name", ["linear", pytest.param("trigonometric", marks=pytest.mark.slow)])
def test_the_map_is_what_an_adaptive_solver_finds_in_all_dimensions(name):
    path = INTERPOLANTS[name]
    flow = exact.gaussian(path, mean=MEAN, covariance=COVARIANCE, noise_std=STD)._replace(v=None)
    found = embedded(path, flow, basis=P, noise_std=STD)
    assert found.v is None
    s, t, x = jnp.array([0.0, 0.2, 0.7, 0.1]), jnp.array([0.9, 0.6, 0.3, 1.0]), STD * points(4)
    solved = exact_map.solve(found.b, s, t, x, tolerance=1e-10, until=found.until)
    mapped = found.solver(s, t, x, tolerance=1e-10)
    np.testing.assert_allclose(mapped, solved, atol=2e-6)  # one step of Euler's is left at t = 1
    np.testing.assert_allclose(mapped[:3], solved[:3], atol=1e-8)
    # At t = 1 everything is in the plane.
    np.testing.assert_allclose(mapped[3] @ P @ P.T, mapped[3], atol=1e-12)


def test_in_its_own_dimensions_nothing_but_a_rotation_changes():
    flow, turn = exact_planar.checkerboard().exact_flow(LINEAR), basis(2)
    found, t, x = embedded(LINEAR, flow, basis=turn, noise_std=STD), jnp.array([0.2, 0.8, 1.0]), 0.3 * points(3, 2)
    np.testing.assert_allclose(found.b(t, x), flow.b(t, x @ turn) @ turn.T, atol=1e-10)
    np.testing.assert_allclose(found.log_density(t, x), flow.log_density(t, x @ turn), atol=1e-10)


def test_data_stay_where_they_are():
    """At t = 1 velocity is finite on the data, and the map from 1 to 1 is the identity."""
    x = jnp.array([[0.1, 0.2], [-0.3, 0.1]]) @ P.T
    one = jnp.ones(2)
    assert np.isfinite(gaussian(LINEAR).b(one, x)).all()
    np.testing.assert_allclose(gaussian(LINEAR).solver(one, one, x, tolerance=1e-8), x, atol=1e-12)


@pytest.mark.parametrize(
    ("columns", "noise_std", "message"),
    [
        (np.ones((5, 2)), 1.0, r"basis has shape \(5, 2\); expected \(dim, inner\) with orthonormal columns"),
        (np.ones(5), 1.0, "with orthonormal columns"),
        (P, 0.0, "noise_std = 0.0; expected a positive number"),
    ],
)
def test_bad_input(columns, noise_std, message):
    inner = exact.gaussian(LINEAR, mean=MEAN, covariance=COVARIANCE)
    with pytest.raises(ValueError, match=message):
        embedded(LINEAR, inner, basis=columns, noise_std=noise_std)
    with pytest.raises(ValueError, match="time"):
        gaussian(LINEAR).b(jnp.array([1.5]), points(1))
