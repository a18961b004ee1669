"""The exact path between points that belong together: jointly Gaussian pairs of a start and an end.

Noise is one case: a start that knows nothing of its end. ``exact.gaussian`` has that one.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from taxonomy.arrays import ratio
from taxonomy.exact import ExactFlow, refusing_other_times
from taxonomy.interpolants import Interpolant


def paired_gaussians(
    interpolant: Interpolant,
    *,
    means: tuple[ArrayLike, ArrayLike],
    stds: tuple[ArrayLike, ArrayLike],
    correlation: ArrayLike,
    axes: ArrayLike | None = None,
) -> ExactFlow:
    """Velocity and flow map between x0 and x1 that are jointly Gaussian, with one basis for all three covariances.

    In the coordinates of the basis, each with standard deviations ``s0, s1`` and a correlation r,

        M_t        = alpha_t m0 + beta_t m1
        S_t        = alpha_t^2 s0^2 + 2 alpha_t beta_t r s0 s1 + beta_t^2 s1^2
        b_t(x)     = M'_t + S'_t / (2 S_t) (x - M_t)
        X_{s,t}(x) = M_t + (S_t / S_s)^{1/2} (x - M_s)

    Args:
      interpolant: the path.
      means: [dim] each; of x0 and of x1.
      stds: [dim] each; standard deviations of x0 and of x1 along the axes, positive.
      correlation: [dim]; of x0 and x1 along each axis, in (-1, 1]; at -1 a path would pass through its mean.
      axes: [dim, dim]; orthonormal columns, the basis; None for the coordinates themselves.

    Returns:
      ExactFlow with v for points [batch, dim]; posterior_mean is ``E[x1 | I_t = x]``.

    Raises:
      ValueError: if shapes disagree, a standard deviation is not positive, a correlation is outside (-1, 1], or the
        axes are not orthonormal.

    Examples:
      >>> from taxonomy.interpolants import LINEAR
      >>> one, zero = jnp.ones(1), jnp.zeros(1)
      >>> flow = paired_gaussians(LINEAR, means=(zero, zero), stds=(one, 2 * one), correlation=one)  # x1 = 2 x0
      >>> flow.v(zero, one, jnp.ones((1, 1))).tolist()  # from 1 to 2
      [[1.0]]

    Reference: linear regression of ``dI_t`` on ``I_t``, derived here: ``Cov(dI_t, I_t) = S'_t / 2`` along an axis.
      Pairs in place of noise: Albergo et al., "Stochastic interpolants with data-dependent couplings", arXiv
      2310.03725.
    """
    (m0, m1), (s0, s1) = (tuple(jnp.asarray(part) for part in pair) for pair in (means, stds))
    r = jnp.asarray(correlation)
    basis = jnp.eye(m0.size, dtype=m0.dtype) if axes is None else jnp.asarray(axes)
    _check(m0, m1, s0, s1, r, basis)

    def centre(t: jax.Array) -> jax.Array:
        alpha, beta = interpolant.alpha(t)[:, None], interpolant.beta(t)[:, None]
        return alpha * (m0 @ basis)[None] + beta * (m1 @ basis)[None]

    def variance(t: jax.Array) -> jax.Array:
        alpha, beta = interpolant.alpha(t)[:, None], interpolant.beta(t)[:, None]
        return (alpha * s0[None]) ** 2 + 2 * alpha * beta * (r * s0 * s1)[None] + (beta * s1[None]) ** 2

    def offset(t: jax.Array, x: jax.Array) -> jax.Array:
        return x @ basis - centre(t)

    def rate(of: Callable[[jax.Array], jax.Array], t: jax.Array) -> jax.Array:
        return jax.jvp(of, (t,), (jnp.ones_like(t),))[1]

    def b(t: jax.Array, x: jax.Array) -> jax.Array:
        return (rate(centre, t) + rate(variance, t) / (2 * variance(t)) * offset(t, x)) @ basis.T

    def posterior_mean(t: jax.Array, x: jax.Array) -> jax.Array:
        alpha, beta = interpolant.alpha(t)[:, None], interpolant.beta(t)[:, None]
        gain = (alpha * (r * s0 * s1)[None] + beta * (s1**2)[None]) / variance(t)
        return m1[None] + (gain * offset(t, x)) @ basis.T

    def score(t: jax.Array, x: jax.Array) -> jax.Array:
        return -(offset(t, x) / variance(t)) @ basis.T

    def log_density(t: jax.Array, x: jax.Array) -> jax.Array:
        values = variance(t)
        return -0.5 * jnp.sum(offset(t, x) ** 2 / values + jnp.log(2 * jnp.pi * values), axis=-1)

    def v(s: jax.Array, t: jax.Array, x: jax.Array) -> jax.Array:
        stretch = jnp.sqrt(variance(t) / variance(s))
        moved = centre(t) - centre(s) + (stretch - 1) * offset(s, x)
        return ratio(moved @ basis.T, jnp.broadcast_to((t - s)[:, None], x.shape), b(t, x))

    return refusing_other_times(ExactFlow(b, posterior_mean, score, log_density, v), name="the exact map of pairs")


def _check(m0: jax.Array, m1: jax.Array, s0: jax.Array, s1: jax.Array, r: jax.Array, basis: jax.Array) -> None:
    shapes = [part.shape for part in (m0, m1, s0, s1, r)]
    if m0.ndim != 1 or any(shape != m0.shape for shape in shapes) or basis.shape != (m0.size, m0.size):
        raise ValueError(
            f"means, stds and correlation have shapes {', '.join(map(str, shapes))}, axes {basis.shape}; expected "
            "(dim,) five times and (dim, dim)"
        )
    if not bool((s0 > 0).all() & (s1 > 0).all()):
        raise ValueError(f"stds = {s0.tolist()}, {s1.tolist()}; expected positive numbers")
    if not bool(((r > -1) & (r <= 1)).all()):
        raise ValueError(f"correlation = {r.tolist()}; expected numbers in (-1, 1]: at -1 all paths meet in the middle")
    if float(jnp.abs(basis.T @ basis - jnp.eye(m0.size)).max()) > 1e-5:
        raise ValueError("axes are not orthonormal; expected columns such as those of jnp.linalg.eigh")
