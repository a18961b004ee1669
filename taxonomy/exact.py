"""Paths whose velocity, score and posterior mean are known in closed form: what a trained map should be.

Noise is ``x0 ~ N(0, noise_std^2 I)``, independent of the data x1. Everything follows from the posterior of x1 given
``I_t = alpha_t x0 + beta_t x1 = x``; ``exact_data`` has the checkerboard and finite data sets, ``exact_map`` integrates
any velocity to the flow map.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from taxonomy.arrays import ratio
from taxonomy.flow_map import AverageVelocity, Velocity
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points
from taxonomy.times import check_unit


class ExactFlow(NamedTuple):
    """A path that is known.

    Attributes:
      b: velocity ``b_t(x) = E[dI_t | I_t = x]``, (t [batch], x [batch, dim]) -> [batch, dim].
      posterior_mean: ``E[x1 | I_t = x]``, of the same form.
      score: ``grad log p_t(x)``, of the same form.
      log_density: ``log p_t(x)``, (t [batch], x [batch, dim]) -> [batch].
      v: average velocity v(s, t, x) of the flow map, any order of s and t, or None if it has no closed form.
      until: last time up to which paths can be integrated; below 1 if the data are points, where paths run together.
      solver: the flow map (s [batch], t [batch], x [batch, dim], tolerance=) -> [batch, dim], where a part of it has a
        closed form; None for ``exact_map.solve``.
    """

    b: Velocity
    posterior_mean: Velocity
    score: Velocity
    log_density: Callable[[PerExample, Points], PerExample]
    v: AverageVelocity | None = None
    until: float = 1.0
    solver: Callable[..., Points] | None = None


def refusing_other_times(flow: ExactFlow, *, name: str) -> ExactFlow:
    """The same path; its functions refuse times outside of [0, 1].

    Args:
      flow: a path.
      name: name of the path, for messages.

    Returns:
      the path; ValueError from its functions where times are known, that is outside of jit.
    """

    def checked(f: Callable) -> Callable:
        def call(*arguments: jax.Array) -> jax.Array:
            check_unit(*arguments[:-1], needed_by=name)
            return f(*arguments)

        return call

    functions: dict[str, Any] = {field: checked(f) for field, f in flow._asdict().items() if callable(f)}
    return flow._replace(**functions)


def mixture(
    interpolant: Interpolant, *, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike, noise_std: float = 1.0
) -> ExactFlow:
    """Data from a mixture of Gaussians, ``x1 ~ sum_k w_k N(m_k, C_k)``.

    With ``S_k = alpha_t^2 noise_std^2 I + beta_t^2 C_k`` and ``r_k(x) ~ w_k N(x; beta_t m_k, S_k)``, summing to 1:

        b_t(x)     = sum_k r_k [ beta'_t m_k + (1/2) S'_k S_k^{-1} (x - beta_t m_k) ]
        E[x1 | x]  = sum_k r_k [ m_k + beta_t C_k S_k^{-1} (x - beta_t m_k) ]
        score      = - sum_k r_k S_k^{-1} (x - beta_t m_k)

    Args:
      interpolant: the path.
      weights: [components]; positive, summing to 1.
      means: [components, dim].
      covariances: [components, dim, dim]; symmetric, positive semi-definite. A zero covariance (an atom) is allowed for
        t < 1.
      noise_std: standard deviation of the noise, positive.

    Returns:
      ExactFlow without v.

    Raises:
      ValueError: if shapes disagree, weights are not a distribution, a covariance is not symmetric positive
        semi-definite, or noise_std <= 0.

    Reference: Albergo, Boffi, Vanden-Eijnden, "Stochastic interpolants", arXiv 2303.08797 (Gaussian mixtures). Same
      time direction.
    """
    weights, means, covariances = jnp.asarray(weights), jnp.asarray(means), jnp.asarray(covariances)
    _check_mixture(weights, means, covariances, noise_std)
    variances, axes = jnp.linalg.eigh(covariances)  # [components, dim], [components, dim, dim]

    def spectrum(t: jax.Array) -> jax.Array:
        alpha, beta = interpolant.alpha(t)[:, None, None], interpolant.beta(t)[:, None, None]
        return alpha**2 * noise_std**2 + beta**2 * variances[None]

    def parts(t: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Log of w_k N(x; beta m_k, S_k) [batch, k], and the eigenvalues and coordinates of x - beta m_k."""
        values = spectrum(t)
        offset = x[:, None, :] - interpolant.beta(t)[:, None, None] * means[None]
        y = jnp.einsum("nki,kij->nkj", offset, axes)
        log_terms = -0.5 * jnp.sum(y**2 / values + jnp.log(2 * jnp.pi * values), axis=-1)
        return jnp.log(weights)[None] + log_terms, values, y

    def average(logits: jax.Array, coordinates: jax.Array, shift: jax.Array | None = None) -> jax.Array:
        vectors = jnp.einsum("nkj,kij->nki", coordinates, axes)
        vectors = vectors if shift is None else vectors + shift
        return jnp.einsum("nk,nki->ni", jax.nn.softmax(logits, axis=-1), vectors)

    def b(t: jax.Array, x: jax.Array) -> jax.Array:
        logits, values, y = parts(t, x)
        d_values = jax.jvp(spectrum, (t,), (jnp.ones_like(t),))[1]
        return average(logits, d_values / (2 * values) * y, interpolant.d_beta(t)[:, None, None] * means[None])

    def posterior_mean(t: jax.Array, x: jax.Array) -> jax.Array:
        logits, values, y = parts(t, x)
        gain = interpolant.beta(t)[:, None, None] * variances[None] / values
        return average(logits, gain * y, means[None])

    def score(t: jax.Array, x: jax.Array) -> jax.Array:
        logits, values, y = parts(t, x)
        return average(logits, -y / values)

    def log_density(t: jax.Array, x: jax.Array) -> jax.Array:
        return jax.nn.logsumexp(parts(t, x)[0], axis=-1)

    return refusing_other_times(ExactFlow(b, posterior_mean, score, log_density), name="the exact mixture")


def _check_mixture(weights: jax.Array, means: jax.Array, covariances: jax.Array, noise_std: float) -> None:
    components, dim = means.shape if means.ndim == 2 else (0, 0)
    if weights.shape != (components,) or covariances.shape != (components, dim, dim) or not components:
        raise ValueError(
            f"weights have shape {weights.shape}, means {means.shape}, covariances {covariances.shape}; expected "
            "(components,), (components, dim), (components, dim, dim)"
        )
    if not noise_std > 0:
        raise ValueError(f"noise_std = {noise_std}; expected a positive number")
    if not (bool((weights > 0).all()) and abs(float(weights.sum()) - 1) < 1e-5):
        raise ValueError(f"weights sum to {float(weights.sum()):g}; expected positive numbers that sum to 1")
    tolerance = 1e-6 * (1 + float(jnp.abs(covariances).max()))
    asymmetry = float(jnp.abs(covariances - covariances.swapaxes(-1, -2)).max())
    if asymmetry > tolerance or float(jnp.linalg.eigvalsh(covariances).min()) < -tolerance:
        raise ValueError("covariance is not symmetric positive semi-definite: pass A @ A.T or a diagonal of variances")


def gaussian(interpolant: Interpolant, *, mean: ArrayLike, covariance: ArrayLike, noise_std: float = 1.0) -> ExactFlow:
    """Velocity and flow map from ``N(0, noise_std^2 I)`` noise to ``N(mean, covariance)`` data.

    With ``M_t = beta_t mean`` and ``S_t = alpha_t^2 noise_std^2 I + beta_t^2 covariance``:

        b_t(x)     = M'_t + (1/2) S'_t S_t^{-1} (x - M_t)
        X_{s,t}(x) = M_t + S_t^{1/2} S_s^{-1/2} (x - M_s)

    Args:
      interpolant: the path.
      mean: [dim]; mean of the data.
      covariance: [dim, dim]; covariance of the data, symmetric and positive semi-definite.
      noise_std: standard deviation of the noise, positive.

    Returns:
      ExactFlow with v for points of shape [batch, dim]. At s = t the average velocity is b_t; its time derivatives
      there are those of b_t and must be used only under the factor (t - s), as in every residual.

    Raises:
      ValueError: as ``mixture``.

    Reference: closed form for commuting Gaussians, e.g. Boffi, Albergo, Vanden-Eijnden, arXiv 2406.07507;
      the base covariance is a multiple of the identity, so that any data covariance commutes with it.
    """
    mean, covariance = jnp.asarray(mean), jnp.asarray(covariance)
    if mean.ndim != 1 or covariance.shape != (mean.size, mean.size):
        raise ValueError(f"mean has shape {mean.shape}, covariance {covariance.shape}; expected (dim,) and (dim, dim)")
    flow = mixture(
        interpolant, weights=jnp.ones(1), means=mean[None], covariances=covariance[None], noise_std=noise_std
    )
    variances, axes = jnp.linalg.eigh(covariance)

    # Everything is diagonal in the eigenbasis of the covariance; rows are times, columns axes.
    def std(t: jax.Array) -> jax.Array:
        alpha, beta = interpolant.alpha(t)[:, None], interpolant.beta(t)[:, None]
        return jnp.sqrt(alpha**2 * noise_std**2 + beta**2 * variances[None])

    def centre(t: jax.Array) -> jax.Array:
        return interpolant.beta(t)[:, None] * (mean @ axes)[None]

    def v(s: jax.Array, t: jax.Array, x: jax.Array) -> jax.Array:
        moved = centre(t) - centre(s) + (std(t) - std(s)) / std(s) * (x @ axes - centre(s))
        gap = jnp.broadcast_to((t - s)[:, None], x.shape)
        return ratio(moved @ axes.T, gap, flow.b(t, x))

    return refusing_other_times(flow._replace(v=v), name="the exact Gaussian map")
