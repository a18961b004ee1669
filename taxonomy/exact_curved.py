"""Paths on the sphere and the torus whose velocity and density are known: uniform noise, data with a smooth density.

Noise is uniform, and the path is the geodesic at constant speed. From x at time t the data lie at ``exp_x((1 - t) z)``,
and z is distributed as the logarithm of a uniform point, weighted by the density of the data where it leads:

    p_t(x) = E[ p_1(exp_x((1 - t) z)) ]
    b_t(x) = E[ p_1(exp_x((1 - t) z)) z ] / p_t(x),     z = log_x(y), y uniform

with densities over the uniform law. Both are integrals over the space; for the mixtures here one coordinate of it has a
closed form, or the two separate, and a quadrature along a line is left.
"""

from collections.abc import Callable
import functools
import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
import numpy as np

from taxonomy import exact_map, spaces
from taxonomy.arrays import expand
from taxonomy.exact import ExactFlow, refusing_other_times
from taxonomy.shapes import PerExample, Points
from taxonomy.spaces import SPHERE, TORUS, Space, wrapped

NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(40)  # of the angle from x, and of each angle of the torus
WRAPS = (-1, 0, 1)  # turns that a wrapped normal law sums over; with widths below 1 the next one is below 1e-15

Density = Callable[[jax.Array], jax.Array]  # points [..., coordinates] -> [...]
Moments = Callable[[PerExample, Points], tuple[PerExample, Points]]  # (t, x) -> p_t(x) and E[p_1 z]


def sphere_mixture(centres: ArrayLike, concentration: float) -> ExactFlow:
    """The path from uniform noise to an equal mixture of von Mises-Fisher laws on the unit sphere.

    At an angle r from x, and averaged over all directions there, ``e^{kappa <y, m>}`` is
    ``e^{kappa cos(a) <x, m>} I_0(kappa sin(a) |m_x|)`` with ``a = (1 - t) r`` and m_x the part of m across x; z then
    has the mean ``r I_1 / I_0`` along m_x.

    Args:
      centres: [components, 3]; unit vectors m_k.
      concentration: kappa, positive; the width of a component is about ``kappa^(-1/2)``.

    Returns:
      ExactFlow, see ``_from_moments``.

    Raises:
      ValueError: if a centre is off the sphere, or the concentration is not positive.

    Reference: the conditional path is that of Chen, Lipman, "Flow matching on general geometries", arXiv 2302.03660;
      the integral over the posterior is derived here.
    """
    spaces.check_on(SPHERE, centres, name="centres")
    if not concentration > 0:
        raise ValueError(f"concentration = {concentration}; expected a positive number")
    angle = np.pi / 2 * (NODES + 1)
    weight = np.pi / 4 * NODE_WEIGHTS * np.sin(angle)

    def moments(t: PerExample, x: Points) -> tuple[PerExample, Points]:
        m = jnp.asarray(centres, x.dtype)
        cos = x @ m.T
        across = m[None] - cos[..., None] * x[:, None]
        sine = jnp.sqrt(jnp.maximum(jnp.sum(across**2, axis=-1), jnp.finfo(x.dtype).tiny))
        a = ((1 - t)[:, None] * jnp.asarray(angle, x.dtype)[None])[:, None]
        inward, sideways = jnp.cos(a) * cos[..., None], jnp.sin(a) * sine[..., None]
        # Of all exponents the largest is zero: the scaled Bessel functions hold the rest.
        mass = jnp.exp(concentration * (inward + sideways - 1)) * jnp.asarray(weight, x.dtype)[None, None]
        around = jnp.sum(mass * jax.scipy.special.i0e(concentration * sideways), axis=-1)
        first = jnp.sum(
            mass * jnp.asarray(angle, x.dtype)[None, None] * jax.scipy.special.i1e(concentration * sideways), axis=-1
        )
        scale = math.exp(_log_scale(concentration))
        return scale * jnp.mean(around, axis=1), scale * jnp.mean((first / sine)[..., None] * across, axis=1)

    return _from_moments(SPHERE, moments, name="the exact path on the sphere")


def torus_mixture(centres: ArrayLike, width: float) -> ExactFlow:
    """The path from uniform noise to an equal mixture of wrapped normal laws on the torus of two angles.

    A component is a product over the angles, and so are its integrals: with A_i the mean of its density of angle i over
    z_i, and B_i that of density times z_i, ``p_t = mean_k A_1 A_2`` and ``E[p_1 z] = mean_k (B_1 A_2, A_1 B_2)``.

    Args:
      centres: [components, 2]; angles.
      width: standard deviation of each angle, in (0, 1).

    Returns:
      ExactFlow, see ``_from_moments``.

    Raises:
      ValueError: if a centre is no pair of angles, or the width lies outside of (0, 1).

    Reference: as ``sphere_mixture``.
    """
    spaces.check_on(TORUS, centres, name="centres")
    if not 0 < width < 1:
        raise ValueError(f"width = {width}; expected a standard deviation in (0, 1), in radians")

    def moments(t: PerExample, x: Points) -> tuple[PerExample, Points]:
        z = jnp.asarray(np.pi * NODES, x.dtype)[None, None, None]
        apart = x[:, None] - jnp.asarray(centres, x.dtype)[None]
        law = _of_angle(apart[..., None] + expand(1 - t, apart[..., None]) * z, width)
        law = law * jnp.asarray(NODE_WEIGHTS / 2, x.dtype)[None, None, None]
        mean, first = jnp.sum(law, axis=-1), jnp.sum(law * z, axis=-1)
        return jnp.mean(jnp.prod(mean, axis=-1), axis=1), jnp.mean(first * mean[..., ::-1], axis=1)

    return _from_moments(TORUS, moments, name="the exact path on the torus")


def _from_moments(space: Space, moments: Moments, *, name: str) -> ExactFlow:
    """An ExactFlow without v from ``p_t(x)`` and ``E[p_1 z]``.

    Its ``posterior_mean`` is the point at which the velocity aims, ``exp_x((1 - t) b_t(x))``; its log-density is over
    the uniform law. Points may lie a little off the sphere, as those of a solver do.
    """

    def b(t: PerExample, x: Points) -> Points:
        mass, first = moments(t, space.onto(x))
        return first / mass[:, None]

    def log_density(t: PerExample, x: Points) -> PerExample:
        return jnp.log(moments(t, space.onto(x))[0])

    def score(t: PerExample, x: Points) -> Points:
        return jax.grad(lambda x: jnp.sum(log_density(t, x)))(x)

    def solver(s: PerExample, t: PerExample, x: Points, *, tolerance: float) -> Points:
        return space.onto(exact_map.solve(b, s, t, x, tolerance=tolerance))

    flow = ExactFlow(
        b=b,
        posterior_mean=lambda t, x: space.exp(x, expand(1 - t, x) * b(t, x)),
        score=score,
        log_density=log_density,
    )
    return refusing_other_times(flow, name=name)._replace(solver=solver)


def _log_scale(concentration: float) -> float:
    """Log of ``kappa e^kappa / sinh(kappa)``."""
    return math.log(2 * concentration) - math.log1p(-math.exp(-2 * concentration))


def _of_angle(apart: jax.Array, width: float) -> jax.Array:
    """The wrapped normal density, over the uniform law, at angles [...] from its centre."""
    apart = wrapped(apart)
    turns = [jnp.exp(-(((apart + 2 * math.pi * turn) / width) ** 2) / 2) for turn in WRAPS]
    return functools.reduce(jnp.add, turns) * math.sqrt(2 * math.pi) / width


def fisher_density(centres: ArrayLike, concentration: float) -> Density:
    """The density of an equal mixture of von Mises-Fisher laws on the sphere, over the uniform one.

        p(x) = mean_k  kappa / sinh(kappa) e^{kappa <x, m_k>}

    Args:
      centres: [components, 3]; unit vectors m_k.
      concentration: kappa, positive; the width of a component is about ``kappa^(-1/2)``.

    Returns:
      points [..., 3] -> [...].
    """

    def density(x: jax.Array) -> jax.Array:
        exponents = concentration * (x @ jnp.asarray(centres, x.dtype).T - 1) + _log_scale(concentration)
        return jnp.mean(jnp.exp(exponents), axis=-1)

    return density


def fisher_sample(key: jax.Array, centres: ArrayLike, concentration: float) -> jax.Array:
    """One point of the mixture of ``fisher_density``.

    Args:
      key: typed PRNG key.
      centres: [components, 3]; unit vectors.
      concentration: positive.

    Returns:
      [3].

    Reference: Wood, "Simulation of the von Mises Fisher distribution", 1994; on the sphere in three dimensions the
      cosine of the angle has an inverse in closed form.
    """
    key_centre, key_angle, key_turn = jax.random.split(key, 3)
    centres = jnp.asarray(centres, jnp.float32)
    centre = centres[jax.random.randint(key_centre, (), 0, len(centres))][None]
    share = jax.random.uniform(key_angle, (1, 1), minval=1e-12)
    cos = 1 + jnp.log(share + (1 - share) * math.exp(-2 * concentration)) / concentration
    across = SPHERE.tangent(centre, jax.random.normal(key_turn, (1, 3)))
    across = across / jnp.sqrt(jnp.sum(across**2, axis=-1, keepdims=True))
    return (cos * centre + jnp.sqrt(jnp.maximum(1 - cos**2, 0.0)) * across)[0]


def wrapped_density(centres: ArrayLike, width: float) -> Density:
    """The density of an equal mixture of wrapped normal laws on the torus, over the uniform one.

    Args:
      centres: [components, 2]; angles.
      width: standard deviation of each angle, below 1.

    Returns:
      points [..., 2] -> [...].
    """

    def density(x: jax.Array) -> jax.Array:
        apart = x[..., None, :] - jnp.asarray(centres, x.dtype).reshape((1,) * (x.ndim - 1) + (-1, 2))
        return jnp.mean(jnp.prod(_of_angle(apart, width), axis=-1), axis=-1)

    return density


def wrapped_sample(key: jax.Array, centres: ArrayLike, width: float) -> jax.Array:
    """One point of the mixture of ``wrapped_density``.

    Args:
      key: typed PRNG key.
      centres: [components, 2]; angles.
      width: standard deviation of each angle.

    Returns:
      [2].
    """
    key_centre, key_point = jax.random.split(key)
    centres = jnp.asarray(centres, jnp.float32)
    return wrapped(
        centres[jax.random.randint(key_centre, (), 0, len(centres))] + width * jax.random.normal(key_point, (2,))
    )
