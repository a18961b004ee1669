"""Smooth paths of noise: orthonormal rates, their integrals, what an interval holds of a path, and their law."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate

from taxonomy import exact, flow_map
from taxonomy.interpolants import INTERPOLANTS, LINEAR
from taxonomy.noise_paths import Driven, basis, in_interval, integrated_basis, position, rate

pytestmark = pytest.mark.usefixtures("x64")
TERMS = 5
SOURCE, TARGET = np.array([0.1, 0.3, 0.6]), np.array([0.9, 0.35, 0.6])  # in the precision of each test


def paths(terms=TERMS, batch=3):
    return jax.random.normal(jax.random.key(0), (batch, terms, 2))


def test_rates_are_orthonormal_and_positions_their_integrals():
    nodes, weights = np.polynomial.legendre.leggauss(20)
    values = np.asarray(basis(jnp.asarray((nodes + 1) / 2), terms=TERMS))
    np.testing.assert_allclose(np.einsum("n,nj,nk->jk", weights / 2, values, values), np.eye(TERMS), atol=1e-13)
    t = jnp.linspace(0, 1, 7)
    slopes = jax.vmap(jax.jacfwd(lambda t: integrated_basis(t, terms=TERMS)))(t)
    np.testing.assert_allclose(slopes, basis(t, terms=TERMS), atol=1e-12)
    np.testing.assert_allclose(integrated_basis(jnp.zeros(1), terms=TERMS), 0, atol=1e-14)
    np.testing.assert_allclose(integrated_basis(jnp.ones(1), terms=TERMS)[0], np.eye(TERMS)[0], atol=1e-14)
    # One term is the one that a recurrence can forget.
    np.testing.assert_allclose(basis(t, terms=1)[:, 0], 1)
    np.testing.assert_allclose(integrated_basis(t, terms=1)[:, 0], t, atol=1e-15)


def test_the_covariance_of_the_paths_tends_to_that_of_brownian_motion():
    t = jnp.linspace(0, 1, 9)
    errors = []
    for terms in (4, 8, 16, 32):
        values = np.asarray(integrated_basis(t, terms=terms))
        difference = np.minimum(t[:, None], t[None, :]) - values @ values.T
        # What is missing is a covariance too, so that the variance is never too large.
        assert np.linalg.eigvalsh(difference).min() > -1e-12
        errors.append(np.abs(difference).max())
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 2, rtol=0.15)


def test_an_interval_holds_all_that_happens_on_it():
    coefficients, s, t = paths(), jnp.asarray(SOURCE), jnp.asarray(TARGET)
    held = in_interval(coefficients, s, t)
    assert held.shape == coefficients.shape
    np.testing.assert_array_equal(held[2], 0)
    nodes = (np.polynomial.legendre.leggauss(TERMS)[0] + 1) / 2
    # The polynomial through these values is the path's rate everywhere on the interval.
    for i in range(2):
        fit = np.polyfit(nodes, np.asarray(held[i]), TERMS - 1)
        for share in (0.0, 0.37, 1.0):
            r = float(s[i] + (t[i] - s[i]) * share)
            expected = np.asarray(rate(coefficients[i : i + 1], jnp.full(1, r)))[0] * float(t[i] - s[i])
            np.testing.assert_allclose([np.polyval(fit[:, d], share) for d in range(2)], expected, rtol=1e-9)


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_the_mean_push_is_the_integral_of_the_push(name):
    driven = Driven(path=INTERPOLANTS[name], noise_std=0.7, strength=1.3)
    coefficients, s, t = paths(), jnp.asarray(SOURCE), jnp.asarray(TARGET)
    found = driven.mean_push(coefficients, s, t)
    for i in range(2):

        def push(r, i=i):
            return np.asarray(driven.push(coefficients[i : i + 1], jnp.full(1, r)))[0]

        whole, _ = scipy.integrate.quad_vec(push, float(s[i]), float(t[i]), epsabs=1e-13)
        np.testing.assert_allclose(found[i], whole / float(t[i] - s[i]), rtol=1e-10)
    np.testing.assert_allclose(found[2], driven.push(coefficients[2:], t[2:])[0], rtol=1e-12)
    # Paths without noise on the way.
    np.testing.assert_array_equal(Driven(path=LINEAR, noise_std=0.7, strength=0.0).mean_push(coefficients, s, t), 0)


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_the_drift_is_the_mean_of_what_samples_have(name):
    """``E[dI_t - pull_t x0 | I_t]`` is ``b + (sigma^2 / 2) score``."""
    std, path = 0.7, INTERPOLANTS[name]
    flow = exact.mixture(
        path,
        weights=np.array([0.4, 0.6]),
        means=np.array([[0.5, -0.2], [-0.6, 0.3]]),
        covariances=np.array([0.05, 0.1])[:, None, None] * np.eye(2),
        noise_std=std,
    )
    driven = Driven(path=path, noise_std=std, strength=1.3)
    t, x = jnp.array([0.2, 0.5, 0.8]), jnp.array([[0.1, -0.3], [0.4, 0.2], [-0.5, 0.1]])
    data = flow.posterior_mean(t, x)
    noise = (x - path.beta(t)[:, None] * data) / path.alpha(t)[:, None]
    expected = path.velocity(t, noise, data) - driven.pull(t)[:, None] * noise
    np.testing.assert_allclose(driven.drift(flow.b, flow.score)(t, x), expected, rtol=1e-11)


def test_a_path_is_a_flow_of_its_own_and_one_jump_equals_two():
    driven, coefficients = Driven(path=LINEAR, noise_std=1.0, strength=0.8), paths()
    velocity = driven.velocity(lambda t, x: -x, coefficients)
    v = flow_map.integrated(velocity, steps=200)
    x, s, t = jnp.ones((3, 2)), jnp.full(3, 0.1), jnp.full(3, 0.9)
    whole = flow_map.jump(v, s, t, x)
    two = flow_map.jump(v, s + 0.4, t, flow_map.jump(v, s, s + 0.4, x))
    np.testing.assert_allclose(whole, two, atol=1e-5)
    moved = jax.jvp(lambda t: position(coefficients, t), (t,), (jnp.ones(3),))[1]
    np.testing.assert_allclose(moved, rate(coefficients, t), rtol=1e-11)


def test_bad_numbers_are_named():
    with pytest.raises(ValueError, match="terms = 0; expected at least 1"):
        basis(jnp.zeros(1), terms=0)
    with pytest.raises(ValueError, match="noise = -1.0; expected a strength that is 0 or more"):
        Driven(path=LINEAR, noise_std=1.0, strength=-1.0)
