"""Distribution matching: the distribution of the mapped points is matched, not each point with its own path."""

import jax.numpy as jnp

from objectives.losses.distributional import moment_matching
from objectives.methods.shared import check_share, source
from objectives.objective import Batch, Maps, Objective, Term
from taxonomy import flow_map
from taxonomy import times as time_laws
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample


def imm(*, group: int = 4, step: float = 0.05) -> Objective:
    """Inductive moment matching (arXiv 2503.07565): groups of jumps from s and from later agree in distribution."""
    check_share("step", step)
    if group < 1:
        raise ValueError(f"group = {group}; expected at least 1 example")

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, u, t = batch.times
        mapped = flow_map.jump(maps.student, s, t, source(path, batch))
        target = flow_map.jump(maps.target, u, t, path.position(u, batch.x0, batch.x1))
        # In units of the jump, so that the kernel sees average velocities; very short ones are not magnified.
        return moment_matching(mapped, target=target, group=group, scale=jnp.maximum(t - s, 0.01))

    law = time_laws.with_step(time_laws.triangle, step=step)
    return Objective((Term("moments", loss, law, 1.0, cost=3 + 1, group=group),))
