"""An objective is a list of terms, each with its share of the batch, its times and its weight; this is their sum."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from fractions import Fraction
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from objectives import metrics, weighting
from taxonomy.curricula import Curriculum
from taxonomy.flow_map import AverageVelocity, Velocity
from taxonomy.interpolants import Interpolant
from taxonomy.times import Law, Times

REDUCTIONS = ("paper", "code")


class Maps(NamedTuple):
    """The callables that a term may use, bound to their parameters.

    Attributes:
      student: average velocity v(s, t, x) that is trained.
      target: average velocity that makes self-distilled targets: the same network, or an average of its weights.
      teacher: frozen velocity b(t, x), or None.
      stage: average velocity of the student as it was when the current stage of training began, or None.
      auxiliary: a second velocity b(t, x), trained beside the student, or None.
      log_variance: learned logarithm of the variance of the residual, (s, t) -> [batch], or None.
      unconditional: ``target`` without labels, for guidance, or None.
    """

    student: AverageVelocity
    target: AverageVelocity
    teacher: Velocity | None
    stage: AverageVelocity | None = None
    auxiliary: Velocity | None = None
    log_variance: Callable[[jax.Array, jax.Array], jax.Array] | None = None
    unconditional: AverageVelocity | None = None


class Batch(NamedTuple):
    """The examples of one term.

    Attributes:
      x0: [batch, ...]; noise.
      x1: [batch, ...]; data.
      times: s, u and t of each example.
      fresh: [batch, ...]; noise independent of x0, for losses that mix a generated point with noise again.
      pool: [count, ...]; further data points, the same for every example, or None; see ``Term.pool``.
      noise_std: standard deviation of the noise.
      progress: []; share of the training that is done, in [0, 1].
      label: [batch]; classes as the network is told them, where the number of classes means none, or None.
      labelled: [batch]; True where the label is told, or None.
      scale: [batch]; scale of guidance that the network is told, 1 without a label, or None.
      dropout: [batch]; typed PRNG keys for the network, or None.
    """

    x0: jax.Array
    x1: jax.Array
    times: Times
    fresh: jax.Array | None = None
    pool: jax.Array | None = None
    noise_std: float = 1.0
    progress: jax.Array | float = 1.0
    label: jax.Array | None = None
    labelled: jax.Array | None = None
    scale: jax.Array | None = None
    dropout: jax.Array | None = None


@dataclasses.dataclass(frozen=True)
class Term:
    """One loss with its share of the batch.

    Attributes:
      name: short name for logs; unique within an objective.
      loss: (Maps, Interpolant, Batch) -> [batch], one squared residual per example.
      times: law over (s, u, t), or a curriculum of laws.
      share: fraction of the batch, in (0, 1]; the shares of an objective sum to 1.
      weight: (Times, [batch] loss) -> [batch].
      cost: forward-pass equivalents per example: forward 1, backward 2 more, jvp 2 with its forward, backward
        through a jvp 4 more (S. Dieleman's accounting).
      metric: elementwise function of the squared residual that is minimized in its place.
      likelihood: how the learned log-variance enters, see ``metrics``; None for none.
      pool: number of further data points that the loss sees in ``Batch.pool``.
      group: number of consecutive examples that share their times.
    """

    name: str
    loss: Callable[[Maps, Interpolant, Batch], jax.Array]
    times: Law | Curriculum
    share: float
    weight: weighting.Weight = weighting.uniform
    cost: float = 3.0
    metric: metrics.Metric = metrics.squared
    likelihood: metrics.Likelihood | None = None
    pool: int = 0
    group: int = 1


class Objective(NamedTuple):
    """What trains a flow map, and how the trained map is meant to be sampled.

    Attributes:
      terms: the terms, shares summing to 1.
      reduction: "paper" or "code", see ``mixture``.
      sampler: "composition", "euler", "renoising" or "one_jump": how N steps are taken (``models.samplers``).
      needs_teacher: whether a frozen velocity must be given.
      both_directions: whether jumps back in time, t < s, are trained too.
      output: what the network's output means, a key of ``models.flow_map_model.OUTPUTS``.
      target_decay: decay of the averaged weights that make the targets, as a function of the progress; None where the
        student makes its own targets.
      stages: number of stages of equal length; the student is frozen for ``Maps.stage`` when one begins.
      needs_auxiliary: whether a second velocity is trained beside the student.
    """

    terms: tuple[Term, ...]
    reduction: str = "paper"
    sampler: str = "composition"
    needs_teacher: bool = False
    both_directions: bool = False
    output: str = "velocity"
    target_decay: Callable[[jax.Array], jax.Array] | None = None
    stages: int = 1
    needs_auxiliary: bool = False

    @property
    def learns_weight(self) -> bool:
        """Whether a term has a learned log-variance."""
        return any(term.likelihood for term in self.terms)

    @property
    def cost(self) -> float:
        """Forward-pass equivalents per training example, averaged over the shares."""
        return sum(term.share * term.cost for term in self.terms)


def check_shares(terms: Sequence[Term]) -> None:
    """Checks that every share is positive and that they sum to 1.

    Args:
      terms: the terms of one objective.

    Raises:
      ValueError: naming the shares received.
    """
    shares = {term.name: term.share for term in terms}
    if any(not share > 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        listed = ", ".join(f"{name} {share:g}" for name, share in shares.items())
        raise ValueError(f"shares of the batch are {listed}; expected positive numbers that sum to 1")


def counts(terms: Sequence[Term], batch_size: int, *, devices: int = 1) -> tuple[int, ...]:
    """Examples of each term on each device: exactly ``share * batch_size / devices``.

    Every device holds every term in its exact share. The authors' public code cuts a batch that is ordered
    [diagonal | off-diagonal] into contiguous blocks and splits each block again, so that on four devices a
    quarter of the intended off-diagonal pairs is left.

    Args:
      terms: the terms of one objective.
      batch_size: examples per step over all devices.
      devices: number of devices.

    Returns:
      one number of examples per term, on each device.

    Raises:
      ValueError: if the shares do not sum to 1, or do not divide into whole numbers; names a batch size that does.
    """
    check_shares(terms)
    if batch_size < 1 or devices < 1:
        raise ValueError(f"batch of {batch_size} on {devices} devices; expected positive numbers")
    # Shares are decimal fractions written by people: 0.1 means one tenth, not its nearest double.
    shares = [Fraction(term.share).limit_denominator(10_000) for term in terms]
    per_device = [share * batch_size / devices for share in shares]
    groups = [count / term.group for count, term in zip(per_device, terms, strict=True)]
    if any(count.denominator != 1 for count in groups):
        # Examples that share their times stay on one device.
        multiple = devices * math.lcm(*((share / term.group).denominator for share, term in zip(shares, terms)))
        nearest = max(1, round(batch_size / multiple)) * multiple
        listed = ", ".join(f"{term.name} {term.share:g}" for term in terms)
        raise ValueError(
            f"a batch of {batch_size} on {devices} device(s) does not divide into whole shares ({listed}); "
            f"expected a multiple of {multiple}: use {nearest}"
        )
    return tuple(int(count) for count in per_device)


def mixture(
    terms: Sequence[Term], maps: Maps, interpolant: Interpolant, batches: Sequence[Batch], *, reduction: str = "paper"
) -> tuple[jax.Array, Mapping[str, jax.Array]]:
    """The scalar that is minimized, with the raw residual of every term beside it.

        "paper":  sum_k mean_k[ weight * loss ]              each term has its own mean
        "code":   sum_k share_k mean_k[ weight * loss ]      one mean over the whole batch

    At a diagonal share of 0.75 the two differ by a factor of 3 in the relative weight of the off-diagonal term: the
    paper's text states the first, the authors' code does the second.

    Args:
      terms: the terms of one objective.
      maps: student, target and teacher, bound to parameters.
      interpolant: the path between noise and data.
      batches: one batch per term.
      reduction: "paper" or "code".

    Returns:
      (loss [], {term name: mean unweighted squared residual []}).

    Raises:
      ValueError: on an unknown reduction or a number of batches that differs from the number of terms.

    Reference: Boffi, Albergo, Vanden-Eijnden, arXiv 2505.18825, Sec. 3 and Algorithm 1, and their public code.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction = {reduction!r}; expected one of {', '.join(REDUCTIONS)}")
    total, raw = jnp.zeros(()), {}
    for term, batch in zip(terms, batches, strict=True):
        value, loss = weighted(term, maps, interpolant, batch)
        total = total + factor(term, reduction=reduction) * value
        raw[term.name] = jnp.mean(loss)
    return total, raw


def factor(term: Term, *, reduction: str) -> float:
    """What the weighted mean of a term is multiplied by in the sum.

    Args:
      term: the term.
      reduction: see ``mixture``.

    Returns:
      the share of the term for "code", 1 for "paper".
    """
    return term.share if reduction == "code" else 1.0


def weighted(term: Term, maps: Maps, interpolant: Interpolant, batch: Batch) -> tuple[jax.Array, jax.Array]:
    """``mean[ weight * metric(loss) ]`` of one term.

    Args:
      term: the term.
      maps: student, target and teacher, bound to parameters.
      interpolant: the path between noise and data.
      batch: its batch.

    Returns:
      (weighted mean [], squared residuals before metric and weight [batch]).
    """
    loss = term.loss(maps, interpolant, batch)
    minimized = term.weight(batch.times, loss) * term.metric(loss)
    if term.likelihood:
        minimized = term.likelihood(minimized, maps.log_variance(batch.times.s, batch.times.t))
    return jnp.mean(minimized), loss
