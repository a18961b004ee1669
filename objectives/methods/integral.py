"""Methods of the integral rule: the secant losses, without derivatives.

longest: length of the longest jump that is trained, in (0, 1]; 1 / N for a map that is meant for N steps.
on_grid: whether jumps begin where the steps of such a sampler begin, at multiples of ``longest``.
"""

from objectives.losses import integral
from objectives.methods.checks import check_share
from objectives.methods.shared import self_distilled, source, teacher_of
from objectives.objective import Batch, Maps, Objective, Term
from objectives.pooled import POOL, with_velocity
from taxonomy import flow_map, jump_laws
from taxonomy import times as time_laws
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample


def _law(longest: float, *, on_grid: bool = False, both: bool = False) -> time_laws.Law:
    check_share("longest", longest)
    return time_laws.with_uniform(jump_laws.gap_then_start(longest=longest, on_grid=on_grid, both=both))


def _interior_term(velocity: str, share: float, law: time_laws.Law) -> Term:
    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, u, t = batch.times
        b = teacher_of(maps) if velocity == "teacher" else flow_map.diagonal(maps.target)
        return integral.interior(maps.student, maps.target, b, source(path, batch), s, u, t)

    return Term("integral", loss, law, share, cost=3 + 1 + 1)


def _end_term(velocity: str, longest: float) -> Term:
    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, u, t = batch.times
        x_u = path.position(u, batch.x0, batch.x1)
        w = teacher_of(maps)(u, x_u) if velocity == "teacher" else path.velocity(u, batch.x0, batch.x1)
        return integral.end(maps.student, maps.target, x_u, s, u, t, velocity=w)

    cost = 3 + 1 + (1 if velocity == "teacher" else 0)
    return Term("integral", loss, _law(longest, both=True), 1.0, cost=cost)


def sdei(*, longest: float = 1.0, on_grid: bool = True) -> Objective:
    """Secant distillation that estimates the interior point (arXiv 2505.14502)."""
    return Objective((_interior_term("teacher", 1.0, _law(longest, on_grid=on_grid)),), needs_teacher=True)


def stei(
    *,
    diagonal_share: float = 0.5,
    longest: float = 1.0,
    reduction: str = "per_term",
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """Secant training that estimates the interior point, on the model's own velocity (arXiv 2505.14502)."""
    distill = _interior_term("self", 1 - diagonal_share, _law(longest))
    return self_distilled(diagonal_share, distill, reduction, velocity=velocity, pool=pool)


def sdee(*, longest: float = 1.0) -> Objective:
    """Secant distillation that estimates the end point, in both directions of time (arXiv 2505.14502)."""
    return Objective((_end_term("teacher", longest),), needs_teacher=True, both_directions=True)


def stee(
    *,
    longest: float = 1.0,
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """Secant training that estimates the end point from data alone, in both directions of time (arXiv 2505.14502)."""
    method = Objective((_end_term("sample", longest),), both_directions=True)
    return with_velocity(method, velocity, pool=pool, terms=("integral",))
