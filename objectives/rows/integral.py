"""Rows of the integral rule: the secant losses, without derivatives."""

import jax

from objectives import integral as losses
from objectives.mixture import Batch, Maps, Objective, Term
from objectives.rows.shared import self_distilled, source
from taxonomy import flow_map
from taxonomy import times as time_laws
from taxonomy.interpolants import Interpolant


def _interior_term(velocity: str, share: float) -> Term:
    def loss(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
        s, u, t = batch.times
        b = maps.teacher if velocity == "teacher" else flow_map.diagonal(maps.target)
        return losses.interior(maps.student, maps.target, b, source(path, batch), s, u, t)

    return Term("integral", loss, time_laws.with_uniform(time_laws.triangle), share, cost=3 + 1 + 1)


def _end_term(velocity: str, share: float) -> Term:
    def loss(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
        s, u, t = batch.times
        x_u = path.position(u, batch.x0, batch.x1)
        w = maps.teacher(u, x_u) if velocity == "teacher" else path.velocity(u, batch.x0, batch.x1)
        return losses.end(maps.student, maps.target, w, x_u, s, u, t)

    cost = 3 + 1 + (1 if velocity == "teacher" else 0)
    return Term("integral", loss, time_laws.with_uniform(time_laws.square), share, cost=cost)


def sdei() -> Objective:
    """Secant distillation that estimates the interior point (arXiv 2505.14502)."""
    return Objective((_interior_term("teacher", 1.0),), needs_teacher=True)


def stei(*, diagonal_share: float = 0.5, reduction: str = "paper") -> Objective:
    """Secant training that estimates the interior point, on the model's own velocity (arXiv 2505.14502)."""
    return self_distilled(diagonal_share, _interior_term("self", 1 - diagonal_share), reduction)


def sdee() -> Objective:
    """Secant distillation that estimates the end point, in both directions of time (arXiv 2505.14502)."""
    return Objective((_end_term("teacher", 1.0),), needs_teacher=True, both_directions=True)


def stee() -> Objective:
    """Secant training that estimates the end point from data alone, in both directions of time (arXiv 2505.14502)."""
    return Objective((_end_term("sample", 1.0),), both_directions=True)
