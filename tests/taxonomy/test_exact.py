import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from taxonomy import characterizations, exact, flow_map
from taxonomy.interpolants import INTERPOLANTS

pytestmark = pytest.mark.usefixtures("x64")
MEAN = np.array([1.3, -0.4])
COVARIANCE = np.array([[0.6, 0.2], [0.2, 0.3]])
BASE_STD = 0.7

# Recomputed by another program from the same formula, base N(0, I): s = .2, t = .9, x = (.7, -1.1).
GOLDEN = {
    "linear": {
        "X": (1.37349367, -0.89710244),
        "v": (0.96213381, 0.28985366),
        "b_s": (0.77360095, 0.79112146),
        "b_t": (1.37104909, -0.66161465),
        "D_s": (0.26933267, -0.71609686),
        "d_t": (0.58416468, -1.35924044),
    },
    "trigonometric": {
        "X": (1.37385846, -0.89893602),
        "v": (0.96265494, 0.28723426),
        "b_s": (1.78372996, -0.22668802),
        "b_t": (0.1386829, 0.29659768),
        "D_s": (-1.1729643, 0.73417469),
        "d_t": (-1.17710292, 0.01337631),
    },
}


def flow(name, noise_std=BASE_STD):
    return exact.gaussian(INTERPOLANTS[name], mean=MEAN, covariance=COVARIANCE, noise_std=noise_std)


def b_and_v(known):
    return known.b, known.v


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_values(name):
    b, v = b_and_v(flow(name, noise_std=1.0))
    s, t, x = jnp.array([0.2]), jnp.array([0.9]), jnp.array([[0.7, -1.1]])
    mapped = flow_map.jump(v, s, t, x)
    found = {
        "X": mapped,
        "v": v(s, t, x),
        "b_s": b(s, x),
        "b_t": b(t, mapped),
        "D_s": flow_map.total_derivative(v, s, t, x, b(s, x))[1],
        "d_t": jax.jvp(lambda t: v(s, t, x), (t,), (jnp.ones(1),))[1],
    }
    for key, expected in GOLDEN[name].items():
        np.testing.assert_allclose(found[key][0], expected, atol=1e-8, err_msg=key)


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize(("s", "t"), [(0.0, 1.0), (0.3, 0.8), (0.9, 0.2)])
def test_map_solves_its_differential_equation(name, s, t):
    b, v = b_and_v(flow(name))
    x = np.array([0.4, -1.2])
    solution = solve_ivp(
        lambda time, y: np.asarray(b(jnp.array([time]), jnp.array(y)[None])[0]), (s, t), x, rtol=1e-11, atol=1e-12
    )
    found = flow_map.jump(v, jnp.array([s]), jnp.array([t]), jnp.array(x)[None])[0]
    np.testing.assert_allclose(found, solution.y[:, -1], atol=1e-9)


@pytest.mark.parametrize("name", GOLDEN)
def test_velocity_is_the_regression_of_the_sample_velocity(name):
    # b is linear in x, so that least squares of dI on (1, I) finds it.
    path = INTERPOLANTS[name]
    n, t = 200_000, 0.6
    rng = np.random.default_rng(0)
    x0 = BASE_STD * rng.standard_normal((n, 2))
    x1 = rng.multivariate_normal(MEAN, COVARIANCE, size=n)
    x0, x1, times = jnp.asarray(x0), jnp.asarray(x1), jnp.full(n, t)
    features = np.concatenate([np.ones((n, 1)), path.position(times, x0, x1)], axis=1)
    target = np.asarray(path.velocity(times, x0, x1))
    fit = np.linalg.lstsq(features, target, rcond=None)[0]
    spread = (target - features @ fit).std(axis=0)
    errors = np.sqrt(np.diag(np.linalg.inv(features.T @ features)))[:, None] * spread
    b = flow(name).b
    offset = b(jnp.array([t]), jnp.zeros((1, 2)))[0]
    slope = jnp.stack([b(jnp.array([t]), jnp.eye(2)[k : k + 1])[0] - offset for k in range(2)])
    expected = np.concatenate([offset[None], slope])
    assert np.all(np.abs(fit - expected) < 4 * errors)


@pytest.mark.parametrize("name", GOLDEN)
def test_residuals_vanish_on_the_exact_map(name):
    b, v = b_and_v(flow(name))
    keys = jax.random.split(jax.random.key(3), 2)
    s, u, t = jax.random.uniform(keys[0], (3, 64))
    x = jax.random.normal(keys[1], (64, 2))
    residuals = {
        "tangent": characterizations.tangent(v, b, t, x),
        "lagrangian": characterizations.lagrangian(v, b, s, t, x),
        "lagrangian, own velocity": characterizations.lagrangian(v, flow_map.diagonal(v), s, t, x),
        "eulerian": characterizations.eulerian(v, b, s, t, x),
        "eulerian, own velocity": characterizations.eulerian(v, flow_map.diagonal(v), s, t, x),
        "semigroup": characterizations.semigroup(v, s, u, t, x),
    }
    for rule, residual in residuals.items():
        assert float(jnp.abs(residual).max()) < 1e-10, rule


def test_residuals_see_a_wrong_map():
    b, v = b_and_v(flow("linear"))
    s, u, t = (jnp.array([time]) for time in (0.1, 0.5, 0.8))
    x = jnp.array([[0.3, -0.7]])

    def wrong(s, t, x):
        return v(s, t, x) + 0.1 * (t * s)[:, None]

    for residual in (
        characterizations.tangent(wrong, b, t, x),
        characterizations.lagrangian(wrong, b, s, t, x),
        characterizations.eulerian(wrong, b, s, t, x),
        characterizations.semigroup(wrong, s, u, t, x),
    ):
        assert float(jnp.abs(residual).max()) > 1e-3


def test_map_and_its_inverse():
    v = flow("trigonometric").v
    s, t = jnp.array([0.0, 0.2]), jnp.array([1.0, 0.7])
    x = jnp.array([[0.3, -0.7], [1.0, 2.0]])
    there = flow_map.jump(v, s, t, x)
    np.testing.assert_allclose(flow_map.jump(v, t, s, there), x, atol=1e-13)


def test_equal_gaussians_stay_where_they_are_on_the_trigonometric_path():
    v = exact.gaussian(INTERPOLANTS["trigonometric"], mean=np.zeros(2), covariance=np.eye(2)).v
    s, t = jnp.array([0.1]), jnp.array([0.9])
    np.testing.assert_allclose(v(s, t, jnp.array([[1.0, -2.0]])), 0, atol=1e-14)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mean": np.zeros(2), "covariance": np.eye(3)}, r"shape \(2,\), covariance \(3, 3\)"),
        ({"mean": np.zeros(2), "covariance": np.array([[1.0, 0.5], [0.0, 1.0]])}, "not symmetric"),
        ({"mean": np.zeros(2), "covariance": -np.eye(2)}, "positive semi-definite"),
        ({"mean": np.zeros(2), "covariance": np.eye(2), "noise_std": 0.0}, "noise_std = 0.0"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        exact.gaussian(INTERPOLANTS["linear"], **arguments)
