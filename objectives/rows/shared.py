"""What rows share: where terms start from, the diagonal term, two-term objectives, and checks of options."""

from collections.abc import Collection

import jax

from objectives import weighting
from objectives.flow_matching import flow_matching
from objectives.mixture import REDUCTIONS, Batch, Maps, Objective, Term
from taxonomy import times
from taxonomy.interpolants import Interpolant


def source(path: Interpolant, batch: Batch) -> jax.Array:
    """``I_s`` of a batch.

    Args:
      path: the interpolant.
      batch: noise, data and times.

    Returns:
      [batch, ...]; points at the source times.
    """
    return path.position(batch.times.s, batch.x0, batch.x1)


def _on_samples(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
    t = batch.times.t
    return flow_matching(maps.student, path.velocity(t, batch.x0, batch.x1), source(path, batch), t)


def _on_teacher(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
    t, x = batch.times.t, source(path, batch)
    return flow_matching(maps.student, maps.teacher(t, x), x, t)


def diagonal(share: float, weight: weighting.Weight = weighting.uniform, *, teacher: bool = False) -> Term:
    """The term ``|v_{t,t}(I_t) - velocity|^2``, the velocity being the sample's or a teacher's.

    Args:
      share: share of the batch.
      weight: weight of the term.
      teacher: whether a teacher gives the velocity.

    Returns:
      a term named "diagonal".
    """
    return Term("diagonal", _on_teacher if teacher else _on_samples, times.diagonal, share, weight, 4 if teacher else 3)


def check_option(option: str, value: str, known: Collection[str]) -> None:
    """Checks that an option has one of its known values.

    Args:
      option: its name.
      value: the value received.
      known: the values that exist.

    Raises:
      ValueError: naming all three.
    """
    if value not in known:
        raise ValueError(f"{option} = {value!r}; expected one of {', '.join(known)}")


def self_distilled(
    diagonal_share: float,
    distill: Term,
    reduction: str,
    weight: weighting.Weight = weighting.uniform,
    *,
    both_directions: bool = False,
) -> Objective:
    """Flow matching on the diagonal beside one rule off it.

    Args:
      diagonal_share: share of the batch on the diagonal.
      distill: the term of the rule, with the rest of the batch.
      reduction: "paper" or "code".
      weight: weight of the diagonal term.
      both_directions: whether the rule is trained for t < s too.

    Returns:
      the objective.

    Raises:
      ValueError: on an unknown reduction.
    """
    check_option("reduction", reduction, REDUCTIONS)
    terms = (diagonal(diagonal_share, weight), distill)
    return Objective(terms, reduction, both_directions=both_directions)


def law_of(name: str) -> times.Law:
    """The law over (s, t) of a name; ValueError on an unknown one."""
    check_option("times", name, times.PAIR_LAWS)
    return times.PAIR_LAWS[name]


def forward_law(name: str, *, needed_by: str) -> times.Law:
    """The law over (s, t) of a name, for a rule that needs s <= t.

    Args:
      name: a key of ``times.PAIR_LAWS``.
      needed_by: name of the row, for the message.

    Returns:
      the law.

    Raises:
      ValueError: on an unknown name or a law that goes back.
    """
    if name == "square":
        raise ValueError(f"times = 'square' draws s > t; {needed_by} needs s <= t: use 'triangle'")
    return law_of(name)
