"""Methods of the Eulerian rule at a finite step: no derivative of the network is taken."""

import dataclasses

import jax
import jax.numpy as jnp

from objectives import weighting
from objectives.losses.eulerian import central, discrete, eulerian
from objectives.methods.checks import check_not_negative, check_option, check_share, check_used
from objectives.methods.shared import Laws, forward_laws, self_distilled, source, squares_of, unit_of_offset, with_angle
from objectives.methods.variations import averaged
from objectives.objective import Batch, Curve, Maps, Objective, Term
from objectives.pooled import POOL, check_linear
from taxonomy import curricula, laws
from taxonomy import times as time_laws
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points, Scalar

# Times of the publications in our direction.
SO_FLOW = Laws(laws.source_and_target(source=-0.2, target=1.0, std=0.8), laws.logit_normal(mean=0.2, std=1.0))
TIM = Laws(laws.sorted_logit_normal(), laws.at_the_source(laws.sorted_logit_normal()))


def _discrete(maps: Maps, path: Interpolant, batch: Batch, *, shift: str = "sample") -> PerExample:
    s, u, t = batch.times
    velocity = _shift(maps, path, batch, of=shift)
    return discrete(maps.student, maps.target, source(path, batch), s, u, t, velocity=velocity)


def _shift(maps: Maps, path: Interpolant, batch: Batch, *, of: str) -> Points:
    """The velocity along which the source moves: the sample's, or the one of the map that makes the targets."""
    s = batch.times.s
    return maps.target(s, s, source(path, batch)) if of == "own" else path.velocity(s, batch.x0, batch.x1)


def _with_share(law: time_laws.Law, share: Curve) -> curricula.Curriculum:
    return curricula.Curriculum(lambda progress: time_laws.with_fraction(law, fraction=share(progress)))


def alpha_flow(
    *,
    schedule: str = "sigmoid",
    alpha: float = 0.1,
    start: float = 0.0,
    end: float = 1.0,
    floor: float = 0.005,
    diagonal_share: float = 0.5,
    times: str = "logit_normal",
    adaptive_power: float = 1.0,
    decay: float = 0.0,
    shift: str = "sample",
    reduction: str = "per_example",
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """alpha-Flow (arXiv 2510.20771): the source takes the share alpha of the jump along the sample's velocity.

    schedule: "sigmoid" lets alpha fall from 1 (the whole jump is regressed on the velocity) to 0, where the limit, that
    is MeanFlow, is taken by its jvp; "constant" keeps the given alpha. start, end: where in the training the sigmoid
    begins and ends; floor: distance from 0 and from 1 within which it is that end. decay: of the EMA that makes the
    targets of finite steps, 0 for the current weights. shift: the velocity of the first part of a jump, the "sample"'s,
    or "own", that of the map that makes the targets. A diagonal_share of 0 leaves the velocity to the rule, which needs
    the sample's.
    """
    check_option("schedule", schedule, ("sigmoid", "constant"))
    check_share("alpha", alpha)
    if not 0 <= start < end <= 1:
        raise ValueError(f"start = {start}, end = {end}; expected 0 <= start < end <= 1: shares of the training")
    check_share("floor", floor, high=0.5)
    check_option("shift", shift, ("sample", "own"))
    if shift == "own" and diagonal_share == 0:
        raise ValueError("shift = 'own' with diagonal_share = 0, where no term sees data; set diagonal_share above 0")
    constant_alpha = schedule == "constant"
    check_used("alpha", alpha, unused=0.1, by=constant_alpha, needs="schedule = 'constant'")
    for name, value, default in (("start", start, 0.0), ("end", end, 1.0), ("floor", floor, 0.005)):
        check_used(name, value, unused=default, by=not constant_alpha, needs="schedule = 'sigmoid'")
    both = forward_laws(times, needed_by="alpha_flow")

    def share(progress: Scalar | float) -> Scalar:
        if constant_alpha:
            return jnp.asarray(alpha, float)
        # Outside of the two times the sigmoid goes on, as published: the floor makes its ends.
        return curricula.sigmoid_decay((progress - start) / (end - start), floor=floor)

    def limit(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, _, t = batch.times
        velocity = _shift(maps, path, batch, of=shift)
        return eulerian(maps.student, source(path, batch), s, t, velocity=velocity, stop_gradient="target")

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        if constant_alpha:
            return _discrete(maps, path, batch, shift=shift)
        return jax.lax.cond(
            share(batch.progress) > 0,
            lambda: _discrete(maps, path, batch, shift=shift),
            lambda: limit(maps, path, batch),
        )

    adaptive, unit = weighting.adaptive(power=adaptive_power, offset=0.001), unit_of_offset(adaptive_power, mean=True)

    def weight(times: time_laws.Times, loss: PerExample) -> PerExample:
        # Without the adaptive weight the paper's 1 / alpha; at power 1 the code has alpha, and 1 in the limit.
        inverse = jnp.where(times.u > times.s, weighting.inverse_share(times, loss), 1.0)
        return inverse ** (1 - 2 * adaptive_power) * adaptive(times, loss)

    # Either the finite step or the limit: both cost four, and an own velocity one more.
    cost = 3 + 1 + (shift == "own")
    distill = Term("eulerian", loss, _with_share(both.jumps, share), 1 - diagonal_share, weight, cost=cost)
    return self_distilled(
        diagonal_share,
        distill,
        reduction,
        adaptive,
        law=both.diagonal,
        unit=unit,
        target_decay=averaged(decay),
        velocity=velocity,
        pool=pool,
        rule_suffices=True,
    )


def so_flow(
    *,
    first: float = 0.1,
    last: float = 0.002,
    diagonal_share: float = 0.75,
    times: str = "logit_normal",
    adaptive_power: float = 1.0,
    reduction: str = "per_example",
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """SoFlow (arXiv 2512.15657), Euler form, without guidance: the share of the first leg falls exponentially.

    Its logit-normal times are its own: a mean for each end of a jump, and another one on the diagonal. A diagonal_share
    of 0 leaves the velocity to the rule.
    """
    check_share("first", first)
    check_share("last", last)
    both = forward_laws(times, needed_by="so_flow", by_logits=SO_FLOW)
    adaptive, unit = weighting.adaptive(power=adaptive_power), unit_of_offset(adaptive_power, mean=True)

    def share(progress: Scalar | float) -> Scalar:
        return curricula.exponential_decay(progress, first=first, last=last)

    def weight(times: time_laws.Times, loss: PerExample) -> PerExample:
        # The paper weighs by its q, the residual over the share; half of the gradient of |r|^2 / share is v . q.
        inverse = weighting.inverse_share(times, loss)
        return inverse * adaptive(times, jnp.square(inverse) * loss) / 2

    distill = Term("eulerian", _discrete, _with_share(both.jumps, share), 1 - diagonal_share, weight, cost=3 + 1)
    return self_distilled(
        diagonal_share,
        distill,
        reduction,
        adaptive,
        law=both.diagonal,
        unit=unit,
        velocity=velocity,
        pool=pool,
        rule_suffices=True,
    )


def euler_mean_flow(
    *,
    step: float = 0.02,
    diagonal_share: float = 0.5,
    decay: float = 0.0,
    reduction: str = "per_example",
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """Euler mean flows (arXiv 2602.02571): the first leg is an Euler step of fixed length along the sample's velocity.

    Its weights are not published in what was read; here each example is divided by the share of the first leg.
    """
    law = time_laws.with_step(time_laws.triangle, step=step)
    distill = Term("eulerian", _discrete, law, 1 - diagonal_share, weighting.inverse_share, cost=3 + 1)
    return self_distilled(
        diagonal_share, distill, reduction, target_decay=averaged(decay), velocity=velocity, pool=pool
    )


def tim(
    *,
    step: float = 0.005,
    diagonal_share: float = 0.5,
    end_share: float = 0.1,
    times: str = "logit_normal",
    adaptive_power: float = 1.0,
    gap_power: float = 0.5,
    cosine: float = 1.0,
    reduction: str = "per_example",
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """Transition models (arXiv 2509.04394), linear transport: MeanFlow's derivative as a central difference.

    end_share: share of the batch whose target is the data; gap_power: of the weight that falls with the length of a
    jump; cosine: weight of one minus the cosine.
    """
    if not 0 < step < 0.5:
        raise ValueError(f"step = {step}; expected a length of time in (0, 0.5)")
    check_not_negative(end_share=end_share, gap_power=gap_power, cosine=cosine)
    if end_share > 1 - diagonal_share:
        raise ValueError(
            f"end_share = {end_share} and diagonal_share = {diagonal_share}; expected a sum of at most 1: both are "
            "shares of the batch"
        )
    check_linear(velocity, "an angle", cosine=cosine)
    both = forward_laws(times, needed_by="tim", by_logits=TIM)
    to_data = end_share / (1 - diagonal_share)
    law = laws.with_data_end(both.jumps, probability=to_data) if to_data else both.jumps
    adaptive = weighting.adaptive(power=adaptive_power, offset=1e-5)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, _, t = batch.times
        behind, ahead = jnp.maximum(s - step, 0), jnp.minimum(s + step, 1)
        return central(
            maps.student,
            maps.target,
            source(path, batch),
            s,
            t,
            velocity=path.velocity(s, batch.x0, batch.x1),
            behind=(behind, path.position(behind, batch.x0, batch.x1)),
            ahead=(ahead, path.position(ahead, batch.x0, batch.x1)),
            cosine=cosine * squares_of(batch) if cosine else None,
        )

    def diagonal(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        return with_angle(maps, path, batch, cosine=cosine)

    def weight(times: time_laws.Times, loss: PerExample) -> PerExample:
        gap = jnp.tan(1 - times.s) - jnp.tan(1 - times.t)
        return (1 + gap) ** -gap_power * adaptive(times, loss)

    unit = unit_of_offset(adaptive_power, mean=True)
    distill = Term("eulerian", loss, law, 1 - diagonal_share, weight, cost=3 + 2)
    method = self_distilled(
        diagonal_share,
        distill,
        reduction,
        adaptive,
        law=both.diagonal,
        unit=unit,
        velocity=velocity,
        pool=pool,
        also_pooled=True,
    )
    first, second = method.terms
    return method._replace(terms=(dataclasses.replace(first, loss=diagonal), second))
