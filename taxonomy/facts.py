"""Facts that the code of a method knows, read from its ``Objective`` when they are asked for.

This is the one place of ``taxonomy`` that looks into ``objectives``. It does so by name at call time: the mathematics
must not depend on what trains, and whoever only cites a paper should not wait for JAX.
"""

from collections.abc import Callable
import dataclasses
import importlib
from typing import Any

from taxonomy.catalogue import family_of, lookup
from taxonomy.catalogue.method import Method
from taxonomy.catalogue.papers import PAPERS

_SHARES = {0.25: "a quarter", 0.5: "half", 0.75: "three quarters"}
_LIKELIHOODS = {"gaussian_likelihood": "learned variance", "cauchy_likelihood": "learned Cauchy"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Described(Method):
    """An entry of the catalogue with what its code knows.

    Attributes:
      target: whose weights make the target: as in the catalogue, or "EMA", or "frozen stage".
      family: one of ``FAMILIES``.
      teacher: what must be there before training starts: "velocity" or "none".
      directions: "forward" (s <= t) or "both".
      cost: forward-pass equivalents of one example of every term, summed.
      year: year of the first version on arXiv.
    """

    family: str
    teacher: str
    directions: str
    cost: float
    year: int


def _build() -> Any:
    return importlib.import_module("objectives.build")


def names() -> tuple[str, ...]:
    """All methods in the order in which they are listed."""
    return tuple(_build().OBJECTIVES)


def method_of(name: str) -> Callable[..., Any]:
    """The function that makes the ``Objective`` of a method."""
    return _build().OBJECTIVES[name]


def options_of(name: str) -> dict[str, float | int | str]:
    """The options of a method with their defaults."""
    return _build().default_options(name)


def describe(name: str) -> Described:
    """Everything that is known about a method with its default options.

    Args:
      name: a key of ``CATALOGUE``.

    Returns:
      the entry of the catalogue, completed.

    Raises:
      ValueError: on an unknown name.
    """
    entry = lookup(name)
    objective = method_of(name)()
    words = {term.name: _SHARES.get(term.share, f"{term.share:g}") for term in objective.terms}
    learned = {_LIKELIHOODS.get(term.likelihood.__name__, "learned") for term in objective.terms if term.likelihood}
    target = "EMA" if objective.target_decay else "frozen stage" if objective.stages > 1 else entry.target
    given = dataclasses.asdict(entry) | {
        "times": entry.times.format_map(words),
        "weight": entry.weight.format_map({"likelihood": " and ".join(sorted(learned))} if learned else {}),
        "target": target,
    }
    return Described(
        **given,
        family=family_of(name),
        teacher="velocity" if objective.needs_teacher else "none",
        directions="both" if objective.both_directions else "forward",
        cost=float(sum(term.cost for term in objective.terms)),
        year=PAPERS[entry.paper].year,
    )
