"""Images of a file, whoever has made them, scored by the same protocol as samples of runs."""

from collections.abc import Mapping
import math
from pathlib import Path
import sys
import time
import zipfile

import numpy as np

from experiments import caches, datasets, files, paths
from experiments.datasets.dataset import Dataset, Images
from experiments.datasets.files import SUFFIXES
from experiments.errors import UsageError
from experiments.images import scores as image_scores
from experiments.images.examples import other, split
from experiments.images.table import IMAGE_METRICS
from experiments.metrics.metric import applying
from experiments.reporting import machine, tables
from experiments.settings import protocol as protocols
from experiments.settings.protocol import Protocol

RANGES = {"-1,1": (-1.0, 1.0), "0,1": (0.0, 1.0), "0,255": (0.0, 255.0)}
BEYOND = 0.5  # how far, in units of the range, generated numbers may leave it before the range counts as wrong
LABELS = "y"
# The fields of the protocol that images are scored by.
FIELDS = ("seed", "pairs", "entropy", "reference", "rounding", "kid_subset", "kid_subsets", "inception", "resize")
WRITTEN = ("image_score.csv", "image_score.md", "protocol.json")


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file, {name: array}; UsageError if it cannot be read."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path} is no file of arrays; expected one that ends in {' or '.join(SUFFIXES)}")
    if not path.is_file():
        raise UsageError(f"no file {path.absolute()}; expected images saved by numpy.save or numpy.savez")
    try:
        with path.open("rb") as opened:
            stored = np.load(opened, allow_pickle=False)
            return {"images": stored} if isinstance(stored, np.ndarray) else {k: stored[k] for k in stored.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"{path} cannot be read ({reason}); expected images saved by numpy.savez") from error


def scaled(images: np.ndarray, what: str, between: str) -> np.ndarray:
    """Images [n, ...] as float32 in [-1, 1].

    Args:
      images: of uint8, or floats.
      what: their name in messages.
      between: key of ``RANGES``, for floats.

    Returns:
      the images; floats may be somewhat outside.

    Raises:
      UsageError: if the type is another, numbers are not finite, or they do not fit the range.
    """
    if images.dtype == np.uint8:
        return images.astype(np.float32) / np.float32(127.5) - 1
    if images.dtype.kind != "f":
        raise UsageError(f"{what} is of type {images.dtype}; expected uint8 or floats: convert it by .astype")
    if not np.isfinite(images).all():
        raise UsageError(f"{what} contains NaN or infinity; expected finite numbers")
    low, high = RANGES[between]
    darkest, brightest = np.quantile(images, (0.001, 0.999))
    reach = BEYOND * (high - low)
    # Pictures that are nowhere darker than the middle do not exist.
    if darkest < low - reach or brightest > high + reach or (between == "-1,1" and images.min() >= 0):
        raise UsageError(
            f"{what} has numbers from {images.min():.4g} to {images.max():.4g}, which are not those of --range="
            f"{between}; say which they are: --range={' or '.join(RANGES)}"
        )
    return ((images - low) / (high - low) * 2 - 1).astype(np.float32)


def size_of(images: np.ndarray, what: str) -> tuple[int, ...]:
    """What an example shows: (height, width, channels); UsageError if the shape is none of images."""
    if images.ndim == 3:
        return (*images.shape[1:], 1)
    if images.ndim == 4 and images.shape[-1] in (1, 3):
        return images.shape[1:]
    advice = "; put the channels last: .transpose(0, 2, 3, 1)" if images.ndim == 4 and images.shape[1] in (1, 3) else ""
    raise UsageError(
        f"{what} has shape {images.shape}; expected [n, height, width] or [n, height, width, 1 or 3]{advice}"
    )


def _only(arrays: Mapping[str, np.ndarray], path: Path) -> np.ndarray:
    images = {name: array for name, array in arrays.items() if name not in (LABELS, "test", "test_y")}
    if "x" in images:
        return images["x"]
    if len(images) != 1:
        raise UsageError(f'{path} holds the arrays {", ".join(sorted(arrays))}; expected one of images, or "x"')
    return next(iter(images.values()))


def load_reference(name: str, between: str) -> Dataset:
    """What samples are compared with.

    Args:
      name: a data set, or a file of images.
      between: key of ``RANGES``, for a file.

    Returns:
      the data set; all images of a file are both its training and its held-out split.

    Raises:
      UsageError: if it has no images.
    """
    if not name.lower().endswith(SUFFIXES):
        dataset = datasets.load(name)
        if not isinstance(dataset.truth, Images) or dataset.truth.size is None:
            raise UsageError(f"--reference={name} has no images; name a data set of images, or a file")
        return dataset
    path = paths.of_user(name, name="--reference")
    stored = _only(read(path), path)
    size = size_of(stored, str(path))
    if len(stored) < 2:
        raise UsageError(f"{path} holds {len(stored)} images; expected at least 2")
    images = scaled(stored, str(path), between).reshape(len(stored), -1).clip(-1, 1)
    std = float(images.std())
    return Dataset(path.name, images.shape[1:], std, lambda key: images[0], Images(images, images, size))


def score(
    arrays: Mapping[str, np.ndarray], dataset: Dataset, protocol: Protocol, between: str, path: str
) -> list[dict[str, object]]:
    """A row per array of images, and a last one for real images if there are two splits.

    Args:
      arrays: {name: array} of a file; "y" are classes.
      dataset: what they are compared with.
      protocol: how images are scored.
      between: key of ``RANGES``, for floats.
      path: the file, for messages.

    Returns:
      rows of {"samples", "count", "protocol", metric: value or None}.

    Raises:
      UsageError: if arrays are no images of the reference's size.
    """
    labels, truth, rows = arrays.get(LABELS), dataset.truth, []
    for name, images in arrays.items():
        if name == LABELS:
            continue
        what = f"{path}, array {name}"
        if images.ndim < 2 or len(images) < 2 or math.prod(images.shape[1:]) != math.prod(truth.size):
            raise UsageError(f"{what} has shape {images.shape}; expected at least 2 images of size {truth.size}")
        # Vectors, which runs save, have the size of the reference.
        if images.ndim > 2 and size_of(images, what) != (*truth.size, 1)[:3]:
            raise UsageError(f"{what} has images of size {images.shape[1:]}; expected {truth.size}, as the reference")
        x = scaled(images, what, between).reshape(len(images), -1)
        rows.append({"samples": name, "count": len(x), **image_scores.score(x, dataset, protocol, labels)})
    if truth.train is not truth.test:
        compared = other(protocol.reference)
        count = len(split(truth, compared)[0])
        name = f"{dataset.name}, {compared} split"
        rows.append({"samples": name, "count": count, **image_scores.floor(dataset, protocol)})
    return [{"protocol": protocols.fingerprint(stated(protocol, dataset, path=False)), **row} for row in rows]


def stated(protocol: Protocol, dataset: Dataset, *, path: bool = True) -> dict[str, object]:
    """What is written with results; without the path of the weights it is the same wherever their file lies."""
    shown = (*FIELDS, "inception_sha256")
    values = {name: value for name, value in protocols.stated(protocol).items() if name in shown}
    if dataset.truth.train is dataset.truth.test:
        values["reference"] = "all images of the file"
    return {"compared_with": dataset.name, **{k: v for k, v in values.items() if path or k != "inception"}}


def markdown(rows: list[dict[str, object]], protocol: Protocol, dataset: Dataset, *, seconds: float) -> str:
    """The text of ``image_score.md``."""
    shown = applying(IMAGE_METRICS, rows)
    header = ["samples", "count", *(metric.title for metric in shown)]
    body = [[row["samples"], row["count"], *(tables.number(row[metric.name]) for metric in shown)] for row in rows]
    here = machine.record()
    return (
        f"{tables.markdown(header, body)}\n\n{protocols.line(stated(protocol, dataset))}\n\n"
        f"Command: python -m experiments.image_score {' '.join(sys.argv[1:])}\n\n"
        f"{seconds:.0f} s on {here['devices']} x {here['device_kind']}, {here['cpus']} CPU cores.\n"
    )


def score_file(samples: Path, reference: str, out: Path, *, protocol: Protocol, between: str) -> str:
    """Scores every array of images of a file, and writes ``WRITTEN``.

    Args:
      samples: the file of generated images.
      reference: a data set, or a file of real images.
      out: folder of the results; created.
      protocol: how images are scored.
      between: key of ``RANGES``, for images of floats.

    Returns:
      the text of ``image_score.md``.

    Raises:
      UsageError: if a file holds no images, they do not fit together, or a folder cannot be written.
    """
    start = time.time()
    dataset = load_reference(reference, between)
    image_scores.check(dataset, protocol)
    rows = score(read(samples), dataset, protocol, between, str(samples))
    caches.check_writable(out, name="--out")
    tables.write_csv(out / "image_score.csv", rows)
    text = markdown(rows, protocol, dataset, seconds=time.time() - start)
    files.write_text(out / "image_score.md", text)
    protocols.write_json(out, stated(protocol, dataset))
    return text
