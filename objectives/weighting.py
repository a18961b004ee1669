"""Weights per example: functions of the times and of the (stopped) loss that multiply a term before the mean."""

from collections.abc import Callable
import math

from jax.lax import stop_gradient as sg
import jax.numpy as jnp

from taxonomy.arrays import ratio
from taxonomy.shapes import PerExample
from taxonomy.times import Times

Weight = Callable[[Times, PerExample], PerExample]


def uniform(times: Times, loss: PerExample) -> PerExample:
    """``1`` for every example: the plain mean.

    Args:
      times: s, u, t of each example, [batch].
      loss: [batch]; squared residuals.

    Returns:
      [batch].
    """
    del times
    return jnp.ones_like(loss)


def gap_squared(times: Times, loss: PerExample) -> PerExample:
    """``(t - s)^2``: turns a residual of average velocities into the residual of mapped points.

    Args:
      times: s, u, t of each example, [batch].
      loss: [batch]; squared residuals.

    Returns:
      [batch].
    """
    del loss
    return jnp.square(times.t - times.s)


def inverse_step(times: Times, loss: PerExample) -> PerExample:
    """``1 / (u - s)``: keeps the gradient of a finite-step consistency loss of order one as the step shrinks.

    Args:
      times: s, u, t of each example, [batch], s <= u.
      loss: [batch]; squared residuals.

    Returns:
      [batch]; zero where u = s.

    Reference: Song, Dhariwal, "Improved techniques for training consistency models", arXiv 2310.14189,
      whose weight is one over the step in sigma; here the step is in t.
    """
    del loss
    step = times.u - times.s
    return ratio(jnp.ones_like(step), step, otherwise=0.0)


def adaptive(*, power: float = 1.0, offset: float = 0.01) -> Weight:
    """``1 / sg(|r|^2 + offset)^power``: large residuals count less.

    At power 1 the weighted loss is close to 1 for any network: look at the raw residual to see progress.

    Args:
      power: 0 is the plain mean. On a term whose residual is noisy at the exact solution, as in flow matching, a
        power above 0 moves the minimizer away from the conditional mean, most of all in low dimension.
      offset: not negative; compared with the squared residual in the unit of the term, see ``objective.Unit``.

    Returns:
      a weight function.

    Raises:
      ValueError: if the power or the offset is negative.

    Reference: Geng, Deng, Bai, Kolter, He, "Mean flows", arXiv 2505.13447 (adaptive loss weighting).
    """
    if not (power >= 0 and offset >= 0):
        raise ValueError(
            f"the adaptive weight received power = {power}, offset = {offset}; expected numbers that are not negative"
        )
    if power == 0:
        return uniform

    def weight(times: Times, loss: PerExample) -> PerExample:
        del times
        return sg(loss + offset) ** -power

    return weight


def bounded(*, power: float, offset: float) -> Weight:
    """``(offset / sg(|r|^2 + offset))^power``: the adaptive weight, one where the residual is small.

    A term with it keeps its proportion to a term without.

    Args:
      power: 0 is the plain mean, see ``adaptive``.
      offset: above 0; compared with the squared residual in the unit of the term.

    Returns:
      a weight function.

    Raises:
      ValueError: if the power is negative.
    """
    weight = adaptive(power=power, offset=offset)
    return lambda times, loss: offset**power * weight(times, loss)


def gap(times: Times, loss: PerExample) -> PerExample:
    """``|t - s|``: from the gradient in average velocities to that of a first-order step in mapped points.

    Args:
      times: s, u, t of each example, [batch].
      loss: [batch]; squared residuals.

    Returns:
      [batch].

    Reference: AYF, arXiv 2506.14603, whose Lagrangian gradient is half of the one with this weight if the paper's free
      weight of (s, t), before the mapped points, is 1.
    """
    del loss
    return jnp.abs(times.t - times.s)


def inverse_share(times: Times, loss: PerExample) -> PerExample:
    """``(t - s) / (u - s)``: one over the share of the first leg, for Eulerian losses with a finite step.

    Args:
      times: s, u, t of each example, [batch], s <= u <= t.
      loss: [batch]; squared residuals.

    Returns:
      [batch]; 1 where s = t, zero where u = s < t.

    Reference: alpha-Flow, arXiv 2510.20771, whose alpha is the share.
    """
    del loss
    share = ratio(times.u - times.s, times.t - times.s, otherwise=1.0)
    return ratio(jnp.ones_like(share), share, otherwise=0.0)


def inverse_noise_step(times: Times, loss: PerExample) -> PerExample:
    """``1 / (sigma_s - sigma_u)`` with ``sigma = (1 - t) / t``: one over the step in the noise level.

    Args:
      times: s, u, t of each example, [batch], 0 < s < u.
      loss: [batch]; squared residuals.

    Returns:
      [batch]; zero where u = s.

    Reference: Song, Dhariwal, arXiv 2310.14189; Geng et al., "Consistency models made easy", arXiv 2406.14548.
    """
    del loss
    # sigma_s - sigma_u = (u - s) / (s u), without the difference of two large numbers.
    return ratio(times.s * times.u, times.u - times.s, otherwise=0.0)


def truncated_signal(times: Times, loss: PerExample) -> PerExample:
    """``max(s^2, (1 - s)^2)``: the weight max(signal / noise, 1) on an error in data, written for average velocities.

    An error e of the velocity is an error (1 - s) e of the data, and the ratio of signal to noise is s^2 / (1 - s)^2.

    Args:
      times: s, u, t of each example, [batch].
      loss: [batch]; squared residuals of average velocities.

    Returns:
      [batch].

    Reference: Salimans, Ho, "Progressive distillation for fast sampling of diffusion models", arXiv 2202.00512
      (truncated SNR), where time runs from data to noise.
    """
    del loss
    return jnp.maximum(jnp.square(times.s), jnp.square(1 - times.s))


def shifted_elbo(*, signal_power: float, shift: float, over_squares: bool = True) -> Weight:
    """``sigmoid(b - lambda) (d lambda / ds) / 2 * s^a / (s^2 + (1 - s)^2)`` with ``lambda = 2 log(s / (1 - s))``.

    The weight of the likelihood's lower bound over the logarithm lambda of the signal-to-noise ratio, with more of the
    noise: b shifts it, ``s^a / (s^2 + (1 - s)^2)`` holds back the ends.

    Args:
      signal_power: a, not negative.
      shift: b.
      over_squares: whether there is the divisor ``s^2 + (1 - s)^2``.

    Returns:
      a weight function; without signal power and divisor the bound itself, which is infinite at s = 0.

    Raises:
      ValueError: if the power is negative.

    Reference: inductive moment matching, arXiv 2503.07565; the code in EDAPINENUT/ExplicitShortCut, loss/imm_loss.py,
      where s is 1 - t.
    """
    if not signal_power >= 0:
        raise ValueError(f"signal_power = {signal_power}; expected a number that is not negative")

    def weight(times: Times, loss: PerExample) -> PerExample:
        del loss
        s, noise = times.s, 1 - times.s
        # sigmoid(b - lambda) / (s (1 - s)) without the quotients, which have no value at the ends.
        density = noise / (jnp.square(noise) + math.exp(-shift) * jnp.square(s))
        kept = s ** (signal_power - 1) if signal_power != 1 else jnp.ones_like(s)
        return density * kept / (jnp.square(s) + jnp.square(noise) if over_squares else 1.0)

    return weight


def product(*weights: Weight) -> Weight:
    """The product of several weights, each of which sees the same times and losses."""

    def weight(times: Times, loss: PerExample) -> PerExample:
        total = jnp.ones_like(loss)
        for factor in weights:
            total = total * factor(times, loss)
        return total

    return weight
