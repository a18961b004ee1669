"""Distribution matching by two velocities: that of the wanted law, and that of the student's own samples."""

from objectives.losses import direct
from objectives.methods import law_terms
from objectives.methods.checks import (
    check_count,
    check_fraction,
    check_not_negative,
    check_option,
    check_share,
    check_used,
)
from objectives.methods.direct import pair_cost
from objectives.methods.law_terms import FAKES, REALS
from objectives.methods.shared import diagonal, teacher_pair
from objectives.objective import Batch, Maps, Objective, Term
from taxonomy import laws
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample


def dmd(
    *,
    real: str = "teacher",
    fake: str = "auxiliary",
    fake_share: float = 0.5,
    regression: float = 0.0,
    diagonal_share: float = 0.25,
    normalized: bool = True,
    strength: float = 1.0,
    teacher_steps: int = 8,
) -> Objective:
    """Distribution matching distillation, DMD and DMD2 (arXiv 2311.18828, 2405.14867): the law of one jump from noise.

    real: the velocity of the wanted law: the "teacher", or the student's "own" diagonal, which learns it from data.
    fake: the velocity of the generated law: an "auxiliary" network, the student's "own" diagonal, or its "twin"
    ``v_{-r,-r}``, the same network at negative times. fake_share: share of the batch on which it is learned.
    regression: share of the batch on pairs of noise and the teacher's end point, made by teacher_steps midpoint steps;
    above 0 in DMD. normalized: whether denoisers are compared in units of the real one's error, or velocities.
    """
    check_option("real", real, REALS)
    check_option("fake", fake, FAKES)
    if real == fake:
        raise ValueError(
            f"real = {real!r} and fake = {fake!r}: one diagonal cannot be the velocity of the data and that of the "
            "generated points; expected fake = 'auxiliary' or 'twin', or real = 'teacher'"
        )
    from_data = real == "own"
    if regression and from_data:
        raise ValueError(f"regression = {regression} needs the pairs of a teacher; expected real = 'teacher', or 0")
    check_share("fake_share", fake_share)
    check_fraction(regression=regression)
    check_not_negative(strength=strength)
    check_used("diagonal_share", diagonal_share, unused=0.25, by=from_data, needs="real = 'own'")
    check_used("teacher_steps", teacher_steps, unused=8, by=regression > 0, needs="regression above 0")
    check_count("teacher_steps", teacher_steps)
    others = fake_share + regression + diagonal_share * from_data
    if not others < 1:
        raise ValueError(
            f"shares of the batch for all but the correction sum to {others:g}; expected less than 1: lower fake_share"
        )

    def pairs(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        del path
        s, _, t = batch.times
        pair = teacher_pair(maps, batch, steps=teacher_steps)
        return direct.regression(maps.student, pair.x0, s, t, velocity=pair.x1 - pair.x0)

    terms = [
        law_terms.correction(
            1 - others, law_terms.of_strength(strength), real=REALS[real], fake=FAKES[fake], normalized=normalized
        ),
        law_terms.auxiliary(fake_share, fake=FAKES[fake]),
    ]
    if from_data:
        terms.append(diagonal(diagonal_share))
    if regression:
        terms.append(Term("regression", pairs, laws.all_the_way, regression, cost=3 + pair_cost(teacher_steps)))
    return Objective(
        tuple(terms),
        sampler="one_jump",
        needs_teacher=not from_data,
        needs_auxiliary=fake == "auxiliary",
        needs_noise=True,
    )
