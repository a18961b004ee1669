"""Methods whose source is the noise, s = 0: a teacher is distilled without data, by differences in the target time."""

import jax
import jax.numpy as jnp

from objectives.losses import direct, lagrangian
from objectives.methods import law_terms
from objectives.methods.checks import check_not_negative, check_share
from objectives.methods.shared import teacher_of
from objectives.objective import Batch, Maps, Objective, Term
from taxonomy import laws
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample
from taxonomy.times import Law, Times


def _ending_early(law: Law, step: float) -> Law:
    """Keeps room for one step after u: ``t <- u + step`` with u in [0, 1 - step]."""

    def early(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        s, _, t = law(key, shape)
        u = (1 - step) * t
        return Times(s, u, u + step)

    return early


def pid(*, step: float = 0.004) -> Objective:
    """Physics-informed distillation (arXiv 2411.08378): a difference between two neighbouring target times."""
    check_share("step", step)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        del path
        s, u, t = batch.times
        return lagrangian.two_ended_difference(maps.student, teacher_of(maps), batch.x0, s, u, t)

    term = Term("lagrangian", loss, _ending_early(laws.from_noise, step), 1.0, cost=3 + 3 + 1)
    return Objective((term,), sampler="one_jump", needs_teacher=True, output="denoiser")


def boot(*, step: float = 0.04, boundary_share: float = 0.25) -> Objective:
    """BOOT (arXiv 2306.05544): each jump from the noise is the shorter one and a step of the teacher."""
    check_share("step", step)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        del path
        s, u, t = batch.times
        return lagrangian.bootstrap(maps.student, maps.target, teacher_of(maps), batch.x0, s, u, t)

    def boundary(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        del path
        s = batch.times.s
        return direct.flow_matching(maps.student, batch.x0, s, velocity=teacher_of(maps)(s, batch.x0))

    def weight(times: Times, loss: PerExample) -> PerExample:
        del loss
        # The paper compares mean denoisers, whose residual is (1 - t) times that of velocities.
        return jnp.square(1 - times.u)

    law = _ending_early(laws.from_noise, step)
    terms = (
        Term("lagrangian", loss, law, 1 - boundary_share, weight, cost=3 + 1 + 1),
        Term("boundary", boundary, laws.from_noise, boundary_share, cost=3 + 1),
    )
    return Objective(terms, sampler="one_jump", needs_teacher=True, output="denoiser")


def free_flow(
    *, step: float = 0.005, correction_share: float = 0.25, auxiliary_share: float = 0.25, strength: float = 0.1
) -> Objective:
    """FreeFlow (arXiv 2511.19428): prediction along a teacher from noise, and distribution matching.

    The correction compares the teacher's velocity with one that is learned on the student's own samples. Its strength
    is constant here; the paper balances the two terms by their gradient norms.
    """
    check_share("step", step, high=0.5)
    check_not_negative(strength=strength)

    def prediction(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        del path
        s, _, t = batch.times
        before, after = jnp.maximum(t - step, 0), jnp.minimum(t + step, 1)
        return lagrangian.difference(
            maps.student, maps.target, teacher_of(maps), batch.x0, s, t, before=before, after=after
        )

    def weight(times: Times, loss: PerExample) -> PerExample:
        del loss
        # Near the data a teacher's velocity is least certain; the weight of the time is free, see the loss.
        return strength * jnp.square(1 - times.u)

    terms = (
        Term("lagrangian", prediction, laws.from_noise, 1 - correction_share - auxiliary_share, cost=3 + 3 + 1),
        law_terms.correction(correction_share, weight),
        law_terms.auxiliary(auxiliary_share),
    )
    return Objective(terms, sampler="one_jump", needs_teacher=True, needs_auxiliary=True, needs_noise=True)
