"""Methods of the semigroup rule: one jump equals two."""

from collections.abc import Callable

import jax

from objectives import weighting
from objectives.losses.direct import regression
from objectives.losses.progressive import STOP_GRADIENT, progressive
from objectives.methods.checks import check_count, check_option
from objectives.methods.shared import constant, diagonal, learned, self_distilled, source, teacher_of
from objectives.methods.variations import averaged, growing, with_target_noise
from objectives.mixture import REDUCTIONS
from objectives.objective import Batch, Loss, Maps, Objective, Term, required
from objectives.pooled import POOL, with_velocity
from taxonomy import curricula, flow_map, laws
from taxonomy import times as time_laws
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Scalar


def progressive_term(
    share: float,
    law: time_laws.Law | curricula.Curriculum,
    stop_gradient: str,
    weight: weighting.Weight = weighting.uniform,
    *,
    own: bool = True,
    segments: int = 1,
) -> Term:
    """The semigroup rule.

    Args:
      share: share of the batch.
      law: distribution over (s, u, t).
      stop_gradient: what the loss holds fixed.
      weight: weight of the term.
      own: whether the student itself makes the two legs, and no average of it.
      segments: jumps of which the second leg is made.

    Returns:
      a term named "progressive".
    """
    check_count("segments", segments)
    check_option("stop_gradient", stop_gradient, STOP_GRADIENT)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, u, t = batch.times
        x_s = source(path, batch)
        return progressive(maps.student, maps.target, x_s, s, u, t, stop_gradient=stop_gradient, segments=segments)

    legs = 1 + segments
    through = 2 * legs if stop_gradient == "none" and own else 0
    return Term("progressive", loss, law, share, weight, cost=3 + legs + through)


def _psd(
    law: time_laws.Law,
    *,
    diagonal_share: float,
    stop_gradient: str,
    reduction: str,
    learned_weight: bool,
    decay: float,
    first_gap: float,
    target_noise: float,
    of_points: bool,
    segments: int,
    velocity: str,
    pool: int,
) -> Objective:
    distill = progressive_term(
        1 - diagonal_share,
        growing(law, first_gap=first_gap),
        stop_gradient,
        weighting.gap_squared if of_points else weighting.uniform,
        own=not decay,
        segments=segments,
    )
    method = self_distilled(
        diagonal_share,
        distill,
        reduction,
        likelihood=learned(learned_weight),
        target_decay=averaged(decay),
        velocity=velocity,
        pool=pool,
    )
    return with_target_noise(method, target_noise)


def psd_m(
    *,
    diagonal_share: float = 0.75,
    stop_gradient: str = "target",
    reduction: str = "per_term",
    learned_weight: bool = False,
    decay: float = 0.0,
    first_gap: float = 1.0,
    target_noise: float = 0.0,
    of_points: bool = False,
    segments: int = 1,
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """Progressive self-distillation with the stop at the midpoint (arXiv 2505.18825).

    of_points: whether the residual is that of mapped points, ``(t - s)`` times that of average velocities. segments:
    jumps of which the second leg is made, the order of recursive consistency (RCGM).
    """
    return _psd(
        time_laws.with_fraction(time_laws.triangle, fraction=0.5),
        diagonal_share=diagonal_share,
        stop_gradient=stop_gradient,
        reduction=reduction,
        learned_weight=learned_weight,
        decay=decay,
        first_gap=first_gap,
        target_noise=target_noise,
        of_points=of_points,
        segments=segments,
        velocity=velocity,
        pool=pool,
    )


def psd_u(
    *,
    diagonal_share: float = 0.75,
    stop_gradient: str = "target",
    reduction: str = "per_term",
    learned_weight: bool = False,
    decay: float = 0.0,
    first_gap: float = 1.0,
    target_noise: float = 0.0,
    of_points: bool = False,
    segments: int = 1,
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """Progressive self-distillation with a uniform stop (arXiv 2505.18825).

    of_points: whether the residual is that of mapped points, ``(t - s)`` times that of average velocities. segments:
    jumps of which the second leg is made, the order of recursive consistency (RCGM).
    """
    return _psd(
        time_laws.with_uniform(time_laws.triangle),
        diagonal_share=diagonal_share,
        stop_gradient=stop_gradient,
        reduction=reduction,
        learned_weight=learned_weight,
        decay=decay,
        first_gap=first_gap,
        target_noise=target_noise,
        of_points=of_points,
        segments=segments,
        velocity=velocity,
        pool=pool,
    )


def split_mean_flow(*, diagonal_share: float = 0.5, reduction: str = "per_example") -> Objective:
    """SplitMeanFlow (arXiv 2507.16884): PSD with a uniform stop whose diagonal is a teacher's velocity."""
    check_option("reduction", reduction, REDUCTIONS)
    distill = progressive_term(1 - diagonal_share, time_laws.with_uniform(time_laws.triangle), "target")
    return Objective((diagonal(diagonal_share, teacher=True), distill), reduction, needs_teacher=True)


def pfmm(*, stages: int = 4, teacher_steps: int = 2) -> Objective:
    """Progressive flow map matching (arXiv 2406.07507): stages of doubling gap, each distilled from the last student.

    The jumps of stage k of K are at most ``2^(k + 1 - K)`` long. The first stage distils the teacher's velocity,
    integrated by midpoint steps on each leg; with one stage that is all.
    """
    check_count("teacher_steps", teacher_steps)
    _check_stages(stages)

    def at(progress: Scalar | float) -> time_laws.Law:
        longest = 2.0 ** (curricula.stage_of(progress, stages=stages) + 1 - stages)
        return time_laws.with_fraction(laws.with_shorter_gap(time_laws.triangle, factor=longest), fraction=0.5)

    # The value at s = t, taken only there, is one more velocity on each leg.
    cost = 3 + (2 * (2 * teacher_steps + 1) + (stages - 1) * 2) / stages
    loss = _staged(stages, lambda maps: flow_map.integrated(teacher_of(maps), steps=teacher_steps))
    term = Term("progressive", loss, curricula.Curriculum(at), 1.0, weighting.gap_squared, cost)
    return Objective((term,), needs_teacher=True, stages=stages)


def progressive_distillation(*, stages: int = 5) -> Objective:
    """Progressive distillation (arXiv 2202.00512): each stage learns two steps of the last student in one.

    Stage k of K trains ``2^(K - 1 - k)`` steps from noise to data, the last one a single step. The first stage distils
    Euler steps of the teacher's velocity, which in average velocities are DDIM steps. The student is not set back to
    the teacher's weights, because a teacher need not be a network.
    """
    _check_stages(stages)

    def at(progress: Scalar | float) -> time_laws.Law:
        return laws.uniform_grid(steps=2.0 ** (stages - 1 - curricula.stage_of(progress, stages=stages)))

    loss = _staged(stages, lambda maps: lambda s, t, x: teacher_of(maps)(s, x))
    term = Term("progressive", loss, curricula.Curriculum(at), 1.0, weighting.truncated_signal, cost=3 + 2)
    return Objective((term,), needs_teacher=True, stages=stages)


def _check_stages(stages: int) -> None:
    if not 1 <= stages <= 20:
        raise ValueError(f"stages = {stages}; expected a number from 1 to 20")


def _staged(stages: int, first: Callable[[Maps], flow_map.AverageVelocity]) -> Loss:
    """Two legs of the first map in the first stage, of the frozen student afterwards."""

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, u, t = batch.times
        x_s = source(path, batch)

        def from_map(w: flow_map.AverageVelocity) -> PerExample:
            return progressive(maps.student, w, x_s, s, u, t)

        if stages == 1:
            return from_map(first(maps))
        is_first = curricula.stage_of(batch.progress, stages=stages) == 0
        return jax.lax.cond(
            is_first, lambda: from_map(first(maps)), lambda: from_map(required(maps.stage, "Maps.stage"))
        )

    return loss


def shortcut(
    *,
    diagonal_share: float = 0.75,
    levels: int = 6,
    decay: float = 0.999,
    reduction: str = "per_example",
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """Shortcut models (arXiv 2410.12557) without guidance: dyadic jumps, targets by the EMA.

    Flow matching trains the shortest jump, half of the last level, in place of the diagonal. The paper's table of
    settings gives it 3/4 of the batch; the public code's default is 7/8.
    """
    check_option("reduction", reduction, REDUCTIONS)
    check_count("levels", levels)
    shortest = laws.uniform_grid(steps=2 ** (levels + 1))

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, _, t = batch.times
        return regression(maps.student, source(path, batch), s, t, velocity=path.velocity(s, batch.x0, batch.x1))

    terms = (
        Term("shortest", loss, shortest, diagonal_share, cost=3),
        progressive_term(1 - diagonal_share, laws.dyadic(levels=levels), "target"),
    )
    method = Objective(terms, reduction, target_decay=constant(decay))
    return with_velocity(method, velocity, pool=pool, terms=("shortest",))
