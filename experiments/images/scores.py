"""All numbers of a set of pictures, or of other examples in memory, under one protocol."""

from collections.abc import Iterator
import functools
import hashlib
import os
from pathlib import Path
from typing import NamedTuple
import zipfile

import numpy as np

from experiments import caches
from experiments.datasets.dataset import Dataset, Images
from experiments.errors import UsageError, nearest
from experiments.images import inception, inception_weights, judge
from experiments.metrics import images as image_metrics
from experiments.metrics import samples as metrics
from experiments.metrics.names import IMAGE_METRICS, PIXELS, metrics_of
from experiments.settings import protocol
from experiments.settings.protocol import Protocol

# More images than this of each kind would not fit where every pair is looked at.
QUADRATIC = 5000
PARTS = 512  # pictures that are read at once


def is_picture(truth: Images) -> bool:
    """Whether examples are pictures in [-1, 1], which have 8 bits in a file."""
    return truth.size is not None and float(np.abs(truth.test).max()) <= 1


def as_scored(x: np.ndarray, truth: Images, how: Protocol) -> np.ndarray:
    """Examples [n, ...] as metrics see them: [n, dim] float32, pictures with 8 bits if the protocol says so."""
    x = np.asarray(x, np.float32).reshape(len(x), -1)
    return image_metrics.rounded(x) if how.rounding and is_picture(truth) else x


def split(truth: Images, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """The examples and classes of a split, "train" or "test"."""
    return (truth.train, truth.train_labels) if name == "train" else (truth.test, truth.test_labels)


def check(dataset: Dataset, how: Protocol) -> None:
    """Checks what a protocol asks for before samples are drawn; UsageError on the first fault."""
    for name, known in (("reference", ("test", "train")), ("resize", inception.RESIZES)):
        value = getattr(how, name)
        if value not in known:
            raise UsageError(f"unknown evaluation.{name}={value!r}; {nearest(value, known)}")
    if not how.inception:
        return
    size = dataset.truth.size if isinstance(dataset.truth, Images) else None
    if size is None or not is_picture(dataset.truth):
        raise UsageError(
            f"evaluation.inception={how.inception}, but the examples of {dataset.name} are no pictures in [-1, 1]; "
            "FID is of pictures: drop it"
        )
    _network(how.inception)


def score(
    samples: np.ndarray, dataset: Dataset, how: Protocol, labels: np.ndarray | None = None
) -> dict[str, float | None]:
    """All metrics of a set of samples.

    Args:
      samples: [n, ...].
      dataset: a data set whose truth are ``Images``; those kept there are compared with, and for Inception, if they
        are training images, all records.
      how: the protocol; its ``reference`` is the split that samples are compared with.
      labels: [n]; the classes that were asked for, or None.

    Returns:
      {metric name: value, None where it does not apply}, all of ``IMAGE_METRICS``.

    Raises:
      UsageError: as ``check`` does; or if labels are not as many as samples.
    """
    check(dataset, how)
    if labels is not None and len(labels) != len(samples):
        raise UsageError(f"{len(labels)} classes for {len(samples)} samples; expected one for each")
    truth, found = dataset.truth, dict.fromkeys(metric.name for metric in IMAGE_METRICS)
    x, real = (as_scored(part, truth, how) for part in (samples, split(truth, how.reference)[0]))
    both = min(len(x), len(real))
    pairs = QUADRATIC
    # With more pixels the covariance, the trees and the transport cost minutes.
    if x.shape[1] <= PIXELS:
        epsilon = how.entropy * dataset.std**2 * x.shape[1]
        found["frechet"] = metrics.frechet(x, real)
        found["entropic_w2"] = metrics.entropic_w2_of_points(x[:both], real[:both], epsilon=epsilon)
        found["classifier"] = metrics.classifier_accuracy(x[:both], real[:both], seed=how.seed)
    else:
        pairs = how.pairs
    found["mmd2"] = metrics.mmd(x[:pairs], real[:pairs])
    if truth.train is not truth.test:
        train, held_out = (as_scored(part, truth, how)[:QUADRATIC] for part in (truth.train, truth.test))
        found["memorization"] = image_metrics.memorization(x[:QUADRATIC], held_out, train)
    judged_by = judge.judge(dataset)
    if judged_by is not None:
        of_x, of_real = judged_by.features(x), judged_by.features(real)
        compared = _compare(of_x, of_real, *metrics.moments(of_real), how)
        found |= {f"feature_{name}": value for name, value in compared.items()}
        if labels is not None:
            found["class_accuracy"] = float((judged_by.classes(x) == np.asarray(labels)).mean())
    if how.inception:
        network, reference = _network(how.inception), _reference(dataset, how)
        of_x = inception.features(_pictures(x, truth), network.variables, resize=how.resize)
        compared = _compare(of_x, reference.features, reference.mean, reference.covariance, how)
        found |= {"fid": compared.pop("frechet"), **compared}
    return found


def main_metric(samples: np.ndarray, dataset: Dataset, how: Protocol) -> float:
    """The first of ``metrics.names.metrics_of`` alone, which is quick."""
    truth, name = dataset.truth, metrics_of(dataset)[0].name
    x, real = (as_scored(part, truth, how) for part in (samples, split(truth, how.reference)[0]))
    if name == "feature_frechet":
        judged_by = judge.judge(dataset)
        return metrics.frechet(judged_by.features(x), judged_by.features(real))
    if name == "mmd2":
        return metrics.mmd(x[: how.pairs], real[: how.pairs])
    return metrics.frechet(x, real)


def floor(dataset: Dataset, how: Protocol) -> dict[str, float | None]:
    """The metrics of real images: of the split that samples are not compared with.

    Args:
      dataset: a data set whose truth are ``Images``.
      how: the protocol.

    Returns:
      {metric name: value}. Training images have been seen by the judge, hence ``class_accuracy`` is always that of the
      held-out ones; as copies of themselves they have 0 for ``memorization``, held-out ones 1.
    """
    real, _ = split(dataset.truth, other(how.reference))
    found = score(real, dataset, how)
    judged_by = judge.judge(dataset)
    return found | {"class_accuracy": judged_by.accuracy if judged_by is not None else None}


def other(reference: str) -> str:
    """The split that is not the reference."""
    return "train" if reference == "test" else "test"


def _compare(
    of_x: np.ndarray, of_real: np.ndarray, mean: np.ndarray, covariance: np.ndarray, how: Protocol
) -> dict[str, float | None]:
    """Distances between features; the mean and covariance may be those of more real images."""
    precision, recall = None, None
    if min(len(of_x), len(of_real)) > image_metrics.NEIGHBOURS:
        precision, recall = image_metrics.precision_recall(of_x[:QUADRATIC], of_real[:QUADRATIC])
    return {
        "frechet": metrics.frechet_of_moments(*metrics.moments(of_x), mean, covariance),
        "kid": image_metrics.kid(of_x, of_real, subset=how.kid_subset, subsets=how.kid_subsets, seed=how.seed),
        "precision": precision,
        "recall": recall,
    }


class _Network(NamedTuple):
    variables: inception_weights.Variables
    digest: str


@functools.lru_cache(maxsize=1)
def _network(path: str) -> _Network:
    return _Network(*inception_weights.load(Path(path), inception.shapes()))


def _pictures(x: np.ndarray, truth: Images) -> Iterator[np.ndarray]:
    size = truth.size if len(truth.size) == 3 else (*truth.size, 1)
    for start in range(0, len(x), PARTS):
        yield x[start : start + PARTS].reshape(-1, *size)


def _reference_parts(dataset: Dataset, how: Protocol) -> Iterator[np.ndarray]:
    """The real images of the reference split as pictures: for training images all records, not only those kept."""
    truth, records = dataset.truth, dataset.records
    if how.reference == "train" and records is not None:
        for start in range(0, len(records), PARTS):
            part = np.stack([records[i] for i in range(start, min(start + PARTS, len(records)))])
            yield from _pictures(as_scored(part, truth, how), truth)
    else:
        yield from _pictures(as_scored(split(truth, how.reference)[0], truth, how), truth)


class Reference(NamedTuple):
    """Inception features of the reference split.

    Attributes:
      mean: [2048]; over all images.
      covariance: [2048, 2048]; over all images.
      features: [n, 2048]; of the first ones, for metrics that look at pairs.
    """

    mean: np.ndarray
    covariance: np.ndarray
    features: np.ndarray


def _reference(dataset: Dataset, how: Protocol) -> Reference:
    """Computed once for a content: it takes as long as scoring as many samples."""
    content = hashlib.sha256()
    for part in _reference_parts(dataset, how):
        content.update(str(part.shape[1:]).encode() + np.ascontiguousarray(part).tobytes())
    network = _network(how.inception)
    made_of = {"weights": network.digest, "resize": how.resize, "content": content.hexdigest(), "kept": QUADRATIC}
    path = caches.folder() / f"inception-{protocol.fingerprint(made_of)}.npz"
    if not path.exists():
        caches.check_writable(path.parent, name="FLOWMAP_CACHE")
        features = inception.features(_reference_parts(dataset, how), network.variables, resize=how.resize)
        made = Reference(*metrics.moments(features), features[:QUADRATIC])
        partial = path.with_suffix(f".{os.getpid()}.tmp")
        with partial.open("wb") as file:
            np.savez(file, **made._asdict())
        partial.replace(path)
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return Reference(**{name: file[name] for name in Reference._fields})
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UsageError(f"the features {path} are damaged ({error}); delete them and they are made again") from error
