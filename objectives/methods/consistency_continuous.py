"""Methods of endpoint consistency in continuous time: the source moves and the end at the data stays."""

import math

import jax
import jax.numpy as jnp

from objectives import metrics, weighting
from objectives.losses import direct
from objectives.losses.consistency_continuous import along_path, clipped, continuous_consistency, trigflow
from objectives.methods.checks import check_not_negative, check_option, check_share
from objectives.methods.shared import Laws, learned, source, teacher_of, unit_of_offset, with_angle
from objectives.objective import Batch, Maps, Objective, Term, Unit
from objectives.pooled import POOL, check_linear, with_velocity
from taxonomy import curricula, laws, noise_levels
from taxonomy import times as time_laws
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points


def _velocity(maps: Maps, path: Interpolant, batch: Batch, velocity_of: str) -> Points:
    s = batch.times.s
    if velocity_of == "teacher":
        return teacher_of(maps)(s, source(path, batch))
    return path.velocity(s, batch.x0, batch.x1)


def _continuous(velocity_of: str) -> Objective:
    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, _, t = batch.times
        velocity = _velocity(maps, path, batch, velocity_of)
        return continuous_consistency(maps.student, source(path, batch), s, t, velocity=velocity)

    distilled = velocity_of == "teacher"
    term = Term("consistency", loss, time_laws.fixed_end, 1.0, cost=2 + 2 + distilled)
    return Objective((term,), sampler="renoising", needs_teacher=distilled)


def ct_continuous(*, velocity: str = "sample", pool: int = POOL) -> Objective:
    """Consistency training in the limit of a vanishing step (arXiv 2303.01469, App. B)."""
    return with_velocity(_continuous("sample"), velocity, pool=pool, terms=("consistency",))


def cd_continuous() -> Objective:
    """Consistency distillation in the limit of a vanishing step (arXiv 2303.01469, App. B)."""
    return _continuous("teacher")


def on_the_circle(
    maps: Maps,
    path: Interpolant,
    batch: Batch,
    *,
    velocity: Points,
    warm_up: float,
    normalize: float,
    clip: float = 0.0,
) -> PerExample:
    """The loss ``trigflow`` of a batch, whose circle is that of data and noise with unit standard deviation.

    Args:
      maps: for the student.
      path: the interpolant.
      batch: noise, data, times and progress.
      velocity: [batch, ...]; at ``I_s``: of the sample or of a teacher.
      warm_up: share of the training in which the derivative is faded in.
      normalize: offset of the normalized tangent, 0 for none.
      clip: bound of each coordinate of the tangent, 0 for none.

    Returns:
      [batch]; in the unit of the points, squared.
    """
    std = batch.noise_std
    return std**2 * trigflow(
        lambda s, t, x: maps.student(s, t, std * x) / std,
        source(path, batch) / std,
        batch.times.s,
        velocity=velocity / std,
        warm_up=curricula.warm_up(batch.progress, length=warm_up),
        normalize=normalize or None,
        clip=clip or None,
    )


def _simplified(
    velocity_of: str, warm_up: float, normalize: float, prior: str, *, clip: float = 0.0, learned_weight: bool = True
) -> Objective:
    if prior not in PRIORS:
        raise ValueError(f"prior = {prior!r}; expected one of {', '.join(PRIORS)}")
    check_not_negative(warm_up=warm_up, normalize=normalize, clip=clip)
    if clip and normalize:
        raise ValueError(
            f"clip = {clip} with normalize = {normalize}; expected one bound of the tangent: set one of them to 0"
        )

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        # The published offset is compared with a tangent of data with 0.5; where they have 1 it is twice as large.
        return on_the_circle(
            maps,
            path,
            batch,
            velocity=_velocity(maps, path, batch, velocity_of),
            warm_up=warm_up,
            normalize=normalize / noise_levels.SIGMA_DATA,
            clip=clip / noise_levels.SIGMA_DATA,
        )

    distilled = velocity_of == "teacher"
    term = Term(
        "consistency",
        loss,
        noise_levels.log_normal(),
        1.0,
        PRIORS[prior],
        cost=2 + 2 + distilled,
        likelihood=learned(learned_weight),
        unit=Unit(mean=True),
    )
    return Objective((term,), sampler="renoising", needs_teacher=distilled, output="trigflow")


def _inverse_noise(times: time_laws.Times, loss: PerExample) -> PerExample:
    """``1 / (sigma_data tan(tau)) = s / (sigma_data (1 - s))``: one over the published noise level."""
    del loss
    return times.s / (noise_levels.SIGMA_DATA * jnp.maximum(1 - times.s, 1e-3))


PRIORS = {"inverse_noise": _inverse_noise, "none": weighting.uniform}


def sct(
    *,
    warm_up: float = 0.1,
    normalize: float = 0.1,
    prior: str = "inverse_noise",
    clip: float = 0.0,
    learned_weight: bool = True,
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """Simplified continuous consistency training, sCT (arXiv 2410.11081).

    normalize: offset of the normalized tangent, 0 for none. clip: bound of each coordinate of the tangent in place of
    that, where the data have a standard deviation of 0.5; 0 for none.
    """
    check_linear(velocity, "a normalized tangent", normalize=normalize)
    check_linear(velocity, "a clipped tangent", clip=clip)
    method = _simplified("sample", warm_up, normalize, prior, clip=clip, learned_weight=learned_weight)
    return with_velocity(method, velocity, pool=pool, terms=("consistency",))


def scd(*, warm_up: float = 0.1, normalize: float = 0.1, prior: str = "inverse_noise") -> Objective:
    """Simplified continuous consistency distillation, sCD (arXiv 2410.11081); options as in ``sct``."""
    return _simplified("teacher", warm_up, normalize, prior)


def facm(
    *,
    diagonal_share: float = 0.5,
    times: str = "log_normal",
    clip: float = 1.0,
    adaptive_power: float = 0.5,
    cosine: float = 1.0,
    tangent: float = 0.5,
) -> Objective:
    """Flow-anchored consistency models (arXiv 2507.03738), from data: clipped tangents, and flow matching as an anchor.

    times: "log_normal" or "uniform"; clip: bound of the tangent where the noise is standard normal; adaptive_power: of
    the adaptive weight; cosine: weight of one minus the cosine in the anchor; tangent: exponent of s in the factor of
    the tangent. The anchor here is the diagonal of the map; at a diagonal_share of 0 there is none.
    """
    check_share("clip", clip, high=math.inf)
    check_not_negative(cosine=cosine, tangent=tangent)
    check_option("times", times, ANCHORED)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, bound = batch.times.s, clip * batch.noise_std
        velocity = path.velocity(s, batch.x0, batch.x1)
        return clipped(maps.student, source(path, batch), s, velocity=velocity, clip=bound, power=tangent)

    def anchor(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        return with_angle(maps, path, batch, cosine=cosine)

    adaptive = weighting.adaptive(power=adaptive_power, offset=0.001)

    def weight(times: time_laws.Times, loss: PerExample) -> PerExample:
        return jnp.cos(jnp.pi / 2 * times.s) * adaptive(times, loss)

    jumps, diagonal = ANCHORED[times]
    unit = unit_of_offset(adaptive_power, mean=True)
    still = Term("diagonal", anchor, diagonal, diagonal_share, cost=3)
    moving = Term("consistency", loss, jumps, 1 - diagonal_share, weight, cost=2 + 2, unit=unit)
    return Objective((still, moving) if diagonal_share else (moving,), sampler="renoising")


def _arctan_log_normal(key: jax.Array, shape: tuple[int, ...] = ()) -> time_laws.Times:
    """``1 - s = (2 / pi) arctan(e^N(-0.8, 1.6))``, t = 1: the published times of FACM."""
    s = 1 - 2 / jnp.pi * jnp.arctan(jnp.exp(-0.8 + 1.6 * jax.random.normal(key, shape)))
    return time_laws.Times(s, jnp.ones_like(s), jnp.ones_like(s))


ANCHORED = {
    "log_normal": Laws(_arctan_log_normal, laws.at_the_source(_arctan_log_normal)),
    "uniform": Laws(time_laws.fixed_end, time_laws.diagonal),
}


def ucgm(
    *, ratio: float = 1.0, step: float = 0.005, times: str = "beta", clip: float = 1.0, scale: float = 5.0
) -> Objective:
    """UCGM (arXiv 2505.07447) without guidance: one loss from regression on the velocity to consistency.

    ratio: the noise level of the neighbour over that of the source; at 1 a central difference of the given step, at 0
    ``v_{s,1}`` is regressed on the sample's velocity itself. times: "beta", Beta(0.8, 1) for the noise level, or
    "uniform". clip: bound of the derivative where the noise is standard normal; scale: of the pseudo-Huber distance,
    compared with a root of the mean square.
    """
    check_share("clip", clip, high=math.inf)
    if not 0 <= ratio <= 1:
        raise ValueError(f"ratio = {ratio}; expected a number in [0, 1]: 0 for flow matching, 1 for consistency")
    check_share("step", step, high=0.5)
    check_option("times", times, NOISE_POWERS)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, x_s = batch.times.s, source(path, batch)
        if ratio == 0:
            return direct.regression(maps.student, x_s, s, batch.times.t, velocity=path.velocity(s, batch.x0, batch.x1))
        p = jnp.maximum(s - step, 0) if ratio == 1 else s
        q = jnp.minimum(s + step, 1) if ratio == 1 else 1 - ratio * (1 - s)
        behind, ahead = ((time, path.position(time, batch.x0, batch.x1)) for time in (p, q))
        bound = clip * batch.noise_std
        return along_path(maps.student, maps.target, x_s, s, behind=behind, ahead=ahead, clip=bound)

    def weight(times: time_laws.Times, loss: PerExample) -> PerExample:
        del loss
        return jnp.cos(1.57 * (1 - times.s))

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> time_laws.Times:
        # At s = 1 a neighbour of another noise level does not exist.
        s = 1 - jnp.maximum(jax.random.uniform(key, shape) ** NOISE_POWERS[times], 1e-3)
        return time_laws.Times(s, jnp.ones_like(s), jnp.ones_like(s))

    metric, cost = metrics.pseudo_huber(scale=scale), 3 + 3 * (ratio > 0)
    term = Term("consistency", loss, law, 1.0, weight, cost=cost, metric=metric, unit=Unit(mean=True))
    return Objective((term,), sampler="renoising")


# The noise level is a power of a uniform number: Beta(0.8, 1) is U^(1 / 0.8).
NOISE_POWERS = {"beta": 1.25, "uniform": 1.0}
