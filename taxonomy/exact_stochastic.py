"""The exact stochastic map of Gaussian data, path by path, and how far the law of cut-off paths is from the exact one.

The drift of Gaussian data is linear, and in the eigenbasis of the covariance each coordinate y = x - M_t obeys

    dy/dt = a_t y + sigma_t dW_t/dt,    a_t = (S'_t - sigma_t^2) / (2 S_t),    S_t = (alpha_t noise_std)^2 + beta_t^2 c

so that ``y_t = F_{s,t} y_s + int_s^t F_{r,t} sigma_r dW_r`` with the integrating factor

    F_{s,t} = exp(int_s^t a) = sqrt(S_t / S_s) exp(-int_s^t sigma_r^2 / (2 S_r) dr)
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from taxonomy.arrays import ratio
from taxonomy.flow_map import AverageVelocity, Velocity, along
from taxonomy.noise_paths import Coefficients, Driven, basis, mean_over, rate
from taxonomy.shapes import PerExample, Points

NODES = 24  # of each quadrature

Stochastic = Callable[[Coefficients], AverageVelocity]


def gaussian(driven: Driven, *, mean: ArrayLike, covariance: ArrayLike) -> Stochastic:
    """The stochastic map to Gaussian data: ``X_{s,t}(x, W) = M_t + F_{s,t} (x - M_s) + int_s^t F_{r,t} sigma_r dW_r``.

    The integrals over one time are by quadrature with 24 nodes. On a linear path the error is below 1e-10 where the
    standard deviations of noise and data differ by less than a factor of three.

    Args:
      driven: the equation.
      mean: [dim]; of the data.
      covariance: [dim, dim]; of the data, symmetric and positive definite.

    Returns:
      coefficients [batch, terms, dim] -> average velocity v(s, t, x) with ``x + (t - s) v`` the point at t, for any
      order of s and t. At s = t it is ``drift_t(x) + sigma_t dW_t/dt``, and its time derivatives there must be used
      only under the factor (t - s), as in every residual.
    """
    mean, covariance = jnp.asarray(mean), jnp.asarray(covariance)
    variances, axes = jnp.linalg.eigh(covariance)

    def of_path(coefficients: Coefficients) -> AverageVelocity:
        turned = jnp.einsum("nkd,de->nke", coefficients, axes)

        def v(s: PerExample, t: PerExample, x: Points) -> Points:
            y, (at, end) = x @ axes, (driven.path.beta(r)[:, None] * (mean @ axes)[None] for r in (s, t))
            moved = end - y + _factor(driven, s, t, variances) * (y - at) + _response(driven, turned, s, t, variances)
            drift = driven.path.d_beta(t)[:, None] * (mean @ axes)[None] + _growth(driven, t, variances) * (y - end)
            still = drift + driven.sigma(t)[:, None] * rate(turned, t)
            return ratio(moved, jnp.broadcast_to((t - s)[:, None], x.shape), still) @ axes.T

        return v

    return of_path


def _variance(driven: Driven, t: PerExample, variances: jax.Array) -> jax.Array:
    """``S_t`` in the eigenbasis, [batch, dim]."""
    alpha, beta = driven.path.alpha(t)[:, None], driven.path.beta(t)[:, None]
    return alpha**2 * driven.noise_std**2 + beta**2 * variances[None]


def _growth(driven: Driven, t: PerExample, variances: jax.Array) -> jax.Array:
    """``a_t``, [batch, dim]."""
    value, slope = jax.jvp(lambda t: _variance(driven, t, variances), (t,), (jnp.ones_like(t),))
    return (slope - driven.sigma(t)[:, None] ** 2) / (2 * value)


def _factor(driven: Driven, s: PerExample, t: PerExample, variances: jax.Array) -> jax.Array:
    """``F_{s,t}``, [batch, dim]."""

    def lost(r: jax.Array) -> jax.Array:
        return driven.sigma(r)[:, None] ** 2 / (2 * _variance(driven, r, variances))

    root = jnp.sqrt(_variance(driven, t, variances) / _variance(driven, s, variances))
    total = mean_over(lost, s, t, nodes=NODES)
    return root * jnp.exp(-(t - s)[:, None] * total)


def _response(
    driven: Driven, coefficients: Coefficients, s: PerExample, t: PerExample, variances: jax.Array
) -> jax.Array:
    """``int_s^t F_{r,t} sigma_r dW_r``, [batch, dim]."""

    def part(r: jax.Array) -> jax.Array:
        return _factor(driven, r, t, variances) * driven.sigma(r)[:, None] * rate(coefficients, r)

    return (t - s)[:, None] * mean_over(part, s, t, nodes=NODES)


def end_variance(driven: Driven, variance: float, *, terms: int) -> float:
    """The variance at t = 1 that paths of K terms give Gaussian data of one coordinate; the data's with all terms.

        Var X_1 = F_{0,1}^2 noise_std^2 + sum_{k < K} (int_0^1 F_{r,1} sigma_r sqrt(2 k + 1) P_k(2 r - 1) dr)^2

    Args:
      driven: the equation.
      variance: of the data, positive.
      terms: number K of polynomials, 0 for no noise on the way.

    Returns:
      the variance.
    """
    zero, variances = jnp.zeros(1), jnp.full(1, variance)
    kept = _factor(driven, zero, zero + 1, variances)[0, 0] ** 2 * driven.noise_std**2
    total = float(kept)
    if terms:

        def part(r: jax.Array) -> jax.Array:
            return (_factor(driven, r, zero + 1, variances) * driven.sigma(r)[:, None]) * basis(r, terms=terms)

        total += float(jnp.sum(mean_over(part, zero, zero + 1, nodes=NODES) ** 2))
    return total


def solve(velocity: Velocity, x: Points, grid: jax.Array, *, trajectory: bool = False) -> jax.Array:
    """The path through x at the first time of a grid, by the Runge-Kutta method of fourth order.

    Args:
      velocity: ``Driven.velocity`` of the paths, (t [batch], x [batch, ...]) -> [batch, ...].
      x: [batch, ...]; points at the first time.
      grid: [N + 1]; times. The exact velocity is not evaluated at the last one, where it may be infinite off the data:
        the last step is one of the midpoint method.
      trajectory: whether to return the points at all times.

    Returns:
      [batch, ...]; points at the last time, or [N + 1, batch, ...].
    """

    def step(s: PerExample, t: PerExample, x: Points) -> Points:
        h, middle = (t - s)[0], (s + t) / 2
        first = velocity(s, x)
        second = velocity(middle, x + h / 2 * first)
        third = velocity(middle, x + h / 2 * second)
        end = jnp.where(t < grid[-1], t, middle)
        fourth = velocity(end, x + h * third)
        whole = (first + 2 * second + 2 * third + fourth) / 6
        return x + h * jnp.where(t[0] < grid[-1], whole, second)

    return along(step, x, grid, trajectory=trajectory)
