"""The metrics of images, or of other examples in memory, against real ones: one entry each."""

import dataclasses
import functools

import numpy as np

from experiments.datasets.dataset import Dataset
from experiments.images import inception, inception_reference, judge
from experiments.images.examples import as_scored, in_parts, split
from experiments.metrics import images as image_metrics
from experiments.metrics import samples as metrics
from experiments.metrics.metric import Metric
from experiments.settings.protocol import Protocol

# With more numbers than this per example the covariance, the trees and the transport cost minutes: no metric of pixels
# that needs one.
PIXELS = 1024
# More images than this of each kind would not fit where every pair is looked at.
QUADRATIC = inception_reference.KEPT


@dataclasses.dataclass(frozen=True, eq=False)
class Features:
    """Features of samples and of real images.

    Attributes:
      samples: [n, dim].
      real: [m, dim].
      mean: [dim]; over all real images, which may be more than m.
      covariance: [dim, dim]; over all real images.
    """

    samples: np.ndarray
    real: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray

    @functools.cached_property
    def precision_recall(self) -> tuple[float | None, float | None]:
        """Of at most ``QUADRATIC`` of each; (None, None) of too few."""
        if min(len(self.samples), len(self.real)) < image_metrics.FEWEST_COVERED:
            return None, None
        return image_metrics.precision_recall(self.samples[:QUADRATIC], self.real[:QUADRATIC])


@dataclasses.dataclass(frozen=True, eq=False)
class Compared:
    """What the metrics of images are functions of; what several of them share is computed once, when first needed.

    Attributes:
      samples: [n, ...]; generated ones.
      dataset: a data set whose truth are ``Images``.
      protocol: how samples are scored; its ``reference`` is the split that they are compared with.
      labels: [n]; the classes that were asked for, or None.
    """

    samples: np.ndarray
    dataset: Dataset
    protocol: Protocol
    labels: np.ndarray | None = None

    @functools.cached_property
    def x(self) -> np.ndarray:
        """[n, dim]; the samples as metrics see them."""
        return as_scored(self.samples, self.dataset.truth, self.protocol)

    @functools.cached_property
    def real(self) -> np.ndarray:
        """[m, dim]; the examples of the reference split."""
        return as_scored(split(self.dataset.truth, self.protocol.reference)[0], self.dataset.truth, self.protocol)

    @property
    def small(self) -> bool:
        """Whether examples have few enough numbers for costly metrics in pixel space."""
        return self.x.shape[1] <= PIXELS

    @property
    def as_many(self) -> tuple[np.ndarray, np.ndarray]:
        """The first samples and the first real examples, as many of both."""
        count = min(len(self.x), len(self.real))
        return self.x[:count], self.real[:count]

    @functools.cached_property
    def judged_by(self) -> judge.Judge | None:
        """The classifier of the data set; None without classes."""
        return judge.judge(self.dataset)

    @functools.cached_property
    def judge_features(self) -> Features | None:
        """Features of the judge; None without one."""
        if self.judged_by is None:
            return None
        samples, real = self.judged_by.features(self.x), self.judged_by.features(self.real)
        return Features(samples, real, *metrics.moments(real))

    @functools.cached_property
    def inception_features(self) -> Features | None:
        """Features of the Inception network; None if the protocol names no weights."""
        protocol = self.protocol
        if not protocol.inception:
            return None
        network = inception_reference.network(protocol.inception)
        reference = inception_reference.reference(self.dataset, protocol)
        parts = in_parts(self.x, self.dataset.truth)
        samples = inception.features(parts, network.variables, resize=protocol.resize)
        return Features(samples, reference.features, reference.mean, reference.covariance)


def _frechet(compared: Compared) -> float | None:
    return metrics.frechet(compared.x, compared.real) if compared.small else None


def _mmd2(compared: Compared) -> float | None:
    pairs = QUADRATIC if compared.small else compared.protocol.pairs
    return metrics.mmd(compared.x[:pairs], compared.real[:pairs])


def _entropic_w2(compared: Compared) -> float | None:
    if not compared.small:
        return None
    epsilon = compared.protocol.entropy * compared.dataset.own_std**2 * compared.x.shape[1]
    return metrics.entropic_w2_of_points(*compared.as_many, epsilon=epsilon)


def _classifier(compared: Compared) -> float | None:
    return metrics.classifier_accuracy(*compared.as_many, seed=compared.protocol.seed) if compared.small else None


def _feature_frechet(features: Features | None) -> float | None:
    if features is None:
        return None
    samples = features.samples
    if not metrics.enough(len(samples), len(features.real), dim=samples.shape[1]):
        return None
    return metrics.frechet_of_moments(*metrics.moments(samples), features.mean, features.covariance)


def _feature_kid(features: Features | None, protocol: Protocol) -> float | None:
    if features is None:
        return None
    options = {"subset": protocol.kid_subset, "subsets": protocol.kid_subsets, "seed": protocol.seed}
    return image_metrics.kid(features.samples, features.real, **options)


def _precision(features: Features | None) -> float | None:
    return None if features is None else features.precision_recall[0]


def _recall(features: Features | None) -> float | None:
    return None if features is None else features.precision_recall[1]


def _class_accuracy(compared: Compared) -> float | None:
    if compared.judged_by is None or compared.labels is None:
        return None
    return float((compared.judged_by.classes(compared.x) == np.asarray(compared.labels)).mean())


def _memorization(compared: Compared) -> float | None:
    truth = compared.dataset.truth
    if truth.train is truth.test:
        return None
    train, held_out = (as_scored(part, truth, compared.protocol)[:QUADRATIC] for part in (truth.train, truth.test))
    return image_metrics.memorization(compared.x[:QUADRATIC], held_out, train)


IMAGE_METRICS = (
    Metric("frechet", "Fréchet distance in pixel space", "lower", _frechet),
    Metric("mmd2", "squared MMD in pixel space", "lower", _mmd2),
    Metric("entropic_w2", "entropic Wasserstein-2 in pixel space", "lower", _entropic_w2),
    Metric("classifier", "classifier two-sample accuracy", "lower", _classifier),
    Metric(
        "feature_frechet",
        "Fréchet distance in a classifier's features",
        "lower",
        lambda compared: _feature_frechet(compared.judge_features),
    ),
    Metric(
        "feature_kid",
        "KID in a classifier's features",
        "lower",
        lambda compared: _feature_kid(compared.judge_features, compared.protocol),
    ),
    Metric(
        "feature_precision",
        "precision in a classifier's features",
        "higher",
        lambda compared: _precision(compared.judge_features),
    ),
    Metric(
        "feature_recall",
        "recall in a classifier's features",
        "higher",
        lambda compared: _recall(compared.judge_features),
    ),
    Metric("class_accuracy", "judged of the class asked for", "higher", _class_accuracy),
    Metric(
        "memorization",
        "distance to training images, relative to held-out ones",
        None,
        _memorization,
        reading="1 for fresh images, 0 for copies",
    ),
    Metric("fid", "FID", "lower", lambda compared: _feature_frechet(compared.inception_features)),
    Metric("kid", "KID", "lower", lambda compared: _feature_kid(compared.inception_features, compared.protocol)),
    Metric("precision", "precision", "higher", lambda compared: _precision(compared.inception_features)),
    Metric("recall", "recall", "higher", lambda compared: _recall(compared.inception_features)),
)
