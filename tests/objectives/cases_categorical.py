"""The rules of the mean denoiser on the simplex, in probabilities where the losses have logarithms."""

import jax
import jax.numpy as jnp

from objectives.losses import categorical
from tests.helpers import softmaxed, tiny
from tests.objectives.cases_shared import Case, derivative, one


def psi(p, s, t, x):
    """[batch, 2]; one position of two categories."""
    return jax.nn.softmax(tiny(p)(s, t, x), axis=-1)


def jump(p, s, t, x):
    gap, left = (t - s)[:, None], (1 - s)[:, None]
    return x + gap * (psi(p, s, t, x) - x) / left


def divergence(q, p):
    # KL as a sum of positive numbers: of small divergences, the sum of q log(q / p) has few digits.
    apart = jnp.log(q / q.sum(axis=1, keepdims=True) / p)
    return (p * (jnp.exp(apart) * apart - jnp.expm1(apart))).sum(axis=1)


def lagrangian_target(f, d, *, quotient):
    c = ((d.t - d.s) * (1 - d.t) / (1 - d.s))[:, None]
    change = derivative(lambda t: psi(f, d.s, t, d.x), (d.t, one(d.t)))
    there = psi(f, d.t, d.t, jump(f, d.s, d.t, d.x))
    own = psi(f, d.s, d.t, d.x)
    return there / (1 + c * change / own) if quotient else there - c * change


def eulerian_target(f, d, *, quotient):
    here, own = psi(f, d.s, d.s, d.x), psi(f, d.s, d.t, d.x)
    velocity = (here - d.x) / (1 - d.s)[:, None]
    change = derivative(lambda s, x: psi(f, s, d.t, x), (d.s, one(d.s)), (d.x, velocity))
    inverse = ((1 - d.s) * (d.t - d.s) / (1 - d.t))[:, None]
    if quotient:
        # One of the examples has a negative factor.
        return here / jnp.maximum(1 - inverse * change / own, categorical.FLOOR / (1 - d.t)[:, None])
    # The rule solved for the average velocity, MeanFlow's target, and taken to the mean denoiser.
    average = (own - d.x) / (1 - d.s)[:, None]
    along = (change - velocity) / (1 - d.s)[:, None] + average / (1 - d.s)[:, None]
    return d.x + (1 - d.s)[:, None] * (velocity + (d.t - d.s)[:, None] * along)


def progressive_target(f, d):
    """The denoiser of the point to which two jumps lead."""
    end = jump(f, d.u, d.t, jump(f, d.s, d.u, d.x))
    return d.x + (1 - d.s)[:, None] * (end - d.x) / (d.t - d.s)[:, None]


def log_psi(p):
    return softmaxed(tiny(p))


def data_of(d):
    """One-hot, from the directions of the shared data."""
    return jax.nn.one_hot(jnp.argmax(d.w, axis=-1), 2, dtype=d.w.dtype)


CASES = {
    "categorical, diagonal": Case(
        lambda p, d: categorical.cross_entropy(log_psi(p), d.x, d.t, data=data_of(d)),
        lambda p, f, d: -jnp.log((data_of(d) * psi(p, d.t, d.t, d.x)).sum(axis=1)),
        None,
    ),
    "categorical_lsd": Case(
        lambda p, d: categorical.lagrangian(log_psi(p), d.x, d.s, d.t),
        lambda p, f, d: divergence(lagrangian_target(f, d, quotient=True), psi(p, d.s, d.t, d.x)),
        None,
    ),
    "categorical_lsd, sum": Case(
        lambda p, d: categorical.lagrangian(log_psi(p), d.x, d.s, d.t, target="sum"),
        lambda p, f, d: divergence(lagrangian_target(f, d, quotient=False), psi(p, d.s, d.t, d.x)),
        None,
    ),
    "categorical_esd": Case(
        lambda p, d: categorical.eulerian(log_psi(p), d.x, d.s, d.t),
        lambda p, f, d: divergence(eulerian_target(f, d, quotient=True), psi(p, d.s, d.t, d.x)),
        None,
    ),
    "categorical_esd, sum": Case(
        lambda p, d: categorical.eulerian(log_psi(p), d.x, d.s, d.t, target="sum"),
        lambda p, f, d: divergence(eulerian_target(f, d, quotient=False), psi(p, d.s, d.t, d.x)),
        None,
    ),
    "categorical_psd": Case(
        lambda p, d: categorical.progressive(log_psi(p), d.x, d.s, d.u, d.t),
        lambda p, f, d: divergence(progressive_target(f, d), psi(p, d.s, d.t, d.x)),
        None,
    ),
}
