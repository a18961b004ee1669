"""Identities between objectives: gradients that must coincide, exactly or in a limit, and mistakes that must not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.losses.consistency import consistency
from objectives.losses.consistency_continuous import continuous_consistency
from objectives.losses.direct import flow_matching
from objectives.losses.eulerian import central, discrete, eulerian
from objectives.losses.integral import end, interior
from objectives.losses.lagrangian import lagrangian, pulled_back
from objectives.losses.progressive import progressive
from taxonomy import exact, flow_map
from taxonomy.arrays import squared_norm
from taxonomy.interpolants import LINEAR
from tests.helpers import inputs, tiny, tiny_params

pytestmark = pytest.mark.usefixtures("x64")


def gradient(loss, params=None):
    return jax.grad(lambda p: loss(p).sum())(tiny_params() if params is None else params)


def assert_close(a, b, *, rtol=1e-10):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol * float(jnp.abs(y).max()))


def distance(a, b):
    square = sum(float(jnp.sum((x - y) ** 2)) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))
    return np.sqrt(square / sum(float(jnp.sum(y**2)) for y in jax.tree.leaves(b)))


def test_two_copies_of_the_weights_show_what_is_stopped():
    s, u, t, x, _ = inputs()
    p = tiny_params()
    losses = {
        "lsd": lambda p, q: lagrangian(tiny(p), flow_map.diagonal(tiny(q)), x, s, t),
        "esd": lambda p, q: eulerian(tiny(p), x, s, t, velocity=tiny(q)(s, s, x)),
        "esd, velocity": lambda p, q: eulerian(tiny(p), x, s, t, velocity=tiny(q)(s, s, x), stop_gradient="velocity"),
        "mean flow": lambda p, q: eulerian(tiny(p), x, s, t, velocity=tiny(q)(s, s, x), stop_gradient="target"),
        "psd": lambda p, q: progressive(tiny(p), tiny(q), x, s, u, t),
        "ct": lambda p, q: consistency(tiny(p), tiny(q), x, s, u, t, x_u=x + 0.1),
    }
    for name, loss in losses.items():
        target = jax.grad(lambda q, loss=loss: loss(p, q).sum())(p)
        assert all(not np.any(g) for g in jax.tree.leaves(target)), name
    open_losses = {
        "lsd": lambda p, q: lagrangian(tiny(p), flow_map.diagonal(tiny(q)), x, s, t, stop_gradient="none"),
        "esd": lambda p, q: eulerian(tiny(p), x, s, t, velocity=tiny(q)(s, s, x), stop_gradient="none"),
        "psd": lambda p, q: progressive(tiny(p), tiny(q), x, s, u, t, stop_gradient="none"),
    }
    for name, loss in open_losses.items():
        target = jax.grad(lambda q, loss=loss: loss(p, q).sum())(p)
        assert all(np.any(g) for g in jax.tree.leaves(target)), name


def test_full_esd_is_mean_flow_on_the_own_velocity_plus_one_term():
    # grad ESD = grad MF + 2 (t - s) R_E . grad d_s v, with R_E = w + (t - s) D_s[w] v - v.
    s, _, t, x, _ = inputs()
    p = tiny_params()
    w = tiny(p)(s, s, x)
    average, derivative = flow_map.total_derivative(tiny(p), s, t, x, w)
    residual = w + (t - s)[:, None] * derivative - average

    def extra(q):
        d_s = jax.jvp(lambda s: tiny(q)(s, t, x), (s,), (jnp.ones_like(s),))[1]
        return 2 * (t - s) * (residual * d_s).sum(axis=1)

    def both(q):
        return eulerian(tiny(q), x, s, t, velocity=w, stop_gradient="target") + extra(q)

    assert_close(gradient(lambda q: eulerian(tiny(q), x, s, t, velocity=w)), gradient(both))


def test_lsd_is_the_stopped_lagrangian_target_plus_one_term():
    # grad LSD = grad |v - sg(b_t(X) - (t - s) d_t v)|^2 + 2 (t - s) R_L . grad d_t v.
    s, _, t, x, _ = inputs()
    p = tiny_params()

    def d_t(q):
        return jax.jvp(lambda t: tiny(q)(s, t, x), (t,), (jnp.ones_like(t),))[1]

    velocity = tiny(p)(t, t, flow_map.jump(tiny(p), s, t, x))
    gap = (t - s)[:, None]
    residual = tiny(p)(s, t, x) + gap * d_t(p) - velocity

    def both(q):
        return squared_norm(tiny(q)(s, t, x) - velocity + gap * d_t(p)) + 2 * (t - s) * (residual * d_t(q)).sum(axis=1)

    assert_close(gradient(lambda q: lagrangian(tiny(q), flow_map.diagonal(tiny(q)), x, s, t)), gradient(both))


def test_continuous_consistency_is_mean_flow_times_the_gap():
    s, _, t, x, w = inputs()
    assert_close(
        gradient(lambda p: continuous_consistency(tiny(p), x, s, t, velocity=w)),
        gradient(lambda p: (t - s) * eulerian(tiny(p), x, s, t, velocity=w, stop_gradient="target")),
    )


def test_finite_consistency_tends_to_the_continuous_one_at_first_order():
    s, _, t, x, w = inputs()
    limit = gradient(lambda p: continuous_consistency(tiny(p), x, s, t, velocity=w))
    errors = []
    for step in (1e-3, 1e-4):
        u, x_u = s + step, x + step * w
        errors.append(
            distance(
                gradient(lambda p, u=u, x_u=x_u: consistency(tiny(p), tiny(p), x, s, u, t, x_u=x_u) / (u - s)), limit
            )
        )
    assert errors[1] < 1e-3
    np.testing.assert_allclose(errors[0] / errors[1], 10, rtol=0.05)


def test_semigroup_tends_to_the_eulerian_and_the_lagrangian_rule():
    # With legs a = u - s or t - u going to zero: R_S (t - s) / a -> -R_E (short first leg), -> R_L (short second leg).
    s, _, t, x, _ = inputs()
    v, gap, a = tiny(tiny_params()), t - s, 1e-6
    w = v(s, s, x)
    average, derivative = flow_map.total_derivative(v, s, t, x, w)
    eulerian_square = squared_norm(w + gap[:, None] * derivative - average)
    first = progressive(v, v, x, s, s + a, t) * (gap / a) ** 2
    np.testing.assert_allclose(first, eulerian_square, rtol=1e-4)
    lagrangian_square = lagrangian(v, flow_map.diagonal(v), x, s, t)
    second = progressive(v, v, x, s, t - a, t) * (gap / a) ** 2
    np.testing.assert_allclose(second, lagrangian_square, rtol=1e-4)


def test_progressive_in_points_is_the_gap_squared_times_the_loss():
    s, u, t, x, _ = inputs()
    v, w = tiny(tiny_params()), tiny(tiny_params(seed=4))
    points = flow_map.jump(v, s, t, x) - flow_map.jump(w, u, t, flow_map.jump(w, s, u, x))
    np.testing.assert_allclose((t - s) ** 2 * progressive(v, w, x, s, u, t), squared_norm(points), rtol=1e-11)


def test_lagrangian_derivative_is_taken_at_the_source_point():
    # A published implementation took it at the mapped point; on the exact map that residual is far from zero.
    flow = exact.gaussian(LINEAR, mean=jnp.array([1.0, -0.5]), covariance=0.3 * jnp.eye(2))
    s, _, t, x, _ = inputs()
    mapped = flow_map.jump(flow.v, s, t, x)
    assert float(lagrangian(flow.v, flow.b, x, s, t).max()) < 1e-20
    assert float(squared_norm(flow_map.d_t(flow.v, s, t, mapped)[1] - flow.b(t, mapped)).min()) > 1e-4


def test_alpha_flow_is_mean_flow_in_the_limit_and_flow_matching_at_one():
    s, _, t, x, w = inputs()
    p = tiny_params()
    limit = gradient(lambda p: eulerian(tiny(p), x, s, t, velocity=w, stop_gradient="target"))
    errors = []
    for alpha in (1e-3, 1e-4):
        u = s + alpha * (t - s)
        errors.append(
            distance(gradient(lambda p, u=u, a=alpha: discrete(tiny(p), tiny(p), x, s, u, t, velocity=w) / a), limit)
        )
    assert errors[1] < 1e-2
    np.testing.assert_allclose(errors[0] / errors[1], 10, rtol=0.05)
    np.testing.assert_allclose(
        discrete(tiny(p), tiny(p), x, s, t, t, velocity=w), squared_norm(tiny(p)(s, t, x) - w), rtol=1e-12
    )


def test_alpha_flow_is_two_time_consistency():
    # Exactly, for every step: |X_{s,t}(x) - sg X_{u,t}(x + (u-s) w)|^2 = (t - s)^2 |v - target|^2.
    s, u, t, x, w = inputs()
    x_u = x + (u - s)[:, None] * w
    assert_close(
        gradient(lambda p: consistency(tiny(p), tiny(p), x, s, u, t, x_u=x_u)),
        gradient(lambda p: (t - s) ** 2 * discrete(tiny(p), tiny(p), x, s, u, t, velocity=w)),
    )


def test_improved_mean_flow_along_the_sample_is_mean_flow():
    s, _, t, x, w = inputs()
    assert_close(
        gradient(lambda p: eulerian(tiny(p), x, s, t, velocity=w, stop_gradient="target", tangent=w)),
        gradient(lambda p: eulerian(tiny(p), x, s, t, velocity=w, stop_gradient="target")),
    )


def test_central_difference_tends_to_mean_flow_at_second_order():
    s, _, t, x, w = inputs()
    limit = gradient(lambda p: eulerian(tiny(p), x, s, t, velocity=w, stop_gradient="target"))
    errors = []
    for h in (1e-2, 1e-3):
        sides = {"behind": (s - h, x - h * w), "ahead": (s + h, x + h * w)}
        errors.append(
            distance(gradient(lambda p, sides=sides: central(tiny(p), tiny(p), x, s, t, velocity=w, **sides)), limit)
        )
    np.testing.assert_allclose(errors[0] / errors[1], 100, rtol=0.05)


def test_pulled_back_lagrangian_is_the_lagrangian_residual_at_the_source():
    # With y = X_{t,s}(x): d/dt X_{s,t}(y) - b_t(x), and x = X_{s,t}(y) for an invertible map.
    flow = exact.gaussian(LINEAR, mean=jnp.array([1.0, -0.5]), covariance=0.3 * jnp.eye(2))
    s, _, t, x, _ = inputs()
    v = flow.v
    y = flow_map.jump(v, t, s, x)

    def other(t, x):
        return flow.b(t, x) + 0.1

    np.testing.assert_allclose(
        pulled_back(v, v, x, s, t, velocity=other(t, x)), lagrangian(v, other, y, s, t), rtol=1e-9
    )


@pytest.mark.slow
def test_secants_average_to_the_exact_map():
    # E over u of b_u(X_{s,u}(x)) is v_{s,t}(x): both losses are least squares around it. Gauss-Legendre in u.
    flow = exact.gaussian(LINEAR, mean=jnp.array([1.0, -0.5]), covariance=jnp.array([[0.5, 0.1], [0.1, 0.2]]))
    s, _, t, x, _ = inputs()
    nodes, weights = np.polynomial.legendre.leggauss(24)

    def mean_over_u(loss):
        return sum(weight / 2 * loss(s + (t - s) * (node + 1) / 2) for node, weight in zip(nodes, weights, strict=True))

    def slopes(bump):
        def v(size):
            return lambda s, t, x: flow.v(s, t, x) + size * bump[None]

        def at_interior(size):
            return mean_over_u(lambda u: interior(v(size), flow.v, flow.b, x, s, u, t)).sum()

        def at_end(size):
            # The source that goes with x at time s, seen from its own point at time u.
            def loss(u):
                x_u = flow_map.jump(flow.v, s, u, x)
                return end(v(size), flow.v, x_u, s, u, t, velocity=flow.b(u, x_u))

            return mean_over_u(loss).sum()

        return jax.grad(at_interior)(0.0), jax.grad(at_end)(0.0)

    for bump in np.eye(2):
        np.testing.assert_allclose(slopes(jnp.asarray(bump)), 0, atol=1e-10)
    # Off the mean, at a single u, it is not zero.
    u = s + 0.1 * (t - s)
    assert float(interior(flow.v, flow.v, flow.b, x, s, u, t).min()) > 1e-8


class FiniteData:
    """A data set of a few atoms: posterior and marginal velocity at a point are finite sums."""

    def __init__(self, s, x):
        self.atoms = jax.random.normal(jax.random.key(2), (6, 2))
        squares = jnp.sum((x[:, None] - s[:, None, None] * self.atoms[None]) ** 2, axis=-1)
        self.weights = jax.nn.softmax(-squares / (2 * (1 - s[:, None]) ** 2), axis=-1)  # [batch, atoms]
        self.velocities = (self.atoms[None] - x[:, None]) / (1 - s)[:, None, None]  # [batch, atoms, dim]
        self.marginal = jnp.einsum("bk,bkd->bd", self.weights, self.velocities)

    def mean(self, loss):
        """Posterior mean of a loss of the sample's velocity."""
        losses = jnp.stack([loss(self.velocities[:, k]) for k in range(6)], axis=-1)
        return jnp.sum(self.weights * losses, axis=-1)


LOSSES_OF_VELOCITY = {
    "flow matching": lambda v, w, s, t, x: flow_matching(v, x, s, velocity=w),
    "mean flow": lambda v, w, s, t, x: eulerian(v, x, s, t, velocity=w, stop_gradient="target"),
    "esd": lambda v, w, s, t, x: eulerian(v, x, s, t, velocity=w, stop_gradient="advection"),
    "esd, velocity": lambda v, w, s, t, x: eulerian(v, x, s, t, velocity=w, stop_gradient="velocity"),
    "esd, none": lambda v, w, s, t, x: eulerian(v, x, s, t, velocity=w, stop_gradient="none"),
    "continuous ct": lambda v, w, s, t, x: continuous_consistency(v, x, s, t, velocity=w),
    "improved mean flow": lambda v, w, s, t, x: eulerian(
        v, x, s, t, velocity=w, stop_gradient="target", tangent=v(s, s, x)
    ),
    "fmm": lambda v, w, s, t, x: pulled_back(v, v, x, t, s, velocity=w),
    "lmf": lambda v, w, s, t, x: pulled_back(v, v, x, t, s, velocity=w, stop_gradient="target"),
    "stee": lambda v, w, s, t, x: end(v, v, x, t, s, (t + s) / 2, velocity=w),
}


@pytest.mark.parametrize("name", LOSSES_OF_VELOCITY)
def test_sample_velocity_is_unbiased_exactly_where_it_is_used_linearly(name):
    s, _, t, x, _ = inputs()
    data, loss = FiniteData(s, x), LOSSES_OF_VELOCITY[name]
    noisy = gradient(lambda p: data.mean(lambda w: loss(tiny(p), w, s, t, x)))
    marginal = gradient(lambda p: loss(tiny(p), data.marginal, s, t, x))
    if name in ("esd, velocity", "esd, none"):
        assert distance(noisy, marginal) > 1e-2
    else:
        assert_close(noisy, marginal)


def test_consistency_training_is_biased_at_finite_step_and_unbiased_in_the_limit():
    s, _, t, x, _ = inputs()
    data = FiniteData(s, x)

    def bias(step):
        def loss(p, w):
            return consistency(tiny(p), tiny(p), x, s, s + step, t, x_u=x + step * w) / step

        noisy = gradient(lambda p: data.mean(lambda w: loss(p, w)))
        return distance(noisy, gradient(lambda p: loss(p, data.marginal)))

    assert bias(1e-2) > 1e-4
    np.testing.assert_allclose(bias(1e-3) / bias(1e-4), 10, rtol=0.1)


@pytest.mark.parametrize(
    "call",
    [
        lambda v, s, x: lagrangian(v, flow_map.diagonal(v), x, s, s, stop_gradient="nope"),
        lambda v, s, x: eulerian(v, x, s, s, velocity=x, stop_gradient="nope"),
        lambda v, s, x: pulled_back(v, v, x, s, s, velocity=x, stop_gradient="nope"),
        lambda v, s, x: progressive(v, v, x, s, s, s, stop_gradient="nope"),
        lambda v, s, x: consistency(v, v, x, s, s, s, x_u=x, stop_gradient="nope"),
    ],
)
def test_unknown_stop_gradient_is_named(call):
    s, _, _, x, _ = inputs()
    with pytest.raises(ValueError, match=r"stop_gradient = 'nope'; expected one of"):
        call(tiny(tiny_params()), s, x)


@pytest.mark.parametrize(
    "call",
    [
        lambda v, s, t, x: progressive(v, v, x, t, s, s),
        lambda v, s, t, x: consistency(v, v, x, t, s, s, x_u=x),
        lambda v, s, t, x: discrete(v, v, x, t, s, s, velocity=x),
        lambda v, s, t, x: continuous_consistency(v, x, t, s, velocity=x),
    ],
)
def test_reversed_times_are_refused(call):
    s, _, t, x, _ = inputs()
    with pytest.raises(ValueError, match="expected s <= u <= t"):
        call(tiny(tiny_params()), s, t, x)


def test_a_tangent_is_refused_where_it_would_do_nothing():
    s, _, t, x, w = inputs()
    with pytest.raises(ValueError, match="a tangent of its own needs stop_gradient = 'target'; received 'none'"):
        eulerian(tiny(tiny_params()), x, s, t, velocity=w, stop_gradient="none", tangent=w)
