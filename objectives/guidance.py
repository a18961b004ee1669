"""Guided velocities: what takes the place of ``dI_t``, or of a teacher's velocity, in a loss under guidance.

Guidance by a scale w aims at ``w v_c + (1 - w) v_u``, from the conditional and the unconditional velocity. That is
another velocity field with another flow map, for which every rule holds. The formulas are those of the papers, whatever
the direction of their time: they are linear, and reversing time only changes the sign of every velocity.

Where a scheme uses the model's own guided output g, the scale w follows from the fixed point: ``effective_scale_*``.
Descent on a stopped target finds it as long as the share of g in its own target is below 1.

Scales are numbers or arrays [batch]. One out of its range is refused with a ValueError wherever its value is known,
that is outside of jit. Nothing is stopped here: that is the loss's choice.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool
import numpy as np

from taxonomy.arrays import expand
from taxonomy.shapes import PerExample, Points, Scalar

Scale = PerExample | Scalar | float


def classifier_free(*, v_c: Points, v_u: Points, scale: Scale) -> Points:
    """``v_u + w (v_c - v_u)``: of a teacher, or at sampling.

    Autoguidance is the same formula: v_c is a teacher's velocity b, and v_u that of a weaker model of the same task.

    Args:
      v_c: [batch, ...]; conditional velocities, or the teacher's.
      v_u: [batch, ...]; unconditional velocities, or the weak model's.
      scale: w, positive; 1 is no guidance.

    Returns:
      [batch, ...]; guided velocities.

    Reference: Ho, Salimans, "Classifier-free diffusion guidance", arXiv 2207.12598, whose w is w - 1 here.
      Autoguidance: Karras et al., "Guiding a diffusion model with a bad version of itself", arXiv 2406.02507; for flow
      maps Align your flow, arXiv 2506.14603.
    """
    _check_positive("scale", scale)
    return v_u + expand(scale, v_c) * (v_c - v_u)


def mean_flow_guided(velocity: Points, *, v_c: Points, v_u: Points, omega: Scale, kappa: Scale) -> Points:
    """``omega dI + (1 - omega - kappa) v_u + kappa v_c``: MeanFlow's guided velocity.

    Args:
      velocity: [batch, ...]; ``dI_s`` of the sample.
      v_c: [batch, ...]; the model's own guided ``v_{s,s}`` with the label.
      v_u: [batch, ...]; the model's ``v_{s,s}`` without a label.
      omega: positive.
      kappa: share of the model's own output, below 1; at 0 v_c is not used.

    Returns:
      [batch, ...]; guided velocities.

    Reference: MeanFlow, arXiv 2505.13447, appendix on guidance.
    """
    _check_positive("omega", omega)
    _check_below_one("kappa", kappa, "1 - omega / w")
    omega, kappa = expand(omega, velocity), expand(kappa, velocity)
    return omega * velocity + (1 - omega - kappa) * v_u + kappa * v_c


def effective_scale_mean_flow(*, omega: Scale, kappa: Scale) -> Scale:
    """``w = omega / (1 - kappa)``, from ``(1 - kappa) g = omega v_c + (1 - omega - kappa) v_u``.

    Args:
      omega: positive.
      kappa: below 1.

    Returns:
      the scale w, of the shape of the arguments.
    """
    _check_positive("omega", omega)
    _check_below_one("kappa", kappa, "1 - omega / w")
    return omega / (1 - kappa)


def improved_mean_flow_guided(velocity: Points, *, v_c: Points, v_u: Points, omega: Scale) -> Points:
    """``dI + (1 - 1 / omega) (v_c - v_u)``: guidance of improved MeanFlow, where omega is an input of the network.

    Args:
      velocity: [batch, ...]; ``dI_s`` of the sample.
      v_c: [batch, ...]; the model's own guided ``v_{s,s}`` with the label.
      v_u: [batch, ...]; the model's ``v_{s,s}`` without a label.
      omega: positive; the scale itself, see ``effective_scale_improved_mean_flow``.

    Returns:
      [batch, ...]; guided velocities.

    Reference: improved MeanFlow, arXiv 2512.02012.
    """
    _check_positive("omega", omega)
    return velocity + expand(1 - 1 / jnp.asarray(omega), velocity) * (v_c - v_u)


def effective_scale_improved_mean_flow(omega: Scale) -> Scale:
    """``w = omega``, from ``g / omega = v_c - (1 - 1 / omega) v_u``."""
    _check_positive("omega", omega)
    return omega


def model_guided(velocity: Points, *, v_c: Points, v_u: Points, omega: Scale) -> Points:
    """``dI + omega (v_c - v_u)``: model guidance, as in decoupled MeanFlow.

    Args:
      velocity: [batch, ...]; ``dI_s`` of the sample.
      v_c: [batch, ...]; the model's own guided ``v_{s,s}`` with the label.
      v_u: [batch, ...]; the model's ``v_{s,s}`` without a label.
      omega: below 1; 0 is no guidance.

    Returns:
      [batch, ...]; guided velocities.

    Reference: decoupled MeanFlow, arXiv 2510.24474. Guidance-free training, arXiv 2501.15420, has the same fixed point.
    """
    _check_below_one("omega", omega, "1 - 1 / w")
    return velocity + expand(omega, velocity) * (v_c - v_u)


def effective_scale_model(omega: Scale) -> Scale:
    """``w = 1 / (1 - omega)``, from ``(1 - omega) g = v_c - omega v_u``."""
    _check_below_one("omega", omega, "1 - 1 / w")
    return 1 / (1 - omega)


def terminal_guided(velocity: Points, *, v_u: Points, scale: Scale) -> Points:
    """``w dI + (1 - w) v_u``: guidance of terminal velocity matching; the squared loss is divided by w^2.

    The noise of the target grows as w. ``terminal_weight`` takes that out of both terms of the loss. In the paper the
    network also has 1 / w as an input, and its output is multiplied by w.

    Args:
      velocity: [batch, ...]; ``dI_t`` of the sample.
      v_u: [batch, ...]; ``v_{t,t}`` without a label, by the EMA of the weights.
      scale: w, positive; 1 for examples without a label.

    Returns:
      [batch, ...]; guided velocities.

    Reference: terminal velocity matching, arXiv 2511.19797.
    """
    return classifier_free(v_c=velocity, v_u=v_u, scale=scale)


def terminal_weight(scale: Scale) -> Scale:
    """``1 / w^2``: the weight of the squared residuals that belongs to ``terminal_guided``."""
    _check_positive("scale", scale)
    return 1 / scale**2


def effective_scale_terminal(scale: Scale) -> Scale:
    """``w``: the conditional output is not used, so there is no fixed point to solve."""
    _check_positive("scale", scale)
    return scale


def so_flow_guided(
    velocity: Points,
    *,
    v_c: Points,
    v_u: Points,
    scale: Scale,
    mixing: Scale,
    strength: Scale = 1.0,
) -> Points:
    """``m [dI + k (w - 1) (dI - v_u)] + (1 - m) v_c``: guidance of SoFlow.

    Mixing in the prediction changes the noise of the target and not its fixed point.

    Args:
      velocity: [batch, ...]; ``dI_s`` of the sample.
      v_c: [batch, ...]; the model's own guided ``v_{s,s}`` with the label.
      v_u: [batch, ...]; the model's ``v_{s,s}`` without a label.
      scale: w, positive.
      mixing: m in (0, 1].
      strength: k in [0, 1]; goes to 0 towards the noise in the paper, where guidance fades out.

    Returns:
      [batch, ...]; guided velocities.

    Reference: SoFlow, arXiv 2512.15657.
    """
    _check("mixing", mixing, lambda m: (m > 0) & (m <= 1), "a share in (0, 1]; 1 mixes no prediction in")
    guided = classifier_free(v_c=velocity, v_u=v_u, scale=effective_scale_so_flow(scale, strength=strength))
    mixing = expand(mixing, velocity)
    return mixing * guided + (1 - mixing) * v_c


def effective_scale_so_flow(scale: Scale, *, strength: Scale = 1.0) -> Scale:
    """``1 + k (w - 1)``: from ``g = m [..] + (1 - m) g`` the mixing cancels.

    Args:
      scale: w, positive.
      strength: k in [0, 1].

    Returns:
      the scale of the fixed point, of the shape of the arguments.
    """
    _check_positive("scale", scale)
    _check("strength", strength, lambda k: (k >= 0) & (k <= 1), "a number in [0, 1]; 1 is full guidance, 0 is none")
    return 1 + strength * (scale - 1)


def within_interval(scale: Scale, *, t: PerExample, low: Scale, high: Scale, otherwise: Scale = 1.0) -> PerExample:
    """The scale at times ``low <= t <= high``, and ``otherwise`` outside: guidance in an interval of noise levels.

    An interval [lo, hi] of papers with noise at time 1 is ``low = 1 - hi, high = 1 - lo`` here.

    Args:
      scale: w, omega or kappa.
      t: [batch]; times in [0, 1].
      low: first time with guidance, in [0, 1].
      high: last time with guidance, in [low, 1].
      otherwise: the value that means no guidance: 1 for w and for MeanFlow's omega, 0 for kappa and model guidance.

    Returns:
      [batch]; a value per example.

    Reference: Kynkaanniemi et al., "Applying guidance in a limited interval improves sample and distribution quality in
      diffusion models", arXiv 2404.07724.
    """
    if not any(isinstance(end, jax.core.Tracer) for end in (low, high)):
        first, last = np.asarray(low), np.asarray(high)
        # Written so that NaN fails too.
        if not np.all((first >= 0) & (first <= last) & (last <= 1)):
            raise ValueError(
                f"guidance received the interval [{low}, {high}]; expected 0 <= low <= high <= 1: an interval [lo, hi] "
                "of a paper with noise at time 1 is [1 - hi, 1 - lo] here"
            )
    return jnp.where((low <= t) & (t <= high), scale, otherwise)


def keep_unlabelled(guided: Points, *, velocity: Points, labelled: Bool[Array, " batch"]) -> Points:
    """The guided velocity where there is a label, the plain ``dI`` where it was dropped.

    Examples without a label train v_u, and dI makes that a plain regression. A guided target has the same fixed point,
    but carries the errors of its v_u and v_c; ``terminal_guided`` has 1 - w times the first, and w times the noise.

    Args:
      guided: [batch, ...]; guided velocities.
      velocity: [batch, ...]; ``dI`` of the samples.
      labelled: [batch]; True where the label was kept.

    Returns:
      [batch, ...]; what is regressed on.
    """
    return jnp.where(expand(labelled, guided), guided, velocity)


def _check_positive(name: str, value: Scale) -> None:
    _check(name, value, lambda w: w > 0, "a positive number; 1 is no guidance")


def _check_below_one(name: str, value: Scale, choice: str) -> None:
    _check(name, value, lambda share: share < 1, f"a number below 1; to guide by a scale w take {name} = {choice}")


def _check(name: str, value: Scale, accepts: Callable[[np.ndarray], np.ndarray], expected: str) -> None:
    if not isinstance(value, jax.core.Tracer):
        flat = np.ravel(value)
        wrong = ~accepts(flat)
        if wrong.any():
            raise ValueError(f"guidance received {name} = {float(flat[np.argmax(wrong)]):g}; expected {expected}")
