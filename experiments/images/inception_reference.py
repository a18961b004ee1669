"""Inception features of the real images that FID compares samples with, computed once and kept on disk."""

from collections.abc import Iterator
import functools
import hashlib
from typing import NamedTuple

import numpy as np

from experiments import caches, files, paths
from experiments.datasets import arrays
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError
from experiments.images import inception, inception_weights
from experiments.images.examples import PARTS, as_scored, in_parts, split
from experiments.metrics import samples as metrics
from experiments.settings.protocol import Protocol, fingerprint

KEPT = 5000  # images whose own features are kept, for metrics that look at pairs


class Network(NamedTuple):
    """Weights of the Inception network, and the sha256 of their arrays."""

    variables: inception_weights.Variables
    digest: str


class Reference(NamedTuple):
    """Inception features of the reference split.

    Attributes:
      mean: [2048]; over all images.
      covariance: [2048, 2048]; over all images.
      features: [n, 2048]; of the first ``KEPT`` images.
    """

    mean: np.ndarray
    covariance: np.ndarray
    features: np.ndarray


@functools.lru_cache(maxsize=1)
def network(path: str) -> Network:
    """The network whose weights a file holds; UsageError if it cannot be read."""
    return Network(
        *inception_weights.load(paths.of_user(path, name="--config.evaluation.inception"), inception.shapes())
    )


def _parts(dataset: Dataset, protocol: Protocol) -> Iterator[np.ndarray]:
    """The real images of the reference split: for training images all records, not only those kept."""
    truth, records = dataset.truth, dataset.records
    if protocol.reference == "train" and records is not None:
        for start in range(0, len(records), PARTS):
            part = np.stack([records[i] for i in range(start, min(start + PARTS, len(records)))])
            yield from in_parts(as_scored(part, truth, protocol), truth)
    else:
        yield from in_parts(as_scored(split(truth, protocol.reference)[0], truth, protocol), truth)


def reference(dataset: Dataset, protocol: Protocol) -> Reference:
    """The features of a data set's reference split, from the cache or computed now.

    Args:
      dataset: a data set of images.
      protocol: names the split, the weights and how images reach their size.

    Returns:
      the features; computed once for a content, since that takes as long as scoring as many samples.

    Raises:
      UsageError: if the file in the cache is damaged or the cache cannot be written.
    """
    content = hashlib.sha256()
    for part in _parts(dataset, protocol):
        content.update(str(part.shape[1:]).encode() + np.ascontiguousarray(part).tobytes())
    variables, digest = network(protocol.inception)
    made_of = {"weights": digest, "resize": protocol.resize, "content": content.hexdigest(), "kept": KEPT}
    path = caches.folder() / f"inception-{fingerprint(made_of)}.npz"
    if not path.exists():
        caches.check_writable(path.parent, name="FLOWMAP_CACHE")
        features = inception.features(_parts(dataset, protocol), variables, resize=protocol.resize)
        made = Reference(*metrics.moments(features), features[:KEPT])
        files.write_arrays(path, **made._asdict())
    try:
        return Reference(**arrays.read(path, Reference._fields))
    except arrays.UnreadableError as error:
        raise UsageError(f"the features {path} are damaged ({error}); delete them and they are made again") from error
