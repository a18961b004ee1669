"""Methods of endpoint consistency at finite steps: neighbours on a path reach the same data."""

from collections.abc import Callable
import functools

import jax
import jax.numpy as jnp

from objectives import metrics, weighting
from objectives.losses.consistency import consistency
from objectives.methods.checks import check_count, check_not_negative, check_option, check_share
from objectives.methods.shared import constant, source, teacher_of
from objectives.methods.variations import averaged
from objectives.objective import Batch, Loss, Maps, Objective, Term, Unit, required
from objectives.pooled import POOL, with_velocity
from taxonomy import curricula, flow_map, noise_levels
from taxonomy import times as time_laws
from taxonomy.arrays import expand
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points, Scalar

# The papers' data have a standard deviation of 0.5; a constant is compared with a distance, or with a root mean square.
EDM, EDM_MEAN = Unit(std=noise_levels.SIGMA_DATA), Unit(std=noise_levels.SIGMA_DATA, mean=True)


def neighbour(maps: Maps, path: Interpolant, batch: Batch, *, velocity: str) -> Points:
    """The neighbour of ``I_s`` at time u: ``I_u`` of the same noise and data, or one step of a velocity from ``I_s``.

    The velocity is a teacher's, or where the path has a pool the one of the posterior mean over that.

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
    return path.neighbour(s, u, batch.x0, batch.x1)


def consistency_loss(velocity: str) -> Loss:
    """The loss of a consistency term; the velocity leads from the point to its neighbour."""

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, u, t = batch.times
        x_u = neighbour(maps, path, batch, velocity=velocity)
        return consistency(maps.student, maps.target, source(path, batch), s, u, t, x_u=x_u)

    return loss


def ct(*, first: int = 2, last: int = 150, decay: float = 0.9, velocity: str = "sample", pool: int = POOL) -> Objective:
    """Consistency training (arXiv 2303.01469): neighbours share noise and data; the grid of noise levels grows.

    The target is an EMA whose decay follows the grid: ``decay^(first / steps)``. The paper's text divides by the number
    of levels there; the authors' two repositories divide by that of steps, one less.
    """
    constant(decay)
    _check_grid(first, last, least=2)  # levels, between which is one step

    def steps(progress: Scalar | float) -> Scalar:
        return curricula.growing_grid(progress, first=first, last=last) - 1

    def target_decay(progress: Scalar | float) -> Scalar:
        return decay ** (first / steps(progress))

    law = curricula.Curriculum(lambda progress: noise_levels.uniform_neighbours(steps=steps(progress)))
    term = Term("consistency", consistency_loss("sample"), law, 1.0, cost=3 + 1)
    method = Objective((term,), sampler="renoising", output="trigflow", target_decay=target_decay)
    return with_velocity(method, velocity, pool=pool, terms=("consistency",))


def cd(*, steps: int = 17, skip: int = 1, decay: float = 0.0) -> Objective:
    """Consistency distillation (arXiv 2303.01469): the neighbour is one step of a teacher away, on a fixed grid.

    steps: between the N = 18 levels of the authors' configuration for CIFAR-10; skip: of these steps that one step of
    the teacher spans, 20 of 1000 in latent consistency models (arXiv 2310.04378); decay: of the EMA that makes the
    targets, 0 for the current weights, as there.
    """
    check_count("skip", skip)
    law = noise_levels.uniform_neighbours(steps=steps, skip=skip)
    if skip > steps:
        raise ValueError(f"skip = {skip} of steps = {steps}; expected at most as many: that is one step")
    term = Term("consistency", consistency_loss("teacher"), law, 1.0, cost=3 + 1 + 2)
    return Objective((term,), sampler="renoising", needs_teacher=True, output="trigflow", target_decay=averaged(decay))


def ict(
    *,
    first: int = 10,
    last: int = 1280,
    scale: float = 0.00054,
    metric: str = "pseudo_huber",
    levels: str = "log_normal",
    weight: str = "inverse_step",
    decay: float = 0.0,
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """Improved consistency training (arXiv 2310.14189): own targets, pseudo-Huber, noise levels by a log-normal.

    scale: of the metric, over the root of the number of coordinates; compared with a root mean square. metric:
    "pseudo_huber", "squared", "log_cosh" or "cauchy", see ``metrics``. levels: of the noise, "log_normal" or "uniform"
    on the grid. weight: "inverse_step", over the step in noise, or "none". decay: of the EMA that makes the targets.
    """
    _check_grid(first, last)
    check_option("metric", metric, METRICS)
    check_option("levels", levels, LEVELS)
    check_option("weight", weight, WEIGHTS)

    def at(progress: Scalar | float) -> time_laws.Law:
        return LEVELS[levels](steps=curricula.doubling_grid(progress, first=first, last=last))

    # The squared residual has no constant that is compared with it.
    method = _robust(at, METRICS[metric](scale=scale), EDM_MEAN if metric != "squared" else None, WEIGHTS[weight])
    method = method._replace(target_decay=averaged(decay))
    return with_velocity(method, velocity, pool=pool, terms=("consistency",))


METRICS: dict[str, Callable[..., metrics.Metric]] = {
    "pseudo_huber": metrics.pseudo_huber,
    "squared": lambda *, scale: metrics.squared,
    "log_cosh": metrics.log_cosh,
    "cauchy": metrics.cauchy,
}
LEVELS: dict[str, Callable[..., time_laws.Law]] = {
    "log_normal": noise_levels.log_normal_neighbours,
    "uniform": noise_levels.uniform_neighbours,
}
WEIGHTS = {"inverse_step": weighting.inverse_noise_step, "none": weighting.uniform}


def ect(
    *, stages: int = 8, ratio: float = 2.0, scale: float = 1e-8, velocity: str = "sample", pool: int = POOL
) -> Objective:
    """Easy consistency tuning (arXiv 2406.14548), from scratch: steps that shrink by a ratio from stage to stage.

    scale: of the pseudo-Huber metric, compared with a distance; at 0 that would have no derivative where it is 0.
    velocity: "pooled" is the target of reduced variance of stable consistency tuning (arXiv 2410.18958).
    """
    _check_shrinking(stages, ratio)

    def at(progress: Scalar | float) -> time_laws.Law:
        stage = curricula.stage_of(progress, stages=stages)
        levels = noise_levels.log_normal_levels(mean=-1.1, std=2.0, truncated=False)
        return noise_levels.shrinking_neighbours(levels, stage=stage, ratio=ratio)

    method = _robust(at, metrics.pseudo_huber(scale=scale), EDM)
    return with_velocity(method, velocity, pool=pool, terms=("consistency",))


def _robust(
    at: Callable[[Scalar | float], time_laws.Law],
    metric: metrics.Metric,
    unit: Unit | None,
    weight: weighting.Weight = weighting.inverse_noise_step,
) -> Objective:
    """Consistency training in a robust metric, over the step in noise."""
    term = Term(
        "consistency",
        consistency_loss("sample"),
        curricula.Curriculum(at),
        1.0,
        weight,
        cost=3 + 1,
        metric=metric,
        unit=unit,
    )
    return Objective((term,), sampler="renoising", output="trigflow")


def tcm(
    *,
    stages: int = 10,
    ratio: float = 2.0,
    scale: float = 1e-8,
    threshold: float = 1 / 3,
    boundary_share: float = 0.25,
    boundary_weight: float = 0.1,
) -> Objective:
    """Truncated consistency models (arXiv 2410.14895): the second half trains noisy times, tied to the first half.

    The first half is ECT, whose steps end at a thousandth of the noise level. In the second half s stays at or below
    the threshold; beyond it targets are made by the student that the first half left, and the boundary term holds the
    student to that one across the threshold.

    threshold: time of the noise level 1 where the data have 0.5; boundary_weight: of the boundary term.
    """
    _check_shrinking(stages, ratio)
    noisiest = noise_levels.SIGMA_DATA / (noise_levels.SIGMA_DATA + noise_levels.SIGMA_MAX)
    if not noisiest < threshold < 1:
        raise ValueError(
            f"threshold = {threshold}; expected a time in ({noisiest:.4f}, 1), after the largest noise level"
        )
    check_share("boundary_share", boundary_share, high=0.999)
    check_not_negative(boundary_weight=boundary_weight)
    smallest = noise_levels.SIGMA_DATA * (1 - threshold) / threshold
    first = noise_levels.log_normal_levels(mean=-1.1, std=2.0, truncated=True)
    second = noise_levels.student_levels(smallest=smallest, std=0.2, freedom=0.01)

    def only(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        del key
        return jnp.full(shape, smallest)

    def levels(later: noise_levels.Levels, progress: Scalar | float) -> time_laws.Law:
        in_second = curricula.stage_of(progress, stages=2) > 0

        def drawn(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
            key_first, key_later = jax.random.split(key)
            return jnp.where(in_second, later(key_later, shape), first(key_first, shape))

        stage = curricula.stage_of(jnp.minimum(2 * progress, 1), stages=stages)
        return noise_levels.shrinking_neighbours(drawn, stage=stage, ratio=ratio, shortest=0.001)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, u, t = batch.times
        in_second = curricula.stage_of(batch.progress, stages=2) > 0

        def target(u: PerExample, t: PerExample, x: Points) -> Points:
            frozen = expand(in_second & (u > threshold), x)
            return jnp.where(frozen, required(maps.stage, "Maps.stage")(u, t, x), maps.target(u, t, x))

        x_u = neighbour(maps, path, batch, velocity="sample")
        return consistency(maps.student, target, source(path, batch), s, u, t, x_u=x_u)

    def tied(times: time_laws.Times, loss: PerExample) -> PerExample:
        # In the first half its examples count like the others.
        at_threshold = jnp.abs(times.s - threshold) < 1e-6
        factor = jnp.where(at_threshold, boundary_weight, boundary_share / (1 - boundary_share))
        return factor * weighting.inverse_noise_step(times, loss)

    terms = tuple(
        Term(
            name,
            loss,
            curricula.Curriculum(functools.partial(levels, later)),
            share,
            weight,
            cost=3 + 2,
            metric=metrics.pseudo_huber(scale=scale),
            unit=EDM,
        )
        for name, later, share, weight in (
            ("consistency", second, 1 - boundary_share, weighting.inverse_noise_step),
            ("boundary", only, boundary_share, tied),
        )
    )
    return Objective(terms, sampler="renoising", output="trigflow", stages=2)


def _check_grid(first: int, last: int, *, least: int = 1) -> None:
    if not least <= first <= last:
        raise ValueError(f"first = {first}, last = {last} steps of noise; expected {least} <= first <= last")


def _check_shrinking(stages: int, ratio: float) -> None:
    check_count("stages", stages)
    if not ratio > 1:
        raise ValueError(f"ratio = {ratio}; expected a number above 1: the step must shrink")
