"""Rows of endpoint consistency: neighbours on a path reach the same data."""

import jax

from objectives import consistency as losses
from objectives import weighting
from objectives.mixture import Batch, Maps, Objective, Term
from objectives.rows.shared import source
from taxonomy import flow_map
from taxonomy import times as time_laws
from taxonomy.interpolants import Interpolant


def _endpoint(term: Term, *, needs_teacher: bool = False) -> Objective:
    return Objective((term,), sampler="restart", needs_teacher=needs_teacher)


def _consistency_term(velocity_of: str, step: float) -> Term:
    def loss(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
        s, u, t = batch.times
        x_s = source(path, batch)
        if velocity_of == "teacher":
            x_u = flow_map.midpoint_step(maps.teacher, s, u, x_s)
        else:
            x_u = path.position(u, batch.x0, batch.x1)
        return losses.consistency(maps.student, maps.target, x_s, x_u, s, u, t)

    law = time_laws.with_step(time_laws.fixed_end, step=step)
    cost = 3 + 1 + (2 if velocity_of == "teacher" else 0)
    return Term("consistency", loss, law, 1.0, weighting.inverse_step, cost)


def ct(*, step: float = 0.02) -> Objective:
    """Consistency training (arXiv 2303.01469): jumps to the data only, neighbours share noise and data."""
    return _endpoint(_consistency_term("sample", step))


def cd(*, step: float = 0.02) -> Objective:
    """Consistency distillation (arXiv 2303.01469): the neighbour is one step of a teacher away."""
    return _endpoint(_consistency_term("teacher", step), needs_teacher=True)


def _continuous_term(velocity_of: str) -> Term:
    def loss(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
        s, _, t = batch.times
        x_s = source(path, batch)
        velocity = maps.teacher(s, x_s) if velocity_of == "teacher" else path.velocity(s, batch.x0, batch.x1)
        return losses.continuous_consistency(maps.student, velocity, x_s, s, t)

    return Term("consistency", loss, time_laws.fixed_end, 1.0, cost=2 + 2 + (1 if velocity_of == "teacher" else 0))


def ct_continuous() -> Objective:
    """Consistency training in the limit of a vanishing step (arXiv 2303.01469, App. B)."""
    return _endpoint(_continuous_term("sample"))


def cd_continuous() -> Objective:
    """Consistency distillation in the limit of a vanishing step (arXiv 2303.01469, App. B)."""
    return _endpoint(_continuous_term("teacher"), needs_teacher=True)
