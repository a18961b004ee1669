"""Closed-form paths to data that are not smooth: unions of boxes (the checkerboard) and finite data sets."""

import jax
import jax.numpy as jnp
from jax.scipy.special import log_ndtr
from jax.scipy.stats import norm
from jax.typing import ArrayLike
import numpy as np

from taxonomy.exact import ExactFlow, refusing_other_times
from taxonomy.interpolants import Interpolant

NARROW = 1.5  # boxes narrower than this, in standard deviations of the noise, are averaged by quadrature
NEAR_POINTS = 1e-6  # time before the end at which every path has chosen its point of a finite data set
FAR = 30.0  # standard deviations from which the tail is an asymptotic series
NODES, NODE_WEIGHTS = (array for array in np.polynomial.legendre.leggauss(16))


def boxes(interpolant: Interpolant, *, lows: ArrayLike, highs: ArrayLike, noise_std: float = 1.0) -> ExactFlow:
    """Data uniform on a union of axis-aligned boxes: products of truncated normals.

    Given box k, the coordinates of x1 are independent, and with ``r_t = alpha_t noise_std``,
    ``a = (x - beta_t high) / r_t``, ``c = (x - beta_t low) / r_t``, the noise in one coordinate, in units of noise_std,
    is a standard normal truncated to [a, c]:

        E[x0 | x, k] = noise_std (phi(a) - phi(c)) / (Phi(c) - Phi(a))
        p_t(x | k)   = (Phi(c) - Phi(a)) / (beta_t (high - low))

    and ``b = alpha'_t E[x0 | x] + beta'_t E[x1 | x]`` with boxes weighted by their volume and likelihood.
    Logarithms keep the tails, quadrature over the box the limit t -> 0, where the quotient is 0 / 0.

    Args:
      interpolant: the path.
      lows: [boxes, dim]; lower corners.
      highs: [boxes, dim]; upper corners; boxes must not overlap.
      noise_std: standard deviation of the noise, positive.

    Returns:
      ExactFlow without v. At t = 1 and outside of the boxes the velocity is finite only by rounding.

    Raises:
      ValueError: if shapes disagree, a box is empty, or noise_std <= 0.

    Reference: derived here; the distribution of arXiv 2505.18825, Sec. 4.
    """
    lows, highs = jnp.asarray(lows), jnp.asarray(highs)
    if lows.ndim != 2 or lows.shape != highs.shape:
        raise ValueError(f"lows have shape {lows.shape}, highs {highs.shape}; expected (boxes, dim) for both")
    if not bool((lows < highs).all()):
        raise ValueError("a box is empty; expected low < high in every coordinate")
    if not noise_std > 0:
        raise ValueError(f"noise_std = {noise_std}; expected a positive number")
    sides = highs - lows
    log_volumes = jnp.sum(jnp.log(sides), axis=-1)
    log_weights = (log_volumes - jax.nn.logsumexp(log_volumes))[None]

    def posterior(t: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Log w_k p_t(x | k) [batch, k], E[x0 | x] and E[x1 | x] [batch, dim]."""
        beta = interpolant.beta(t)[:, None, None]
        spread = _spread(interpolant, t, noise_std)[:, None, None]
        log_mean, noise, data = _truncated(x[:, None, :], beta, spread, lows[None], highs[None])
        logits = log_weights + jnp.sum(log_mean - jnp.log(spread), axis=-1)
        share = jax.nn.softmax(logits, axis=-1)[:, :, None]
        return logits, noise_std * jnp.sum(share * noise, axis=1), jnp.sum(share * data, axis=1)

    return _from_posterior(interpolant, posterior, noise_std)


def empirical(
    interpolant: Interpolant, *, points: ArrayLike, noise_std: float = 1.0, weights: ArrayLike | None = None
) -> ExactFlow:
    """Data on finitely many points: the exact path of a finite training set.

        E[x1 | x] = sum_k softmax_k( log w_k - |x - beta_t y_k|^2 / (2 alpha_t^2 noise_std^2) ) y_k

    Args:
      interpolant: the path.
      points: [points, dim].
      noise_std: standard deviation of the noise, positive.
      weights: [points]; their probabilities, positive and of sum 1; None for equal ones.

    Returns:
      ExactFlow without v. For t -> 1 the distribution tends to the points themselves and the score grows without bound;
      paths can be integrated until 1 - 1e-6.

    Raises:
      ValueError: if points are not a matrix, weights are no probabilities of them, or noise_std <= 0.

    Reference: derived here; the plug-in posterior mean of a finite data set.
    """
    points = jnp.asarray(points)
    if points.ndim != 2:
        raise ValueError(f"points have shape {points.shape}; expected (points, dim): flatten images first")
    if not noise_std > 0:
        raise ValueError(f"noise_std = {noise_std}; expected a positive number")
    count, dim = points.shape
    weights = jnp.full(count, 1 / count) if weights is None else jnp.asarray(weights)
    if weights.shape != (count,) or not (bool((weights > 0).all()) and abs(float(weights.sum()) - 1) < 1e-5):
        raise ValueError(
            f"weights have shape {weights.shape} and sum to {float(weights.sum()):g}; expected {count} positive "
            "numbers that sum to 1, one for each point"
        )

    def posterior(t: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        beta, spread = interpolant.beta(t)[:, None], _spread(interpolant, t, noise_std)[:, None]
        # Squares by inner products: [batch, points] without a [batch, points, dim] array.
        squares = jnp.sum(x**2, -1)[:, None] - 2 * beta * (x @ points.T) + beta**2 * jnp.sum(points**2, -1)[None]
        log_terms = -squares / (2 * spread**2) - dim * (jnp.log(spread) + jnp.log(2 * jnp.pi) / 2)
        logits = log_terms + jnp.log(weights)[None]
        data = jax.nn.softmax(logits, axis=-1) @ points
        return logits, noise_std * (x - beta * data) / spread, data

    return _from_posterior(interpolant, posterior, noise_std)._replace(until=1 - NEAR_POINTS)


def _spread(interpolant: Interpolant, t: jax.Array, noise_std: float) -> jax.Array:
    # Kept away from zero: at t = 1 the posterior is the nearest data, not 0 / 0.
    return jnp.maximum(interpolant.alpha(t) * noise_std, jnp.sqrt(jnp.finfo(jnp.result_type(t)).tiny) ** 0.5)


def _from_posterior(interpolant: Interpolant, posterior, noise_std: float) -> ExactFlow:
    def b(t: jax.Array, x: jax.Array) -> jax.Array:
        _, noise, data = posterior(t, x)
        return interpolant.d_alpha(t)[:, None] * noise + interpolant.d_beta(t)[:, None] * data

    def score(t: jax.Array, x: jax.Array) -> jax.Array:
        return -posterior(t, x)[1] / (noise_std * _spread(interpolant, t, noise_std)[:, None])

    flow = ExactFlow(
        b=b,
        posterior_mean=lambda t, x: posterior(t, x)[2],
        score=score,
        log_density=lambda t, x: jax.nn.logsumexp(posterior(t, x)[0], axis=-1),
    )
    return refusing_other_times(flow, name="the exact path")


def _truncated(
    x: jax.Array, beta: jax.Array, spread: jax.Array, low: jax.Array, high: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Of z = (x - beta y) / spread, y uniform on [low, high]: log E[phi(z)], and the means of z and y given x."""
    # In the tail the density falls by a factor within the box even if the box is narrow: there the tails are exact.
    tail = jnp.abs(x - beta * (low + high) / 2) / spread
    narrow = beta * (high - low) * (1 + tail) < NARROW * spread
    by_quadrature = _narrow(x, beta, jnp.where(narrow, spread, 1.0), low, high)
    by_tails = _wide(x, jnp.where(narrow, 1.0, beta), jnp.where(narrow, (high - low) / NARROW, spread), low, high)
    log_mean, noise, data = (jnp.where(narrow, few, many) for few, many in zip(by_quadrature, by_tails, strict=True))
    return log_mean, noise, data


def _narrow(
    x: jax.Array, beta: jax.Array, spread: jax.Array, low: jax.Array, high: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Gauss-Legendre quadrature over y: exact to rounding for narrow boxes, and regular at beta = 0."""
    shape = (1,) * x.ndim + (-1,)
    nodes = jnp.asarray(((NODES + 1) / 2).reshape(shape), x.dtype)
    weights = jnp.asarray((NODE_WEIGHTS / 2).reshape(shape), x.dtype)
    y = low[..., None] + (high - low)[..., None] * nodes
    z = (x[..., None] - beta[..., None] * y) / spread[..., None]
    logs = norm.logpdf(z) + jnp.log(weights)
    share = jax.nn.softmax(logs, axis=-1)
    return jax.nn.logsumexp(logs, axis=-1), jnp.sum(share * z, axis=-1), jnp.sum(share * y, axis=-1)


def _wide(
    x: jax.Array, beta: jax.Array, spread: jax.Array, low: jax.Array, high: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Tails of the normal, mirrored so that the interval [p, q] lies on the side where they are small."""
    a, c = (x - beta * high) / spread, (x - beta * low) / spread
    mirrored = a + c < 0
    p, q = jnp.where(mirrored, -c, a), jnp.where(mirrored, -a, c)
    densities = jnp.exp(-(q - p) * (q + p) / 2)  # phi(q) / phi(p)
    tails = densities * jnp.exp(_log_hazard(p) - _log_hazard(q))  # Phi(-q) / Phi(-p)
    noise = jnp.where(mirrored, -1.0, 1.0) * jnp.exp(_log_hazard(p)) * (1 - densities) / (1 - tails)
    log_mass = log_ndtr(-p) + jnp.log1p(-tails)
    data = jnp.clip((x - spread * noise) / beta, low, high)
    return log_mass - jnp.log(c - a), noise, data


def _log_hazard(p: jax.Array) -> jax.Array:
    """Log of phi(p) / Phi(-p), without the difference of two huge logarithms far in the tail."""
    far = p > FAR
    near_p, far_p = jnp.where(far, 0.0, p), jnp.where(far, p, FAR)
    r = 1 / far_p**2
    series = 1 - r * (1 - 3 * r * (1 - 5 * r * (1 - 7 * r * (1 - 9 * r * (1 - 11 * r)))))
    return jnp.where(far, jnp.log(far_p) - jnp.log(series), norm.logpdf(near_p) - log_ndtr(-near_p))
