"""Rows of the semigroup rule: one jump equals two."""

import jax

from objectives import progressive as losses
from objectives import weighting
from objectives.mixture import REDUCTIONS, Batch, Maps, Objective, Term
from objectives.rows.shared import check_option, diagonal, self_distilled, source
from taxonomy import flow_map
from taxonomy import times as time_laws
from taxonomy.interpolants import Interpolant


def _term(share: float, law: time_laws.Law, stop_gradient: str) -> Term:
    check_option("stop_gradient", stop_gradient, losses.STOP_GRADIENT)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
        s, u, t = batch.times
        x_s = source(path, batch)
        return losses.progressive(maps.student, maps.target, x_s, s, u, t, stop_gradient=stop_gradient)

    return Term("progressive", loss, law, share, cost=3 + 2 + (4 if stop_gradient == "none" else 0))


def psd_m(*, diagonal_share: float = 0.75, stop_gradient: str = "target", reduction: str = "paper") -> Objective:
    """Progressive self-distillation with the stop at the midpoint (arXiv 2505.18825)."""
    distill = _term(1 - diagonal_share, time_laws.with_fraction(time_laws.triangle, fraction=0.5), stop_gradient)
    return self_distilled(diagonal_share, distill, reduction)


def psd_u(*, diagonal_share: float = 0.75, stop_gradient: str = "target", reduction: str = "paper") -> Objective:
    """Progressive self-distillation with a uniform stop (arXiv 2505.18825)."""
    distill = _term(1 - diagonal_share, time_laws.with_uniform(time_laws.triangle), stop_gradient)
    return self_distilled(diagonal_share, distill, reduction)


def split_mean_flow(*, diagonal_share: float = 0.5, reduction: str = "code") -> Objective:
    """SplitMeanFlow (arXiv 2507.16884): PSD with a uniform stop whose diagonal is a teacher's velocity."""
    check_option("reduction", reduction, REDUCTIONS)
    distill = _term(1 - diagonal_share, time_laws.with_uniform(time_laws.triangle), "target")
    return Objective((diagonal(diagonal_share, teacher=True), distill), reduction, needs_teacher=True)


def pfmm(*, teacher_steps: int = 2) -> Objective:
    """Progressive flow map matching (arXiv 2406.07507) of a fixed teacher, integrated by midpoint steps on each leg."""

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
        s, u, t = batch.times
        teacher_map = flow_map.integrated(maps.teacher, steps=teacher_steps)
        return losses.progressive(maps.student, teacher_map, source(path, batch), s, u, t)

    # The value at s = t, taken only there, is one more velocity on each leg.
    cost = 3 + 2 * (2 * teacher_steps + 1)
    law = time_laws.with_fraction(time_laws.triangle, fraction=0.5)
    return Objective((Term("progressive", loss, law, 1.0, weighting.gap_squared, cost),), needs_teacher=True)
