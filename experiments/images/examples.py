"""Images as metrics see them: the splits that samples are compared with, rounding, and parts that fit the memory."""

from collections.abc import Iterator

import numpy as np

from experiments.datasets.dataset import Images
from experiments.metrics import images as image_metrics
from experiments.settings.protocol import Protocol

PARTS = 512  # images that are read at once


def is_picture(truth: Images) -> bool:
    """Whether examples are images in [-1, 1], which have 8 bits in a file."""
    return truth.size is not None and float(np.abs(truth.test).max()) <= 1


def as_scored(x: np.ndarray, truth: Images, protocol: Protocol) -> np.ndarray:
    """Examples [n, ...] as metrics see them: [n, dim] float32, images with 8 bits if the protocol asks for it."""
    x = np.asarray(x, np.float32).reshape(len(x), -1)
    return image_metrics.rounded(x) if protocol.rounding and is_picture(truth) else x


def split(truth: Images, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """The examples and classes of a split, "train" or "test"."""
    return (truth.train, truth.train_labels) if name == "train" else (truth.test, truth.test_labels)


def other(reference: str) -> str:
    """The split that is not the reference."""
    return "train" if reference == "test" else "test"


def in_parts(x: np.ndarray, truth: Images) -> Iterator[np.ndarray]:
    """Rows [n, dim] as images [at most ``PARTS``, height, width, channels], one part after the other."""
    size = truth.size if len(truth.size) == 3 else (*truth.size, 1)
    for start in range(0, len(x), PARTS):
        yield x[start : start + PARTS].reshape(-1, *size)
