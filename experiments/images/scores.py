"""All metrics of a set of images, or of other examples in memory, under one protocol."""

import math

import numpy as np

from experiments.datasets.dataset import Dataset, Images
from experiments.errors import UsageError, nearest
from experiments.images import inception, inception_reference, judge
from experiments.images.examples import is_picture, other, split
from experiments.images.table import IMAGE_METRICS, PIXELS, Compared
from experiments.metrics.metric import Metric, compute_all
from experiments.settings.protocol import Protocol


def metrics_of(dataset: Dataset) -> tuple[Metric, ...]:
    """The metrics that a data set of images is scored by, the main one first.

    Args:
      dataset: a data set whose truth are ``Images``.

    Returns:
      all of ``IMAGE_METRICS``, those that do not apply as well. The main one is the Fréchet distance: in the features
      of a classifier for images with classes, in pixel space for others if they are small; MMD otherwise.
    """
    truth = dataset.truth
    judged = truth.size is not None and truth.train_labels is not None and truth.test_labels is not None
    main = "feature_frechet" if judged else "frechet" if math.prod(dataset.shape) <= PIXELS else "mmd2"
    return tuple(sorted(IMAGE_METRICS, key=lambda metric: metric.name != main))


def check(dataset: Dataset, protocol: Protocol) -> None:
    """Checks what a protocol asks for before samples are drawn; UsageError on the first fault."""
    for name, known in (("reference", ("test", "train")), ("resize", inception.RESIZES)):
        value = getattr(protocol, name)
        if value not in known:
            raise UsageError(f"unknown evaluation.{name}={value!r}; {nearest(value, known)}")
    if not protocol.inception:
        return
    size = dataset.truth.size if isinstance(dataset.truth, Images) else None
    if size is None or not is_picture(dataset.truth):
        raise UsageError(
            f"evaluation.inception={protocol.inception}, but the examples of {dataset.name} are no pictures in "
            "[-1, 1]; FID is of pictures: drop it"
        )
    inception_reference.network(protocol.inception)


def score(
    samples: np.ndarray, dataset: Dataset, protocol: Protocol, labels: np.ndarray | None = None
) -> dict[str, float | None]:
    """All metrics of a set of samples.

    Args:
      samples: [n, ...].
      dataset: a data set whose truth are ``Images``; those kept there are compared with, and for Inception, if they
        are training images, all records.
      protocol: how samples are scored; its ``reference`` is the split that they are compared with.
      labels: [n]; the classes that were asked for, or None.

    Returns:
      {metric name: value, None where it does not apply}, all of ``IMAGE_METRICS``.

    Raises:
      UsageError: as ``check`` does; or if labels are not as many as samples.
    """
    check(dataset, protocol)
    if labels is not None and len(labels) != len(samples):
        raise UsageError(f"{len(labels)} classes for {len(samples)} samples; expected one for each")
    return compute_all(IMAGE_METRICS, Compared(samples, dataset, protocol, labels))


def main_metric(samples: np.ndarray, dataset: Dataset, protocol: Protocol) -> tuple[str, float]:
    """(name, value) of the first of ``metrics_of`` alone, which is quick; of MMD where too few examples have none."""
    main = metrics_of(dataset)[0]
    fallback = next(metric for metric in IMAGE_METRICS if metric.name == "mmd2")
    compared = Compared(samples, dataset, protocol)
    for metric in (main, fallback):
        value = compute_all([metric], compared)[metric.name]
        if value is not None:
            return metric.name, value
    return main.name, math.inf


def floor(dataset: Dataset, protocol: Protocol) -> dict[str, float | None]:
    """The metrics of real images: of the split that samples are not compared with.

    Args:
      dataset: a data set whose truth are ``Images``.
      protocol: how samples are scored.

    Returns:
      {metric name: value}. Training images have been seen by the judge, hence ``class_accuracy`` is always that of the
      held-out ones; as copies of themselves they have 0 for ``memorization``, held-out ones 1.
    """
    real, _ = split(dataset.truth, other(protocol.reference))
    values = score(real, dataset, protocol)
    judged_by = judge.judge(dataset)
    return values | {"class_accuracy": judged_by.accuracy if judged_by is not None else None}
