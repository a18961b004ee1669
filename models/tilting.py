"""Flow map trajectory tilting: points that move, diffuse, carry weights and are resampled, to sample a tilted law."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from models.grids import Grid
from models.steering import Value, effective_share, systematic, value_and_gradient
from taxonomy import flow_map
from taxonomy.arrays import expand
from taxonomy.flow_map import AverageVelocity, Velocity
from taxonomy.shapes import Points


class Tilted(NamedTuple):
    """Weighted points at the last time of the grid.

    Attributes:
      x: [n, ...].
      log_weights: [n]; since the last resampling, up to a constant.
      shares: [steps]; the effective share of the points after each step, before it resamples.
      resampled: [steps]; whether it did.
    """

    x: jax.Array
    log_weights: jax.Array
    shares: jax.Array
    resampled: jax.Array


def tilting(
    transport: AverageVelocity,
    h: Value,
    score: Velocity,
    key: jax.Array,
    x: Points,
    grid: Grid,
    *,
    diffusion: Callable[[jax.Array], jax.Array],
    tilt: Callable[[jax.Array], jax.Array] = lambda t: t,
    substeps: int = 1,
    constancy: bool = True,
    threshold: float = 0.5,
) -> Tilted:
    """Samples ``p_t(x) e^{a_t h_t(x)} / Z_t`` at all times of a grid, with ``h_t(x) = r(X_{t,1}(x))`` and a tilt a_t.

    Let ``f_t = p_t e^{a_t h_t}`` and ``d_t p_t = -div(b_t p_t)``. Then

        d_t f_t = -div(b_t f_t) + [ a'_t h_t + a_t (d_t + b_t . grad) h_t ] f_t,

    and ``(e_t^2 / 2) [Laplace f_t - div(f_t grad log f_t)] = 0``, the Langevin part, may be added. So points of

        dx = [ b_t + (e_t^2 / 2) (grad log p_t + a_t grad h_t) ] dt + e_t dW,
        dA = [ a'_t h_t(x) + a_t (d_t + b_t . grad) h_t(x) ] dt

    have ``E[phi(x) e^A] ~ int phi f_t`` for any phi (Jarzynski's equality). For the exact map the second term of dA is
    zero, because its h is constant along the ODE (``steering.drift_of_value`` measures the change); with a_t = t the
    first one is left, ``dA = r(X_{t,1}(x)) dt``.

    A step from t to t' is split: the transport ``X_{t,t'}`` for b, which changes no weight by itself, the weight, then
    Langevin steps at t', which leave ``f_t'`` alone. So without diffusion and with the exact map the weights are those
    of importance sampling, ``e^{r(X_{0,1})}``, without error in the step. Where paths part, ``grad h`` is so large that
    a Langevin step misses its aim; a step from x to y is therefore accepted with the probability of Metropolis and
    Hastings. It needs h itself, and of p_t only the score,

        log p_t(y) - log p_t(x) = (1/2) (grad log p_t(x) + grad log p_t(y)) . (y - x) + O(|y - x|^3).

    Args:
      transport: average velocity that carries p_t to p_t': a flow map; ``lambda s, t, x: b(s, x)`` is an Euler step.
      h: value of the look-ahead; at t = 1 it should be r.
      score: ``grad log p_t(x)``, at the times of the grid but the first and the last.
      key: typed PRNG key.
      x: [n, ...]; noise.
      grid: [steps + 1]; times from 0 to 1.
      diffusion: times [] -> [], ``e_t``; it is not used at the last time.
      tilt: times [] -> [], ``a_t``, with a_0 = 0 and a_1 = 1.
      substeps: Langevin steps at each time.
      constancy: weights ``(a_t' - a_t) h_t(x)``, which trust that h is constant along the ODE, as published; otherwise
        ``a_t' h_t'(X_{t,t'}(x)) - a_t h_t(x)``, which holds for any look-ahead, such as the mean.
      threshold: effective share of the points below which they are resampled.

    Returns:
      Tilted. For steps of the grid: one transport each; one h with constancy, two without; and ``substeps + 1``
      gradients of h and scores each but at the last step.

    Raises:
      ValueError: if the grid has fewer than two times, or substeps is smaller than 1.

    Reference: Sabour, Albergo, Domingo-Enrich, Boffi, Fidler, Kreis, Vanden-Eijnden, "Test-time scaling of diffusions
      with flow maps", arXiv 2511.22688. Same time direction; the weights without constancy, general a_t, the
      splitting and the acceptance are derived here.
    """
    if grid.ndim != 1 or grid.shape[0] < 2 or substeps < 1:
        raise ValueError(
            f"grid of times has shape {grid.shape}, substeps = {substeps}; expected (N + 1,), N >= 1, and at least 1"
        )
    count = x.shape[0]

    def carried(x: jax.Array, log_w: jax.Array, s: jax.Array, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        sources, targets = (jnp.full((count,), time, x.dtype) for time in (s, t))
        y = flow_map.jump(transport, sources, targets, x)
        if constancy:
            return y, log_w + (tilt(t) - tilt(s)) * h(sources, x)
        return y, log_w + tilt(t) * h(targets, y) - tilt(s) * h(sources, x)

    def chosen(key: jax.Array, x: jax.Array, log_w: jax.Array) -> tuple[jax.Array, ...]:
        share = effective_share(log_w)
        now = share < threshold
        order = jnp.where(now, systematic(key, log_w), jnp.arange(count))
        return x[order], jnp.where(now, 0.0, log_w), share, now

    def diffused(key: jax.Array, x: jax.Array, s: jax.Array, t: jax.Array) -> jax.Array:
        times = jnp.full((count,), t, x.dtype)
        half = diffusion(t) ** 2 * (t - s) / substeps / 2

        def known(x: jax.Array) -> tuple[jax.Array, ...]:
            value, gradient = value_and_gradient(h, times, x)
            own = score(times, x)
            return x, tilt(t) * value, own, own + tilt(t) * gradient

        def substep(here: tuple[jax.Array, ...], key: jax.Array) -> tuple[tuple[jax.Array, ...], None]:
            key_noise, key_accept = jax.random.split(key)
            x, value, own, drift = here
            move = half * drift + jnp.sqrt(2 * half) * jax.random.normal(key_noise, x.shape, x.dtype)
            there = known(x + move)
            # log of pi(y) q(x | y) / (pi(x) q(y | x)), with log p_t(y) - log p_t(x) by the trapezoidal rule.
            back = move + half * there[3]
            ratio = (
                there[1]
                - value
                + jnp.sum(
                    (own + there[2]) * move / 2 + (jnp.square(move - half * drift) - jnp.square(back)) / (4 * half),
                    axis=tuple(range(1, x.ndim)),
                )
            )
            accepted = jnp.log(jax.random.uniform(key_accept, ratio.shape, x.dtype)) < ratio
            return jax.tree.map(lambda new, old: jnp.where(expand(accepted, new), new, old), there, here), None

        def moved() -> jax.Array:
            return jax.lax.scan(substep, known(x), jax.random.split(key, substeps))[0][0]

        return jax.lax.cond(half > 0, moved, lambda: x)

    def leg(state: tuple[jax.Array, jax.Array], inputs: tuple[jax.Array, ...]) -> tuple[tuple, tuple]:
        s, t, key = inputs
        key_choice, key_noise = jax.random.split(key)
        x, log_w, *report = chosen(key_choice, *carried(*state, s, t))
        return (diffused(key_noise, x, s, t), log_w), tuple(report)

    keys = jax.random.split(key, grid.shape[0] - 1)
    legs = (grid[:-2], grid[1:-1], keys[:-1])
    state = (x, jnp.zeros((count,), x.dtype))
    # The last step has no Langevin part: at the data the score may not exist.
    state, (shares, resampled) = jax.lax.scan(leg, state, legs)
    x, log_w = carried(*state, grid[-2], grid[-1])
    share = effective_share(log_w)
    return Tilted(x, log_w, jnp.append(shares, share), jnp.append(resampled, False))


def falling(*, noise_std: float, noise: float) -> Callable[[jax.Array], jax.Array]:
    """``e_t = noise noise_std sqrt(2 (1 - t))``: a diffusion that stops at the data, for ``tilting``.

    A Langevin step of size ``d e_t^2 / 2`` is stable where it is below twice the smallest variance of p_t, which on the
    linear path is at least ``(1 - t)^2 noise_std^2``: for N equal steps, noise = 1 keeps below once that variance.

    Args:
      noise_std: standard deviation of the noise.
      noise: strength; 0 for importance weights alone.

    Returns:
      times -> ``e_t``.
    """
    return lambda t: noise * noise_std * jnp.sqrt(2 * (1 - t))


def drawn(key: jax.Array, tilted: Tilted) -> Points:
    """Points of equal weight, by systematic resampling.

    Args:
      key: typed PRNG key.
      tilted: weighted points.

    Returns:
      [n, ...]; some of them several times.
    """
    return tilted.x[systematic(key, tilted.log_weights)]
