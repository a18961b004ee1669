"""The rules of the mean denoiser: zero at exact maps, distributions for any network, and the squares of flat space."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.losses import categorical, eulerian, lagrangian, progressive
from taxonomy import exact_data, exact_map, simplex
from taxonomy.arrays import ratio
from taxonomy.interpolants import LINEAR
from tests.helpers import inputs, softmaxed, tiny, tiny_params

pytestmark = pytest.mark.usefixtures("x64")
# psi_{t,t}(x) = MEAN + A x is a distribution near the simplex: A = across along^T, and across has sum 0.
ACROSS, ALONG, MEAN = np.array([0.1, -0.04, -0.06]), np.array([0.7, -0.5, 0.2]), np.array([0.5, 0.3, 0.2])
RULES = {
    "lagrangian": lambda log_psi, x, s, u, t: categorical.lagrangian(log_psi, x, s, t),
    "lagrangian, sum": lambda log_psi, x, s, u, t: categorical.lagrangian(log_psi, x, s, t, target="sum"),
    "eulerian": lambda log_psi, x, s, u, t: categorical.eulerian(log_psi, x, s, t),
    "eulerian, sum": lambda log_psi, x, s, u, t: categorical.eulerian(log_psi, x, s, t, target="sum"),
    "progressive": categorical.progressive,
}


def points(count=5):
    return 0.5 * jax.random.normal(jax.random.key(3), (count, 3))


def times():
    s, u, t, _, _ = inputs()
    return s, u, t


def closed_form(s, t, x):
    """The exact mean denoiser: ``dX/dtau = MEAN + (A - 1) X`` with ``tau = -log(1 - t)`` has an exponential."""
    a, kept = np.outer(ACROSS, ALONG), ((1 - t) / (1 - s))[:, None]
    rest = np.linalg.solve(np.eye(3) - a, MEAN)[None]
    rate = ALONG @ ACROSS
    away = x - rest
    end = rest + kept * (away + (kept**-rate - 1) / rate * (away @ a.T))
    still = MEAN[None] + x @ a.T
    return x + (1 - s)[:, None] * ratio(end - x, (t - s)[:, None] + 0 * x, otherwise=(still - x) / (1 - s)[:, None])


def logarithm(psi):
    return lambda s, t, x: simplex.log_denoiser(psi(s, t, x), categories=3)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_zero_at_an_exact_map_and_not_beside_it(rule):
    x, (s, u, t) = points(), times()
    assert float(closed_form(s, t, x).min()) > 0.05
    exact = logarithm(closed_form)

    def beside(s, t, x):
        return jax.nn.log_softmax(exact(s, t, x) + 0.1 * jnp.sin(3 * x + (s + t)[:, None])[:, None])

    assert float(RULES[rule](exact, x, s, u, t).max()) < 1e-18
    assert float(RULES[rule](beside, x, s, u, t).min()) > 1e-6


def test_the_exact_map_of_categories_obeys_the_three_rules_and_stays_on_the_simplex():
    """Of two positions with three sequences: solutions of the ODE, derivatives by differences of them."""
    corners = simplex.corners([[0, 1], [1, 0], [1, 1]], categories=2)
    flow = exact_data.empirical(LINEAR, points=corners, noise_std=0.5, weights=np.array([0.5, 0.3, 0.2]))
    solve = jax.jit(lambda s, t, x: exact_map.solve(flow.b, s, t, x, tolerance=1e-11))

    def psi(s, t, x):
        return x + (1 - s)[:, None] * (solve(s, t, x) - x) / (t - s)[:, None]

    x, (s, u, t), h = 0.5 * jax.random.normal(jax.random.key(1), (5, 4)), times(), 1e-4
    own, here = psi(s, t, x), flow.posterior_mean(s, x)
    simplex.check_on(own, categories=2, name="denoisers")
    np.testing.assert_allclose(simplex.jump(own.reshape(5, 2, 2), s, t, x), solve(s, t, x), atol=1e-12)
    a = ((1 - t) * (u - s) / ((1 - u) * (t - s)))[:, None]
    np.testing.assert_allclose(own, a * psi(s, u, x) + (1 - a) * psi(u, t, solve(s, u, x)), atol=1e-8)
    c = ((t - s) * (1 - t) / (1 - s))[:, None]
    slope = (psi(s, t + h, x) - psi(s, t - h, x)) / (2 * h)
    np.testing.assert_allclose(own + c * slope, flow.posterior_mean(t, solve(s, t, x)), atol=1e-5)
    velocity = (here - x) / (1 - s)[:, None]
    along = (psi(s + h, t, x + h * velocity) - psi(s - h, t, x - h * velocity)) / (2 * h)
    left = (1 - t)[:, None]
    np.testing.assert_allclose(left * own - ((1 - s) * (t - s))[:, None] * along, left * here, atol=1e-5)
    total = (1 - c / left) * here + c / left * own + (t - s)[:, None] * along
    np.testing.assert_allclose(total, own, atol=1e-5)


def test_near_the_target_the_divergence_is_the_squares_of_flat_space_weighted_by_the_probabilities():
    """KL(q | p) = sum (q - p)^2 / 2p + ...: with q - p a multiple of the residuals of LSD, ESD and PSD."""
    x, (s, u, t), size = points(), times(), 1e-4
    exact = logarithm(closed_form)

    def log_psi(s, t, x):
        return jax.nn.log_softmax(exact(s, t, x) + size * jnp.sin(3 * x + (s + 2 * t)[:, None])[:, None])

    def v(s, t, x):
        return (jnp.exp(log_psi(s, t, x))[:, 0] - x) / (1 - s)[:, None]

    def b(t, x):
        return v(t, t, x)

    psi = jnp.exp(log_psi(s, t, x))[:, 0]

    def weighted(found, factor):
        """The squares of a vector residual that is recovered one coordinate at a time."""
        return jnp.sum((factor[:, None] * found) ** 2 / (2 * psi), axis=-1)

    move = jax.jvp(lambda t: x + (t - s)[:, None] * v(s, t, x), (t,), (jnp.ones_like(t),))
    expected = weighted(move[1] - b(t, move[0]), 1 - t)
    np.testing.assert_allclose(categorical.lagrangian(log_psi, x, s, t, target="sum"), expected, rtol=1e-2)
    np.testing.assert_allclose(
        lagrangian.lagrangian(v, b, x, s, t), jnp.sum((move[1] - b(t, move[0])) ** 2, axis=-1), rtol=1e-9
    )
    along = jax.jvp(lambda s, x: v(s, t, x), (s, x), (jnp.ones_like(s), b(s, x)))[1]
    residual = v(s, t, x) - b(s, x) - (t - s)[:, None] * along
    np.testing.assert_allclose(
        categorical.eulerian(log_psi, x, s, t, target="sum"), weighted(residual, 1 - s), rtol=1e-2
    )
    np.testing.assert_allclose(
        eulerian.eulerian(v, x, s, t, velocity=b(s, x), stop_gradient="target"),
        jnp.sum(residual**2, axis=-1),
        rtol=1e-9,
    )
    middle = x + (u - s)[:, None] * v(s, u, x)
    legs = ((u - s)[:, None] * v(s, u, x) + (t - u)[:, None] * v(u, t, middle)) / (t - s)[:, None]
    np.testing.assert_allclose(
        categorical.progressive(log_psi, x, s, u, t), weighted(v(s, t, x) - legs, 1 - s), rtol=1e-2
    )
    np.testing.assert_allclose(
        progressive.progressive(v, v, x, s, u, t), jnp.sum((v(s, t, x) - legs) ** 2, axis=-1), rtol=1e-9
    )


@pytest.mark.parametrize("rule", RULES)
def test_targets_are_distributions_whatever_the_network(rule):
    """With logits that change fast some sums are negative; the gradient in the logits stays p - q, within [-1, 1]."""
    x, (s, u, t) = inputs()[3], times()

    def log_psi(s, t, x, extra=0.0):
        return jax.nn.log_softmax(2 * jnp.sin(6 * tiny(tiny_params())(s, t, x)) + extra)[:, None]

    def value(extra):
        # Only the student's own value has the change: that of the target is stopped.
        return RULES[rule](lambda s, t, x: log_psi(s, t, x, extra), x, s, u, t).sum()

    found = RULES[rule](log_psi, x, s, u, t)
    assert np.isfinite(found).all()
    assert float(found.min()) >= 0
    slope = jax.grad(value)(jnp.zeros((5, 2)))
    np.testing.assert_allclose(slope.sum(axis=1), 0, atol=1e-12)
    assert float(jnp.abs(slope).max()) <= 1
    assert float(jnp.abs(slope).max()) > 0.01


def test_the_published_quotient_has_a_negative_divisor_for_some_networks():
    x, (s, _, t) = inputs()[3], times()
    log_psi = softmaxed(tiny(tiny_params()))
    high, low = (categorical.eulerian(log_psi, x, s, t, floor=floor) for floor in (1e-6, 1e-3))
    differ = np.abs(high - low) > 1e-6
    assert differ.any()
    assert not differ.all()


def test_at_the_end_of_time_one_jump_is_the_denoiser_itself():
    x, (s, u, _) = points(), times()
    one, exact = jnp.ones_like(s), logarithm(closed_form)
    np.testing.assert_allclose(simplex.jump(jnp.exp(exact(s, one - 1e-9, x)), s, one, x), closed_form(s, one - 1e-9, x))
    # The first leg counts for nothing there.
    log_psi = softmaxed(tiny(tiny_params()))
    x = inputs()[3]
    first = jnp.exp(log_psi(s, u, x))
    target = log_psi(u, one, simplex.jump(first, s, u, x))
    own = log_psi(s, one, x)
    expected = jnp.sum(jnp.exp(target) * (target - own), axis=(1, 2))
    np.testing.assert_allclose(categorical.progressive(log_psi, x, s, u, one), expected, rtol=1e-9)


def test_unknown_options_are_named():
    x, (s, _, t) = points(), times()
    for rule in (categorical.lagrangian, categorical.eulerian):
        with pytest.raises(ValueError, match="target = 'log'; expected one of quotient, sum"):
            rule(logarithm(closed_form), x, s, t, target="log")
        with pytest.raises(ValueError, match="floor = 0.0; expected a positive number"):
            rule(logarithm(closed_form), x, s, t, floor=0.0)
