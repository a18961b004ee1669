import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from taxonomy import exact, exact_data
from taxonomy.interpolants import INTERPOLANTS, LINEAR

STD = 0.7
EVEN = [(i, j) for i in range(4) for j in range(4) if (i + j) % 2 == 0]


def checkerboard(name="linear", dtype=np.float64):
    lows = np.array([[i / 2 - 1, j / 2 - 1] for i, j in EVEN], dtype)
    return exact_data.boxes(INTERPOLANTS[name], lows=lows, highs=lows + dtype(0.5), noise_std=STD)


def uneven(name="linear"):
    """Two boxes of different volume; and how to draw from them."""
    lows, highs = np.array([[-1.0, 0.0], [0.5, -1.0]]), np.array([[0.0, 0.2], [1.0, 1.0]])
    return exact_data.boxes(INTERPOLANTS[name], lows=lows, highs=highs, noise_std=STD), lows, highs


def draw_boxes(lows, highs, count, rng):
    volumes = np.prod(highs - lows, axis=1)
    k = rng.choice(len(lows), size=count, p=volumes / volumes.sum())
    return lows[k] + (highs - lows)[k] * rng.random((count, lows.shape[1]))


def draw_mixture(count, rng):
    k = rng.choice(2, size=count, p=MIXTURE["weights"])
    roots = np.linalg.cholesky(MIXTURE["covariances"])
    return MIXTURE["means"][k] + np.einsum("nij,nj->ni", roots[k], rng.standard_normal((count, 2)))


MIXTURE = {
    "weights": np.array([0.3, 0.7]),
    "means": np.array([[1.0, -0.5], [-1.0, 0.3]]),
    "covariances": np.array([[[0.5, 0.2], [0.2, 0.3]], [[0.2, -0.1], [-0.1, 0.4]]]),
}
POINTS = np.random.default_rng(3).standard_normal((7, 2))


def flow_and_sampler(kind, name):
    path = INTERPOLANTS[name]
    if kind == "mixture":
        return exact.mixture(path, **MIXTURE, noise_std=STD), draw_mixture
    if kind == "boxes":
        flow, lows, highs = uneven(name)
        return flow, lambda count, rng: draw_boxes(lows, highs, count, rng)
    flow = exact_data.empirical(path, points=POINTS, noise_std=STD)
    return flow, lambda count, rng: POINTS[rng.integers(len(POINTS), size=count)]


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("t", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("name", INTERPOLANTS)
@pytest.mark.parametrize("kind", ["mixture", "boxes", "empirical"])
def test_regression_of_the_sample_velocity_finds_the_exact_one(kind, name, t):
    """E[(dI_t - b_t(I_t)) g(I_t)] = 0 for every g, and the same for the posterior mean."""
    flow, sampler = flow_and_sampler(kind, name)
    path, rng, n = INTERPOLANTS[name], np.random.default_rng(0), 60_000
    x0, x1, times = STD * rng.standard_normal((n, 2)), sampler(n, rng), jnp.full(n, t)
    x0, x1 = jnp.asarray(x0), jnp.asarray(x1)
    x = path.position(times, x0, x1)
    for target, found in ((path.velocity(times, x0, x1), flow.b(times, x)), (x1, flow.posterior_mean(times, x))):
        residual = np.asarray(target - found)
        for g in (np.ones_like(x), x, np.sin(3 * x), np.cos(5 * x[:, ::-1])):
            products = residual * g
            assert np.all(np.abs(products.mean(axis=0)) < 4.5 * products.std(axis=0) / np.sqrt(n))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", INTERPOLANTS)
@pytest.mark.parametrize("kind", ["mixture", "boxes", "empirical"])
def test_score_is_the_gradient_of_the_density_and_belongs_to_the_velocity(kind, name):
    flow, _ = flow_and_sampler(kind, name)
    path = INTERPOLANTS[name]
    t = jnp.linspace(0.02, 0.97, 30)
    x = 0.8 * jax.random.normal(jax.random.key(1), (30, 2))
    gradient = jax.grad(lambda x: flow.log_density(t, x).sum())(x)
    score = flow.score(t, x)
    np.testing.assert_allclose(score, gradient, rtol=1e-7, atol=1e-7)
    # x = alpha E[x0] + beta E[x1] with E[x0] = -alpha std^2 score; b = alpha' E[x0] + beta' E[x1].
    noise = -(path.alpha(t) * STD**2)[:, None] * score
    data = flow.posterior_mean(t, x)
    np.testing.assert_allclose(path.alpha(t)[:, None] * noise + path.beta(t)[:, None] * data, x, atol=1e-9)
    velocity = path.d_alpha(t)[:, None] * noise + path.d_beta(t)[:, None] * data
    np.testing.assert_allclose(flow.b(t, x), velocity, atol=1e-8)


@pytest.mark.usefixtures("x64")
def test_density_of_boxes_is_the_convolution():
    flow, lows, highs = uneven()
    volume = np.prod(highs - lows, axis=1).sum()
    for t in (0.01, 0.4, 0.95):
        x, spread = np.array([0.3, -0.2]), (1 - t) * STD

        def side(k, d, t=t, x=x, spread=spread):
            ends = (highs[k, d], lows[k, d])
            if t > 0.05:
                return np.diff([norm.cdf((x[d] - t * end) / spread) for end in ends])[0] / t
            return quad(lambda y: norm.pdf((x[d] - t * y) / spread) / spread, ends[1], ends[0], epsabs=1e-13)[0]

        expected = sum(side(k, 0) * side(k, 1) for k in range(2)) / volume
        np.testing.assert_allclose(
            jnp.exp(flow.log_density(jnp.array([t]), jnp.asarray(x[None])))[0], expected, rtol=1e-10
        )


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_velocity_at_both_ends():
    flow = checkerboard()
    x = jnp.array([[0.3, -0.7], [1.5, 0.2], [-0.7, -0.6]])
    # At t = 0 the point is the noise and tells nothing of the data: b_0 = E[x1] - x.
    np.testing.assert_allclose(flow.b(jnp.zeros(3), x), -x, atol=1e-12)
    # Inside of the support at t = 1 the point is the data and tells nothing of the noise: b_1 = x.
    np.testing.assert_allclose(flow.b(jnp.ones(1), x[2:]), x[2:], atol=1e-12)


@pytest.mark.usefixtures("x64")
def test_both_branches_of_the_truncated_normal_agree_where_they_meet():
    low, high = jnp.array([-0.3]), jnp.array([0.2])
    for spread in (0.2, 0.3, 0.5):
        x = jnp.linspace(-4, 4, 41) * spread
        arguments = (x, jnp.full(41, 0.9), jnp.full(41, spread), low, high)
        narrow, wide = exact_data._narrow(*arguments), exact_data._wide(*arguments)
        for few, many in zip(narrow, wide, strict=True):
            np.testing.assert_allclose(few, many, rtol=1e-10, atol=1e-10)


@pytest.mark.usefixtures("x64")
def test_truncated_normal_is_exact_in_the_far_tail():
    low, high, spread, beta = 0.1, 0.3, 0.01, 0.05
    for x in (-0.4, 0.0, 0.2, 1.0):
        found = exact_data._truncated(*(jnp.array([value]) for value in (x, beta, spread, low, high)))

        def density(y, x=x):
            return norm.logpdf((x - beta * y) / spread)

        top = max(density(low), density(high))
        total, moment = (
            quad(
                lambda y, k=k, top=top, density=density: y**k * np.exp(density(y) - top),
                low,
                high,
                epsabs=0,
                epsrel=1e-13,
            )[0]
            for k in (0, 1)
        )
        np.testing.assert_allclose(found[0][0], top + np.log(total / (high - low)), rtol=1e-12)
        np.testing.assert_allclose(found[2][0], moment / total, rtol=1e-10)
        np.testing.assert_allclose(found[1][0], (x - beta * moment / total) / spread, rtol=1e-11, atol=1e-11)


@pytest.mark.usefixtures("x64")
def test_hazard_is_continuous_and_right_in_the_tail():
    p = jnp.array([-20.0, 0.0, 5.0, 29.999999, 30.000001, 100.0, 1e8])
    found = np.exp(exact_data._log_hazard(p))
    np.testing.assert_allclose(found[2], norm.pdf(5) / norm.sf(5), rtol=1e-12)
    np.testing.assert_allclose(found[3], found[4], rtol=1e-7)
    # p < hazard < p + 1 / p for positive p.
    assert np.all(found[2:] > p[2:] * (1 - 1e-14))
    assert np.all(found[2:] < (p[2:] + 1 / p[2:]) * (1 + 1e-14))


@pytest.mark.slow
def test_single_precision_is_usable_from_end_to_end():
    t = np.concatenate([[0.0, 1e-6, 1e-4], np.linspace(0.01, 0.99, 40), [0.999, 0.9999]]).astype(np.float32)
    t = np.repeat(t, 50)
    rng = np.random.default_rng(0)
    x0, k = STD * rng.standard_normal((t.size, 2)), rng.integers(8, size=t.size)
    x1 = (np.array(EVEN)[k] + rng.random((t.size, 2))) / 2 - 1
    x = ((1 - t)[:, None] * x0 + t[:, None] * x1).astype(np.float32)
    low = np.asarray(checkerboard(dtype=np.float32).b(jnp.asarray(t), jnp.asarray(x)))
    assert low.dtype == np.float32
    jax.config.update("jax_enable_x64", True)
    try:
        high = np.asarray(checkerboard().b(jnp.asarray(t, jnp.float64), jnp.asarray(x, jnp.float64)))
    finally:
        jax.config.update("jax_enable_x64", False)
    assert np.all(np.abs(low - high) < 2e-3 * (1 + np.abs(high).max(axis=1, keepdims=True)))
    far = checkerboard(dtype=np.float32).b(jnp.array([0.5, 0.99, 1.0]), jnp.array([[9.0, -9.0]] * 3))
    assert np.isfinite(far).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: exact_data.boxes(LINEAR, lows=np.zeros((1, 2)), highs=np.zeros((1, 2))), "a box is empty"),
        (lambda: exact_data.boxes(LINEAR, lows=np.zeros(2), highs=np.ones(2)), r"lows have shape \(2,\)"),
        (lambda: exact_data.boxes(LINEAR, lows=np.zeros((1, 2)), highs=np.ones((1, 2)), noise_std=0), "noise_std = 0"),
        (lambda: exact_data.empirical(LINEAR, points=np.zeros(3)), r"points have shape \(3,\)"),
        (lambda: exact_data.empirical(LINEAR, points=np.zeros((3, 1)), noise_std=-1), "noise_std = -1"),
        (lambda: exact.mixture(LINEAR, **(MIXTURE | {"weights": np.array([0.5, 0.6])})), "weights sum to 1.1"),
        (lambda: exact.mixture(LINEAR, **(MIXTURE | {"means": np.zeros((3, 2))})), r"means \(3, 2\)"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.usefixtures("x64")
def test_weights_of_points_are_those_of_repeated_points():
    points, x, t = np.array([[1.0, 0.0], [-0.5, 0.7]]), jnp.array([[0.2, 0.1], [-1.0, 0.4]]), jnp.array([0.3, 0.6])
    weighed = exact_data.empirical(LINEAR, points=points, noise_std=STD, weights=np.array([0.75, 0.25]))
    repeated = exact_data.empirical(LINEAR, points=points[[0, 0, 0, 1]], noise_std=STD)
    for field in ("b", "posterior_mean", "score", "log_density"):
        np.testing.assert_allclose(getattr(weighed, field)(t, x), getattr(repeated, field)(t, x), rtol=1e-12)
    for weights in (np.array([0.5, 0.6]), np.array([1.0, 0.0]), np.ones(1)):
        with pytest.raises(ValueError, match="expected 2 positive numbers that sum to 1"):
            exact_data.empirical(LINEAR, points=points, weights=weights)
