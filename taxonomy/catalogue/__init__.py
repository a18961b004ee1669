"""The field as data: every published objective as a row, whether this project trains it or not.

The rows are descriptions. What trains is ``objectives.build.OBJECTIVES``, with the same names; a test holds the two
together. Times, formulas and costs are those of this project: t = 0 is noise, t = 1 is data.
"""

import difflib

from taxonomy.catalogue import (
    consistency,
    consistency_relatives,
    direct,
    eulerian,
    integral,
    lagrangian,
    neighbours,
    progressive,
)
from taxonomy.catalogue.method import Method

_LISTED: tuple[Method, ...] = (
    *direct.METHODS,
    *lagrangian.METHODS,
    *integral.METHODS,
    *eulerian.METHODS,
    *progressive.METHODS,
    *consistency.METHODS,
    *consistency_relatives.METHODS,
    *neighbours.METHODS,
)
CATALOGUE: dict[str, Method] = {row.name: row for row in _LISTED}


def lookup(name: str) -> Method:
    """The row of a name; ValueError with the nearest names where there is none."""
    if name in CATALOGUE:
        return CATALOGUE[name]
    near = difflib.get_close_matches(name, CATALOGUE, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(CATALOGUE)}"
    raise ValueError(f"no method is called {name!r}; {hint}")
