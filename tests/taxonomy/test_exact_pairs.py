"""The path between Gaussian pairs: against conditioning of the joint law, a solver, and the case of plain noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from taxonomy import characterizations, exact, exact_pairs
from taxonomy.flow_map import jump
from taxonomy.interpolants import INTERPOLANTS, LINEAR

pytestmark = pytest.mark.usefixtures("x64")

ANGLE = 0.6
AXES = np.array([[np.cos(ANGLE), -np.sin(ANGLE)], [np.sin(ANGLE), np.cos(ANGLE)]])
M0, M1 = np.array([0.5, -0.3]), np.array([-1.0, 0.8])
S0, S1, R = np.array([0.4, 1.1]), np.array([1.5, 0.3]), np.array([0.8, -0.7])
X = np.array([[0.2, 0.9], [-1.3, 0.4], [0.7, -0.6]])
TIMES = np.array([0.15, 0.5, 0.85])


def flow(name="linear", **changes):
    known = {"means": (M0, M1), "stds": (S0, S1), "correlation": R, "axes": AXES}
    return exact_pairs.paired_gaussians(INTERPOLANTS[name], **known | changes)


def joint():
    """Covariances of x0, of x1, and of both, in the coordinates themselves."""
    return (AXES @ np.diag(values) @ AXES.T for values in (S0**2, S1**2, R * S0 * S1))


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_velocity_and_posterior_mean_are_regressions_on_the_point(name):
    path, known = INTERPOLANTS[name], flow(name)
    c00, c11, c01 = joint()
    for t, x in zip(TIMES, X, strict=True):
        a, b = (float(f(jnp.array(t))) for f in (path.alpha, path.beta))
        da, db = (float(f(jnp.array([t]))[0]) for f in (path.d_alpha, path.d_beta))
        variance = a * a * c00 + b * b * c11 + a * b * (c01 + c01.T)
        left = np.linalg.solve(variance, x - a * M0 - b * M1)
        # Cov(x0, I) and Cov(x1, I).
        x0, x1 = M0 + (a * c00 + b * c01) @ left, M1 + (a * c01.T + b * c11) @ left
        at = (jnp.array([t]), jnp.asarray(x[None]))
        np.testing.assert_allclose(known.b(*at)[0], da * x0 + db * x1, atol=1e-12)
        np.testing.assert_allclose(known.posterior_mean(*at)[0], x1, atol=1e-12)
        np.testing.assert_allclose(known.score(*at)[0], -left, atol=1e-12)
        density = -0.5 * (x - a * M0 - b * M1) @ left - 0.5 * np.log(np.linalg.det(2 * np.pi * variance))
        np.testing.assert_allclose(known.log_density(*at)[0], density, atol=1e-12)


@pytest.mark.parametrize("name", INTERPOLANTS)
@pytest.mark.parametrize(("s", "t"), [(0.0, 1.0), (0.2, 0.7), (0.9, 0.1)])
def test_the_map_solves_the_ode(name, s, t):
    known, b = flow(name), jax.jit(flow(name).b)

    def rate(time, y):
        return np.asarray(b(jnp.full(len(X), time), jnp.asarray(y.reshape(X.shape)))).ravel()

    end = solve_ivp(rate, (s, t), X.ravel(), method="DOP853", rtol=1e-9, atol=1e-10).y[:, -1]
    found = jump(known.v, jnp.full(len(X), s), jnp.full(len(X), t), jnp.asarray(X))
    np.testing.assert_allclose(np.ravel(found), end, atol=1e-7)


def test_the_map_obeys_every_rule():
    known, x = flow(), jnp.asarray(X)
    s, u, t = jnp.array([0.1, 0.3, 0.0]), jnp.array([0.4, 0.5, 0.6]), jnp.array([0.9, 0.7, 1.0])
    for residual in (
        characterizations.tangent(known.v, known.b, s, x),
        characterizations.lagrangian(known.v, known.b, s, t, x),
        characterizations.eulerian(known.v, known.b, s, t, x),
        characterizations.semigroup(known.v, s, u, t, x),
    ):
        np.testing.assert_allclose(residual, 0, atol=1e-12)


def test_without_a_correlation_it_is_the_path_from_noise():
    std = 0.6
    covariance = AXES @ np.diag(S1**2) @ AXES.T
    noise = exact.gaussian(LINEAR, mean=M1, covariance=covariance, noise_std=std)
    pairs = flow(means=(np.zeros(2), M1), stds=(np.full(2, std), S1), correlation=np.zeros(2))
    s, t, x = jnp.asarray(TIMES), jnp.array([0.9, 0.2, 0.4]), jnp.asarray(X)
    np.testing.assert_allclose(pairs.v(s, t, x), noise.v(s, t, x), atol=1e-12)
    np.testing.assert_allclose(pairs.posterior_mean(s, x), noise.posterior_mean(s, x), atol=1e-12)


def test_points_that_determine_each_other_go_straight():
    pairs = flow(correlation=np.ones(2))
    ends = M1 + ((X - M0) @ AXES * S1 / S0) @ AXES.T
    zero = jnp.zeros(3)
    np.testing.assert_allclose(jump(pairs.v, zero, zero + 1, jnp.asarray(X)), ends, atol=1e-12)
    halfway = jump(pairs.v, zero, zero + 0.5, jnp.asarray(X))
    np.testing.assert_allclose(halfway, (X + ends) / 2, atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"correlation": np.array([0.2, -1.0])}, r"correlation = \[0.2, -1.0\]; expected numbers in \(-1, 1\]"),
        ({"stds": (S0, np.zeros(2))}, "expected positive numbers"),
        ({"axes": 2 * AXES}, "axes are not orthonormal"),
        ({"means": (M0, np.zeros(3))}, r"expected \(dim,\) five times"),
    ],
)
def test_what_is_no_pair_of_gaussians_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        flow(**changes)
