"""The field as data: every published objective that this project trains, as far as no code can know it.

The entries are descriptions. What trains is ``objectives.build.OBJECTIVES``, with the same names; ``taxonomy.facts``
completes an entry from it. A file here has the name of the file in ``objectives/methods`` whose methods it describes.
Times and formulas are those of this project: t = 0 is noise, t = 1 is data.
"""

import difflib

from taxonomy.catalogue import (
    categorical,
    consistency,
    consistency_continuous,
    consistency_segments,
    direct,
    distributional,
    distributional_hybrids,
    distributional_velocities,
    eulerian,
    eulerian_finite_step,
    eulerian_of_samples,
    integral,
    lagrangian,
    lagrangian_from_noise,
    progressive,
    riemannian,
    stochastic,
)
from taxonomy.catalogue.method import Method

_FILES = (
    direct,
    lagrangian,
    lagrangian_from_noise,
    integral,
    eulerian,
    eulerian_of_samples,
    eulerian_finite_step,
    progressive,
    consistency,
    consistency_continuous,
    consistency_segments,
    distributional,
    distributional_velocities,
    distributional_hybrids,
    stochastic,
    riemannian,
    categorical,
)
CATALOGUE: dict[str, Method] = {method.name: method for file in _FILES for method in file.METHODS}
# The name of the file of each method, and the families, which are the first words of these names.
STEMS: dict[str, str] = {method.name: file.__name__.rpartition(".")[2] for file in _FILES for method in file.METHODS}
FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(stem.partition("_")[0] for stem in STEMS.values()))


def family_of(name: str) -> str:
    """The family of a method, one of ``FAMILIES``."""
    return STEMS[name].partition("_")[0]


def lookup(name: str) -> Method:
    """The entry of a name; ValueError with the nearest names where there is none."""
    if name in CATALOGUE:
        return CATALOGUE[name]
    near = difflib.get_close_matches(name, CATALOGUE, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(CATALOGUE)}"
    raise ValueError(f"no method is called {name!r}; {hint}")
