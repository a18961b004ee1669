"""The metrics of samples in the plane, whose distribution is known exactly: one entry each, the main one first."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from experiments.datasets.dataset import Dataset
from experiments.metrics import samples as metrics
from experiments.metrics.metric import Metric
from experiments.settings.protocol import Protocol


class PlanarSamples(NamedTuple):
    """What the metrics of the plane are functions of.

    Attributes:
      samples: [n, 2]; generated ones.
      dataset: the data set; its truth are exact bin masses and the support.
      protocol: how samples are scored.
      true: [n, 2]; samples of the data, for metrics that compare two sets. ``aligned_kl`` needs none.
      off_plane: share of the samples' squares off the plane of the data; None where there is nothing but the plane.
      points: [n, ...]; the samples where their distances are straight, which ``true`` is, too: those of a curved space
        in the space around it. None for ``samples``.
    """

    samples: np.ndarray
    dataset: Dataset
    protocol: Protocol
    true: np.ndarray | None = None
    off_plane: float | None = None
    points: np.ndarray | None = None

    @property
    def apart(self) -> np.ndarray:
        """[n, ...]; the samples as distances are measured between them."""
        return self.samples if self.points is None else self.points


def in_plane(
    samples: np.ndarray, dataset: Dataset, protocol: Protocol, true: np.ndarray | None = None
) -> PlanarSamples:
    """What the metrics take, of points in the space of the data: projected to their plane, if it has more dimensions.

    Args:
      samples: [n, dim]; generated ones.
      dataset: the data set.
      protocol: how samples are scored.
      true: [n, dim]; samples of the data, or None.

    Returns:
      the context of the metrics.
    """
    truth = dataset.truth
    within = truth.project(samples)
    if dataset.space.curved:
        around = [None if x is None else np.asarray(dataset.space.embed(jnp.asarray(x))) for x in (samples, true)]
        return PlanarSamples(within, dataset, protocol, around[1], points=around[0])
    off = (
        None
        if truth.basis is None
        else 1 - float(np.sum(np.square(within, dtype=np.float64)) / np.sum(np.square(samples, dtype=np.float64)))
    )
    return PlanarSamples(within, dataset, protocol, None if true is None else truth.project(true), off)


def _entropic_w2(planar: PlanarSamples) -> float | None:
    epsilon = planar.protocol.entropy * planar.dataset.std**2 * planar.samples[0].size
    return metrics.entropic_w2(planar.samples, planar.dataset.truth, epsilon=epsilon)


def _sliced_w2(planar: PlanarSamples) -> float:
    protocol = planar.protocol
    return metrics.sliced_wasserstein(planar.apart, planar.true, projections=protocol.projections, seed=protocol.seed)


def _mmd2(planar: PlanarSamples) -> float | None:
    pairs = planar.protocol.pairs
    return metrics.mmd(planar.apart[:pairs], planar.true[:pairs])


def _classifier(planar: PlanarSamples) -> float | None:
    return metrics.classifier_accuracy(planar.apart, planar.true, seed=planar.protocol.seed)


PLANAR_METRICS = (
    Metric(
        "kl",
        f"aligned KL ({metrics.ALIGNED_BINS} x {metrics.ALIGNED_BINS} bins)",
        "lower",
        lambda planar: metrics.aligned_kl(planar.samples, planar.dataset.truth),
    ),
    Metric(
        "paper_kl",
        f"paper's KL ({metrics.PAPER_BINS} x {metrics.PAPER_BINS} bins)",
        "lower",
        lambda planar: metrics.paper_kl(planar.samples, planar.dataset.truth),
    ),
    Metric(
        "in_support",
        "in-support rate",
        "higher",
        lambda planar: metrics.in_support(planar.samples, planar.dataset.truth),
    ),
    Metric(
        "outside_box",
        "mass outside the box",
        "lower",
        lambda planar: metrics.outside_box(planar.samples, planar.dataset.truth),
    ),
    Metric(
        "reverse_kl",
        f"reverse KL ({metrics.ALIGNED_BINS} x {metrics.ALIGNED_BINS} bins)",
        "lower",
        lambda planar: metrics.reverse_kl(planar.samples, planar.dataset.truth),
    ),
    Metric(
        "rarest_mode",
        "visits of the rarest mode, 1 where all are visited alike",
        "higher",
        lambda planar: metrics.rarest_mode(planar.samples, planar.dataset.truth),
    ),
    Metric("entropic_w2", "entropic Wasserstein-2 to the exact distribution", "lower", _entropic_w2),
    Metric("sliced_w2", "sliced Wasserstein-2", "lower", _sliced_w2),
    Metric("mmd2", "squared MMD", "lower", _mmd2),
    Metric("classifier", "classifier two-sample accuracy", "lower", _classifier),
)
OFF_PLANE = Metric("off_plane", "share of squares off the plane", "lower", lambda planar: planar.off_plane)
# Quick enough to be followed during training; the first one chooses the best weights.
FOLLOWED = tuple(metric for metric in PLANAR_METRICS if metric.name in ("kl", "reverse_kl", "rarest_mode"))


# What has a meaning on a curved space: bins of equal area, and distances in the space around it. The kernel of MMD is
# as wide as the median distance, there that of the space itself: it does not tell uniform noise from the data.
CURVED_METRICS = tuple(
    metric for metric in PLANAR_METRICS if metric.name in ("kl", "in_support", "sliced_w2", "classifier")
)


def of(dataset: Dataset) -> tuple[Metric, ...]:
    """The metrics of a data set in a plane, or on a curved space with a chart."""
    if dataset.space.curved:
        return CURVED_METRICS
    return PLANAR_METRICS if dataset.truth.basis is None else (*PLANAR_METRICS, OFF_PLANE)
