"""Methods of consistency to other ends than the data: the ends of segments, or any target time."""

from objectives import metrics, weighting
from objectives.losses.consistency import consistency, straightness, trajectory
from objectives.methods.checks import check_count, check_not_negative, check_option, check_share
from objectives.methods.consistency import consistency_loss, neighbour
from objectives.methods.shared import constant, diagonal, source, teacher_of
from objectives.methods.variations import averaged
from objectives.mixture import REDUCTIONS
from objectives.objective import Batch, Maps, Objective, Term, Unit
from objectives.pooled import POOL, with_velocity
from taxonomy import flow_map, laws
from taxonomy import times as time_laws
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample


def _segment_law(segments: int, step: float, *, name: str = "segments") -> time_laws.Law:
    check_count(name, segments)
    return time_laws.with_step(laws.with_segment_end(time_laws.diagonal, segments=segments), step=step)


def phased_cm(*, phases: int = 4, step: float = 0.02, scale: float = 0.001, decay: float = 0.0) -> Objective:
    """Phased consistency models (arXiv 2405.18407) without guidance and discriminator: to the end of the phase.

    With N phases the map is meant for N steps or more, on a grid that holds the ends of the phases.

    scale: of the pseudo-Huber metric, compared with a root mean square where the noise is standard normal; decay: of
    the EMA that makes the targets, 0 for the current weights.
    """
    term = Term(
        "consistency",
        consistency_loss("teacher"),
        _segment_law(phases, step, name="phases"),
        1.0,
        weighting.inverse_step,
        cost=3 + 1 + 2,
        metric=metrics.pseudo_huber(scale=scale),
        unit=Unit(mean=True),
    )
    return Objective((term,), needs_teacher=True, target_decay=averaged(decay))


def multistep_cm(*, segments: int = 4, step: float = 0.02) -> Objective:
    """Multistep consistency models (arXiv 2403.06807), trained from data: to the end of the segment."""
    law = _segment_law(segments, step)
    return Objective((Term("consistency", consistency_loss("sample"), law, 1.0, weighting.inverse_step, cost=3 + 1),))


def consistency_fm(*, segments: int = 2, step: float = 0.001, straight: float = 1e-5, decay: float = 0.0) -> Objective:
    """Consistency flow matching (arXiv 2407.02398): end points and, weakly, average velocities of neighbours agree.

    It does not find the flow map of the path unless paths are straight: the second part is a prior. With a decay above
    0 the EMA makes the targets.
    """
    check_not_negative(straight=straight)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, u, t = batch.times
        x_s, x_u = source(path, batch), neighbour(maps, path, batch, velocity="sample")
        # Both parts compare the same two evaluations.
        here, there = maps.student(s, t, x_s), maps.target(u, t, x_u)
        same = (lambda s, t, x: here), (lambda u, t, x: there), x_s, s, u, t
        return consistency(*same, x_u=x_u) + straight * straightness(*same, x_u=x_u)

    term = Term("consistency", loss, _segment_law(segments, step), 1.0, weighting.inverse_step, cost=3 + 1)
    return Objective((term,), target_decay=averaged(decay))


INNER = ("student", "target")


def ctm(
    *,
    diagonal_share: float = 0.5,
    teacher_steps: int = 2,
    inner: str = "student",
    decay: float = 0.999,
    reduction: str = "per_term",
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """Consistency trajectory models (arXiv 2310.02279) without the adversarial term: any jump, compared at the data.

    The first leg is a teacher's, by midpoint steps; flow matching replaces the denoising term. inner: whose jump leads
    the teacher's point on, that of the "student" or that of the "target", its EMA.
    """
    check_option("inner", inner, INNER)
    check_count("teacher_steps", teacher_steps)
    check_share("diagonal_share", diagonal_share, high=0.999)
    check_option("reduction", reduction, REDUCTIONS)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, u, t = batch.times
        x_s = source(path, batch)
        x_u = flow_map.jump(flow_map.integrated(teacher_of(maps), steps=teacher_steps), s, u, x_s)
        onwards = maps.student if inner == "student" else maps.target
        return trajectory(maps.student, maps.target, x_s, s, u, t, inner=onwards, x_u=x_u)

    # The student; the outer jump and the backward pass through its input; two jumps of the target; the teacher.
    cost = 3 + 1 + 2 + 2 + 2 * teacher_steps + 1
    term = Term("consistency", loss, time_laws.with_uniform(time_laws.triangle), 1 - diagonal_share, cost=cost)
    terms = (diagonal(diagonal_share), term)
    method = Objective(terms, reduction, needs_teacher=True, target_decay=constant(decay), output="trigflow")
    return with_velocity(method, velocity, pool=pool, terms=("diagonal",))
