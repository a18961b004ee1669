"""A configuration: its defaults, its parts, and what its names stand for."""

from experiments.settings.defaults import DEFAULT_OBJECTIVE, base, categorical, curved, fields, parse_variant, planar
from experiments.settings.objectives import (
    NO_COMBINATION,
    check_sound,
    interpolant_of,
    label,
    objective_of,
    with_objective,
)

__all__ = [
    "DEFAULT_OBJECTIVE",
    "NO_COMBINATION",
    "base",
    "categorical",
    "check_sound",
    "curved",
    "fields",
    "interpolant_of",
    "label",
    "objective_of",
    "parse_variant",
    "planar",
    "with_objective",
]
