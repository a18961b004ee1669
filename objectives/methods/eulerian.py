"""Methods of the Eulerian rule: the source moves along the path and the target stays."""

from objectives import weighting
from objectives.losses.eulerian import STOP_GRADIENT, eulerian, tangent_step
from objectives.methods.checks import (
    check_not_negative,
    check_option,
)
from objectives.methods.shared import (
    forward_law,
    law_of,
    learned,
    self_distilled,
    source,
    teacher_of,
)
from objectives.methods.variations import averaged, growing, with_target_noise
from objectives.objective import Batch, Curve, Maps, Objective, Term
from objectives.pooled import POOL
from taxonomy import curricula
from taxonomy import times as time_laws
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample


def eulerian_term(
    velocity: str,
    share: float,
    law: time_laws.Law | curricula.Curriculum,
    stop_gradient: str,
    weight: weighting.Weight = weighting.uniform,
    *,
    tangent_mix: float = 0.0,
    passed: Curve | None = None,
    own: bool = True,
) -> Term:
    """The Eulerian rule off the diagonal.

    Args:
      velocity: "self", "teacher" or "sample".
      share: share of the batch.
      law: time distribution over (s, t).
      stop_gradient: what the loss holds fixed.
      weight: weight of the term.
      tangent_mix: share of the model's own velocity in the one that the derivative follows, in [0, 1].
      passed: share of the gradient that passes the derivative in "target", over the progress; None for none.
      own: whether the student itself makes its targets, and no average of it.

    Returns:
      a term named "eulerian".
    """
    check_option("stop_gradient", stop_gradient, STOP_GRADIENT)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, _, t = batch.times
        x_s = source(path, batch)
        if velocity == "self":
            w = maps.target(s, s, x_s)
        elif velocity == "teacher":
            w = teacher_of(maps)(s, x_s)
        else:
            w = path.velocity(s, batch.x0, batch.x1)
        tangent = None
        if tangent_mix:
            own_velocity = maps.target(s, s, x_s)
            tangent = own_velocity if tangent_mix == 1 else (1 - tangent_mix) * w + tangent_mix * own_velocity
        options = {"tangent": tangent, "passed": passed(batch.progress) if passed else None}
        return eulerian(maps.student, x_s, s, t, velocity=w, stop_gradient=stop_gradient, **options)

    # The jvps in time and space, the backward pass through what is not stopped, and one velocity unless it is dI.
    engine = {"advection": 2 + 2 + 4, "velocity": 2 + 4, "none": 2 + 4, "target": 2 + (4 if passed else 2)}[
        stop_gradient
    ]
    made = {"self": 3 if stop_gradient == "none" and own else 1, "teacher": 1, "sample": 0}[velocity]
    return Term("eulerian", loss, law, share, weight, engine + made + (tangent_mix > 0))


def esd(
    *,
    diagonal_share: float = 0.75,
    times: str = "triangle",
    stop_gradient: str = "advection",
    reduction: str = "per_term",
    learned_weight: bool = False,
    decay: float = 0.0,
    first_gap: float = 1.0,
    target_noise: float = 0.0,
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """Eulerian self-distillation (arXiv 2505.18825)."""
    law = growing(law_of(times), first_gap=first_gap)
    distill = eulerian_term("self", 1 - diagonal_share, law, stop_gradient, own=not decay)
    method = self_distilled(
        diagonal_share,
        distill,
        reduction,
        likelihood=learned(learned_weight),
        both_directions=times == "square",
        target_decay=averaged(decay),
        velocity=velocity,
        pool=pool,
    )
    return with_target_noise(method, target_noise)


def emd(*, times: str = "triangle", stop_gradient: str = "none") -> Objective:
    """Eulerian map distillation of a teacher (arXiv 2406.07507)."""
    term = eulerian_term("teacher", 1.0, law_of(times), stop_gradient)
    return Objective((term,), needs_teacher=True, both_directions=times == "square")


def ayf_emd(*, times: str = "logit_normal", warm_up: float = 0.1, normalize: float = 0.1) -> Objective:
    """AYF-EMD (arXiv 2506.14603): a teacher's Eulerian tangent, warmed up over a share of training and normalized."""
    law = forward_law(times, needed_by="ayf_emd")
    check_not_negative(warm_up=warm_up, normalize=normalize)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, _, t = batch.times
        # The offset of the normalization is that of standard normal noise.
        std, x_s = batch.noise_std, source(path, batch)
        # The paper ends at 0.99, so that the pull towards straight paths never quite stops.
        ramp = 0.99 * curricula.warm_up(batch.progress, length=warm_up)
        return std**2 * tangent_step(
            lambda s, t, x: maps.student(s, t, std * x) / std,
            x_s / std,
            s,
            t,
            velocity=teacher_of(maps)(s, x_s) / std,
            warm_up=ramp,
            normalize=normalize or None,
        )

    term = Term("eulerian", loss, law, 1.0, weighting.gap_squared, cost=2 + 2 + 1)
    return Objective((term,), needs_teacher=True)
