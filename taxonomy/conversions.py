"""The outputs that networks are given in the literature, and the times they use, for one map on the linear path.

On ``I_t = (1 - t) x0 + t x1`` every output is affine in the average velocity v, with coefficients that depend on the
source time s and the point x alone. So the conversions hold for any target time t, and for a sample's ``dI_s`` as for
its mean ``b_s``.
"""

import jax
import jax.numpy as jnp
import numpy as np

from taxonomy.arrays import expand
from taxonomy.shapes import PerExample, Points


def velocity_from_map(mapped: Points, s: PerExample, t: PerExample, x: Points) -> Points:
    """``v_{s,t}(x) = (X_{s,t}(x) - x) / (t - s)``: the average velocity; ``flow_map.jump`` is the way back.

    Args:
      mapped: [batch, ...]; ``X_{s,t}(x)``.
      s: [batch]; source times.
      t: [batch]; target times, different from s.
      x: [batch, ...]; points at time s.

    Returns:
      [batch, ...]; average velocities.

    Raises:
      ValueError: outside of jit, if s = t somewhere: there every map is the identity, whatever v.
    """
    if not any(isinstance(time, jax.core.Tracer) for time in (s, t)):
        equal = np.ravel(np.equal(s, t))
        if equal.any():
            i = int(np.argmax(equal))
            raise ValueError(
                f"velocity_from_map received s = t = {float(np.broadcast_to(s, equal.shape)[i]):g} in example {i}; "
                "expected s != t: on the diagonal take the velocity field b itself"
            )
    return (mapped - x) / expand(t - s, x)


def denoiser_from_velocity(v: Points, s: PerExample, x: Points) -> Points:
    """``psi_{s,t}(x) = x + (1 - s) v_{s,t}(x)``: the mean denoiser, ``E[x1 | x]`` at t = s and the map itself at t = 1.

    Args:
      v: [batch, ...]; average velocities.
      s: [batch]; source times in [0, 1].
      x: [batch, ...]; points at time s.

    Returns:
      [batch, ...]; where the jump would end if it went on to time 1 at its average velocity.

    Reference: consistency trajectory models, arXiv 2310.02279 (the network g), in the noise level (1 - s) / s.
    """
    return x + expand(1 - s, x) * v


def velocity_from_denoiser(psi: Points, s: PerExample, x: Points, *, floor: float = 0.0) -> Points:
    """``v_{s,t}(x) = (psi_{s,t}(x) - x) / max(1 - s, floor)``: the inverse of ``denoiser_from_velocity`` if floor = 0.

    Args:
      psi: [batch, ...]; mean denoisers.
      s: [batch]; source times in [0, 1].
      x: [batch, ...]; points at time s.
      floor: smallest divisor. Above zero it keeps v finite at s = 1, and makes it too small for s > 1 - floor.

    Returns:
      [batch, ...]; average velocities.

    Raises:
      ValueError: if the floor is negative or, outside of jit, if s = 1 somewhere and the floor is zero.

    Reference: pixel mean flows, arXiv 2601.22158, whose floor is 0.05; there noise is at time 1.
    """
    if not floor >= 0:
        raise ValueError(f"floor = {floor}; expected a number that is not negative: it bounds 1 - s from below")
    if floor == 0 and not isinstance(s, jax.core.Tracer) and np.any(np.equal(s, 1)):
        raise ValueError("velocity_from_denoiser received s = 1; expected s < 1 or floor > 0: psi = x there, for any v")
    return (psi - x) / expand(jnp.maximum(1 - s, floor), x)


def trigflow_from_velocity(v: Points, s: PerExample, x: Points) -> Points:
    """``F = (2 s - 1) / N_s x - N_s v`` with ``N_s^2 = (1 - s)^2 + s^2``: the inverse of ``velocity_from_trigflow``.

    Args:
      v: [batch, ...]; average velocities.
      s: [batch]; source times in [0, 1].
      x: [batch, ...]; points at time s, in units of the data's standard deviation.

    Returns:
      [batch, ...]; TrigFlow outputs. Of ``v = dI_s`` it is ``cos(tau) x0 - sin(tau) x1``, the target of training.
    """
    norm = _norm(s)
    return expand((2 * s - 1) / norm, x) * x - expand(norm, x) * v


def velocity_from_trigflow(output: Points, s: PerExample, x: Points) -> Points:
    """``v = (2 s - 1) / N_s^2 x - F / N_s`` with ``N_s^2 = (1 - s)^2 + s^2``.

    On the circle ``x_tau = x / N_s``, ``tan(tau) = (1 - s) / s``, and with tau' the angle of t, it is the same map as

        X_{s,t}(x) = N_t [ cos(tau - tau') x_tau - sin(tau - tau') F ]

    because ``N_s N_t cos(tau - tau') = s t + (1 - s)(1 - t)`` and ``N_s N_t sin(tau - tau') = t - s``.

    Args:
      output: [batch, ...]; F, the network at ``x_tau``.
      s: [batch]; source times in [0, 1].
      x: [batch, ...]; points at time s; noise and data both have unit standard deviation.

    Returns:
      [batch, ...]; average velocities.

    Reference: sCM, arXiv 2410.11081, at tau' = 0; time there is the angle, pi / 2 at the noise.
    """
    norm = _norm(s)
    return expand((2 * s - 1) / norm**2, x) * x - expand(1 / norm, x) * output


def edm_from_velocity(v: Points, s: PerExample, x: Points, *, std: float = 1.0) -> Points:
    """``F = (N_s v - (s std^2 - (1 - s)) / N_s x) / std``: the inverse of ``velocity_from_edm``.

    Args:
      v: [batch, ...]; average velocities.
      s: [batch]; source times in [0, 1].
      x: [batch, ...]; points at time s.
      std: standard deviation of the data, positive.

    Returns:
      [batch, ...]; EDM outputs.

    Raises:
      ValueError: if std is not positive.
    """
    norm = _norm(s, std)
    return (expand(norm, x) * v - expand((s * std**2 - (1 - s)) / norm, x) * x) / std


def velocity_from_edm(output: Points, s: PerExample, x: Points, *, std: float = 1.0) -> Points:
    """``v = (s std^2 - (1 - s)) / N_s^2 x + std / N_s F`` with ``N_s^2 = (1 - s)^2 + s^2 std^2``; minus TrigFlow's F.

    With ``sigma = (1 - s) / s`` and ``x_sigma = x / s`` the mean denoiser is ``psi = c_skip x_sigma + c_out F``,

        c_skip = std^2 / (sigma^2 + std^2),    c_out = sigma std / sqrt(sigma^2 + std^2),

    and ``sigma^2 + std^2 = N_s^2 / s^2``. The factor 1 - s of ``psi - x`` cancels, so v is regular at s = 0 and s = 1.

    Args:
      output: [batch, ...]; F, the network at ``c_in x_sigma = x / N_s``.
      s: [batch]; source times in [0, 1].
      x: [batch, ...]; points at time s, of noise with unit standard deviation.
      std: standard deviation of the data, positive.

    Returns:
      [batch, ...]; average velocities.

    Raises:
      ValueError: if std is not positive.

    Reference: Karras et al., "Elucidating the design space of diffusion-based generative models", arXiv 2206.00364,
      Table 1. Consistency models, arXiv 2303.01469, shift sigma so that the boundary is at its smallest value.
    """
    norm = _norm(s, std)
    return expand((s * std**2 - (1 - s)) / norm**2, x) * x + expand(std / norm, x) * output


def decay_from_velocity(v: Points, x: Points) -> Points:
    """``net = v + x``: the output of a network whose map is ``X = (1 - (t - s)) x + (t - s) net``.

    Args:
      v: [batch, ...]; average velocities.
      x: [batch, ...]; points at time s.

    Returns:
      [batch, ...]; outputs.
    """
    return v + x


def velocity_from_decay(output: Points, x: Points) -> Points:
    """``v = net - x``: the inverse of ``decay_from_velocity``.

    Args:
      output: [batch, ...]; the network.
      x: [batch, ...]; points at time s.

    Returns:
      [batch, ...]; average velocities.
    """
    return output - x


def time_from_sigma(sigma: jax.Array) -> jax.Array:
    """``t = 1 / (1 + sigma)``: our time of ``x_sigma = x1 + sigma x0 = scale_sigma(t) I_t`` (CM, EDM); elementwise."""
    return 1 / (1 + sigma)


def sigma_from_time(t: jax.Array) -> jax.Array:
    """``sigma = (1 - t) / t``: the noise level of EDM, infinite at t = 0; elementwise."""
    return (1 - t) / t


def scale_sigma(t: jax.Array) -> jax.Array:
    """``1 / t``: the factor from ``I_t`` to ``x_sigma = x1 + sigma x0``, infinite at t = 0; elementwise."""
    return 1 / t


def time_from_angle(tau: jax.Array) -> jax.Array:
    """``t = cos(tau) / (cos(tau) + sin(tau))``: our time of TrigFlow's angle in [0, pi / 2]; elementwise."""
    return jnp.cos(tau) / (jnp.cos(tau) + jnp.sin(tau))


def angle_from_time(t: jax.Array) -> jax.Array:
    """``tau`` with ``tan(tau) = (1 - t) / t``: pi / 2 at the noise and 0 at the data; elementwise."""
    return jnp.arctan2(1 - t, t)


def scale_angle(t: jax.Array) -> jax.Array:
    """``1 / N_t``: the factor from ``I_t`` to ``x_tau = cos(tau) x1 + sin(tau) x0``; elementwise."""
    return 1 / _norm(t)


def time_from_vp(alpha: jax.Array, sigma: jax.Array) -> jax.Array:
    """``t = alpha / (alpha + sigma)``: our time of ``x_vp = alpha x1 + sigma x0 = scale_vp(alpha, sigma) I_t``.

    Args:
      alpha: [...]; factors of the data, not negative.
      sigma: [...]; factors of the noise, not negative and not zero together with alpha.

    Returns:
      [...]; times in [0, 1].
    """
    return alpha / (alpha + sigma)


def scale_vp(alpha: jax.Array, sigma: jax.Array) -> jax.Array:
    """``alpha + sigma``: the factor from ``I_t`` to ``x_vp``.

    Args:
      alpha: [...]; factors of the data.
      sigma: [...]; factors of the noise.

    Returns:
      [...]; factors.
    """
    return alpha + sigma


def _norm(s: jax.Array, std: float = 1.0) -> jax.Array:
    """The standard deviation ``sqrt((1 - s)^2 + s^2 std^2)`` of ``I_s``."""
    if not std > 0:
        raise ValueError(f"std = {std}; expected a positive number, the standard deviation of the data")
    return jnp.sqrt((1 - s) ** 2 + (s * std) ** 2)
