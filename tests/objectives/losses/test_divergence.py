"""Losses of a divergence head at flows in closed form: a nonlinear one that runs faster and faster, and a Gaussian one.

The first is ``dx/dt = a'(t) x^2`` in every coordinate, with ``a = t + t^2 / 2``: ``X_{s,t}(x) = x / (1 - h x)`` and
``log |det grad X| = -2 sum log(1 - h x)`` with ``h = a(t) - a(s)``.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import likelihood
from objectives.losses import divergence
from taxonomy import exact, flow_map
from taxonomy.interpolants import TRIGONOMETRIC
from tests.helpers import DIM, inner, tiny_params

pytestmark = pytest.mark.usefixtures("x64")
SHIFT, STEP = 0.3, 1e-5


def clock(t):
    return t + t**2 / 2


def velocity(t, x):
    return (1 + t)[:, None] * x**2


def divergence_of(t, x):
    return 2 * (1 + t) * x.sum(axis=1)


def jump(s, t, x):
    return x / (1 - (clock(t) - clock(s))[:, None] * x)


def exact_head(s, t, x):
    gap = t - s
    log_det = -2 * jnp.log1p(-(clock(t) - clock(s))[:, None] * x).sum(axis=1)
    return jnp.where(gap == 0, divergence_of(t, x), log_det / jnp.where(gap == 0, 1.0, gap))


def points(count=7, seed=0, *, back=False):
    """(s, u, t, x) with u between s and t, and x where the flow is finite."""
    keys = jax.random.split(jax.random.key(seed), 2)
    s, u, t = jnp.sort(jax.random.uniform(keys[0], (3, count)), axis=0)
    x = jax.random.uniform(keys[1], (count, DIM), minval=-0.6, maxval=0.4)
    return (t, u, s, x) if back else (s, u, t, x)


def tiny_head(params):
    """A smooth head D(s, t, x)."""

    def d(s, t, x):
        inputs = jnp.concatenate([s[:, None], t[:, None], x], axis=-1)
        return (jnp.tanh(inputs @ params["w1"] + params["c1"]) @ params["w2"] + params["c2"]).sum(axis=1)

    return d


def rules(d, s, u, t, x, *, target=None):
    """Each loss of a head at the exact flow, by its name."""
    held = {"divergence": divergence_of(t, jump(s, t, x))}
    return {
        "diagonal": divergence.diagonal(d, x, s, divergence=divergence_of(s, x)),
        "lagrangian": divergence.lagrangian(d, x, s, t, **held),
        "lagrangian, nothing stopped": divergence.lagrangian(d, x, s, t, **held, stop_gradient="none"),
        "eulerian": divergence.eulerian(d, x, s, t, velocity=velocity(s, x), divergence=divergence_of(s, x)),
        "semigroup": divergence.semigroup(d, target or d, x, s, u, t, reached=jump(s, u, x)),
    }


EXACT = jax.jit(lambda shift, *at: rules(lambda s, t, x: exact_head(s, t, x) + shift, *at))


def test_the_closed_form_is_the_log_determinant_and_its_limit_the_divergence():
    s, _, t, x = points()
    jacobian = jax.jit(jax.vmap(jax.jacfwd(lambda x, s, t: jump(s[None], t[None], x[None])[0])))(x, s, t)
    np.testing.assert_allclose((t - s) * exact_head(s, t, x), np.linalg.slogdet(jacobian)[1], rtol=1e-10)
    np.testing.assert_allclose(exact_head(s, s + 1e-7, x), exact_head(s, s, x), rtol=1e-5)
    np.testing.assert_allclose(likelihood.exact_divergence(velocity, s, x).log_det, divergence_of(s, x), rtol=1e-12)


@pytest.mark.parametrize("back", [False, True])
def test_the_exact_head_has_no_loss_and_one_off_by_a_constant_its_square(back):
    """The semigroup alone cannot see a constant."""
    at = points(back=back)
    for name, loss in EXACT(0.0, *at).items():
        assert float(loss.max()) < 1e-22, name
    for name, loss in EXACT(SHIFT, *at).items():
        expected = 0 if name == "semigroup" else SHIFT**2
        np.testing.assert_allclose(loss, expected, rtol=1e-9, atol=1e-20, err_msg=name)


def test_the_exact_head_of_a_gaussian_flow():
    """Half the change of the log-determinant of the covariance, whatever the point."""
    covariance, std, path = np.array([[0.6, 0.2], [0.2, 0.3]]), 0.7, TRIGONOMETRIC
    flow = exact.gaussian(path, mean=np.array([1.3, -0.4]), covariance=covariance, noise_std=std)
    spread = jnp.linalg.eigvalsh(covariance)

    def volume(t):
        alpha, beta = path.alpha(t)[:, None], path.beta(t)[:, None]
        return 0.5 * jnp.log((alpha * std) ** 2 + beta**2 * spread[None]).sum(axis=1)

    def d(s, t, x):
        return (volume(t) - volume(s)) / (t - s)

    @jax.jit
    def losses(s, u, t, x):
        there = likelihood.exact_divergence(flow.b, t, flow_map.jump(flow.v, s, t, x)).log_det
        b, here = likelihood.exact_divergence(flow.b, s, x)
        return (
            divergence.lagrangian(d, x, s, t, divergence=there),
            divergence.eulerian(d, x, s, t, velocity=b, divergence=here),
            divergence.semigroup(d, d, x, s, u, t, reached=flow_map.jump(flow.v, s, u, x)),
        )

    for loss in losses(*points()):
        assert float(loss.max()) < 1e-20


def test_values_by_finite_differences():
    s, u, t, x = points()
    d = jax.jit(tiny_head(tiny_params()))
    here, there, b = divergence_of(s, x), divergence_of(t, jump(s, t, x)), velocity(s, x)
    of_end = ((t + STEP - s) * d(s, t + STEP, x) - (t - STEP - s) * d(s, t - STEP, x)) / (2 * STEP)
    along = [d(s + h, t, x + h * b) for h in (STEP, -STEP)]
    residuals = {
        "diagonal": d(s, s, x) - here,
        "lagrangian": of_end - there,
        "lagrangian, nothing stopped": of_end - there,
        "eulerian": d(s, t, x) - here - (t - s) * (along[0] - along[1]) / (2 * STEP),
        "semigroup": d(s, t, x) - ((u - s) * d(s, u, x) + (t - u) * d(u, t, jump(s, u, x))) / (t - s),
    }
    found = jax.jit(lambda *at: rules(tiny_head(tiny_params()), *at))(s, u, t, x)
    assert set(found) == set(residuals)
    for name, residual in residuals.items():
        np.testing.assert_allclose(found[name], residual**2, rtol=1e-7, err_msg=name)


def test_what_is_stopped():
    """By finite differences of the loss with its stopped parts made from other weights, which do not move."""
    params, direction, (s, u, t, x) = tiny_params(), tiny_params(seed=9), points()
    held, b, here, there = tiny_head(params), velocity(s, x), divergence_of(s, x), divergence_of(t, jump(s, t, x))
    of_end = jax.jvp(lambda t: held(s, t, x), (t,), (jnp.ones_like(t),))[1]
    along = jax.jvp(lambda s, x: held(s, t, x), (s, x), (jnp.ones_like(s), b))[1]
    legs = ((u - s) * held(s, u, x) + (t - u) * held(u, t, jump(s, u, x))) / (t - s)

    @jax.jit
    def by_hand(p):
        d = tiny_head(p)
        free = jax.jvp(lambda t: d(s, t, x), (t,), (jnp.ones_like(t),))[1]
        residuals = {
            "diagonal": d(s, s, x) - here,
            "lagrangian": d(s, t, x) + (t - s) * of_end - there,
            "lagrangian, nothing stopped": d(s, t, x) + (t - s) * free - there,
            "eulerian": d(s, t, x) - here - (t - s) * along,
            "semigroup": d(s, t, x) - legs,
        }
        return {name: (residual**2).sum() for name, residual in residuals.items()}

    summed = jax.jit(jax.jacrev(lambda p: {k: v.sum() for k, v in rules(tiny_head(p), s, u, t, x).items()}))(params)
    ahead, behind = (by_hand(jax.tree.map(lambda p, q, h=h: p + h * q, params, direction)) for h in (1e-6, -1e-6))
    for name, gradient in summed.items():
        expected = (ahead[name] - behind[name]) / 2e-6
        np.testing.assert_allclose(inner(gradient, direction), expected, rtol=1e-6, err_msg=name)


def test_nothing_flows_into_what_is_given():
    s, u, t, x = points()
    d = tiny_head(tiny_params())

    @jax.jit
    def total(given, points):
        losses = (
            divergence.diagonal(d, x, s, divergence=given),
            divergence.lagrangian(d, x, s, t, divergence=given),
            divergence.eulerian(d, x, s, t, velocity=points, divergence=given),
            divergence.semigroup(d, d, x, s, u, t, reached=points),
        )
        return sum(loss.sum() for loss in losses)

    for gradient in jax.grad(total, argnums=(0, 1))(divergence_of(s, x), velocity(s, x)):
        assert not np.any(gradient)


def test_an_estimate_without_bias_has_the_exact_gradient_on_average():
    params, (s, _, t, x) = tiny_params(), points()
    b = velocity(s, x)

    @jax.jit
    @jax.grad
    def gradient(params, given):
        d = tiny_head(params)
        losses = (
            divergence.diagonal(d, x, s, divergence=given),
            divergence.lagrangian(d, x, s, t, divergence=given),
            divergence.eulerian(d, x, s, t, velocity=b, divergence=given),
        )
        return sum(weight * loss.sum() for weight, loss in enumerate(losses, start=1))

    noise = jax.random.normal(jax.random.key(5), s.shape)
    of_both = jax.tree.map(lambda a, b: (a + b) / 2, gradient(params, noise), gradient(params, -noise))
    without = gradient(params, jnp.zeros_like(noise))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10), of_both, without)


def test_mean_flow_f2d2_in_the_variables_of_the_paper():
    """There D is minus the average divergence, and ``D = (s - t) dD/dt - div u`` with t the source and s the target."""
    params, (s, _, t, x) = tiny_params(), points()
    sample = jax.random.normal(jax.random.key(3), x.shape)
    d, source, target = tiny_head(params), s, t

    def paper(source, x):
        return -d(source, target, x)

    published, derivative = jax.jvp(paper, (source, x), (jnp.ones_like(source), sample))
    residual = published - ((target - source) * derivative - divergence_of(source, x))
    found = divergence.eulerian(d, x, s, t, velocity=sample, divergence=divergence_of(s, x))
    np.testing.assert_allclose(found, residual**2, rtol=1e-12)


def test_an_unknown_stop_is_refused():
    s, _, t, x = points()
    with pytest.raises(ValueError, match="stop_gradient = 'all'; expected one of derivative, none"):
        divergence.lagrangian(exact_head, x, s, t, divergence=s, stop_gradient="all")
