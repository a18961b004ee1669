"""Methods of the Eulerian rule on the velocity of samples: MeanFlow and its relatives."""

import dataclasses

from objectives import metrics, weighting
from objectives.methods.checks import (
    check_count,
    check_fraction,
    check_not_negative,
    check_share,
    check_used,
)
from objectives.methods.eulerian import eulerian_term
from objectives.methods.lagrangian import round_trip_term
from objectives.methods.shared import (
    LAWS,
    Laws,
    forward_laws,
    laws_of,
    self_distilled,
    teacher_pair,
    unit_of_offset,
)
from objectives.methods.variations import averaged, growing, with_target_noise
from objectives.objective import Batch, Curve, Maps, Objective, Term, Unit
from objectives.pooled import POOL
from taxonomy import curricula, laws
from taxonomy import times as time_laws
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Scalar

# Times of the publications in our direction. MeanFlow sorts a pair before it sets the target to the source.
MEAN_FLOW = Laws(LAWS["logit_normal"], laws.at_the_source(LAWS["logit_normal"]))
PIXEL_MEAN_FLOW = Laws(laws.sorted_logit_normal(mean=-0.8, std=0.8), laws.logit_normal(mean=-0.8, std=0.8))
DECOUPLED = Laws(laws.sorted_logit_normal(mean=-0.4, other_mean=1.2), laws.logit_normal(mean=0.0, std=1.0))


def mean_flow(
    *,
    diagonal_share: float = 0.75,
    times: str = "logit_normal",
    adaptive_power: float = 1.0,
    offset: float = 0.01,
    tangent_mix: float = 0.0,
    tangent_decay: float = 0.0,
    passed: float = 0.0,
    passed_after: float = 0.0,
    first_gap: float = 1.0,
    target_noise: float = 0.0,
    round_trip_share: float = 0.0,
    reduction: str = "per_example",
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """MeanFlow (arXiv 2505.13447): the Eulerian rule on the sample's own velocity; one mean over the batch.

    offset: of the adaptive weight. tangent_mix: share of the network's own velocity in the one that the derivative
    follows (arXiv 2605.09235), 1 for that of ``improved_mean_flow``; tangent_decay: of the EMA that gives the velocity.
    passed: share of the gradient that passes the derivative (arXiv 2508.17426), reached after passed_after of training.
    A diagonal_share of 0 leaves the velocity to the rule, which has it in the limit of short jumps. times: "square"
    trains the rule in both directions, as in BiFM (arXiv 2603.24942); round_trip_share: then, of the batch for the
    round trip of ``fmm``.
    """
    both = laws_of(times, by_logits=MEAN_FLOW)
    both_directions = times == "square"
    check_used("round_trip_share", round_trip_share, unused=0.0, by=both_directions, needs="times = 'square'")
    if not 0 <= round_trip_share < 1:
        raise ValueError(f"round_trip_share = {round_trip_share}; expected a number in [0, 1)")
    check_fraction(tangent_mix=tangent_mix, passed=passed, passed_after=passed_after)
    if tangent_decay and not tangent_mix:
        raise ValueError(
            f"tangent_decay = {tangent_decay} with tangent_mix = 0, which has no velocity of the network; set "
            "tangent_mix above 0"
        )
    check_used("offset", offset, unused=0.01, by=adaptive_power != 0, needs="adaptive_power above 0")
    check_used("passed_after", passed_after, unused=0.0, by=passed > 0, needs="passed above 0")

    def share_passed(progress: Scalar | float) -> Scalar:
        return passed * curricula.warm_up(progress, length=passed_after)

    method = _of_samples(
        diagonal_share,
        both,
        adaptive_power,
        reduction,
        offset=offset,
        tangent_mix=tangent_mix,
        passed=share_passed if passed else None,
        first_gap=first_gap,
        rule_suffices=True,
        velocity=velocity,
        pool=pool,
    )
    method = method._replace(target_decay=averaged(tangent_decay), both_directions=both_directions)
    return with_target_noise(_with_round_trip(method, round_trip_share), target_noise)


def _with_round_trip(method: Objective, share: float) -> Objective:
    """The objective with a share of its batch for the round trip of FMM, 0 for none."""
    if not share:
        return method
    others = (dataclasses.replace(term, share=(1 - share) * term.share) for term in method.terms)
    return method._replace(terms=(*others, round_trip_term(share)))


def improved_mean_flow(
    *,
    diagonal_share: float = 0.5,
    times: str = "logit_normal",
    adaptive_power: float = 1.0,
    reduction: str = "per_example",
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """Improved MeanFlow (arXiv 2512.02012) without guidance: the derivative follows the model's own velocity."""
    both = forward_laws(times, needed_by="improved_mean_flow", by_logits=MEAN_FLOW)
    return _of_samples(diagonal_share, both, adaptive_power, reduction, tangent_mix=1.0, velocity=velocity, pool=pool)


def pixel_mean_flow(
    *,
    diagonal_share: float = 0.5,
    times: str = "logit_normal",
    adaptive_power: float = 1.0,
    reduction: str = "per_example",
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """Pixel MeanFlow (arXiv 2601.22158) without features: improved MeanFlow whose network predicts mean data.

    Its logit-normal times are its own: sigmoid(N(-0.8, 0.8)), nearer to the noise than those of MeanFlow.
    """
    both = forward_laws(times, needed_by="pixel_mean_flow", by_logits=PIXEL_MEAN_FLOW)
    method = _of_samples(diagonal_share, both, adaptive_power, reduction, tangent_mix=1.0, velocity=velocity, pool=pool)
    return method._replace(output="denoiser")


def decoupled_mean_flow(
    *,
    diagonal_share: float = 0.5,
    times: str = "logit_normal",
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    """The loss of decoupled MeanFlow (arXiv 2510.24474): MeanFlow under a learned Cauchy likelihood, two means.

    Its logit-normal times are its own: a mean for each of the two times of a jump, and another one on the diagonal.
    """
    both = forward_laws(times, needed_by="decoupled_mean_flow", by_logits=DECOUPLED)
    likelihood = metrics.cauchy_likelihood
    return _of_samples(
        diagonal_share,
        both,
        0.0,
        "per_term",
        likelihood=likelihood,
        unit=Unit(mean=True),
        velocity=velocity,
        pool=pool,
    )


def _of_samples(
    diagonal_share: float,
    both: Laws,
    adaptive_power: float,
    reduction: str,
    *,
    offset: float = 0.01,
    tangent_mix: float = 0.0,
    passed: Curve | None = None,
    first_gap: float = 1.0,
    rule_suffices: bool = False,
    likelihood: metrics.Likelihood | None = None,
    unit: Unit | None = None,
    velocity: str = "sample",
    pool: int = POOL,
) -> Objective:
    weight, unit = weighting.adaptive(power=adaptive_power, offset=offset), unit or unit_of_offset(adaptive_power)
    law = growing(both.jumps, first_gap=first_gap)
    distill = eulerian_term("sample", 1 - diagonal_share, law, "target", weight, tangent_mix=tangent_mix, passed=passed)
    return self_distilled(
        diagonal_share,
        distill,
        reduction,
        weight,
        law=both.diagonal,
        likelihood=likelihood,
        unit=unit,
        velocity=velocity,
        pool=pool,
        also_pooled=True,
        rule_suffices=rule_suffices,
    )


def rectified_mean_flow(
    *,
    diagonal_share: float = 0.75,
    times: str = "ends",
    adaptive_power: float = 0.5,
    teacher_steps: int = 8,
    reduction: str = "per_example",
) -> Objective:
    """Rectified MeanFlow (arXiv 2511.23342) without trimming: MeanFlow on pairs made by a teacher."""
    check_count("teacher_steps", teacher_steps)
    both = forward_laws(times, needed_by="rectified_mean_flow", by_logits=MEAN_FLOW)
    unit = unit_of_offset(adaptive_power, mean=True)
    method = _of_samples(diagonal_share, both, adaptive_power, reduction, unit=unit)

    def on_pairs(term: Term) -> Term:
        def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
            return term.loss(maps, path, teacher_pair(maps, batch, steps=teacher_steps))

        return dataclasses.replace(term, loss=loss, cost=term.cost + 2 * teacher_steps + 1)

    return method._replace(terms=tuple(map(on_pairs, method.terms)), needs_teacher=True)


def esc(
    *,
    diagonal_share: float = 0.75,
    plug_in: float = 0.5,
    pool: int = 256,
    times: str = "logit_normal",
    adaptive_power: float = 1.0,
    curriculum: float = 0.1,
    reduction: str = "per_example",
) -> Objective:
    """ESC (arXiv 2512.11831) without guidance: MeanFlow, part of it on the posterior mean over a set of data points.

    The part ``plug_in`` of the batch, the diagonal included, has its velocity averaged over the example's own data
    point and a pool. Early in training the target is the data end, with a probability that falls to zero.
    """
    check_count("pool", pool)
    check_share("plug_in", plug_in, high=1 - 1e-6)
    check_not_negative(curriculum=curriculum)
    both = forward_laws(times, needed_by="esc", by_logits=MEAN_FLOW)

    def at(progress: Scalar | float) -> time_laws.Law:
        return laws.with_data_end(both.jumps, probability=curricula.arccos_decay(progress, length=curriculum))

    weight, law = weighting.adaptive(power=adaptive_power, offset=0.001), curricula.Curriculum(at)
    share, jumps = diagonal_share * (1 - plug_in), (1 - diagonal_share) * (1 - plug_in)
    method = self_distilled(
        share,
        eulerian_term("sample", jumps, law, "target", weight),
        reduction,
        weight,
        law=both.diagonal,
        likelihood=metrics.gaussian_likelihood,
        unit=Unit(),
    )
    still, moving = method.terms
    averaged = tuple(
        dataclasses.replace(term, name=name, share=part * plug_in, pool=pool)
        for term, name, part in ((moving, "plug_in", 1 - diagonal_share), (still, "plug_in_diagonal", diagonal_share))
    )
    return method._replace(terms=(*method.terms, *averaged), needs_noise=True)
