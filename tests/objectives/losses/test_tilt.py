"""Tilt matching against exact tilted velocities of a mixture, and tilted DMD against its Gaussian closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.losses import tilt
from taxonomy import exact, tilted
from taxonomy.interpolants import LINEAR, TRIGONOMETRIC
from taxonomy.tilted import LinearQuadratic
from tests.helpers import directional, inner, inputs, tiny, tiny_params

pytestmark = pytest.mark.usefixtures("x64")
STD = 0.7
PARTS = {
    "weights": np.array([0.4, 0.6]),
    "means": np.array([[-0.8, 0.2], [0.7, -0.2]]),
    "covariances": np.array([[[0.04, 0.01], [0.01, 0.05]], [[0.05, 0.0], [0.0, 0.04]]]),
}
NODES = 24
TILT = jax.jit(tilted.tilt)


def reward(strength=1.0):
    q = np.array([[0.8, 0.2], [0.2, 0.4]])
    return LinearQuadratic(jnp.asarray(0.3 * strength), strength * jnp.array([-1.5, 1.0]), strength * jnp.asarray(q))


def tilted_parts(strength):
    aim = TILT(reward(strength), **PARTS)
    return {"weights": aim.weights, "means": aim.means, "covariances": aim.covariances}


def posterior(interpolant, parts, t, x):
    """Nodes [n, 2] and weights [n] of the exact ``p(x1 | I_t = x)``: Gauss-Hermite in each component."""
    alpha, beta = (float(c(jnp.asarray(t))) for c in (interpolant.alpha, interpolant.beta))
    given = tilted.measurement(beta * jnp.eye(2), jnp.asarray(x), noise_std=alpha * STD)
    of_data = TILT(given, **parts)
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    plane = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
    of_nodes = np.outer(weights, weights).ravel() / weights.sum() ** 2
    means, covariances = np.asarray(of_data.means), np.asarray(of_data.covariances)
    points = [mean + plane @ np.linalg.cholesky(c).T for mean, c in zip(means, covariances, strict=True)]
    of_data_weights = np.asarray(of_data.weights)
    return jnp.asarray(np.concatenate(points)), jnp.asarray(np.concatenate([w * of_nodes for w in of_data_weights]))


def exact_velocity(interpolant, parts, t, x):
    """``b_t(x)`` of the exact path, [2]."""
    flow = exact.mixture(interpolant, **parts, noise_std=STD)
    return jax.jit(flow.b)(jnp.array([t]), jnp.asarray(x[None]))[0]


def examples(interpolant, parts, t, x):
    """All data that x at time t may come from: (weights [n], data [n, 2], velocities dI_t [n, 2])."""
    x_1, weights = posterior(interpolant, parts, t, x)
    alpha, beta = (c(jnp.asarray(t)) for c in (interpolant.alpha, interpolant.beta))
    x_0 = (x[None] - beta * x_1) / alpha
    return weights, x_1, interpolant.velocity(jnp.full(len(x_1), t), x_0, x_1)


@pytest.mark.parametrize("interpolant", [LINEAR, TRIGONOMETRIC])
def test_the_velocity_changes_with_the_tilt_by_a_covariance(interpolant):
    a, step = 0.6, 1e-4
    t, x = 0.55, np.array([0.1, -0.3])
    ahead, behind = (exact_velocity(interpolant, tilted_parts(a + change), t, x) for change in (step, -step))
    weights, x_1, velocity = examples(interpolant, tilted_parts(a), t, x)
    r = reward()(x_1)
    covariance = (weights * (r - weights @ r)) @ velocity
    np.testing.assert_allclose((ahead - behind) / (2 * step), covariance, rtol=1e-6)


def solved(loss, weights):
    """The velocity at which the mean gradient over the examples vanishes; all these losses are quadratic in v."""
    mean = jax.jit(jax.vmap(jax.grad(lambda b: weights @ loss(b))))
    zero, *ones = np.asarray(mean(jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])))
    return np.linalg.solve(np.stack(ones, axis=1) - zero[:, None], -zero)


@pytest.mark.parametrize("t", [0.3, 0.9])
@pytest.mark.parametrize("name", ["weighted", "implicit", "no control"])
def test_the_only_rest_point_is_the_tilted_velocity(name, t):
    x = np.array([0.1, -0.3])
    weights, x_1, velocity = examples(LINEAR, PARTS, t, x)
    times, points, log_weight = jnp.full(len(x_1), t), jnp.broadcast_to(x, x_1.shape), reward()(x_1)
    reference = jnp.broadcast_to(weights @ velocity, x_1.shape)

    def loss(b):
        v = lambda s, t, x: jnp.broadcast_to(b[None], x.shape)  # noqa: E731
        if name == "weighted":
            return tilt.weighted(v, points, times, velocity=velocity, log_weight=log_weight)
        return tilt.implicit(
            v,
            points,
            times,
            velocity=velocity,
            reference=reference,
            log_weight=log_weight,
            control=0.0 if name == "no control" else 1.0,
        )

    aim = exact_velocity(LINEAR, tilted_parts(1.0), t, x)
    assert float(jnp.abs(aim - weights @ velocity).max()) > 0.05
    np.testing.assert_allclose(solved(loss, weights), aim, rtol=1e-7)


def test_an_explicit_step_is_of_second_order():
    t, x, errors = 0.5, np.array([0.1, -0.3]), []
    weights, x_1, velocity = examples(LINEAR, PARTS, t, x)
    times, points = jnp.full(len(x_1), t), jnp.broadcast_to(x, x_1.shape)
    reference = jnp.broadcast_to(weights @ velocity, x_1.shape)
    for h in (0.1, 0.05):

        def loss(b, h=h):
            v = lambda s, t, x: jnp.broadcast_to(b[None], x.shape)  # noqa: E731
            change = h * (reward()(x_1) - 3.0)  # a constant changes nothing
            return tilt.explicit(v, points, times, velocity=velocity, reference=reference, change=change)

        aim = exact_velocity(LINEAR, tilted_parts(h), t, x)
        errors.append(float(jnp.abs(solved(loss, weights) - aim).max()))
    assert errors[0] > 1e-5
    assert 3.5 < errors[0] / errors[1] < 4.5


def test_a_wrong_reference_moves_the_implicit_solution_and_not_the_weighted_one():
    t, x, off = 0.5, np.array([0.1, -0.3]), jnp.array([0.2, -0.1])
    weights, x_1, velocity = examples(LINEAR, PARTS, t, x)
    log_weight = reward()(x_1)

    def loss(b):
        v = lambda s, t, x: jnp.broadcast_to(b[None], x.shape)  # noqa: E731
        reference = jnp.broadcast_to(weights @ velocity + off, x_1.shape)
        times, points = jnp.full(len(x_1), t), jnp.broadcast_to(x, x_1.shape)
        return tilt.implicit(v, points, times, velocity=velocity, reference=reference, log_weight=log_weight)

    aim = exact_velocity(LINEAR, tilted_parts(1.0), t, x)
    expected = aim + off / (weights @ jnp.exp(log_weight))
    np.testing.assert_allclose(solved(loss, weights), expected, rtol=1e-7)


def test_a_small_step_of_the_implicit_loss_has_less_variance():
    """Of the gradients at the solution, over the data that a point may come from."""
    t, x, h = 0.5, np.array([0.1, -0.3]), 0.1
    weights, x_1, velocity = examples(LINEAR, PARTS, t, x)
    log_weight = h * reward()(x_1)
    log_weight -= jnp.log(weights @ jnp.exp(log_weight))
    aim = weights * jnp.exp(log_weight) @ velocity
    spread = []
    for control in (0.0, 1.0):
        v = lambda s, t, x: jnp.broadcast_to(aim[None], x.shape)  # noqa: E731
        reference, times = jnp.broadcast_to(weights @ velocity, x_1.shape), jnp.full(len(x_1), t)
        # The value of the loss is the squared length of half the gradient in v.
        loss = tilt.implicit(
            v, x_1, times, velocity=velocity, reference=reference, log_weight=log_weight, control=control
        )
        spread.append(float(weights @ loss))
    assert spread[1] < 0.05 * spread[0]


def test_values_and_gradients_by_hand():
    _, _, t, x, w = inputs()
    student, direction = tiny_params(1), tiny_params(9)
    b, log_weight = jnp.sin(3 * x), jnp.linspace(-1, 0.5, len(x))
    made = tiny(student)(t, t, x)
    e = jnp.exp(log_weight)[:, None]
    residual = e * (w - made) - (w - b)

    def of(name, p):
        v = tiny(p)
        if name == "weighted":
            return tilt.weighted(v, x, t, velocity=w, log_weight=log_weight).mean()
        if name == "explicit":
            return tilt.explicit(v, x, t, velocity=w, reference=b, change=log_weight).mean()
        return tilt.implicit(v, x, t, velocity=w, reference=b, log_weight=log_weight).mean()

    targets = {"weighted": None, "explicit": b + log_weight[:, None] * (w - b), "implicit": made + residual}
    for name, target in targets.items():

        def by_hand(p, target=target):
            v = tiny(p)(t, t, x)
            return jnp.mean(jnp.sum(e * (v - w) ** 2 if target is None else (v - target) ** 2, axis=1))

        value, gradient = jax.jit(jax.value_and_grad(lambda p, name=name: of(name, p)))(student)
        by_hand = jax.jit(by_hand)
        np.testing.assert_allclose(value, by_hand(student), rtol=1e-12)
        np.testing.assert_allclose(
            inner(gradient, direction), directional(by_hand, student, direction, 1e-5), rtol=1e-6
        )


@pytest.mark.parametrize("earliest", [0.0, 0.8])
def test_the_optimum_of_tilted_dmd_is_the_tilted_law_at_the_data_alone(earliest):
    """Data and noise N(0, s^2), r = a x, generated N(m, s^2): m = a s^2 over the mean of t^2 / (t^2 + (1 - t)^2)."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    t = jnp.asarray(earliest + (1 - earliest) * (nodes + 1) / 2)
    slope = 0.9
    flow = exact.gaussian(LINEAR, mean=np.zeros(1), covariance=np.full((1, 1), STD**2), noise_std=STD)

    def gradient(m):
        """The mean over t and noised points; w - b of two Gaussians that differ in their mean is constant in x."""
        other = exact.gaussian(LINEAR, mean=np.full(1, m), covariance=np.full((1, 1), STD**2), noise_std=STD)
        x, weight = jnp.zeros((len(t), 1)), t**2 / ((1 - t) * STD**2)

        def loss(shift):
            ends, learned, wanted = jnp.broadcast_to(m + shift, (len(t), 1)), other.b(t, x), flow.b(t, x)
            return jnp.asarray(weights / 2) @ tilt.distribution_matching(
                lambda x: slope * x[:, 0], ends, learned=learned, wanted=wanted, weight=weight
            )

        return float(jax.jit(jax.grad(loss))(0.0))

    optimum = gradient(0.0) / (gradient(0.0) - gradient(1.0))
    share = weights / 2 @ np.asarray(t**2 / (t**2 + (1 - t) ** 2))
    np.testing.assert_allclose(optimum, slope * STD**2 / share, rtol=1e-6)
    if earliest == 0.0:
        np.testing.assert_allclose(share, 0.5, rtol=1e-6)  # twice as far as the tilted law
    else:
        assert 0.95 < share < 1
