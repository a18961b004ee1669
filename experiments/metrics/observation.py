"""How well samples agree with what was observed of the example that was wanted."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets.dataset import Dataset
from experiments.metrics.metric import Metric

AT_ONCE = 4096  # samples that are looked at together


class SampledObservations(NamedTuple):
    """What the metric is a function of.

    Attributes:
      samples: [n, ...]; in the data's own units.
      vectors: [n, size]; what the network was told of each.
      dataset: with an ``Observation`` that says how numbers follow from an example.
    """

    samples: np.ndarray
    vectors: jax.Array
    dataset: Dataset


def observation_error(compared: SampledObservations) -> float:
    """Root of the mean ``|c(x) - c|^2`` over all numbers, in units of their spread: 0 where each sample fits.

    Args:
      compared: samples, and what was asked for.

    Returns:
      the error; about the square root of two for samples that know nothing of what was asked for.
    """
    dataset, observed = compared.dataset, compared.dataset.observed
    of = jax.jit(lambda x: observed.encoded(observed.of(jax.random.key(0), x)))
    squares = []
    for start in range(0, len(compared.samples), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        own = jnp.asarray(dataset.centred(compared.samples[part]), jnp.float32)
        squares.append(np.asarray(jnp.square(of(own) - compared.vectors[part])[:, :-1], np.float64).reshape(-1))
    return float(np.sqrt(np.concatenate(squares).mean()))


OBSERVED_METRICS = (Metric("observation_error", "error of what was observed", "lower", observation_error),)


def of(dataset: Dataset) -> tuple[Metric, ...]:
    """The metric, for data of which something is observed that follows from a sample alone."""
    observed = dataset.observed
    return OBSERVED_METRICS if observed is not None and observed.of is not None and not observed.noisy else ()
