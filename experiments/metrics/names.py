"""Every metric by its column name, its title, and which side is better."""

from collections.abc import Mapping, Sequence
import math
from typing import NamedTuple

from experiments.datasets.dataset import Dataset, Images
from experiments.metrics import samples as metrics


class Metric(NamedTuple):
    """A number: its column name, its title in tables, and whether less is better (None: neither)."""

    name: str
    title: str
    less_is_better: bool | None = True


PLANAR_METRICS = (
    Metric("kl", f"aligned KL ({metrics.ALIGNED_BINS} x {metrics.ALIGNED_BINS} bins)"),
    Metric("paper_kl", f"paper's KL ({metrics.PAPER_BINS} x {metrics.PAPER_BINS} bins)"),
    Metric("in_support", "in-support rate", less_is_better=False),
    Metric("outside_box", "mass outside the box"),
    Metric("entropic_w2", "entropic Wasserstein-2 to the exact law"),
    Metric("sliced_w2", "sliced Wasserstein-2"),
    Metric("mmd2", "squared MMD"),
    Metric("classifier", "classifier two-sample accuracy"),
)


IMAGE_METRICS = (
    Metric("frechet", "Fréchet distance in pixel space"),
    Metric("mmd2", "squared MMD in pixel space"),
    Metric("entropic_w2", "entropic Wasserstein-2 in pixel space"),
    Metric("classifier", "classifier two-sample accuracy"),
    Metric("feature_frechet", "Fréchet distance in a classifier's features"),
    Metric("feature_kid", "KID in a classifier's features"),
    Metric("feature_precision", "precision in a classifier's features", less_is_better=False),
    Metric("feature_recall", "recall in a classifier's features", less_is_better=False),
    Metric("class_accuracy", "judged of the class asked for", less_is_better=False),
    Metric("memorization", "distance to training images, relative to held-out ones", less_is_better=None),
    Metric("fid", "FID"),
    Metric("kid", "KID"),
    Metric("precision", "precision", less_is_better=False),
    Metric("recall", "recall", less_is_better=False),
)


# With more numbers than this per example there is no Fréchet distance in pixel space.
PIXELS = 1024


# Numbers about the map itself, whatever its samples look like.
RESIDUALS = (
    Metric("lagrangian", "Lagrangian"),
    Metric("eulerian", "Eulerian"),
    Metric("semigroup", "semigroup"),
    Metric("lagrangian_s0", "Lagrangian, s = 0"),
    Metric("eulerian_t1", "Eulerian, t = 1"),
)


TRUTH = (
    Metric("map_error", "flow-map error"),
    Metric("one_step_error", "one-step error (0, 1)"),
    Metric("backward_error", "backward error"),
    Metric("tangent", "tangent (velocity error)"),
)


BOUNDS = (
    Metric("lipschitz", "Lipschitz constant", less_is_better=None),
    Metric("growth", "growth exponent", less_is_better=None),
    Metric("w2_one_step", "root of the one-step error"),
    Metric("bound_growth", "bound, Lagrangian with growth", less_is_better=None),
    Metric("bound_lagrangian", "bound, Lagrangian", less_is_better=None),
    Metric("bound_eulerian", "bound, Eulerian", less_is_better=None),
)


ROUND_TRIP = (Metric("round_trip", "round trip (distance)"),)


MAP_ERRORS = (*TRUTH, *RESIDUALS, *ROUND_TRIP)


MAP_METRICS = (*MAP_ERRORS, *BOUNDS)


def metrics_of(dataset: Dataset) -> tuple[Metric, ...]:
    """The metrics of samples that a data set is scored by, the main one first.

    Args:
      dataset: the data set.

    Returns:
      for images all of ``IMAGE_METRICS``, those that do not apply as well. The main one is the Fréchet distance: in the
      features of a classifier for pictures with classes, in pixel space for others if they are small; MMD otherwise.
    """
    truth = dataset.truth
    if not isinstance(truth, Images):
        return PLANAR_METRICS
    judged = truth.size is not None and truth.train_labels is not None and truth.test_labels is not None
    main = "feature_frechet" if judged else "frechet" if math.prod(dataset.shape) <= PIXELS else "mmd2"
    return tuple(sorted(IMAGE_METRICS, key=lambda metric: metric.name != main))


def applying(metrics: Sequence[Metric], rows: Sequence[Mapping[str, object]]) -> tuple[Metric, ...]:
    """Those of the metrics that some row has."""
    return tuple(metric for metric in metrics if any(row.get(metric.name) is not None for row in rows))
