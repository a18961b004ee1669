"""Smooth paths of noise, and the stochastic differential equation that they drive path by path.

A Brownian motion on [0, 1] is cut off after K terms of its expansion in Legendre polynomials. What is left is a
polynomial, which has a derivative, so that the equation is an ordinary one for each path:

    dX/dt = b_t(X) + (sigma_t^2 / 2) grad log p_t(X) + sigma_t dW_t/dt,    sigma_t = strength noise_std alpha_t

With all terms the law of X_t is ``p_t`` for any strength. With K terms it is so approximately; ``exact_stochastic``
says how far off it is for Gaussian data.
"""

from collections.abc import Callable
import dataclasses
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
import numpy as np

from taxonomy.arrays import expand
from taxonomy.flow_map import Velocity
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points

# K coefficients of the path of each coordinate, independent and standard normal.
Coefficients = Float[Array, "batch terms *point"]
MORE_NODES = 6  # of a quadrature, beside one for each term, for a sigma that is no polynomial


def basis(t: jax.Array, *, terms: int) -> jax.Array:
    """``sqrt(2 k + 1) P_k(2 t - 1)`` for k = 0 .. terms - 1: orthonormal polynomials on [0, 1].

    Args:
      t: [...]; times in [0, 1].
      terms: number of polynomials, at least 1.

    Returns:
      [..., terms].

    Raises:
      ValueError: if terms < 1.
    """
    return _polynomials(t, terms) * _roots(t, terms)


def integrated_basis(t: jax.Array, *, terms: int) -> jax.Array:
    """``int_0^t sqrt(2 k + 1) P_k(2 r - 1) dr`` for k = 0 .. terms - 1; zero at t = 1 for k > 0.

    Args:
      t: [...]; times in [0, 1].
      terms: number of polynomials, at least 1.

    Returns:
      [..., terms].

    Raises:
      ValueError: if terms < 1.
    """
    p = _polynomials(t, terms + 1)
    before = jnp.concatenate([-jnp.ones_like(p[..., :1]), p[..., : terms - 1]], axis=-1)
    return (p[..., 1:] - before) / (2 * _roots(t, terms))


def _roots(t: jax.Array, terms: int) -> jax.Array:
    """``sqrt(2 k + 1)``, of the rank of ``basis``."""
    return jnp.sqrt(2 * jnp.arange(terms, dtype=t.dtype) + 1).reshape(*(1,) * t.ndim, terms)


def _polynomials(t: jax.Array, count: int) -> jax.Array:
    """``P_k(2 t - 1)`` by the recurrence of Bonnet."""
    if count < 1:
        raise ValueError(f"terms = {count}; expected at least 1")
    z = 2 * t - 1
    found = [jnp.ones_like(z), z]
    for k in range(1, count - 1):
        found.append(((2 * k + 1) * z * found[k] - k * found[k - 1]) / (k + 1))
    return jnp.stack(found[:count], axis=-1)


def _summed(weights: jax.Array, coefficients: Coefficients) -> Points:
    """[batch, terms] and [batch, terms, ...] -> [batch, ...]."""
    return jnp.sum(weights.reshape(*weights.shape, *(1,) * (coefficients.ndim - 2)) * coefficients, axis=1)


def rate(coefficients: Coefficients, t: PerExample) -> Points:
    """``dW_t/dt = sum_k c_k sqrt(2 k + 1) P_k(2 t - 1)``: the derivative of a path.

    Args:
      coefficients: [batch, terms, ...]; standard normal.
      t: [batch]; times in [0, 1].

    Returns:
      [batch, ...].
    """
    return _summed(basis(t, terms=coefficients.shape[1]), coefficients)


def position(coefficients: Coefficients, t: PerExample) -> Points:
    """``W_t``: the path itself. ``W_1 = c_0``; the variance of W_t is t, less what the missing terms have.

    Args:
      coefficients: [batch, terms, ...]; standard normal.
      t: [batch]; times in [0, 1].

    Returns:
      [batch, ...].

    Reference: Foster, Lyons, Oberhauser, "An optimal polynomial approximation of Brownian motion", SIAM Journal on
      Numerical Analysis, 2020; used by McCallum et al., "Strong stochastic flow maps", arXiv 2606.01086, interval by
      interval, with coefficients of variance ``1 / (2 k + 1)`` for polynomials without the root.
    """
    return _summed(integrated_basis(t, terms=coefficients.shape[1]), coefficients)


def in_interval(coefficients: Coefficients, s: PerExample, t: PerExample) -> Coefficients:
    """``(t - s) dW_r/dr`` at the K Gauss points r of [s, t]: all that happens to a path of K terms on the way.

    A polynomial of degree K - 1 is known from K values. All vanish at s = t, where no noise has acted yet.

    Args:
      coefficients: [batch, terms, ...]; standard normal.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].

    Returns:
      [batch, terms, ...].
    """
    nodes, _ = quadrature(coefficients.shape[1], s.dtype)
    values = jax.vmap(lambda node: rate(coefficients, s + (t - s) * node), out_axes=1)(nodes)
    return expand(t - s, values) * values


def quadrature(count: int, dtype: jnp.dtype) -> tuple[jax.Array, jax.Array]:
    """Nodes in [0, 1] and weights, which sum to 1, of the quadrature of Gauss and Legendre.

    Args:
      count: number of nodes; polynomials up to degree ``2 count - 1`` are integrated exactly.
      dtype: of the arrays.

    Returns:
      two arrays [count].
    """
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return jnp.asarray((nodes + 1) / 2, dtype), jnp.asarray(weights / 2, dtype)


def mean_over(f: Callable[[PerExample], jax.Array], s: PerExample, t: PerExample, *, nodes: int) -> jax.Array:
    """``1 / (t - s) int_s^t f(r) dr`` by ``quadrature``, and ``f(s)`` at s = t.

    Args:
      f: times [batch] -> [batch, ...].
      s: [batch]; first times.
      t: [batch]; last times.
      nodes: number of nodes.

    Returns:
      [batch, ...].
    """
    at, weights = quadrature(nodes, s.dtype)
    return jnp.tensordot(weights, jax.vmap(lambda node: f(s + (t - s) * node))(at), axes=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Driven:
    """The equation ``dX/dt = b_t(X) + (sigma_t^2 / 2) grad log p_t(X) + sigma_t dW_t/dt`` of one path.

    Attributes:
      path: the interpolant.
      noise_std: standard deviation of its noise.
      strength: of the noise that acts on the way, 0 for the ordinary differential equation; its square is one over a
        time.
    """

    path: Interpolant
    noise_std: float | jax.Array
    strength: float

    def __post_init__(self) -> None:
        check_strength(self.strength)

    def sigma(self, t: jax.Array) -> jax.Array:
        """``sigma_t = strength noise_std alpha_t``: it is zero at the data, so that the drift is finite there."""
        return self.strength * self.noise_std * self.path.alpha(t)

    def pull(self, t: jax.Array) -> jax.Array:
        """``sigma_t^2 / (2 alpha_t noise_std^2)``: (sigma^2 / 2) score is minus this, times ``E[x0 | I_t]``."""
        return self.strength**2 * self.path.alpha(t) / 2

    def drift(self, b: Velocity, score: Velocity) -> Velocity:
        """``b_t + (sigma_t^2 / 2) grad log p_t``, of the same form as b."""
        return lambda t, x: b(t, x) + expand(self.sigma(t) ** 2 / 2, x) * score(t, x)

    def push(self, coefficients: Coefficients, t: PerExample) -> Points:
        """``sigma_t dW_t/dt`` of each path; coefficients [batch, terms, ...], t [batch] -> [batch, ...]."""
        found = rate(coefficients, t)
        return expand(self.sigma(t), found) * found

    def mean_push(self, coefficients: Coefficients, s: PerExample, t: PerExample) -> Points:
        """``1 / (t - s) int_s^t sigma_r dW_r``, and ``push`` at s = t: by quadrature, exact for linear paths.

        Coefficients [batch, terms, ...], s and t [batch] -> [batch, ...].
        """
        return mean_over(lambda r: self.push(coefficients, r), s, t, nodes=coefficients.shape[1] + MORE_NODES)

    def velocity(self, drift: Velocity, coefficients: Coefficients) -> Velocity:
        """The velocity ``drift_t(x) + sigma_t dW_t/dt`` of the paths; (t [batch], x [batch, ...]) -> [batch, ...]."""
        return lambda t, x: drift(t, x) + self.push(coefficients, t)


def check_strength(strength: float) -> None:
    """ValueError unless a strength of noise is a finite number, 0 or more."""
    if not 0 <= strength < math.inf:
        raise ValueError(f"noise = {strength}; expected a strength that is 0 or more")
