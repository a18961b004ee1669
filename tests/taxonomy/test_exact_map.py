import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taxonomy import exact, exact_data, exact_map, flow_map
from taxonomy.interpolants import INTERPOLANTS, LINEAR

pytestmark = pytest.mark.usefixtures("x64")
TOLERANCE = 1e-10


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_solver_finds_the_gaussian_map_and_its_determinant(name):
    covariance = np.array([[0.6, 0.2], [0.2, 0.3]])
    flow = exact.gaussian(INTERPOLANTS[name], mean=np.array([1.3, -0.4]), covariance=covariance, base_std=0.7)
    s, t = jnp.array([0.0, 0.2, 0.9]), jnp.array([1.0, 0.8, 0.1])
    x = jax.random.normal(jax.random.key(0), (3, 2))
    found = exact_map.solve_with_jacobian(flow.b, s, t, x, tolerance=TOLERANCE)
    np.testing.assert_allclose(found.x, flow_map.jump(flow.v, s, t, x), atol=1e-9)
    np.testing.assert_allclose(exact_map.solve(flow.b, s, t, x, tolerance=TOLERANCE), found.x, atol=1e-9)
    exact_jacobian = jax.vmap(jax.jacfwd(lambda x, s, t: flow_map.jump(flow.v, s[None], t[None], x[None])[0]))(x, s, t)
    np.testing.assert_allclose(found.jacobian, exact_jacobian, atol=1e-9)
    np.testing.assert_allclose(found.log_det, jnp.linalg.slogdet(exact_jacobian)[1], atol=1e-9)


# w = (.3, .7), m = (-2, 1), std (.5, .8), noise N(0, 1), linear: by inversion of the distribution function.
GOLDEN = [
    (0.1, 0.8, 0.25, 0.687843459709, -0.078730858042, 0.922164997872),
    (0.0, 1.0, -0.5, -0.741699930190, 0.600000000000, -0.741699930190),
    (0.5, 0.2, 1.1, 1.019338636490, 0.733136368882, -0.331341697122),
    (0.0, 1.0, 0.0, 0.547241118820, 0.100000000000, 0.547241118820),
]


@pytest.mark.parametrize("row", GOLDEN)
def test_golden_values_of_a_mixture(row):
    s, t, x, mapped, b_s, b_t = (jnp.array([value]) for value in row)
    flow = exact.mixture(
        LINEAR,
        weights=np.array([0.3, 0.7]),
        means=np.array([[-2.0], [1.0]]),
        covariances=np.array([[[0.25]], [[0.64]]]),
    )
    np.testing.assert_allclose(flow.b(s, x[:, None])[:, 0], b_s, atol=1e-11)
    found = exact_map.solve(flow.b, s, t, x[:, None], tolerance=TOLERANCE)
    np.testing.assert_allclose(found[:, 0], mapped, atol=1e-9)
    np.testing.assert_allclose(flow.b(t, found)[:, 0], b_t, atol=1e-9)


def checkerboard():
    lows = np.array([[i / 2 - 1, j / 2 - 1] for i in range(4) for j in range(4) if (i + j) % 2 == 0])
    return exact_data.boxes(LINEAR, lows=lows, highs=lows + 0.5, base_std=np.sqrt(1 / 3))


def test_checkerboard_map_carries_noise_to_the_squares_and_obeys_every_rule():
    b = checkerboard().b
    n, h = 40, 1e-4
    x = jax.random.normal(jax.random.key(0), (n, 2)) / np.sqrt(3)
    zero, one = jnp.zeros(n), jnp.ones(n)

    @jax.jit
    def X(s, t, x):
        return exact_map.solve(b, s, t, x, tolerance=TOLERANCE)

    end = np.asarray(X(zero, one, x))
    cell = np.floor((end + 1) * 2)
    assert np.all((cell >= 0) & (cell < 4))
    assert np.all(cell.sum(axis=1) % 2 == 0)
    s, u, t = 0.1 + zero, 0.4 + zero, 0.8 + zero
    x = X(zero, s, x)
    mapped = X(s, t, x)
    np.testing.assert_allclose(X(u, t, X(s, u, x)), mapped, atol=1e-8)
    np.testing.assert_allclose(X(t, s, mapped), x, atol=1e-7)
    lagrangian = (X(s, t + h, x) - X(s, t - h, x)) / (2 * h) - b(t, mapped)
    eulerian = (X(s + h, t, x + h * b(s, x)) - X(s - h, t, x - h * b(s, x))) / (2 * h)
    assert float(jnp.abs(lagrangian).max()) < 1e-5
    assert float(jnp.abs(eulerian).max()) < 1e-4


def test_change_of_variables_gives_the_density():
    # log p_1(X(x)) = log p_0(x) - log det: on the checkerboard log(1/2) everywhere.
    flow = checkerboard()
    x = jax.random.normal(jax.random.key(1), (10, 2)) / np.sqrt(3)
    t = jnp.full(10, 0.95)
    found = exact_map.solve_with_jacobian(flow.b, jnp.zeros(10), t, x, tolerance=1e-8)
    base = -1.5 * jnp.sum(x**2, axis=1) - jnp.log(2 * jnp.pi / 3)
    np.testing.assert_allclose(base - found.log_det, flow.log_density(t, found.x), atol=1e-6)
    np.testing.assert_allclose(found.log_det, jnp.linalg.slogdet(found.jacobian)[1], atol=1e-6)
