"""Rows of the Eulerian rule: the source moves along the path and the target stays."""

import jax
import jax.numpy as jnp

from objectives import eulerian as losses
from objectives import weighting
from objectives.mixture import Batch, Maps, Objective, Term
from objectives.rows.shared import check_option, forward_law, law_of, self_distilled, source
from taxonomy import times as time_laws
from taxonomy.interpolants import Interpolant


def _term(
    velocity: str,
    share: float,
    law: time_laws.Law,
    stop_gradient: str,
    weight: weighting.Weight = weighting.uniform,
    *,
    own_tangent: bool = False,
) -> Term:
    check_option("stop_gradient", stop_gradient, losses.STOP_GRADIENT)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
        s, _, t = batch.times
        x_s = source(path, batch)
        if velocity == "self":
            w = maps.target(s, s, x_s)
        elif velocity == "teacher":
            w = maps.teacher(s, x_s)
        else:
            w = path.velocity(s, batch.x0, batch.x1)
        tangent = maps.target(s, s, x_s) if own_tangent else None
        return losses.eulerian(maps.student, w, x_s, s, t, stop_gradient=stop_gradient, tangent=tangent)

    # The jvps in time and space, the backward pass through what is not stopped, and one velocity unless it is dI.
    engine = {"advection": 2 + 2 + 4, "velocity": 2 + 4, "none": 2 + 4, "target": 2 + 2}[stop_gradient]
    made = {"self": 3 if stop_gradient == "none" else 1, "teacher": 1, "sample": 0}[velocity]
    return Term("eulerian", loss, law, share, weight, cost=engine + made + own_tangent)


def esd(
    *, diagonal_share: float = 0.75, times: str = "triangle", stop_gradient: str = "advection", reduction: str = "paper"
) -> Objective:
    """Eulerian self-distillation (arXiv 2505.18825)."""
    distill = _term("self", 1 - diagonal_share, law_of(times), stop_gradient)
    return self_distilled(diagonal_share, distill, reduction, both_directions=times == "square")


def emd(*, times: str = "triangle", stop_gradient: str = "none") -> Objective:
    """Eulerian map distillation of a teacher (arXiv 2406.07507)."""
    term = _term("teacher", 1.0, law_of(times), stop_gradient)
    return Objective((term,), needs_teacher=True, both_directions=times == "square")


def mean_flow(
    *, diagonal_share: float = 0.75, times: str = "triangle", power: float = 1.0, reduction: str = "code"
) -> Objective:
    """MeanFlow (arXiv 2505.13447): the Eulerian rule on the sample's own velocity; one mean over the batch."""
    weight = weighting.adaptive(power=power)
    law = forward_law(times, needed_by="mean_flow")
    distill = _term("sample", 1 - diagonal_share, law, "target", weight)
    return self_distilled(diagonal_share, distill, reduction, weight)


def improved_mean_flow(
    *, diagonal_share: float = 0.5, times: str = "triangle", power: float = 1.0, reduction: str = "code"
) -> Objective:
    """Improved MeanFlow (arXiv 2512.02012) without guidance: the derivative follows the model's own velocity."""
    weight = weighting.adaptive(power=power)
    law = forward_law(times, needed_by="improved_mean_flow")
    distill = _term("sample", 1 - diagonal_share, law, "target", weight, own_tangent=True)
    return self_distilled(diagonal_share, distill, reduction, weight)


def alpha_flow(*, alpha: float = 0.1, diagonal_share: float = 0.5, reduction: str = "code") -> Objective:
    """alpha-Flow (arXiv 2510.20771) at a constant alpha: the source takes the share alpha of the jump along dI."""

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
        s, u, t = batch.times
        velocity = path.velocity(s, batch.x0, batch.x1)
        return losses.discrete(maps.student, maps.target, velocity, source(path, batch), s, u, t)

    def weight(times: time_laws.Times, loss: jax.Array) -> jax.Array:
        del times
        return jnp.full_like(loss, 1 / alpha)

    law = time_laws.with_fraction(time_laws.triangle, fraction=alpha)
    distill = Term("eulerian", loss, law, 1 - diagonal_share, weight, cost=3 + 1)
    return self_distilled(diagonal_share, distill, reduction)


def tim(*, step: float = 0.005, diagonal_share: float = 0.5, reduction: str = "code") -> Objective:
    """Transition models (arXiv 2509.04394), linear transport: MeanFlow's derivative as a central difference."""
    if not 0 < step < 0.5:
        raise ValueError(f"step = {step}; expected a length of time in (0, 0.5)")

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
        s, _, t = batch.times
        behind, ahead = jnp.maximum(s - step, 0), jnp.minimum(s + step, 1)
        return losses.central(
            maps.student,
            maps.target,
            path.velocity(s, batch.x0, batch.x1),
            source(path, batch),
            s,
            t,
            behind=(behind, path.position(behind, batch.x0, batch.x1)),
            ahead=(ahead, path.position(ahead, batch.x0, batch.x1)),
        )

    distill = Term("eulerian", loss, time_laws.triangle, 1 - diagonal_share, cost=3 + 2)
    return self_distilled(diagonal_share, distill, reduction)
