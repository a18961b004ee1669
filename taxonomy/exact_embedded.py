"""Data of few dimensions in a space of many: the exact path splits into the one in their span and a scaling beside it.

P = basis(512)                                                    # [512, 2], orthonormal columns
flow = embedded(LINEAR, checkerboard().exact_flow(LINEAR), basis=P, noise_std=3**-0.5)
ends = flow.solver(s, t, x, tolerance=1e-8)                       # the flow map: a solver in the plane, the rest exact
"""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
import numpy as np

from taxonomy import exact_map
from taxonomy.arrays import ratio
from taxonomy.exact import ExactFlow, refusing_other_times
from taxonomy.exact_data import NEAR_POINTS
from taxonomy.flow_map import AverageVelocity
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points


def basis(dimensions: int, *, inner: int = 2) -> np.ndarray:
    """A fixed matrix with orthonormal columns, drawn uniformly: the same for the same numbers.

    Args:
      dimensions: of the space.
      inner: of the data, at most as many.

    Returns:
      [dimensions, inner], float64.
    """
    columns, triangle = np.linalg.qr(np.random.default_rng(0).standard_normal((dimensions, inner)))
    return columns * np.sign(np.diagonal(triangle))


def embedded(interpolant: Interpolant, flow: ExactFlow, *, basis: ArrayLike, noise_std: float = 1.0) -> ExactFlow:
    """The path to data ``x1 = P y`` from noise in all dimensions, by the path to y from noise in the span of P alone.

    With ``u = P^T x`` and ``w = x - P u``, the data have no part in w, hence ``w_t = alpha_t w_0``:

        b_t(x)      = P b^y_t(u) + (alpha'_t / alpha_t) w
        E[x1 | x]   = P E[y | u]
        score       = P score^y(u) - w / (alpha_t noise_std)^2
        log p_t(x)  = log p^y_t(u) + log N(w; 0, (alpha_t noise_std)^2) in the dimensions beside the span
        X_{s,t}(x)  = P X^y_{s,t}(u) + (alpha_t / alpha_s) w

    Args:
      interpolant: the path.
      flow: the exact path of y, [batch, inner], with noise of the same standard deviation.
      basis: [dim, inner]; P, with orthonormal columns.
      noise_std: standard deviation of the noise, positive.

    Returns:
      ExactFlow, with a ``solver`` that integrates in the span alone; s = 1 has no map but the one to itself. Towards
      t = 1 velocity and score grow without bound off the span, as for data that are points.

    Raises:
      ValueError: if the columns are not orthonormal, or noise_std <= 0.

    Reference: derived here; the setting is Fig. 2 of pixel MeanFlow (arXiv 2601.22158).
    """
    columns = np.asarray(basis)
    if columns.ndim != 2 or not np.allclose(columns.T @ columns, np.eye(columns.shape[1]), atol=1e-6):
        raise ValueError(f"basis has shape {columns.shape}; expected (dim, inner) with orthonormal columns")
    if not noise_std > 0:
        raise ValueError(f"noise_std = {noise_std}; expected a positive number")
    beside = columns.shape[0] - columns.shape[1]

    def split(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        p = jnp.asarray(columns, x.dtype)
        u = x @ p
        return u, x - u @ p.T

    def lifted(y: jax.Array) -> jax.Array:
        return y @ jnp.asarray(columns, y.dtype).T

    def alpha(t: jax.Array) -> jax.Array:
        # Kept away from zero: at t = 1 nothing but rounding is left beside the span, which must stay small.
        return jnp.maximum(interpolant.alpha(t), math.sqrt(jnp.finfo(jnp.result_type(t)).eps))

    def b(t: PerExample, x: Points) -> Points:
        u, w = split(x)
        return lifted(flow.b(t, u)) + (interpolant.d_alpha(t) / alpha(t))[:, None] * w

    def score(t: PerExample, x: Points) -> Points:
        u, w = split(x)
        return lifted(flow.score(t, u)) - w / jnp.square(alpha(t) * noise_std)[:, None]

    def log_density(t: PerExample, x: Points) -> PerExample:
        u, w = split(x)
        spread = alpha(t) * noise_std
        squares = jnp.sum(jnp.square(w / spread[:, None]), axis=-1)
        return flow.log_density(t, u) - squares / 2 - beside * (jnp.log(spread) + math.log(2 * math.pi) / 2)

    def scaled(s: PerExample, t: PerExample) -> PerExample:
        start = interpolant.alpha(s)
        return jnp.where(start > 0, interpolant.alpha(t) / jnp.where(start > 0, start, 1), 1)

    def average(inner: AverageVelocity) -> AverageVelocity:
        def v(s: PerExample, t: PerExample, x: Points) -> Points:
            u, w = split(x)
            gap = jnp.broadcast_to((t - s)[:, None], x.shape)
            limit = (interpolant.d_alpha(t) / alpha(t))[:, None] * w
            return lifted(inner(s, t, u)) + ratio((scaled(s, t) - 1)[:, None] * w, gap, limit)

        return v

    def solver(s: PerExample, t: PerExample, x: Points, *, tolerance: float) -> Points:
        u, w = split(x)
        ends = exact_map.solve(flow.b, s, t, u, tolerance=tolerance, until=flow.until)
        return lifted(ends) + scaled(s, t)[:, None] * w

    made = ExactFlow(
        b=b,
        posterior_mean=lambda t, x: lifted(flow.posterior_mean(t, split(x)[0])),
        score=score,
        log_density=log_density,
        v=None if flow.v is None else average(flow.v),
        until=min(flow.until, 1 - NEAR_POINTS),
    )
    return refusing_other_times(made, name="the exact embedded path")._replace(solver=solver)
