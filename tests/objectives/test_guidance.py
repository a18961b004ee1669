import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives import guidance
from objectives.losses.eulerian import eulerian
from taxonomy import exact, flow_map
from taxonomy.interpolants import LINEAR

pytestmark = pytest.mark.usefixtures("x64")
COVARIANCES = np.array([[[0.5, 0.2], [0.2, 0.3]], [[0.2, -0.1], [-0.1, 0.4]]])
MEANS = np.array([[1.0, -0.5], [-1.0, 0.3]])
WEIGHTS = np.array([0.3, 0.7])


def classes():
    """Two classes of data and all of them: the conditional paths and the unconditional one."""
    conditional = [exact.gaussian(LINEAR, mean=m, covariance=c) for m, c in zip(MEANS, COVARIANCES, strict=True)]
    return conditional, exact.mixture(LINEAR, weights=WEIGHTS, means=MEANS, covariances=COVARIANCES)


# name: (target from dI, v_u and the model's own guided output g; the scale it should come to).
SCHEMES = {
    "mean flow": (
        lambda d, u, g: guidance.mean_flow_guided(d, v_c=g, v_u=u, omega=0.2, kappa=0.92),
        lambda: guidance.effective_scale_mean_flow(omega=0.2, kappa=0.92),
        2.5,
    ),
    "mean flow, kappa 0": (
        lambda d, u, g: guidance.mean_flow_guided(d, v_c=g, v_u=u, omega=1.7, kappa=0.0),
        lambda: guidance.effective_scale_mean_flow(omega=1.7, kappa=0.0),
        1.7,
    ),
    "improved mean flow": (
        lambda d, u, g: guidance.improved_mean_flow_guided(d, v_c=g, v_u=u, omega=7.5),
        lambda: guidance.effective_scale_improved_mean_flow(7.5),
        7.5,
    ),
    "improved mean flow, weak": (
        lambda d, u, g: guidance.improved_mean_flow_guided(d, v_c=g, v_u=u, omega=0.3),
        lambda: guidance.effective_scale_improved_mean_flow(0.3),
        0.3,
    ),
    "model": (
        lambda d, u, g: guidance.model_guided(d, v_c=g, v_u=u, omega=0.6),
        lambda: guidance.effective_scale_model(0.6),
        2.5,
    ),
    "terminal": (
        lambda d, u, g: guidance.terminal_guided(d, v_u=u, scale=2.0),
        lambda: guidance.effective_scale_terminal(2.0),
        2.0,
    ),
    "so flow": (
        lambda d, u, g: guidance.so_flow_guided(d, v_c=g, v_u=u, scale=3.0, mixing=0.25),
        lambda: guidance.effective_scale_so_flow(3.0),
        3.0,
    ),
    "so flow, faded": (
        lambda d, u, g: guidance.so_flow_guided(d, v_c=g, v_u=u, scale=3.0, mixing=0.25, strength=0.5),
        lambda: guidance.effective_scale_so_flow(3.0, strength=0.5),
        2.0,
    ),
}


def velocities(seed=0, batch=4):
    return jax.random.normal(jax.random.key(seed), (3, batch, 2))


@pytest.mark.parametrize("name", SCHEMES)
def test_fixed_point_has_the_effective_scale(name):
    target, effective, scale = SCHEMES[name]
    conditional, unconditional, start = velocities()
    np.testing.assert_allclose(effective(), scale, rtol=1e-12)
    expected = scale * conditional + (1 - scale) * unconditional
    # The target is affine in g: solve g = offset + slope g.
    offset = target(conditional, unconditional, jnp.zeros_like(start))
    slope = target(conditional, unconditional, jnp.ones_like(start)) - offset
    np.testing.assert_allclose(offset / (1 - slope), expected, rtol=1e-10)
    # Descent on |g - sg(target(g))|^2 / 2 from anywhere: the error shrinks by 1 - (1 - slope) rate in each step.
    g, rate = start, 0.5
    assert float(slope.max()) < 1
    for _ in range(1000):
        g = g - rate * (g - target(conditional, unconditional, g))
    np.testing.assert_allclose(g, expected, atol=1e-9)


@pytest.mark.parametrize("name", SCHEMES)
def test_guidance_does_nothing_where_label_and_no_label_agree(name):
    same = velocities()[0]
    np.testing.assert_allclose(SCHEMES[name][0](same, same, same), same, rtol=1e-12)


def test_teacher_guidance():
    strong, weak, _ = velocities()
    np.testing.assert_allclose(guidance.classifier_free(v_c=strong, v_u=weak, scale=1.0), strong, atol=1e-15)
    found = guidance.classifier_free(v_c=strong, v_u=weak, scale=3.0)
    np.testing.assert_allclose(found, 3 * strong - 2 * weak, atol=1e-14)
    scales = jnp.array([1.0, 2.0, 3.0, 4.0])
    found = guidance.classifier_free(v_c=strong, v_u=weak, scale=scales)
    np.testing.assert_allclose(found[2], 3 * strong[2] - 2 * weak[2], atol=1e-14)


def test_the_weight_of_the_terminal_loss_takes_out_the_scale_of_the_noise():
    # The spread of the target over the samples of one point, weighted, is that of dI for every scale.
    samples, unconditional, _ = velocities(batch=50)
    for scale in (1.0, 2.0, 5.0):
        target = guidance.terminal_guided(samples, v_u=unconditional[:1] + 0 * samples, scale=scale)
        weighted = guidance.terminal_weight(scale) * target.var(axis=0)
        np.testing.assert_allclose(weighted, samples.var(axis=0), rtol=1e-10)


def gaussian_of(mean):
    return exact.gaussian(LINEAR, mean=mean, covariance=COVARIANCES[0])


def test_guiding_every_level_of_a_dyadic_target_multiplies_the_scale():
    # With one covariance and two means the guided path is again Gaussian, of mean m_u + w (m_c - m_u).
    scale, (m_c, m_u) = 1.5, MEANS
    s, x = jnp.array([0.1, 0.3, 0.5]), velocities(batch=3)[0]
    gap = jnp.full(3, 0.4)

    def guided(conditional, unconditional):
        return lambda s, t, x: guidance.classifier_free(
            v_c=conditional(s, t, x), v_u=unconditional(s, t, x), scale=scale
        )

    def two_halves(v):
        def doubled(s, t, x):
            u = (s + t) / 2
            first = v(s, u, x)
            return (first + v(u, t, x + (u - s)[:, None] * first)) / 2

        return doubled

    conditional, unconditional = gaussian_of(m_c).v, gaussian_of(m_u).v
    once = two_halves(guided(conditional, unconditional))
    twice = two_halves(guided(once, two_halves(unconditional)))
    for found, effective in (
        (once, scale),
        (two_halves(once), scale),  # guidance at the smallest level alone
        (twice, scale**2),
    ):
        expected = gaussian_of(m_u + effective * (m_c - m_u)).v(s, s + gap, x)
        np.testing.assert_allclose(found(s, s + gap, x), expected, rtol=1e-10)


def draw(label, t, count, seed=0):
    rng = np.random.default_rng(seed)
    x0, x1 = rng.standard_normal((count, 2)), rng.multivariate_normal(MEANS[label], COVARIANCES[label], size=count)
    times, x0, x1 = jnp.full(count, t), jnp.asarray(x0), jnp.asarray(x1)
    return times, LINEAR.position(times, x0, x1), LINEAR.velocity(times, x0, x1)


def correlations(residual, x):
    """Means of the residual against functions of x, and their standard errors."""
    features = np.stack([np.ones(len(x)), *x.T, x[:, 0] * x[:, 1], np.sin(2 * x[:, 0]), np.cos(x[:, 1])], axis=1)
    products = (np.asarray(residual)[:, :, None] * features[:, None]).reshape(len(x), -1)
    return products.mean(axis=0), products.std(axis=0) / np.sqrt(len(x))


@pytest.mark.parametrize("t", [0.2, 0.7])
@pytest.mark.parametrize("name", ["mean flow", "mean flow, kappa 0", "improved mean flow", "model", "so flow"])
def test_regression_on_the_guided_velocity_of_samples_finds_the_guided_velocity(name, t):
    # The minimizer is the conditional mean: target - minimizer is uncorrelated with every function of x.
    target, _, scale = SCHEMES[name]
    conditional, unconditional = classes()
    times, x, velocity = draw(0, t, 100_000)
    v_c, v_u = conditional[0].b(times, x), unconditional.b(times, x)
    minimizer = scale * v_c + (1 - scale) * v_u
    x = np.asarray(x)
    mean, error = correlations(target(velocity, v_u, minimizer) - minimizer, x)
    assert np.all(np.abs(mean) < 4.5 * error)
    mean, error = correlations(target(velocity, v_u, minimizer) - v_c, x)
    assert np.any(np.abs(mean) > 20 * error)


def bump_slope(v, velocity, x, s, t):
    """The derivative of the MeanFlow loss of a map in a direction of maps, per example."""

    def loss(size):
        def moved(s, t, x):
            return v(s, t, x) + size * jnp.stack([jnp.sin(x[:, 1] + s), x[:, 0] * t], axis=-1)

        return eulerian(moved, x, s, t, velocity=velocity, stop_gradient="target")

    return jax.jvp(loss, (0.0,), (1.0,))[1]


def test_the_exact_map_of_the_guided_velocity_is_stationary_for_mean_flow():
    # Both Gaussian with one covariance: the guided path is Gaussian and its map known. So is the posterior of dI at a
    # point; the slope is affine in dI, so that the two points mean +- std stand for all of it.
    scale, (m_c, m_u) = 2.5, MEANS
    path, other, guided = gaussian_of(m_c), gaussian_of(m_u), gaussian_of(m_u + scale * (m_c - m_u))
    s, t, x = jnp.array([0.1, 0.3, 0.6]), jnp.array([0.9, 0.5, 1.0]), velocities(batch=3)[0]
    v_c, v_u = path.b(s, x), other.b(s, x)
    np.testing.assert_allclose(guidance.classifier_free(v_c=v_c, v_u=v_u, scale=scale), guided.b(s, x), rtol=1e-10)
    values, axes = np.linalg.eigh(COVARIANCES[0])
    # cov[x1 | x] = (1 - s)^2 C / S_s and dI = (x1 - x) / (1 - s).
    spread = np.sqrt(values[None] / ((1 - s)[:, None] ** 2 + s[:, None] ** 2 * values[None]))
    noise = (spread * np.array([[1.0, -1.0]])) @ axes.T

    def target(velocity):
        return guidance.mean_flow_guided(velocity, v_c=guided.b(s, x), v_u=v_u, omega=0.2, kappa=0.92)

    exactly = eulerian(guided.v, x, s, t, velocity=target(v_c), stop_gradient="target")
    assert float(exactly.max()) < 1e-20
    slopes = jnp.stack([bump_slope(guided.v, target(v_c + sign * noise), x, s, t) for sign in (1, -1)])
    np.testing.assert_allclose(slopes.mean(axis=0), 0, atol=1e-12)
    assert float(jnp.abs(slopes).min()) > 1e-3
    # The map of the unguided path is not stationary.
    unguided = jnp.stack([bump_slope(path.v, target(v_c + sign * noise), x, s, t) for sign in (1, -1)])
    assert float(jnp.abs(unguided.mean(axis=0)).min()) > 1e-2


def test_the_solved_map_of_the_guided_velocity_has_no_mean_flow_residual():
    # Two covariances: no closed form, the map is integrated, and the residual falls with the fourth power of the step.
    scale = 2.0
    conditional, _ = classes()
    s, t, x = jnp.array([0.1, 0.3, 0.6]), jnp.array([0.7, 0.9, 0.2]), velocities(batch=3)[0]

    def b(t, x):
        return guidance.classifier_free(v_c=conditional[0].b(t, x), v_u=conditional[1].b(t, x), scale=scale)

    def residual(steps):
        v = flow_map.integrated(b, steps=steps)
        guided = guidance.mean_flow_guided(
            conditional[0].b(s, x), v_c=b(s, x), v_u=conditional[1].b(s, x), omega=scale / 2, kappa=0.5
        )
        return eulerian(v, x, s, t, velocity=guided, stop_gradient="target")

    coarse, fine = residual(8), residual(16)
    assert float(fine.max()) < 1e-4
    np.testing.assert_allclose(np.log2(coarse / fine), 4, atol=0.6)


def test_intervals_change_their_sides_with_the_direction_of_time():
    t = jnp.linspace(0, 1, 11)
    found = guidance.within_interval(2.5, t=t, low=1 - 0.7, high=1 - 0.25)
    noise_at_one = np.where((1 - t >= 0.25) & (1 - t <= 0.7), 2.5, 1.0)
    np.testing.assert_array_equal(found, noise_at_one)
    np.testing.assert_array_equal(
        guidance.within_interval(0.9, t=t, low=0.5, high=0.5, otherwise=0.0), 0.9 * (t == 0.5)
    )
    # Outside of the interval the plain velocity is left.
    velocity, unconditional, conditional = velocities(batch=11)
    omega = guidance.within_interval(0.2, t=t, low=0.3, high=1.0)
    kappa = guidance.within_interval(0.92, t=t, low=0.3, high=1.0, otherwise=0.0)
    guided = guidance.mean_flow_guided(velocity, v_c=conditional, v_u=unconditional, omega=omega, kappa=kappa)
    np.testing.assert_allclose(guided[:3], velocity[:3], atol=1e-14)
    assert float(jnp.abs(guided - velocity)[3:].max(axis=1).min()) > 0.1


def test_rows_without_a_label_train_the_unconditional_velocity():
    conditional, unconditional = classes()
    scale, x, s = 2.5, velocities()[0], jnp.full(4, 0.4)
    # The posterior of the label at x; guided targets have the right mean over it only if v_u is already right.
    logits = jnp.stack([flow.log_density(s, x) for flow in conditional]) + jnp.log(WEIGHTS)[:, None]
    labels, v_u = jax.nn.softmax(logits, axis=0), unconditional.b(s, x)

    def mean(wrong_by, labelled):
        rows = []
        for flow in conditional:
            velocity = flow.b(s, x)
            guided = guidance.terminal_guided(velocity, v_u=v_u + wrong_by, scale=scale)
            rows.append(guidance.keep_unlabelled(guided, velocity=velocity, labelled=labelled))
        return jnp.einsum("kn,knd->nd", labels, jnp.stack(rows))

    dropped = jnp.zeros(4, bool)
    np.testing.assert_allclose(mean(0.0, dropped), v_u, atol=1e-12)
    np.testing.assert_allclose(mean(0.3, dropped), v_u, atol=1e-12)
    np.testing.assert_allclose(mean(0.0, ~dropped), v_u, atol=1e-12)
    np.testing.assert_allclose(mean(0.3, ~dropped), v_u + (1 - scale) * 0.3, atol=1e-12)
    mixed = jnp.array([True, False, True, False])
    guided, velocity, _ = velocities()
    found = guidance.keep_unlabelled(guided, velocity=velocity, labelled=mixed)
    np.testing.assert_array_equal(found, np.where([[True], [False], [True], [False]], guided, velocity))
