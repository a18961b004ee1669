"""Methods of the Lagrangian rule: the target time moves and the point follows the velocity."""

import dataclasses

from objectives import weighting
from objectives.losses.lagrangian import STOP_GRADIENT, lagrangian, pulled_back, round_trip
from objectives.methods.checks import check_option
from objectives.methods.shared import DIAGONALS, constant, law_of, learned, self_distilled, source, teacher_of
from objectives.methods.variations import averaged, growing, with_target_noise
from objectives.objective import Batch, Maps, Objective, Term, Unit
from objectives.pooled import POOL, with_velocity
from taxonomy import curricula, flow_map
from taxonomy import times as time_laws
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample

OFFSET = 0.03  # squared residual of LSD's rule, in units of the noise, from which on its adaptive weight falls


def lagrangian_term(
    velocity: str,
    share: float,
    times: str,
    stop_gradient: str,
    weight: weighting.Weight = weighting.uniform,
    *,
    first_gap: float = 1.0,
) -> Term:
    """The Lagrangian rule off the diagonal.

    Args:
      velocity: "self" or "teacher".
      share: share of the batch.
      times: name of the distribution over (s, t).
      stop_gradient: what the loss holds fixed.
      weight: weight of the term.
      first_gap: share of the length of jumps at the start of training, see ``growing``.

    Returns:
      a term named "lagrangian".
    """
    check_option("stop_gradient", stop_gradient, STOP_GRADIENT)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        b = teacher_of(maps) if velocity == "teacher" else flow_map.diagonal(maps.target)
        s, _, t = batch.times
        return lagrangian(maps.student, b, source(path, batch), s, t, stop_gradient=stop_gradient)

    # One jvp with its backward pass, one velocity, and in one mode the backward pass through the velocity's input.
    cost = {"velocity": 2 + 4 + 1, "none": 2 + 4 + 1 + 2, "target": 2 + 2 + 1}[stop_gradient]
    return Term("lagrangian", loss, growing(law_of(times), first_gap=first_gap), share, weight, cost)


def lsd(
    *,
    diagonal_share: float = 0.75,
    times: str = "triangle",
    stop_gradient: str = "velocity",
    reduction: str = "per_term",
    learned_weight: bool = False,
    adaptive_power: float = 0.0,
    decay: float = 0.0,
    first_gap: float = 1.0,
    target_noise: float = 0.0,
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """Lagrangian self-distillation (arXiv 2505.18825).

    adaptive_power: of a weight of the rule alone, ``(1 + |r|^2 / 0.03)^-adaptive_power``. It bounds the pull of the few
    jumps that end where the velocity changes fast. The residual of the exact map is zero: the minimizer stays.
    """
    if adaptive_power and learned_weight:
        raise ValueError(
            f"adaptive_power = {adaptive_power} with learned_weight: expected one weight of a residual; leave one out"
        )
    weight = weighting.bounded(power=adaptive_power, offset=OFFSET)
    distill = lagrangian_term("self", 1 - diagonal_share, times, stop_gradient, weight, first_gap=first_gap)
    method = self_distilled(
        diagonal_share,
        distill,
        reduction,
        # The offset of the weight is compared with the residual.
        unit=Unit() if adaptive_power else None,
        likelihood=learned(learned_weight),
        both_directions=times == "square",
        target_decay=averaged(decay),
        velocity=velocity,
        pool=pool,
    )
    return with_target_noise(method, target_noise)


def lmd(*, times: str = "triangle", stop_gradient: str = "none", adaptive_power: float = 0.0) -> Objective:
    """Lagrangian map distillation of a teacher (arXiv 2406.07507).

    An adaptive_power above 0 bounds the pull of outliers by the adaptive weight. The residual of the exact map is zero,
    so the minimizer stays. It is needed where the teacher's velocity is unbounded off the data, as the exact one is.
    """
    term = lagrangian_term("teacher", 1.0, times, stop_gradient, weighting.adaptive(power=adaptive_power))
    # The offset of the weight is compared with the residual.
    term = dataclasses.replace(term, unit=Unit() if adaptive_power else None)
    return Objective((term,), needs_teacher=True, both_directions=times == "square")


def ayf_lmd(*, times: str = "logit_normal") -> Objective:
    """AYF-LMD (arXiv 2506.14603): a teacher's Lagrangian rule with everything but the prediction stopped."""
    term = lagrangian_term("teacher", 1.0, times, "target", weighting.gap)
    return Objective((term,), needs_teacher=True, both_directions=times == "square")


def tvm(
    *,
    diagonal_share: float = 0.5,
    times: str = "gap",
    decay: float = 0.99,
    reduction: str = "per_term",
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """Terminal velocity matching (arXiv 2511.19797) without guidance: LSD whose target is an EMA."""
    distill = lagrangian_term("self", 1 - diagonal_share, times, "velocity")
    return self_distilled(
        diagonal_share,
        distill,
        reduction,
        law=DIAGONALS[times],
        both_directions=times == "square",
        target_decay=constant(decay),
        velocity=velocity,
        pool=pool,
    )


def _pulled_back_term(
    share: float, stop_gradient: str, law: time_laws.Law | curricula.Curriculum = time_laws.square
) -> Term:
    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, _, t = batch.times
        x_t = path.position(t, batch.x0, batch.x1)
        velocity = path.velocity(t, batch.x0, batch.x1)
        back = maps.student if stop_gradient == "none" else maps.target
        return pulled_back(maps.student, back, x_t, s, t, velocity=velocity, stop_gradient=stop_gradient)

    # The way back, one jvp, and the backward passes through both or through the prediction alone.
    cost = {"none": 1 + 2 + 4 + 2, "target": 1 + 2 + 2}[stop_gradient]
    return Term("lagrangian", loss, law, share, cost=cost)


def round_trip_term(share: float, law: time_laws.Law | curricula.Curriculum = time_laws.square) -> Term:
    """The round trip from t to s and back.

    Args:
      share: share of the batch.
      law: distribution over (s, t), in both directions.

    Returns:
      a term named "round_trip".
    """

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, _, t = batch.times
        return round_trip(maps.student, path.position(t, batch.x0, batch.x1), s, t)

    return Term("round_trip", loss, law, share, cost=6)


def fmm(
    *, round_trip_share: float = 0.5, first_gap: float = 1.0, velocity: str = "sample", pool: int = POOL
) -> Objective:
    """Flow map matching from data alone, in both directions, with the round trip as a second term (arXiv 2406.07507).

    first_gap: length of the longest jump at the start of training; it grows to 1. The public code has 0.05
    (nmboffi/flow_map_matching_public, py/launchers/learn.py).
    """
    law = growing(time_laws.square, first_gap=first_gap)
    terms = (_pulled_back_term(1 - round_trip_share, "none", law), round_trip_term(round_trip_share, law))
    method = Objective(terms, both_directions=True)
    return with_velocity(method, velocity, pool=pool, terms=("lagrangian",))


def lmf(*, velocity: str = "sample", pool: int = POOL) -> Objective:
    """Lagrangian mean flow from data alone, in both directions, in flat space (arXiv 2602.07744)."""
    method = Objective((_pulled_back_term(1.0, "target"),), both_directions=True)
    return with_velocity(method, velocity, pool=pool, terms=("lagrangian",))
