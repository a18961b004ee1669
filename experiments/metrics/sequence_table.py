"""The metrics of samples that are categories, whose law is known exactly: one entry each, the main one first."""

from typing import NamedTuple

import numpy as np

from experiments.datasets.sequences import Sequences
from experiments.metrics.metric import Metric
from taxonomy import simplex


class SampledSequences(NamedTuple):
    """What the metrics of categories are functions of.

    Attributes:
      samples: [n, positions * categories]; generated points, near corners of a product of simplices.
      truth: the law.
    """

    samples: np.ndarray
    truth: Sequences


def total_variation(samples: np.ndarray, truth: Sequences) -> float:
    """``(1/2) sum |share of the samples - probability|`` over all sequences: 0 for equal laws, 1 for no common one."""
    found = truth.shares(samples)
    return float((np.abs(found - truth.weights).sum() + 1 - found.sum()) / 2)


def kl(samples: np.ndarray, truth: Sequences) -> float:
    """``KL(target || samples)`` of the laws of the sequences; one that never occurs counts as half a sample.

    Args:
      samples: [n, positions * categories].
      truth: the law.

    Returns:
      nats; about (sequences - 1) / 2n for perfect samples.
    """
    found = np.maximum(truth.shares(samples), 0.5 / len(samples))
    return float(np.sum(truth.weights * np.log(truth.weights / found)))


def corner_distance(sampled: SampledSequences) -> float:
    """Root mean square of the distance of a sample from the corner that it stands for, over its positions."""
    categories = len(sampled.truth.letters)
    corners = simplex.corners(simplex.nearest(sampled.samples, categories=categories), categories=categories)
    squares = np.sum((sampled.samples.astype(np.float64) - corners) ** 2, axis=1) / sampled.truth.codes.shape[1]
    return float(np.sqrt(squares.mean()))


SEQUENCE_METRICS = (
    Metric("kl", "KL of the sequences", "lower", lambda sampled: kl(sampled.samples, sampled.truth)),
    Metric("tv", "total variation", "lower", lambda sampled: total_variation(sampled.samples, sampled.truth)),
    Metric(
        "in_support",
        "share of possible sequences",
        "higher",
        lambda sampled: float(sampled.truth.shares(sampled.samples).sum()),
    ),
    Metric("corner_distance", "distance from the corners", "lower", corner_distance),
)
