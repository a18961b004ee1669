"""Methods without a rule of consistency: regression on velocities, on pairs, and on a teacher's trajectories."""

import jax
import jax.numpy as jnp

from objectives.losses import direct
from objectives.methods.checks import check_count
from objectives.methods.shared import diagonal, source, teacher_of, teacher_pair
from objectives.objective import Batch, Maps, Objective, Term
from objectives.pooled import POOL, with_velocity
from taxonomy import flow_map, laws
from taxonomy import times as time_laws
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample


def flow_matching(*, velocity: str = "sample", pool: int = POOL) -> Objective:
    """Flow matching alone: learns the velocity; sampled by Euler steps along the diagonal."""
    method = Objective((diagonal(1.0),), sampler="euler", on_spaces=True)
    return with_velocity(method, velocity, pool=pool, terms=("diagonal",))


def reflow(*, teacher_steps: int = 8) -> Objective:
    """Rectified flow, second round (arXiv 2209.03003): flow matching on pairs of noise and a teacher's end point."""
    check_count("teacher_steps", teacher_steps)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        pair, t = teacher_pair(maps, batch, steps=teacher_steps), batch.times.t
        return direct.flow_matching(maps.student, source(path, pair), t, velocity=path.velocity(t, pair.x0, pair.x1))

    term = Term("diagonal", loss, time_laws.diagonal, 1.0, cost=3 + pair_cost(teacher_steps))
    return Objective((term,), sampler="euler", needs_teacher=True)


def endpoint_regression(*, teacher_steps: int = 8) -> Objective:
    """Knowledge distillation (t = 0 option of reflow, arXiv 2209.03003): from noise to the teacher's end point."""
    check_count("teacher_steps", teacher_steps)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        del path
        s, _, t = batch.times
        pair = teacher_pair(maps, batch, steps=teacher_steps)
        return direct.regression(maps.student, pair.x0, s, t, velocity=pair.x1 - pair.x0)

    term = Term("regression", loss, laws.all_the_way, 1.0, cost=3 + pair_cost(teacher_steps))
    return Objective((term,), sampler="one_jump", needs_teacher=True)


def cmt(*, teacher_steps: int = 8) -> Objective:
    """Consistency mid-training (arXiv 2509.24526) for two times: average velocities along a teacher's trajectories."""
    check_count("teacher_steps", teacher_steps)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        del path
        s, _, t = batch.times
        teacher = flow_map.integrated(teacher_of(maps), steps=teacher_steps)
        x_s = jax.lax.stop_gradient(flow_map.jump(teacher, jnp.zeros_like(s), s, batch.x0))
        return direct.regression(maps.student, x_s, s, t, velocity=teacher(s, t, x_s))

    term = Term("regression", loss, time_laws.triangle, 1.0, cost=3 + 2 * pair_cost(teacher_steps))
    return Objective((term,), needs_teacher=True)


def pair_cost(steps: int) -> int:
    """Evaluations of a teacher's velocity by ``flow_map.integrated``: two per midpoint step, and the value at s = t."""
    return 2 * steps + 1
