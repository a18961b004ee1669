"""What the table of losses is written with: the map, its derivatives and conversions, again and independently."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from taxonomy import flow_map
from tests.helpers import inputs, tiny


class Case(NamedTuple):
    library: object  # (params, data) -> [batch]
    by_hand: object  # (params, stopped params, data) -> [batch]
    exact: object  # (ExactFlow, data) -> [batch], zero at the exact map; None if only a mean vanishes there
    grouped: bool = False  # whether the value of an example depends on the others of its group


class Data(NamedTuple):
    s: jax.Array
    u: jax.Array
    t: jax.Array
    x: jax.Array
    w: jax.Array


def data(**options):
    return Data(*inputs(**options))


def X(p, s, t, x):
    return x + (t - s)[:, None] * tiny(p)(s, t, x)


def derivative(f, *directions):
    points, tangents = zip(*directions, strict=True)
    return jax.jvp(f, points, tangents)[1]


def square(r):
    return (r**2).sum(axis=1)


def one(t):
    return jnp.ones_like(t)


def d_t(p, s, t, x):
    return derivative(lambda t: X(p, s, t, x), (t, one(t)))


def d_s(p, s, t, x):
    return derivative(lambda s: X(p, s, t, x), (s, one(s)))


def push(p, s, t, x, w):
    return derivative(lambda x: X(p, s, t, x), (x, w))


def two_legs(p, s, u, t, x):
    """Average velocity of two jumps."""
    return (X(p, u, t, X(p, s, u, x)) - x) / (t - s)[:, None]


def average_d_t(p, s, t, x):
    return derivative(lambda t: tiny(p)(s, t, x), (t, one(t)))


def along(p, s, t, x, w):
    """D_s[w] v."""
    return derivative(lambda s, x: tiny(p)(s, t, x), (s, one(s)), (x, w))


def gap(d):
    return (d.t - d.s)[:, None]


def teacher(t, x):
    return jnp.sin(x + t[:, None]) * x[:, ::-1]


def own(p):
    return flow_map.diagonal(tiny(p))


# The noise level of other papers: z = I_s / s = x1 + sigma x0 with sigma = (1 - s) / s, as columns.


def level(s):
    return ((1 - s) / s)[:, None]


def network_of_level(p, z, sigma, sigma_end):
    """The mean denoiser of a network that is given noise levels: CTM's g, PID's and BOOT's network."""
    s, t = (1 / (1 + level[:, 0]) for level in (sigma, sigma_end))
    x = s[:, None] * z
    return x + (1 - s)[:, None] * tiny(p)(s, t, x)


def jump_of_level(p, z, sigma, sigma_end):
    """CTM's G: the share ``sigma_end / sigma`` of the noise is kept."""
    kept = sigma_end / sigma
    return kept * z + (1 - kept) * network_of_level(p, z, sigma, sigma_end)


def denoiser_of_level(b, z, sigma):
    """A teacher's ``E[x1 | z]``."""
    t = 1 / (1 + sigma[:, 0])
    x = t[:, None] * z
    return x + (1 - t)[:, None] * b(t, x)
