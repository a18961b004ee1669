"""A relation between the losses of two methods as data."""

import dataclasses

RELATIONS = ("equal", "equal up to a factor", "equal up to a term", "equal on average", "limit", "special case")


@dataclasses.dataclass(frozen=True)
class Equivalence:
    """A relation between the losses of two methods.

    Attributes:
      left: name of a method.
      right: name of a method.
      relation: one of ``RELATIONS``; "limit" and "special case" read: left becomes right.
      statement: what exactly holds; of gradients, unless stated otherwise.
      test: path::function of the test that proves it.
    """

    left: str
    right: str
    relation: str
    statement: str
    test: str
