"""The sum of the terms of an objective, and the exact number of examples of each term."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
import math

import jax.numpy as jnp

from objectives.objective import Batch, Maps, Term, required
from objectives.pooled import pooled_path
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Scalar

REDUCTIONS = ("per_term", "per_example")
FINEST = 10_000  # the largest denominator of a share


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
    shares = [Fraction(term.share).limit_denominator(FINEST) for term in terms]
    if 0 in shares:
        listed = ", ".join(f"{term.name} {term.share:g}" for term in terms)
        raise ValueError(f"shares of the batch are {listed}; expected at least 1/{FINEST} each, or a term less")
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
    terms: Sequence[Term],
    maps: Maps,
    interpolant: Interpolant,
    batches: Sequence[Batch],
    *,
    reduction: str = "per_term",
) -> tuple[Scalar, Mapping[str, Scalar]]:
    """The scalar that is minimized, and the raw residual of every term.

        "per_term":     sum_k mean_k[ weight * loss ]              each term has its own mean
        "per_example":  sum_k share_k mean_k[ weight * loss ]      one mean over the whole batch

    At a diagonal share of 0.75 the two differ by a factor of 3 in the relative weight of the off-diagonal term: the
    paper's text states the first, the authors' code does the second.

    Args:
      terms: the terms of one objective.
      maps: student, target and teacher, bound to parameters.
      interpolant: the path between noise and data.
      batches: one batch per term.
      reduction: "per_term" or "per_example".

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
      the share of the term for "per_example", 1 for "per_term".
    """
    return term.share if reduction == "per_example" else 1.0


def weighted(term: Term, maps: Maps, interpolant: Interpolant, batch: Batch) -> tuple[Scalar, PerExample]:
    """The mean of what one term minimizes.

    Args:
      term: the term.
      maps: student, target and teacher, bound to parameters.
      interpolant: the path between noise and data.
      batch: its batch.

    Returns:
      (weighted mean [], squared residuals before metric and weight [batch]).
    """
    values, loss = minimized(term, maps, interpolant, batch)
    return jnp.mean(values), loss


def minimized(term: Term, maps: Maps, interpolant: Interpolant, batch: Batch) -> tuple[PerExample, PerExample]:
    """``weight(c loss) * metric(c loss) / c`` of one term, c from the term's unit to the publication's.

    The division leaves the terms of one objective, and data in other units, in their proportions. A likelihood is
    applied last, in the publication's unit, in which its log-variance begins at 0.

    Args:
      term: the term.
      maps: student, target and teacher, bound to parameters.
      interpolant: the path between noise and data.
      batch: its batch.

    Returns:
      (what is minimized [batch], squared residuals before metric and weight [batch]).
    """
    loss = term.loss(maps, pooled_path(interpolant, batch) if term.pool else interpolant, batch)
    published = loss if term.unit is None else term.unit.of(batch) * loss
    values = term.weight(batch.times, published) * term.metric(published)
    if term.likelihood:
        log_variance = required(maps.log_variance, "Maps.log_variance")(batch.times.s, batch.times.t)
        values = term.likelihood(values, log_variance=log_variance)
    elif term.unit is not None:
        values = values / term.unit.of(batch)
    return values, loss
