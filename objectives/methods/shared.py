"""What methods share: where terms start from, the diagonal term and two-term objectives."""

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from objectives import metrics, weighting
from objectives.losses.direct import flow_matching, misalignment
from objectives.methods.checks import check_option
from objectives.mixture import REDUCTIONS
from objectives.objective import Batch, Curve, Maps, Objective, Term, Unit, required
from objectives.pooled import POOL, with_velocity
from taxonomy import flow_map, jump_laws, laws, times
from taxonomy.flow_map import Velocity
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points, Scalar


def teacher_of(maps: Maps) -> Velocity:
    """The teacher's velocity b(t, x); ValueError where none was given."""
    return required(maps.teacher, "Maps.teacher")


def source(path: Interpolant, batch: Batch) -> Points:
    """``I_s`` of a batch.

    Args:
      path: the interpolant.
      batch: noise, data and times.

    Returns:
      [batch, ...]; points at the source times.
    """
    return path.position(batch.times.s, batch.x0, batch.x1)


def teacher_pair(maps: Maps, batch: Batch, *, steps: int) -> Batch:
    """The batch with its data replaced by the points to which a teacher's ODE takes its noise.

    Args:
      maps: for the teacher.
      batch: noise, data and times.
      steps: midpoint steps of the solver, at least 1.

    Returns:
      the batch of pairs (noise, generated point).

    Reference: Liu, Gong, Liu, "Flow straight and fast", arXiv 2209.03003 (reflow), where pairs are made once and kept;
      here each step makes new ones, and their cost is counted.
    """
    start = jnp.zeros_like(batch.times.s)
    teacher = flow_map.integrated(teacher_of(maps), steps=steps)
    end = flow_map.jump(teacher, start, jnp.ones_like(start), batch.x0)
    return batch._replace(x1=jax.lax.stop_gradient(end))


def _on_samples(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
    t = batch.times.t
    return flow_matching(maps.student, source(path, batch), t, velocity=path.velocity(t, batch.x0, batch.x1))


def squares_of(batch: Batch) -> Scalar | float:
    """[]; ``D sigma^2``, what a mean of squares in standard normal noise is multiplied by to be a sum of squares here.

    Args:
      batch: for the number of coordinates D and the standard deviation of the noise.

    Returns:
      [].
    """
    return math.prod(batch.x1.shape[1:]) * batch.noise_std**2


def with_angle(maps: Maps, path: Interpolant, batch: Batch, *, cosine: float) -> PerExample:
    """Flow matching as a mean of squares plus the cost of the angle, times ``squares_of(batch)``.

    Args:
      maps: for the student.
      path: the interpolant.
      batch: noise, data and times on the diagonal.
      cosine: weight of one minus the cosine; 0 for flow matching alone.

    Returns:
      [batch].

    Reference: the anchor of FACM, arXiv 2507.03738, and the diagonal of transition models, arXiv 2509.04394.
    """
    t, x = batch.times.t, source(path, batch)
    velocity, prediction = path.velocity(t, batch.x0, batch.x1), maps.student(t, t, x)
    flow = flow_matching(lambda s, t, x: prediction, x, t, velocity=velocity)
    return flow + cosine * squares_of(batch) * misalignment(prediction, velocity=velocity) if cosine else flow


def _on_teacher(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
    t, x = batch.times.t, source(path, batch)
    return flow_matching(maps.student, x, t, velocity=teacher_of(maps)(t, x))


def diagonal(
    share: float,
    weight: weighting.Weight = weighting.uniform,
    *,
    teacher: bool = False,
    law: times.Law = times.diagonal,
    likelihood: metrics.Likelihood | None = None,
    unit: Unit | None = None,
) -> Term:
    """The term ``|v_{t,t}(I_t) - velocity|^2``, the velocity being the sample's or a teacher's.

    Args:
      share: share of the batch.
      weight: weight of the term.
      teacher: whether a teacher gives the velocity.
      law: law on the diagonal.
      likelihood: how a learned log-variance enters, None for none.
      unit: what the constants of weight and likelihood are compared with.

    Returns:
      a term named "diagonal".
    """
    loss, cost = (_on_teacher, 4) if teacher else (_on_samples, 3)
    return Term("diagonal", loss, law, share, weight, cost, likelihood=likelihood, unit=unit)


def self_distilled(
    diagonal_share: float,
    distill: Term,
    reduction: str,
    weight: weighting.Weight = weighting.uniform,
    *,
    law: times.Law = times.diagonal,
    likelihood: metrics.Likelihood | None = None,
    unit: Unit | None = None,
    both_directions: bool = False,
    target_decay: Curve | None = None,
    velocity: str = "sample",
    pool: int = POOL,
    also_pooled: bool = False,
    rule_suffices: bool = False,
) -> Objective:
    """Flow matching on the diagonal and one rule off it.

    Args:
      diagonal_share: share of the batch on the diagonal.
      distill: the term of the rule, with the rest of the batch.
      reduction: "per_term" or "per_example", see ``mixture``.
      weight: weight of the diagonal term.
      law: law on the diagonal.
      likelihood: how a learned log-variance enters both terms, None for none.
      unit: what the constants of weights and likelihood are compared with, in both terms; with a likelihood, None
        stands for a sum of squares where the noise has a standard deviation of 0.5.
      both_directions: whether the rule trains jumps back in time too.
      target_decay: decay of the EMA that makes the targets, None for the student itself.
      velocity: of samples on the diagonal, "sample" or "pooled".
      pool: number of data points beside the example's own.
      also_pooled: whether that velocity is also the one in the rule, linear and stopped.
      rule_suffices: whether the rule alone says what the velocity is, so that a share of 0 leaves the diagonal out.

    Returns:
      the objective.

    Raises:
      ValueError: on an unknown reduction or velocity, or an empty pool.
    """
    check_option("reduction", reduction, REDUCTIONS)
    # A log-variance that begins at 0 is a statement on the unit: in the authors' networks with one, data have 0.5.
    unit = Unit(std=0.5) if likelihood and unit is None else unit
    distill = dataclasses.replace(distill, likelihood=likelihood, unit=unit)
    still = diagonal(diagonal_share, weight, law=law, likelihood=likelihood, unit=unit)
    terms = (distill,) if rule_suffices and diagonal_share == 0 else (still, distill)
    method = Objective(terms, reduction, both_directions=both_directions, target_decay=target_decay)
    return with_velocity(
        method, velocity, pool=pool, terms=("diagonal", distill.name) if also_pooled else ("diagonal",)
    )


def learned(enabled: bool) -> metrics.Likelihood | None:
    """The likelihood of a learned weight, ``exp(-w_{s,t}) |r|^2 + w_{s,t}``, or None."""
    return metrics.gaussian_likelihood if enabled else None


LAWS = times.PAIR_LAWS | {
    "logit_normal": laws.sorted_logit_normal(),
    "gap": laws.gap_and_target(),
    "ends": laws.ends_and_gap(),
    # The one jump of a one-step sampler starts at the noise, and from the triangle no source lies there.
    "noise_end": jump_laws.mixed(times.triangle, laws.from_noise, probability=0.3),
    "to_data": times.fixed_end,
}
# Where jumps are drawn by logits, the diagonal is too.
DIAGONALS = dict.fromkeys((*times.PAIR_LAWS, "noise_end", "to_data"), times.diagonal)
DIAGONALS |= dict.fromkeys(("logit_normal", "gap"), laws.logit_normal(mean=0.4, std=1.0))
DIAGONALS["ends"] = laws.at_the_source(LAWS["ends"])


class Laws(NamedTuple):
    """The distribution over (s, t) of jumps, and the one on the diagonal."""

    jumps: times.Law
    diagonal: times.Law


def unit_of_offset(power: float, *, mean: bool = False) -> Unit | None:
    """The unit of an adaptive weight's offset where the published noise is standard normal.

    Args:
      power: of the weight.
      mean: whether the publication adds the offset to a mean of squares instead of a sum.

    Returns:
      the unit; None at power 0, where the offset plays no role.
    """
    return Unit(mean=mean) if power else None


def law_of(name: str) -> times.Law:
    """The distribution over (s, t) of a name; ValueError on an unknown one."""
    check_option("times", name, LAWS)
    return LAWS[name]


def forward_law(name: str, *, needed_by: str) -> times.Law:
    """The distribution over (s, t) of a name, for a rule that needs s <= t.

    Args:
      name: a key of ``LAWS``.
      needed_by: name of the method, for the message.

    Returns:
      the distribution.

    Raises:
      ValueError: on an unknown name or a distribution that goes back.
    """
    if name == "square":
        raise ValueError(f"times = 'square' draws s > t; {needed_by} needs s <= t: use 'triangle'")
    return law_of(name)


def forward_laws(name: str, *, needed_by: str, by_logits: Laws | None = None) -> Laws:
    """The distributions of a name for a rule that needs s <= t and for its diagonal.

    Args:
      name: a key of ``LAWS``.
      needed_by: name of the method, for the message.
      by_logits: what "logit_normal" stands for in the method's publication; None for that of ``LAWS``.

    Returns:
      both distributions.

    Raises:
      ValueError: on an unknown name or a distribution that goes back.
    """
    forward_law(name, needed_by=needed_by)
    return laws_of(name, by_logits=by_logits)


def laws_of(name: str, *, by_logits: Laws | None = None) -> Laws:
    """The distributions of a name for a rule, in whichever direction, and for its diagonal.

    Args:
      name: a key of ``LAWS``.
      by_logits: as for ``forward_laws``.

    Returns:
      both distributions.

    Raises:
      ValueError: on an unknown name.
    """
    law = law_of(name)
    return by_logits if by_logits and name == "logit_normal" else Laws(law, DIAGONALS[name])


def constant(decay: float) -> Curve:
    """A decay of the EMA that does not change; ValueError unless it is in [0, 1)."""
    if not 0 <= decay < 1:
        raise ValueError(f"decay = {decay}; expected a number in [0, 1), 0 for the current weights")
    return lambda progress: jnp.full_like(jnp.asarray(progress, float), decay)
