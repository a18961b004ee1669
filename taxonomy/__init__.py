"""The mathematics of flow maps: no network, no optimizer, no file.

One convention holds everywhere: t = 0 is noise, t = 1 is data; s is the source time, t the target time, u lies
between them; ``X_{s,t}(x) = x + (t - s) v_{s,t}(x)`` and ``v_{t,t} = b_t``. Callables take times first:
a flow map is given by its average velocity ``v(s, t, x)``, a velocity field by ``b(t, x)``. Times have shape
``[batch]`` and points ``[batch, ...]``.

What most programs need can be imported from here: ``from taxonomy import LINEAR, checkerboard, jump, solve``. The rest
is in the modules: ``from taxonomy import flow_map, laws, times``.
"""

import importlib
from typing import TYPE_CHECKING, Any

# Type checkers see the names here; at run time they come from __getattr__.
# ruff: noqa: F403, F405
if TYPE_CHECKING:
    from taxonomy.public import *

_MODULES = (
    *("arrays", "catalogue", "characterizations", "conversions", "curricula", "equivalences", "exact", "exact_data"),
    *(
        "exact_curved",
        "exact_embedded",
        "exact_map",
        "exact_observed",
        "exact_pairs",
        "exact_planar",
        "exact_posterior",
        "exact_stochastic",
        "facts",
        "flow_map",
        "interpolants",
        "jump_laws",
        "laws",
        "noise_levels",
        "noise_paths",
    ),
    *("predictions", "random_walk", "shapes", "simplex", "spaces", "tilted", "times", "told", "translate"),
)
__all__ = [
    "CATALOGUE",
    "EQUIVALENCES",
    "INTERPOLANTS",
    "LINEAR",
    "TRIGONOMETRIC",
    "AverageVelocity",
    "Curriculum",
    "ExactFlow",
    "Interpolant",
    "Law",
    "Times",
    "Velocity",
    "boxes",
    "checkerboard",
    "eight_gaussians",
    "empirical",
    "gaussian",
    "integrated",
    "jump",
    "lookup",
    "mixture",
    "solve",
    "spiral",
    "two_moons",
]


def __getattr__(name: str) -> Any:
    """A public name or a module, imported when it is first asked for (PEP 562).

    Every import of a module and every ``python -m taxonomy`` runs this file first: it must not load JAX for a citation.
    """
    if name in _MODULES:
        return importlib.import_module(f"taxonomy.{name}")
    if name in __all__:
        return getattr(importlib.import_module("taxonomy.public"), name)
    raise AttributeError(f"module 'taxonomy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
