"""The published settings of every method, each with its source; ``python -m taxonomy show NAME`` prints them.

A test holds each default of a method to the value recorded here, or demands a reason, and compares a million draws of
each time distribution with the mean and the quartiles of the published sampler.
"""

from taxonomy.catalogue.published import (
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
    pooled,
    progressive,
    riemannian,
    stochastic,
    varied,
)
from taxonomy.catalogue.published.setting import PublishedTimes, Setting

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
SETTINGS: dict[str, tuple[Setting, ...]] = {
    name: found + varied.SETTINGS.get(name, ()) + pooled.SETTINGS.get(name, ())
    for file in _FILES
    for name, found in file.SETTINGS.items()
}
TIMES: dict[str, tuple[PublishedTimes, ...]] = {name: found for file in _FILES for name, found in file.TIMES.items()}
