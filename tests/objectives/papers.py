"""What translations share: weights, an example, and the symbols of the papers.

The direction of time is that of the papers there; ``reversed_times`` and ``level`` translate ours.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from tests.helpers import tiny
from tests.objectives.cases_shared import derivative, one, square, teacher

# These are recomputed in their own variables in test_contract.py and its cases.


class Weights(NamedTuple):
    live: dict
    held: dict
    other: dict


class Example(NamedTuple):
    noise: jax.Array
    data: jax.Array
    s: jax.Array
    u: jax.Array
    t: jax.Array
    fresh: jax.Array
    pool: jax.Array


def example(s=(0.1, 0.2, 0.35, 0.3, 0.45), u=(0.3, 0.55, 0.4, 0.75, 0.6), t=(0.6, 0.8, 0.7, 0.9, 0.95)):
    noise, data, fresh, pool = jax.random.normal(jax.random.key(3), (4, 5, 2))
    s, u, t = (jnp.zeros(5) + jnp.array(time) for time in (s, u, t))
    return Example(noise, data, s, u, t, fresh, pool[:3])


def column(t):
    return t[:, None]


def dot(a, b):
    return (a * b).sum(axis=1)


def log_variance(s, t):
    return 0.3 * s - 0.2 * t


def auxiliary(t, x):
    return jnp.cos(x - column(t))


# Noise at time 1: z_t = (1 - t) data + t noise, velocity noise - data, u(z, r, t) the average velocity from t to r < t.


def reversed_times(e):
    """The source t, the time in between and the target r."""
    return 1 - e.s, 1 - e.u, 1 - e.t


def path(e, t):
    return column(1 - t) * e.data + column(t) * e.noise


def average(params, z, r, t):
    return -tiny(params)(1 - t, 1 - r, z)


def flow(params, z, t, r):
    """The solution function f(z, t, r) = z + (r - t) F(z, t, r)."""
    return z + column(r - t) * average(params, z, r, t)


def teacher_at(z, t):
    return -teacher(1 - t, z)


def solved(z, t, r, steps):
    """The teacher's equation from t to r, by midpoint steps."""
    step = (r - t) / steps
    for k in range(steps):
        now = t + k * step
        z = z + column(step) * teacher_at(z + column(step) / 2 * teacher_at(z, now), now + step / 2)
    return z


def du_dt(params, z, r, t, tangent):
    return derivative(lambda z, t: average(params, z, r, t), (z, tangent), (t, one(t)))


def adaptive(residual, w, *, power=1.0, offset=0.01):
    return square(residual(w.live)) / (square(residual(w.held)) + offset) ** power


def adaptive_mean(residual, w, *, power=1.0, offset=0.01):
    """A publication with a mean over the D = 2 coordinates, times D."""
    return square(residual(w.live)) / (square(residual(w.held)) / 2 + offset) ** power


class Case(NamedTuple):
    method: str
    paper: object  # (Weights, Example) -> [5]
    term: str = ""  # the last one if empty
    options: dict = {}
    times: dict = {}
    product: bool = False  # published as a dot product: its gradient alone is compared
