"""The classical samplers of diffusion and flow models, on any velocity: the baseline for few jumps of a flow map.

Each docstring names the NFE (evaluations of the velocity) for a grid of N steps. At finite N no sampler keeps the law
exactly, not even with the exact velocity; as N grows all do.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from models.grids import Grid, Trajectory
from models.samplers import euler
from taxonomy import predictions
from taxonomy.arrays import expand
from taxonomy.flow_map import Velocity, along
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points

STAGES = 6  # NFE of a step of Tsitouras' method, whose last one serves as the first of the next


def heun(b: Velocity, x: Points, grid: Grid, *, trajectory: bool = False) -> Points | Trajectory:
    """``x <- x + h/2 [b_s(x) + b_t(x + h b_s(x))]``, the last step Euler's: NFE 2 N - 1, of second order.

    Args:
      b: velocity field.
      x: [batch, ...]; points at the first time of the grid.
      grid: [N + 1]; times.
      trajectory: whether to return the points at all times.

    Returns:
      [batch, ...] at the last time of the grid, or [N + 1, batch, ...].

    Raises:
      ValueError: if the grid has fewer than two times.

    Reference: Karras, Aittala, Aila, Laine, arXiv 2206.00364, Algorithm 1, on the velocity as it is; the velocity at
      t = 1, which is singular off the data, is not used there either.
    """

    def step(s: PerExample, t: PerExample, x: Points) -> Points:
        h, here = expand(t - s, x), b(s, x)
        return x + h / 2 * (here + b(t, x + h * here))

    if grid.shape[0] <= 2:
        return euler(b, x, grid, trajectory=trajectory)
    points = along(step, x, grid[:-1], trajectory=True)
    points = jnp.concatenate([points, euler(b, points[-1], grid[-2:])[None]])
    return points if trajectory else points[-1]


def ancestral(
    b: Velocity,
    path: Interpolant,
    key: jax.Array,
    x: Points,
    grid: Grid,
    *,
    noise_std: float,
    eta: float = 1.0,
    trajectory: bool = False,
) -> Points | Trajectory:
    """DDPM's sampler: mix predicted data, predicted noise and fresh noise. NFE N.

        x <- beta_t E[x1|x] + sqrt(alpha_t^2 - sigma^2) E[x0|x] + sigma z
        sigma = eta (alpha_t / alpha_s) sqrt(alpha_s^2 - (beta_s alpha_t / beta_t)^2)

    Args:
      b: velocity field.
      path: the interpolant.
      key: typed PRNG key of the fresh noise z.
      x: [batch, ...]; noise at time 0.
      grid: [N + 1]; times from 0 to 1.
      noise_std: standard deviation of the noise.
      eta: 1 for the variance of the step back given the data (DDPM), 0 for none (DDIM).
      trajectory: whether to return the points at all times.

    Returns:
      [batch, ...]; data, or [N + 1, batch, ...].

    Raises:
      ValueError: if eta lies outside of [0, 1], or the grid has fewer than two times.

    Reference: Ho, Jain, Abbeel, "Denoising diffusion probabilistic models", arXiv 2006.11239, Algorithm 2; Song, Meng,
      Ermon, "Denoising diffusion implicit models", arXiv 2010.02502, eq. (12) and (16). There alpha_bar = beta^2 and
      1 - alpha_bar = alpha^2, and time grows with the noise.
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"eta = {eta}; expected a number in [0, 1]: 0 for DDIM, 1 for DDPM")

    def step(s: PerExample, t: PerExample, x: Points, key: jax.Array) -> Points:
        velocity = b(s, x)
        noise = predictions.noise_from_velocity(path, s, x, velocity)
        data = predictions.data_from_velocity(path, s, x, velocity)
        alpha_s, alpha_t = path.alpha(s), path.alpha(t)
        back = jnp.maximum(alpha_s**2 - (path.beta(s) * alpha_t / path.beta(t)) ** 2, 0.0)
        sigma = eta * alpha_t / alpha_s * jnp.sqrt(back)
        kept = jnp.sqrt(jnp.maximum(alpha_t**2 - sigma**2, 0.0))
        z = noise_std * jax.random.normal(key, x.shape, x.dtype)
        return expand(path.beta(t), x) * data + expand(kept, x) * noise + expand(sigma, x) * z

    return along(step, x, grid, jax.random.split(key, grid.shape[0] - 1), trajectory=trajectory)


def ddim(b: Velocity, path: Interpolant, x: Points, grid: Grid, *, trajectory: bool = False) -> Points | Trajectory:
    """``x <- beta_t E[x1|x] + alpha_t E[x0|x]``, NFE N; on the linear path Euler's method, on others not.

    Args:
      b: velocity field.
      path: the interpolant.
      x: [batch, ...]; points at the first time of the grid.
      grid: [N + 1]; times.
      trajectory: whether to return the points at all times.

    Returns:
      [batch, ...] at the last time of the grid, or [N + 1, batch, ...]. It depends on the noise levels that are
      visited alone: on another path through the same levels it visits the same points, but for their scale.

    Raises:
      ValueError: if the grid has fewer than two times.

    Reference: Song, Meng, Ermon, "Denoising diffusion implicit models", arXiv 2010.02502, eq. (13).
    """

    def step(s: PerExample, t: PerExample, x: Points) -> Points:
        velocity = b(s, x)
        noise = predictions.noise_from_velocity(path, s, x, velocity)
        data = predictions.data_from_velocity(path, s, x, velocity)
        return expand(path.beta(t), x) * data + expand(path.alpha(t), x) * noise

    return along(step, x, grid, trajectory=trajectory)


def noise_level(path: Interpolant, *, noise_std: float, level: float | jax.Array) -> Callable[[jax.Array], jax.Array]:
    """``epsilon_t = level noise_std sqrt(2 alpha_t beta_t)``: noise that leaves the drift finite at both ends.

    Args:
      path: the interpolant.
      noise_std: standard deviation of the noise.
      level: 0 for the ODE.

    Returns:
      t [batch] -> [batch].
    """
    return lambda t: level * noise_std * jnp.sqrt(jnp.maximum(2 * path.alpha(t) * path.beta(t), 0.0))


def euler_maruyama(
    b: Velocity,
    path: Interpolant,
    key: jax.Array,
    x: Points,
    grid: Grid,
    *,
    noise_std: float,
    noise: Callable[[jax.Array], jax.Array],
    trajectory: bool = False,
) -> Points | Trajectory:
    """``dx = [b + epsilon^2 / 2 grad log p_t(x)] dt + epsilon dW``, the last step without noise. NFE N.

    For any epsilon the law of x at time t is ``p_t``: what the noise spreads, the score pulls together.

    Args:
      b: velocity field, from which the score is computed.
      path: the interpolant.
      key: typed PRNG key.
      x: [batch, ...]; noise at time 0.
      grid: [N + 1]; times from 0 to 1.
      noise_std: standard deviation of the noise.
      noise: epsilon, t [batch] -> [batch]; see ``noise_level``.
      trajectory: whether to return the points at all times.

    Returns:
      [batch, ...]; data, or [N + 1, batch, ...].

    Raises:
      ValueError: if the grid has fewer than two times.

    Reference: Song et al., "Score-based generative modeling through stochastic differential equations", arXiv
      2011.13456; Albergo, Boffi, Vanden-Eijnden, arXiv 2303.08797, Sec. 2, for any noise. Same time direction there.
    """
    last = grid.shape[0] - 2

    def step(s: PerExample, t: PerExample, x: Points, key: jax.Array, k: jax.Array) -> Points:
        velocity = b(s, x)
        epsilon = jnp.where(k < last, noise(s), 0.0)
        score = predictions.score_from_velocity(path, s, x, velocity, noise_std=noise_std)
        drift = velocity + expand(epsilon**2 / 2, x) * score
        z = jax.random.normal(key, x.shape, x.dtype)
        return x + expand(t - s, x) * drift + expand(epsilon * jnp.sqrt(jnp.maximum(t - s, 0.0)), x) * z

    keys = jax.random.split(key, last + 1)
    return along(step, x, grid, keys, jnp.arange(last + 1), trajectory=trajectory)


class Adapted(NamedTuple):
    """Points at the end [batch, ...], and the NFE [] of the way to them."""

    x: Points
    evaluations: jax.Array


def adaptive(b: Velocity, x: Points, *, tolerance: float, until: float = 1 - 1e-3, max_steps: int = 4096) -> Adapted:
    """``dx/dt = b_t(x)`` from 0 to 1 by Tsitouras' method of order 5, all points with common steps of adapted length.

    Args:
      b: velocity field.
      x: [batch, ...]; noise at time 0.
      tolerance: relative and absolute, of the root mean square over all points.
      until: time of the last but one step; one of Euler's leads to 1, where the velocity may be singular.
      max_steps: steps after which the solver gives up with an error.

    Returns:
      Adapted; rejected steps count.

    Raises:
      ValueError: unless tolerance > 0 and 0 < until < 1.

    Reference: Tsitouras, "Runge-Kutta pairs of order 5(4)", 2011, as implemented by diffrax.
    """
    import diffrax  # a second of imports that no other sampler needs

    if not (tolerance > 0 and 0 < until < 1):
        raise ValueError(f"tolerance = {tolerance}, until = {until}; expected tolerance > 0 and a time in (0, 1)")

    def field(time: Any, y: Points, args: None) -> Points:
        return b(jnp.full(y.shape[:1], time, y.dtype), y)

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Tsit5(),
        t0=0.0,
        t1=until,
        dt0=0.05,
        y0=x,
        stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
        max_steps=max_steps,
    )
    y = solution.ys[0]
    end = y + (1 - until) * field(jnp.asarray(until, y.dtype), y, None)
    return Adapted(end, STAGES * solution.stats["num_steps"] + 2)
