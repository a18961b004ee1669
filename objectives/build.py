"""The table from a published name to the terms that train it.

A row is a function of keyword options with defaults that returns an ``Objective``; a new method is one more function
and one more line in ``OBJECTIVES``. The formulas, with their sources, stand in the losses. Options that rows share:

diagonal_share  share of the batch on the diagonal term, in (0, 1); the rest goes to the row's own rule
times           law over (s, t) of the row's own rule: "triangle" (s <= t) or "square" (both directions)
stop_gradient   what the row's own rule holds fixed, see the loss
reduction       "paper" (a mean per term, added) or "code" (one mean over the batch), see ``mixture``
step            length of the finite step in time, in (0, 1]
power           of the adaptive weight, 0 for none, see ``weighting.adaptive``

A row raises ValueError on a value that is none of these.
"""

from collections.abc import Callable, Collection
import inspect

import jax

from objectives import consistency as consistency_losses
from objectives import eulerian as eulerian_losses
from objectives import lagrangian as lagrangian_losses
from objectives import progressive as progressive_losses
from objectives import weighting
from objectives.flow_matching import flow_matching as flow_matching_loss
from objectives.mixture import REDUCTIONS, Batch, Maps, Objective, Term
from taxonomy import flow_map, times
from taxonomy.interpolants import Interpolant

TermLoss = Callable[[Maps, Interpolant, Batch], jax.Array]


def _source(path: Interpolant, batch: Batch) -> jax.Array:
    return path.position(batch.times.s, batch.x0, batch.x1)


def _tangent(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
    t = batch.times.t
    velocity = path.velocity(t, batch.x0, batch.x1)
    return flow_matching_loss(maps.student, velocity, path.position(t, batch.x0, batch.x1), t)


def _diagonal(share: float, weight: weighting.Weight = weighting.uniform) -> Term:
    return Term("diagonal", _tangent, times.diagonal, share, weight)


def _check_option(option: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise ValueError(f"{option} = {value!r}; expected one of {', '.join(known)}")


def _self_distilled(
    diagonal_share: float, distill: Term, reduction: str, weight: weighting.Weight = weighting.uniform
) -> Objective:
    _check_option("reduction", reduction, REDUCTIONS)
    return Objective((_diagonal(diagonal_share, weight), distill), reduction)


def _law(name: str) -> times.Law:
    _check_option("times", name, times.PAIR_LAWS)
    return times.PAIR_LAWS[name]


def _forward_law(name: str, *, needed_by: str) -> times.Law:
    if name == "square":
        raise ValueError(f"times = 'square' draws s > t; {needed_by} needs s <= t: use 'triangle'")
    return _law(name)


def flow_matching() -> Objective:
    """Flow matching alone: learns the velocity; sampled by Euler steps along the diagonal."""
    return Objective((_diagonal(1.0),), sampler="euler")


def _lagrangian_term(
    source: str, share: float, law: str, stop_gradient: str, weight: weighting.Weight = weighting.uniform
) -> Term:
    _check_option("stop_gradient", stop_gradient, lagrangian_losses.STOP_GRADIENT)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
        b = maps.teacher if source == "teacher" else flow_map.diagonal(maps.target)
        s, _, t = batch.times
        return lagrangian_losses.lagrangian(maps.student, b, _source(path, batch), s, t, stop_gradient=stop_gradient)

    # One jvp, its backward pass and one velocity, plus a backward pass through the velocity's input.
    cost = 2 + 4 + 1 + (2 if stop_gradient == "none" else 0)
    return Term("lagrangian", loss, _law(law), share, weight, cost)


def lsd(
    *, diagonal_share: float = 0.75, times: str = "triangle", stop_gradient: str = "velocity", reduction: str = "paper"
) -> Objective:
    """Lagrangian self-distillation (arXiv 2505.18825)."""
    distill = _lagrangian_term("self", 1 - diagonal_share, times, stop_gradient)
    return _self_distilled(diagonal_share, distill, reduction)


def lmd(*, times: str = "triangle", stop_gradient: str = "none", power: float = 0.0) -> Objective:
    """Lagrangian map distillation of a teacher (arXiv 2406.07507).

    A power above 0 bounds the pull of outliers by the adaptive weight. The residual of the exact map is zero, so that
    the minimizer stays; it is needed where the teacher's velocity is unbounded off the data, as the exact one is.
    """
    weight = weighting.adaptive(power=power)
    return Objective((_lagrangian_term("teacher", 1.0, times, stop_gradient, weight),), needs_teacher=True)


def _eulerian_term(
    source: str, share: float, law: times.Law, stop_gradient: str, weight: weighting.Weight = weighting.uniform
) -> Term:
    _check_option("stop_gradient", stop_gradient, eulerian_losses.STOP_GRADIENT)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
        s, _, t = batch.times
        x_s = _source(path, batch)
        if source == "self":
            velocity = maps.target(s, s, x_s)
        elif source == "teacher":
            velocity = maps.teacher(s, x_s)
        else:
            velocity = path.velocity(s, batch.x0, batch.x1)
        return eulerian_losses.eulerian(maps.student, velocity, x_s, s, t, stop_gradient=stop_gradient)

    # The jvps in time and space, the backward pass through what is not stopped, and one velocity unless it is dI.
    engine = {"advection": 2 + 2 + 4, "velocity": 2 + 4, "none": 2 + 4, "target": 2 + 2}[stop_gradient]
    velocity = {"self": 3 if stop_gradient == "none" else 1, "teacher": 1, "sample": 0}[source]
    return Term("eulerian", loss, law, share, weight, cost=engine + velocity)


def esd(
    *, diagonal_share: float = 0.75, times: str = "triangle", stop_gradient: str = "advection", reduction: str = "paper"
) -> Objective:
    """Eulerian self-distillation (arXiv 2505.18825)."""
    distill = _eulerian_term("self", 1 - diagonal_share, _law(times), stop_gradient)
    return _self_distilled(diagonal_share, distill, reduction)


def emd(*, times: str = "triangle", stop_gradient: str = "none") -> Objective:
    """Eulerian map distillation of a teacher (arXiv 2406.07507)."""
    return Objective((_eulerian_term("teacher", 1.0, _law(times), stop_gradient),), needs_teacher=True)


def mean_flow(
    *, diagonal_share: float = 0.75, times: str = "triangle", power: float = 1.0, reduction: str = "code"
) -> Objective:
    """MeanFlow (arXiv 2505.13447): the Eulerian rule on the sample's own velocity; one mean over the batch."""
    weight = weighting.adaptive(power=power)
    law = _forward_law(times, needed_by="mean_flow")
    distill = _eulerian_term("sample", 1 - diagonal_share, law, "target", weight)
    return _self_distilled(diagonal_share, distill, reduction, weight)


def _progressive_term(share: float, law: times.Law, stop_gradient: str) -> Term:
    _check_option("stop_gradient", stop_gradient, progressive_losses.STOP_GRADIENT)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
        s, u, t = batch.times
        x_s = _source(path, batch)
        return progressive_losses.progressive(maps.student, maps.target, x_s, s, u, t, stop_gradient=stop_gradient)

    return Term("progressive", loss, law, share, cost=3 + 2 + (4 if stop_gradient == "none" else 0))


def psd_m(*, diagonal_share: float = 0.75, stop_gradient: str = "target", reduction: str = "paper") -> Objective:
    """Progressive self-distillation with the stop at the midpoint (arXiv 2505.18825)."""
    distill = _progressive_term(1 - diagonal_share, times.with_midpoint(times.triangle), stop_gradient)
    return _self_distilled(diagonal_share, distill, reduction)


def psd_u(*, diagonal_share: float = 0.75, stop_gradient: str = "target", reduction: str = "paper") -> Objective:
    """Progressive self-distillation with a uniform stop (arXiv 2505.18825)."""
    distill = _progressive_term(1 - diagonal_share, times.with_uniform(times.triangle), stop_gradient)
    return _self_distilled(diagonal_share, distill, reduction)


def pfmm(*, teacher_steps: int = 2) -> Objective:
    """Progressive flow map matching (arXiv 2406.07507) of a fixed teacher, integrated by Heun steps on each leg."""

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
        s, u, t = batch.times
        teacher_map = flow_map.integrated(maps.teacher, steps=teacher_steps)
        return progressive_losses.progressive(maps.student, teacher_map, _source(path, batch), s, u, t)

    # The value at s = t, taken only there, is one more velocity on each leg.
    cost = 3 + 2 * (2 * teacher_steps + 1)
    law = times.with_midpoint(times.triangle)
    return Objective((Term("progressive", loss, law, 1.0, weighting.gap_squared, cost),), needs_teacher=True)


def _endpoint(term: Term, *, needs_teacher: bool = False) -> Objective:
    return Objective((term,), sampler="restart", needs_teacher=needs_teacher)


def _consistency_term(source: str, step: float) -> Term:
    def loss(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
        s, u, t = batch.times
        x_s = _source(path, batch)
        if source == "teacher":
            x_u = flow_map.heun_step(maps.teacher, s, u, x_s)
        else:
            x_u = path.position(u, batch.x0, batch.x1)
        return consistency_losses.consistency(maps.student, maps.target, x_s, x_u, s, u, t)

    law = times.with_step(times.fixed_end, step=step)
    cost = 3 + 1 + (2 if source == "teacher" else 0)
    return Term("consistency", loss, law, 1.0, weighting.inverse_step, cost)


def ct(*, step: float = 0.02) -> Objective:
    """Consistency training (arXiv 2303.01469): jumps to the data only, neighbours share noise and data."""
    return _endpoint(_consistency_term("sample", step))


def cd(*, step: float = 0.02) -> Objective:
    """Consistency distillation (arXiv 2303.01469): the neighbour is one Heun step of a teacher away."""
    return _endpoint(_consistency_term("teacher", step), needs_teacher=True)


def _continuous_term(source: str) -> Term:
    def loss(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
        s, _, t = batch.times
        x_s = _source(path, batch)
        velocity = maps.teacher(s, x_s) if source == "teacher" else path.velocity(s, batch.x0, batch.x1)
        return consistency_losses.continuous_consistency(maps.student, velocity, x_s, s, t)

    return Term("consistency", loss, times.fixed_end, 1.0, cost=2 + 2 + (1 if source == "teacher" else 0))


def ct_continuous() -> Objective:
    """Consistency training in the limit of a vanishing step (arXiv 2303.01469, App. B)."""
    return _endpoint(_continuous_term("sample"))


def cd_continuous() -> Objective:
    """Consistency distillation in the limit of a vanishing step (arXiv 2303.01469, App. B)."""
    return _endpoint(_continuous_term("teacher"), needs_teacher=True)


OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "flow_matching": flow_matching,
    "lsd": lsd,
    "lmd": lmd,
    "esd": esd,
    "emd": emd,
    "mean_flow": mean_flow,
    "psd_m": psd_m,
    "psd_u": psd_u,
    "pfmm": pfmm,
    "ct": ct,
    "cd": cd,
    "ct_continuous": ct_continuous,
    "cd_continuous": cd_continuous,
}


def default_options(name: str) -> dict[str, float | int | str]:
    """The options of an objective with their defaults.

    Args:
      name: a key of ``OBJECTIVES``.

    Returns:
      {option: default}.
    """
    parameters = inspect.signature(OBJECTIVES[name]).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}
