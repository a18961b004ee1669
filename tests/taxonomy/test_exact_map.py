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
    flow = exact.gaussian(INTERPOLANTS[name], mean=np.array([1.3, -0.4]), covariance=covariance, noise_std=0.7)
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


def checkerboard(path=LINEAR):
    lows = np.array([[i / 2 - 1, j / 2 - 1] for i in range(4) for j in range(4) if (i + j) % 2 == 0])
    return exact_data.boxes(path, lows=lows, highs=lows + 0.5, noise_std=np.sqrt(1 / 3))


@pytest.mark.slow
def test_checkerboard_map_carries_noise_to_the_squares_and_back():
    b = checkerboard().b
    n = 40
    x = jax.random.normal(jax.random.key(0), (n, 2)) / np.sqrt(3)
    zero, one = jnp.zeros(n), jnp.ones(n)
    end = np.asarray(exact_map.solve(b, zero, one, x, tolerance=TOLERANCE))
    cell = np.floor((end + 1) * 2)
    assert np.all((cell >= 0) & (cell < 4))
    assert np.all(cell.sum(axis=1) % 2 == 0)
    mapped = exact_map.solve(b, 0.1 + zero, 0.8 + zero, x, tolerance=TOLERANCE)
    np.testing.assert_allclose(exact_map.solve(b, 0.8 + zero, 0.1 + zero, mapped, tolerance=TOLERANCE), x, atol=1e-7)


FLOWS = {
    "gaussian": lambda path: exact.gaussian(
        path, mean=np.array([1.3, -0.4]), covariance=np.array([[0.6, 0.2], [0.2, 0.3]]), noise_std=0.7
    ),
    "mixture": lambda path: exact.mixture(
        path,
        weights=np.array([0.3, 0.7]),
        means=np.array([[1.0, -0.5], [-1.0, 0.3]]),
        covariances=np.array([[[0.5, 0.2], [0.2, 0.3]], [[0.2, -0.1], [-0.1, 0.4]]]),
    ),
    "boxes": checkerboard,
    "empirical": lambda path: exact_data.empirical(path, points=POINTS, noise_std=0.7),
}
POINTS = np.random.default_rng(3).standard_normal((5, 2))


def derivative(f, h=1e-3):
    """Central differences of fourth order at zero."""
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


@pytest.mark.parametrize("name", ["linear", pytest.param("trigonometric", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", FLOWS)
def test_exact_maps_obey_every_rule(kind, name):
    b = FLOWS[kind](INTERPOLANTS[name]).b
    n = 12
    s, u, t = jnp.linspace(0.05, 0.3, n), jnp.linspace(0.4, 0.35, n), jnp.linspace(0.5, 0.75, n)
    x = 0.6 * jax.random.normal(jax.random.key(2), (n, 2))

    @jax.jit
    def X(s, t, x):
        return exact_map.solve(b, s, t, x, tolerance=1e-13)

    mapped = X(s, t, x)
    residuals = {
        "tangent": derivative(lambda h: X(t, t + h, x)) - b(t, x),
        "lagrangian": derivative(lambda h: X(s, t + h, x)) - b(t, mapped),
        "eulerian": derivative(lambda h: X(s + h, t, x + h * b(s, x))),
        "semigroup": X(u, t, X(s, u, x)) - mapped,
    }
    for rule, residual in residuals.items():
        assert float(jnp.abs(residual).max()) < 1e-6, rule
        assert float(jnp.abs(mapped - x).max()) > 0.1


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind == "boxes")) for kind in FLOWS])
@pytest.mark.slow
def test_the_log_determinant_grows_with_the_divergence(kind):
    b = FLOWS[kind](LINEAR).b
    s, t = jnp.full(6, 0.1), jnp.linspace(0.3, 0.7, 6)
    x = 0.6 * jax.random.normal(jax.random.key(3), (6, 2))

    @jax.jit
    def log_det(t):
        # From the Jacobian, not from the integral of the divergence.
        return jnp.linalg.slogdet(exact_map.solve_with_jacobian(b, s, t, x, tolerance=1e-12).jacobian)[1]

    mapped = exact_map.solve(b, s, t, x, tolerance=1e-12)
    shifts = np.eye(2)
    divergence = sum(derivative(lambda h, k=k: b(t, mapped + h * shifts[k][None])[:, k], h=1e-4) for k in range(2))
    np.testing.assert_allclose(derivative(lambda h: log_det(t + h)), divergence, atol=1e-6)


def test_paths_to_points_end_at_the_points():
    flow = FLOWS["empirical"](LINEAR)
    assert flow.until < 1
    x = 0.7 * jax.random.normal(jax.random.key(4), (30, 2))
    ends = exact_map.solve(flow.b, jnp.zeros(30), jnp.ones(30), x, until=flow.until)
    distances = np.linalg.norm(np.asarray(ends)[:, None] - POINTS[None], axis=-1)
    assert distances.min(axis=1).max() < 1e-9
    assert len(set(distances.argmin(axis=1))) > 2


def test_times_outside_of_the_unit_interval_are_refused():
    flow, one, x = checkerboard(), jnp.ones(1), jnp.zeros((1, 2))
    for call in (
        lambda: flow.b(one + 0.5, x),
        lambda: flow.score(-one, x),
        lambda: FLOWS["gaussian"](LINEAR).v(one, one + 1, x),
        lambda: exact_map.solve(flow.b, -0.1 * one, one, x),
        lambda: exact_map.solve_with_jacobian(flow.b, 0 * one, 1.1 * one, x),
    ):
        with pytest.raises(ValueError, match=r"received the time .* expected times in \[0, 1\]"):
            call()


@pytest.mark.slow
def test_change_of_variables_gives_the_density():
    # log p_1(X(x)) = log p_0(x) - log det: on the checkerboard log(1/2) everywhere.
    flow = checkerboard()
    x = jax.random.normal(jax.random.key(1), (10, 2)) / np.sqrt(3)
    t = jnp.full(10, 0.95)
    found = exact_map.solve_with_jacobian(flow.b, jnp.zeros(10), t, x, tolerance=1e-8)
    base = -1.5 * jnp.sum(x**2, axis=1) - jnp.log(2 * jnp.pi / 3)
    np.testing.assert_allclose(base - found.log_det, flow.log_density(t, found.x), atol=1e-6)
    np.testing.assert_allclose(found.log_det, jnp.linalg.slogdet(found.jacobian)[1], atol=1e-6)
