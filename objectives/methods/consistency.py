"""Methods of endpoint consistency at finite steps: neighbours on a path reach the same data."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from objectives import metrics, weighting
from objectives.losses.consistency import consistency
from objectives.methods.shared import check_count, check_share, constant, source, teacher_of
from objectives.objective import Batch, Loss, Maps, Objective, Term, required
from taxonomy import curricula, flow_map, noise_levels
from taxonomy import times as time_laws
from taxonomy.arrays import expand
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points, Scalar


def neighbour(maps: Maps, path: Interpolant, batch: Batch, *, velocity: str) -> Points:
    """The neighbour of ``I_s`` at time u: ``I_u`` of the same noise and data, or one step of a teacher from ``I_s``.

    Args:
      maps: for the teacher.
      path: the interpolant.
      batch: noise, data and times.
      velocity: "sample" or "teacher".

    Returns:
      [batch, ...]; points at time u.
    """
    s, u, _ = batch.times
    if velocity == "teacher":
        return flow_map.midpoint_step(teacher_of(maps), s, u, source(path, batch))
    return path.position(u, batch.x0, batch.x1)


def consistency_loss(velocity: str) -> Loss:
    """The loss of a consistency term; the velocity leads from the point to its neighbour."""

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, u, t = batch.times
        x_u = neighbour(maps, path, batch, velocity=velocity)
        return consistency(maps.student, maps.target, source(path, batch), s, u, t, x_u=x_u)

    return loss


def ct(*, first: int = 2, last: int = 150, decay: float = 0.9) -> Objective:
    """Consistency training (arXiv 2303.01469): neighbours share noise and data; the grid of noise levels grows.

    The target is an EMA whose decay follows the grid: ``exp(first log(decay) / steps)``.
    """
    constant(decay)
    _check_grid(first, last)

    def steps(progress: Scalar | float) -> Scalar:
        return curricula.growing_grid(progress, first=first, last=last)

    def target_decay(progress: Scalar | float) -> Scalar:
        return decay ** (first / steps(progress))

    law = curricula.Curriculum(lambda progress: noise_levels.uniform_neighbours(steps=steps(progress)))
    term = Term("consistency", consistency_loss("sample"), law, 1.0, cost=3 + 1)
    return Objective((term,), sampler="renoising", output="trigflow", target_decay=target_decay)


def cd(*, steps: int = 18, decay: float = 0.95) -> Objective:
    """Consistency distillation (arXiv 2303.01469): the neighbour is one step of a teacher away, on a fixed grid."""
    law = noise_levels.uniform_neighbours(steps=steps)
    term = Term("consistency", consistency_loss("teacher"), law, 1.0, cost=3 + 1 + 2)
    return Objective((term,), sampler="renoising", needs_teacher=True, output="trigflow", target_decay=constant(decay))


def ict(*, first: int = 10, last: int = 1280, scale: float = 0.03) -> Objective:
    """Improved consistency training (arXiv 2310.14189): own targets, pseudo-Huber, noise levels by a log-normal.

    scale: of the pseudo-Huber metric; the paper's 0.00054 sqrt(coordinates) is 0.03 for CIFAR-10.
    """
    _check_grid(first, last)

    def at(progress: Scalar | float) -> time_laws.Law:
        return noise_levels.log_normal_neighbours(steps=curricula.doubling_grid(progress, first=first, last=last))

    return _robust(at, scale)


def ect(*, stages: int = 8, ratio: float = 2.0, scale: float = 0.001) -> Objective:
    """Easy consistency tuning (arXiv 2406.14548), from scratch: steps that shrink by a ratio from stage to stage.

    scale: of the pseudo-Huber metric, which at 0 would be the plain distance, as published.
    """
    check_count("stages", stages)
    if not ratio > 1:
        raise ValueError(f"ratio = {ratio}; expected a number above 1: the step must shrink")

    def at(progress: Scalar | float) -> time_laws.Law:
        stage = curricula.stage_of(progress, stages=stages)
        return noise_levels.shrinking_neighbours(stage=stage, ratio=ratio)

    return _robust(at, scale)


def _robust(at: Callable[[Scalar | float], time_laws.Law], scale: float) -> Objective:
    """Consistency training in the pseudo-Huber metric, over the step in noise."""
    term = Term(
        "consistency",
        consistency_loss("sample"),
        curricula.Curriculum(at),
        1.0,
        weighting.inverse_noise_step,
        cost=3 + 1,
        metric=metrics.pseudo_huber(scale=scale),
    )
    return Objective((term,), sampler="renoising", output="trigflow")


def tcm(
    *,
    first: int = 10,
    last: int = 1280,
    scale: float = 0.03,
    threshold: float = 0.5,
    boundary_share: float = 0.25,
) -> Objective:
    """Truncated consistency models (arXiv 2410.14895): the second half trains noisy times, tied to the first half.

    In the second half s stays below the threshold (0.5 is as much noise as data); beyond it targets are made by the
    student that the first half left, and the boundary term holds the student to that one at the threshold.
    """
    check_share("threshold", threshold, high=0.999)
    _check_grid(first, last)

    def levels(progress: Scalar | float, end: Scalar | float) -> time_laws.Law:
        steps = curricula.doubling_grid(progress, first=first, last=last)
        return noise_levels.log_normal_neighbours(steps=steps, smallest=(1 - end) / end)

    def truncated(progress: Scalar | float) -> time_laws.Law:
        second = curricula.stage_of(progress, stages=2) > 0
        return levels(progress, jnp.where(second, threshold, 1 / (1 + noise_levels.SIGMA_MIN)))

    def at_boundary(progress: Scalar | float) -> time_laws.Law:
        whole = levels(progress, 1 / (1 + noise_levels.SIGMA_MIN))

        def law(key: jax.Array, shape: tuple[int, ...] = ()) -> time_laws.Times:
            s, u, t = whole(key, shape)
            second = curricula.stage_of(progress, stages=2) > 0
            return time_laws.Times(jnp.where(second, threshold, s), jnp.where(second, threshold, u), t)

        return law

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, u, t = batch.times
        second = curricula.stage_of(batch.progress, stages=2) > 0

        def target(u: PerExample, t: PerExample, x: Points) -> Points:
            frozen = expand(second & (u >= threshold), x)
            return jnp.where(frozen, required(maps.stage, "Maps.stage")(u, t, x), maps.target(u, t, x))

        x_u = neighbour(maps, path, batch, velocity="sample")
        return consistency(maps.student, target, source(path, batch), s, u, t, x_u=x_u)

    def weight(times: time_laws.Times, loss: PerExample) -> PerExample:
        return jnp.where(times.u > times.s, weighting.inverse_noise_step(times, loss), 1.0)

    metric = metrics.pseudo_huber(scale=scale)
    terms = tuple(
        Term(name, loss, curricula.Curriculum(at), share, weight, cost=3 + 2, metric=metric)
        for name, at, share in (
            ("consistency", truncated, 1 - boundary_share),
            ("boundary", at_boundary, boundary_share),
        )
    )
    return Objective(terms, sampler="renoising", output="trigflow", stages=2)


def _check_grid(first: int, last: int) -> None:
    if not 1 <= first <= last:
        raise ValueError(f"first = {first}, last = {last} steps of noise; expected 1 <= first <= last")
