import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from models import grids, likelihood
from taxonomy import exact, exact_map, flow_map
from taxonomy.interpolants import LINEAR, TRIGONOMETRIC
from tests.helpers import tiny, tiny_params

pytestmark = pytest.mark.usefixtures("x64")
MEAN, COVARIANCE, STD = np.array([1.3, -0.4]), np.array([[0.6, 0.2], [0.2, 0.3]]), 0.7
MIXTURE = {
    "weights": np.array([0.3, 0.7]),
    "means": np.array([[1.0, -0.5], [-1.0, 0.3]]),
    "covariances": np.array([[[0.5, 0.2], [0.2, 0.3]], [[0.2, -0.1], [-0.1, 0.4]]]),
}


def gaussian(path=LINEAR):
    return exact.gaussian(path, mean=MEAN, covariance=COVARIANCE, noise_std=STD)


def noise(count=5, seed=0):
    return STD * jax.random.normal(jax.random.key(seed), (count, 2))


def mixture_density(x):
    return np.log(
        sum(
            w * multivariate_normal(m, c).pdf(x)
            for w, m, c in zip(MIXTURE["weights"], MIXTURE["means"], MIXTURE["covariances"], strict=True)
        )
    )


def test_the_law_of_the_noise():
    x = noise()
    found = likelihood.log_noise(x, noise_std=STD)
    np.testing.assert_allclose(found, multivariate_normal(np.zeros(2), STD**2 * np.eye(2)).logpdf(x), rtol=1e-12)
    np.testing.assert_allclose(likelihood.log_noise(x[:, None, :, None], noise_std=STD), found, rtol=1e-14)


@pytest.mark.parametrize("path", [LINEAR, TRIGONOMETRIC])
@pytest.mark.parametrize("steps", [1, 3])
def test_jumps_of_the_gaussian_map_have_the_exact_density(path, steps):
    v, x, grid = gaussian(path).v, noise(), grids.uniform(steps)
    law = multivariate_normal(MEAN, COVARIANCE)
    forward = likelihood.jumps(v, x, grid)
    np.testing.assert_allclose(likelihood.of_generated(x, forward, noise_std=STD), law.logpdf(forward.x), atol=1e-11)
    given = MEAN + 0.5 * np.asarray(x)
    backward = likelihood.jumps(v, jnp.asarray(given), grid[::-1])
    np.testing.assert_allclose(likelihood.of_data(backward, noise_std=STD), law.logpdf(given), atol=1e-11)


@pytest.mark.parametrize("steps", [1, 3])
def test_jumps_by_an_exact_head_have_the_exact_density(steps):
    """The average divergence of a Gaussian flow: half the change of the log-determinant of its covariance, by time."""
    v, x, grid = gaussian().v, noise(), grids.uniform(steps)
    spread, law = np.linalg.eigvalsh(COVARIANCE), multivariate_normal(MEAN, COVARIANCE)

    def d(s, t, x):
        start, end = (0.5 * jnp.log(((1 - u) * STD)[:, None] ** 2 + u[:, None] ** 2 * spread[None]) for u in (s, t))
        return (end - start).sum(axis=1) / (t - s)

    forward = likelihood.jumps_by_head(v, d, x, grid)
    np.testing.assert_allclose(likelihood.of_generated(x, forward, noise_std=STD), law.logpdf(forward.x), atol=1e-11)
    given = MEAN + 0.5 * np.asarray(x)
    backward = likelihood.jumps_by_head(v, d, jnp.asarray(given), grid[::-1])
    np.testing.assert_allclose(likelihood.of_data(backward, noise_std=STD), law.logpdf(given), atol=1e-11)


def test_a_jump_of_any_map_has_the_determinant_of_finite_differences():
    v, x = tiny(tiny_params()), noise()
    s, t = jnp.full(5, 0.2), jnp.full(5, 0.9)
    found = likelihood.jump(v, s, t, x)
    np.testing.assert_allclose(found.x, flow_map.jump(v, s, t, x), rtol=1e-14)
    step = 1e-6
    columns = [
        (flow_map.jump(v, s, t, x + step * e[None]) - flow_map.jump(v, s, t, x - step * e[None])) / (2 * step)
        for e in np.eye(2)
    ]
    expected = np.linalg.slogdet(np.stack(columns, axis=-1))[1]
    np.testing.assert_allclose(found.log_det, expected, atol=1e-8)
    # Points of another shape are the same points.
    as_images = likelihood.jump(lambda s, t, x: v(s, t, x[..., 0])[..., None], s, t, x[..., None])
    np.testing.assert_allclose(as_images.log_det, found.log_det, rtol=1e-12)


@pytest.fixture(scope="module")
def solved():
    """The mixture by the adaptive solver, both ways."""
    with jax.enable_x64(True):
        flow = exact.mixture(LINEAR, noise_std=STD, **MIXTURE)
        x = noise(seed=1)
        zero, one = jnp.zeros(len(x)), jnp.ones(len(x))
        solve = jax.jit(lambda s, t, x: exact_map.solve_with_jacobian(flow.b, s, t, x, tolerance=1e-10))
        forward = solve(zero, one, x)
        given = forward.x + 0.3
        return flow, x, forward, given, solve(one, zero, given)


def test_the_solved_map_of_a_mixture_has_the_exact_density(solved):
    _, x, forward, given, backward = solved
    of_generated = likelihood.of_generated(x, likelihood.Transport(forward.x, forward.log_det), noise_std=STD)
    np.testing.assert_allclose(of_generated, mixture_density(forward.x), atol=1e-8)
    of_data = likelihood.of_data(likelihood.Transport(backward.x, backward.log_det), noise_std=STD)
    np.testing.assert_allclose(of_data, mixture_density(given), atol=1e-8)
    # The same from the Jacobian of the solved jump alone.
    by_jacobian = likelihood.Transport(forward.x, jnp.linalg.slogdet(forward.jacobian)[1])
    np.testing.assert_allclose(likelihood.of_generated(x, by_jacobian, noise_std=STD), of_generated, atol=1e-7)


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("midpoint", 2), ("rk4", 4)])
def test_the_fixed_grids_converge_at_their_order(solved, method, order):
    flow, x, _, given, _ = solved

    @jax.jit
    def error(grid):
        forward = likelihood.along_ode(flow.b, x, grid, method=method)
        return likelihood.of_generated(x, forward, noise_std=STD) - flow.log_density(jnp.ones(len(x)), forward.x)

    errors = [float(jnp.max(jnp.abs(error(grids.uniform(n))))) for n in (40, 80)]
    assert errors[0] / errors[1] > 0.8 * 2**order
    assert errors[1] < {"euler": 0.1, "midpoint": 2e-3, "rk4": 1e-5}[method]
    if method == "rk4":
        backward = jax.jit(lambda x, grid: likelihood.along_ode(flow.b, x, grid))(given, grids.uniform(200)[::-1])
        np.testing.assert_allclose(likelihood.of_data(backward, noise_std=STD), mixture_density(given), atol=1e-5)


def test_divergence_is_the_trace_of_the_jacobian():
    b, x = flow_map.diagonal(tiny(tiny_params())), noise()
    t = jnp.full(5, 0.3)
    trace = jax.vmap(lambda t, x: jnp.trace(jax.jacfwd(lambda x: b(t[None], x[None])[0])(x)))(t, x)
    found = likelihood.exact_divergence(b, t, x)
    np.testing.assert_allclose(found.x, b(t, x), rtol=1e-14)
    np.testing.assert_allclose(found.log_det, trace, rtol=1e-12)
    # Signs in all of their combinations have exactly the unit as covariance: the estimate is then the trace.
    signs = jnp.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    probes = jnp.broadcast_to(signs[:, None], (4, 5, 2))
    estimate = likelihood.estimated_divergence(probes)(b, t, x)
    np.testing.assert_allclose(estimate.x, found.x, rtol=1e-14)
    np.testing.assert_allclose(estimate.log_det, trace, rtol=1e-12)


def test_hutchinson_has_the_variance_of_its_formula():
    count, probes = 5, 20_000
    b, x, t = flow_map.diagonal(tiny(tiny_params())), noise(count), jnp.full(count, 0.3)
    gradient = jax.vmap(lambda t, x: jax.jacfwd(lambda x: b(t[None], x[None])[0])(x))(t, x)
    variance = (gradient[:, 0, 1] + gradient[:, 1, 0]) ** 2
    e = likelihood.rademacher(jax.random.key(2), probes, x)
    assert e.shape == (probes, count, 2)
    assert set(np.unique(e)) == {-1.0, 1.0}
    estimate = likelihood.estimated_divergence(e)(b, t, x).log_det
    error = np.abs(estimate - jnp.trace(gradient, axis1=1, axis2=2))
    assert (error <= 4 * np.sqrt(variance / probes)).all()
    single = jax.vmap(lambda e: likelihood.estimated_divergence(e[None])(b, t, x).log_det)(e[:4000])
    np.testing.assert_allclose(single.var(axis=0), variance, rtol=0.1)


@pytest.mark.slow
def test_hutchinson_along_the_path_is_right_on_average():
    b, count = gaussian().b, 2000
    x = jnp.broadcast_to(noise(1), (count, 2))
    grid = grids.uniform(20)
    divergence = likelihood.estimated_divergence(likelihood.rademacher(jax.random.key(4), 1, x))
    found = jax.jit(lambda x: likelihood.along_ode(b, x, grid, divergence=divergence))(x)
    expected = np.linalg.slogdet(COVARIANCE)[1] / 2 - 2 * np.log(STD)
    spread = float(found.log_det.std())
    assert spread > 0.1
    np.testing.assert_allclose(float(found.log_det.mean()), expected, atol=4 * spread / np.sqrt(count) + 1e-5)


def test_faulty_options_are_refused():
    b, x = gaussian().b, noise()
    with pytest.raises(ValueError, match="method = 'heun'; expected one of euler, midpoint, rk4"):
        likelihood.along_ode(b, x, grids.uniform(2), method="heun")
    with pytest.raises(ValueError, match="grid of times has shape"):
        likelihood.jumps(gaussian().v, x, jnp.zeros(1))
    with pytest.raises(ValueError, match="probes = 0; expected at least 1"):
        likelihood.rademacher(jax.random.key(0), 0, x)
