"""Flow maps in closed form: what a trained map should be, where mathematics tells it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from taxonomy.arrays import ratio
from taxonomy.flow_map import AverageVelocity, Velocity
from taxonomy.interpolants import Interpolant


class ExactFlow(NamedTuple):
    """A path whose flow is known.

    Attributes:
      b: velocity field b(t, x).
      v: average velocity v(s, t, x) of the exact flow map, any order of s and t.
    """

    b: Velocity
    v: AverageVelocity


def gaussian(interpolant: Interpolant, *, mean: jax.Array, covariance: jax.Array, base_std: float = 1.0) -> ExactFlow:
    """Velocity and flow map from ``N(0, base_std^2 I)`` noise to ``N(mean, covariance)`` data.

    With ``M_t = beta_t mean`` and ``S_t = alpha_t^2 base_std^2 I + beta_t^2 covariance``:

        b_t(x)     = M'_t + (1/2) S'_t S_t^{-1} (x - M_t)
        X_{s,t}(x) = M_t + S_t^{1/2} S_s^{-1/2} (x - M_s)

    Args:
      interpolant: the path.
      mean: [dim]; mean of the data.
      covariance: [dim, dim]; covariance of the data, symmetric and positive semi-definite.
      base_std: standard deviation of the noise, positive.

    Returns:
      ExactFlow for points of shape [batch, dim]. At s = t the average velocity is b_t; its time derivatives
      there are those of b_t and must be used only under the factor (t - s), as in every residual.

    Raises:
      ValueError: if shapes disagree, the covariance is not symmetric positive semi-definite, or base_std <= 0.

    Reference: closed form for commuting Gaussians, e.g. Boffi, Albergo, Vanden-Eijnden, arXiv 2406.07507;
      the base covariance is a multiple of the identity, so that any data covariance commutes with it.
    """
    mean, covariance = jnp.asarray(mean), jnp.asarray(covariance)
    if mean.ndim != 1 or covariance.shape != (mean.size, mean.size):
        raise ValueError(f"mean has shape {mean.shape}, covariance {covariance.shape}; expected (dim,) and (dim, dim)")
    if not base_std > 0:
        raise ValueError(f"base_std = {base_std}; expected a positive number")
    variances, axes = jnp.linalg.eigh(covariance)
    tolerance = 1e-6 * (1 + float(jnp.abs(variances).max()))
    if float(jnp.abs(covariance - covariance.T).max()) > tolerance or float(variances.min()) < -tolerance:
        raise ValueError("covariance is not symmetric positive semi-definite: pass A @ A.T or a diagonal of variances")

    # Everything is diagonal in the eigenbasis of the covariance; rows of std and d_std are times, columns axes.
    def std(t: jax.Array) -> jax.Array:
        alpha, beta = interpolant.alpha(t)[:, None], interpolant.beta(t)[:, None]
        return jnp.sqrt(alpha**2 * base_std**2 + beta**2 * variances[None])

    def centre(t: jax.Array) -> jax.Array:
        return interpolant.beta(t)[:, None] * (mean @ axes)[None]

    def rate(f, t: jax.Array) -> jax.Array:
        return jax.jvp(f, (t,), (jnp.ones_like(t),))[1]

    def b(t: jax.Array, x: jax.Array) -> jax.Array:
        y = x @ axes - centre(t)
        return (rate(centre, t) + rate(std, t) / std(t) * y) @ axes.T

    def v(s: jax.Array, t: jax.Array, x: jax.Array) -> jax.Array:
        y = x @ axes - centre(s)
        moved = centre(t) - centre(s) + (std(t) - std(s)) / std(s) * y
        gap = jnp.broadcast_to((t - s)[:, None], x.shape)
        return ratio(moved @ axes.T, gap, b(t, x))

    return ExactFlow(b=b, v=v)
