"""Which methods of the catalogue coincide: exactly, up to a factor, in a limit or on average, each with its test."""

from taxonomy.equivalences import consistency, diagonal, maps
from taxonomy.equivalences.equivalence import RELATIONS, Equivalence

__all__ = ["EQUIVALENCES", "RELATIONS", "Equivalence", "involving"]

EQUIVALENCES: tuple[Equivalence, ...] = (*maps.EQUIVALENCES, *consistency.EQUIVALENCES, *diagonal.EQUIVALENCES)


def involving(name: str) -> tuple[Equivalence, ...]:
    """The equivalences that name a method on either side."""
    return tuple(one for one in EQUIVALENCES if name in (one.left, one.right))
