"""Methods of endpoint consistency in continuous time: the source moves and the end at the data stays."""

import math

import jax
import jax.numpy as jnp

from objectives import metrics, weighting
from objectives.losses import direct
from objectives.losses.consistency_continuous import along_path, clipped, continuous_consistency, trigflow
from objectives.methods.shared import check_not_negative, check_share, source, teacher_of
from objectives.objective import Batch, Maps, Objective, Term
from taxonomy import curricula, noise_levels
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


def ct_continuous() -> Objective:
    """Consistency training in the limit of a vanishing step (arXiv 2303.01469, App. B)."""
    return _continuous("sample")


def cd_continuous() -> Objective:
    """Consistency distillation in the limit of a vanishing step (arXiv 2303.01469, App. B)."""
    return _continuous("teacher")


def _simplified(velocity_of: str, warm_up: float, normalize: float, prior: str) -> Objective:
    if prior not in PRIORS:
        raise ValueError(f"prior = {prior!r}; expected one of {', '.join(PRIORS)}")
    check_not_negative(warm_up=warm_up, normalize=normalize)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s = batch.times.s
        velocity = _velocity(maps, path, batch, velocity_of)
        ramp = curricula.warm_up(batch.progress, length=warm_up)
        # The circle of TrigFlow is that of data and noise with unit standard deviation.
        std = batch.noise_std
        return trigflow(
            lambda s, t, x: maps.student(s, t, std * x) / std,
            source(path, batch) / std,
            s,
            velocity=velocity / std,
            warm_up=ramp,
            normalize=normalize or None,
        )

    distilled = velocity_of == "teacher"
    term = Term(
        "consistency",
        loss,
        noise_levels.log_normal(),
        1.0,
        PRIORS[prior],
        cost=2 + 2 + distilled,
        likelihood=metrics.gaussian_likelihood,
    )
    return Objective((term,), sampler="renoising", needs_teacher=distilled, output="trigflow")


def _inverse_noise(times: time_laws.Times, loss: PerExample) -> PerExample:
    """``1 / tan(tau) = s / (1 - s)``."""
    del loss
    return times.s / jnp.maximum(1 - times.s, 1e-3)


PRIORS = {"inverse_noise": _inverse_noise, "none": weighting.uniform}


def sct(*, warm_up: float = 0.1, normalize: float = 0.1, prior: str = "inverse_noise") -> Objective:
    """Simplified continuous consistency training, sCT (arXiv 2410.11081); normalize: offset, 0 for none."""
    return _simplified("sample", warm_up, normalize, prior)


def scd(*, warm_up: float = 0.1, normalize: float = 0.1, prior: str = "inverse_noise") -> Objective:
    """Simplified continuous consistency distillation, sCD (arXiv 2410.11081); options as in ``sct``."""
    return _simplified("teacher", warm_up, normalize, prior)


def facm(
    *,
    diagonal_share: float = 0.5,
    clip: float = 1.0,
    adaptive_power: float = 0.5,
    cosine: float = 1.0,
    tangent: float = 0.5,
) -> Objective:
    """Flow-anchored consistency models (arXiv 2507.03738), from data: clipped tangents, and flow matching as an anchor.

    clip: bound of the tangent; adaptive_power: of the adaptive weight; cosine: weight of one minus the cosine in the
    anchor; tangent: exponent of s in the factor of the tangent. The anchor here is the diagonal of the map.
    """
    check_share("clip", clip, high=math.inf)
    check_not_negative(cosine=cosine, tangent=tangent)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s = batch.times.s
        velocity = path.velocity(s, batch.x0, batch.x1)
        return clipped(maps.student, source(path, batch), s, velocity=velocity, clip=clip, power=tangent)

    def anchor(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        t, x = batch.times.t, source(path, batch)
        velocity, prediction = path.velocity(t, batch.x0, batch.x1), maps.student(t, t, x)
        flow = direct.flow_matching(lambda s, t, x: prediction, x, t, velocity=velocity)
        return flow + cosine * direct.misalignment(prediction, velocity=velocity)

    adaptive = weighting.adaptive(power=adaptive_power, offset=0.001)

    def weight(times: time_laws.Times, loss: PerExample) -> PerExample:
        return jnp.cos(jnp.pi / 2 * times.s) * adaptive(times, loss)

    terms = (
        Term("diagonal", anchor, time_laws.diagonal, diagonal_share, cost=3),
        Term("consistency", loss, time_laws.fixed_end, 1 - diagonal_share, weight, cost=2 + 2),
    )
    return Objective(terms, sampler="renoising")


def ucgm(*, ratio: float = 1.0, step: float = 0.005, clip: float = 1.0, scale: float = 0.03) -> Objective:
    """UCGM (arXiv 2505.07447) without guidance: one loss from flow matching (ratio 0) to consistency (ratio 1).

    ratio: the noise level of the neighbour over that of the source; at 1 a central difference of the given step.
    """
    check_share("clip", clip, high=math.inf)
    if not 0 <= ratio <= 1:
        raise ValueError(f"ratio = {ratio}; expected a number in [0, 1]: 0 for flow matching, 1 for consistency")
    check_share("step", step, high=0.5)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s = batch.times.s
        p = jnp.maximum(s - step, 0) if ratio == 1 else s
        q = jnp.minimum(s + step, 1) if ratio == 1 else 1 - ratio * (1 - s)
        behind, ahead = ((time, path.position(time, batch.x0, batch.x1)) for time in (p, q))
        return along_path(maps.student, maps.target, source(path, batch), s, behind=behind, ahead=ahead, clip=clip)

    def weight(times: time_laws.Times, loss: PerExample) -> PerExample:
        del loss
        return jnp.cos(jnp.pi / 2 * times.s)

    metric = metrics.pseudo_huber(scale=scale)
    term = Term("consistency", loss, _not_at_the_data, 1.0, weight, cost=3 + 3, metric=metric)
    return Objective((term,), sampler="renoising")


def _not_at_the_data(key: jax.Array, shape: tuple[int, ...] = ()) -> time_laws.Times:
    """``s ~ U[0, 0.999]``, t = 1: at s = 1 a neighbour of another noise level does not exist."""
    s = 0.999 * jax.random.uniform(key, shape)
    return time_laws.Times(s, jnp.ones_like(s), jnp.ones_like(s))
