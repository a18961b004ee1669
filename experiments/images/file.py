"""Images of a file, whoever has made them, scored by the same protocol as samples of runs."""

from collections.abc import Iterator, Mapping
import contextlib
import math
from pathlib import Path
import sys
import time
from typing import NamedTuple

import numpy as np

from experiments import caches, datasets
from experiments.datasets import arrays, ranges, told
from experiments.datasets.dataset import Dataset, Images
from experiments.datasets.examples import conversion
from experiments.datasets.files import SUFFIXES
from experiments.errors import UsageError
from experiments.images import scores as image_scores
from experiments.images.examples import other, split
from experiments.images.table import IMAGE_METRICS
from experiments.metrics.metric import applying
from experiments.reporting import machine, tables
from experiments.settings import protocol as protocols
from experiments.settings.protocol import Protocol
from experiments.terminal import printable

BEYOND = 0.5  # how far, in units of the range, generated numbers may leave it before the range counts as wrong
LABELS = ("y", "labels")  # names of classes, in data and in what experiments.sample writes
# The fields of the protocol that images are scored by.
FIELDS = ("seed", "pairs", "entropy", "reference", "rounding", "kid_subset", "kid_subsets", "inception", "resize")
WRITTEN = ("image_score.csv", "image_score.md", "protocol.json")


class Samples(NamedTuple):
    """What a file of samples holds.

    Attributes:
      images: {name: array} of those that are images of the size of the reference.
      labels: [n]; the classes that were asked for, or None.
      left_out: {name: why it is no such image}.
    """

    images: dict[str, np.ndarray]
    labels: np.ndarray | None
    left_out: dict[str, str]


def headers(path: Path) -> dict[str, arrays.Header]:
    """What a file says of its arrays; UsageError if it cannot be read."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path} is no file of arrays; expected one that ends in {' or '.join(SUFFIXES)}")
    if not path.exists():
        raise UsageError(f"no file {path.absolute()}; expected images saved by numpy.save or numpy.savez")
    with _readable(path):
        return arrays.headers(path)


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except arrays.UnreadableError as error:
        raise UsageError(f"{path} cannot be read ({error}); expected images saved by numpy.savez") from error


def _no_image(header: arrays.Header, numbers: int) -> str:
    """Why an array cannot be images of so many numbers each, by what the file says of it; "" if it can."""
    if header.fault:
        return header.fault
    shape = header.shape
    if len(shape) < 2 or shape[0] < 2 or math.prod(shape[1:]) != numbers or header.dtype.kind not in "fuib":
        return f"{header.dtype} of shape {shape}"
    return ""


def read(path: Path, size: tuple[int, ...]) -> Samples:
    """The images of a file, its other arrays being left out by what the file says of them.

    Args:
      path: the file.
      size: of an image, as in ``Images``.

    Returns:
      the images and their classes.

    Raises:
      UsageError: if the file cannot be read, or holds no images of this size.
    """
    found = headers(path)
    left_out = {name: why for name, header in found.items() if (why := _no_image(header, math.prod(size)))}
    labels = next((name for name in LABELS if name in left_out and len(found[name].shape) == 1), None)
    chosen = [name for name in found if name not in left_out]
    if not chosen:
        each = "; ".join(f"{name}: {why}" for name, why in left_out.items()) or "nothing"
        raise UsageError(f"{path} holds no images of size {size}: {each}; expected at least 2, [n, height, width, ...]")
    with _readable(path):
        values = arrays.read(path, [*chosen, *([labels] if labels else [])])
    classes = values.pop(labels) if labels else None
    if classes is not None and classes.dtype.kind not in "iu":
        raise UsageError(f"{path}: classes {labels} are of type {classes.dtype}; expected integers")
    return Samples(values, classes, {name: why for name, why in left_out.items() if name != labels})


def scaled(images: np.ndarray, what: str, between: str) -> np.ndarray:
    """Images [n, ...] as float32 in [-1, 1].

    Args:
      images: of uint8, or floats.
      what: their name in messages.
      between: key of ``ranges.RANGES``, for floats.

    Returns:
      the images; floats may be somewhat outside.

    Raises:
      UsageError: if the type is another, numbers are not finite, or they do not fit the range.
    """
    if images.dtype == np.uint8:
        fault = ranges.darkness(int(images.max(initial=0)))
        if fault and between != ranges.BYTES:
            raise UsageError(f"{what}: {fault}; if images are that dark, say so: --range={ranges.BYTES}")
        return images.astype(np.float32) / np.float32(127.5) - 1
    if images.dtype.kind != "f":
        raise UsageError(f"{what} is of type {images.dtype}; expected uint8 or floats: {conversion(images.dtype)}")
    if not np.isfinite(images).all():
        raise UsageError(f"{what} contains NaN or infinity; expected finite numbers")
    low, high = ranges.RANGES[between]
    darkest, brightest = np.quantile(images, (0.001, 0.999))
    reach = BEYOND * (high - low)
    # Pictures that are nowhere darker than the middle do not exist.
    if darkest < low - reach or brightest > high + reach or (between == "-1..1" and images.min() >= 0):
        raise UsageError(
            f"{what} has numbers from {images.min():.4g} to {images.max():.4g}, which are not those of --range="
            f"{between}; say which they are: --range={' or '.join(ranges.RANGES)}"
        )
    return ((images - low) / (high - low) * 2 - 1).astype(np.float32)


def size_of(images: np.ndarray, what: str) -> tuple[int, ...]:
    """What an example shows: (height, width, channels); UsageError if the shape is none of images."""
    if images.ndim == 3:
        return (*images.shape[1:], 1)
    if images.ndim == 4 and images.shape[-1] in (1, 3):
        return images.shape[1:]
    advice = ""
    if images.ndim == 4:
        advice = "; leave the fourth channel out" if images.shape[-1] == 4 else advice
        advice = "; put the channels last: .transpose(0, 2, 3, 1)" if images.shape[1] in (1, 3) else advice
    raise UsageError(
        f"{what} has shape {images.shape}; expected [n, height, width] or [n, height, width, 1 or 3]{advice}"
    )


def _only(path: Path) -> np.ndarray:
    """The images of a file of real ones."""
    found = headers(path)
    names = [name for name in found if name not in (*LABELS, "test", "test_y")]
    if "x" not in names and len(names) != 1:
        raise UsageError(f'{path} holds the arrays {", ".join(sorted(found))}; expected one of images, or "x"')
    chosen = "x" if "x" in names else names[0]
    if len(found[chosen].shape) < 3 and not found[chosen].fault:
        raise UsageError(
            f"{path} has shape {found[chosen].shape}; expected [n, height, width] or [n, height, width, 1 or 3]"
        )
    with _readable(path):
        return arrays.read(path, [chosen])[chosen]


def load_reference(name: str, between: str) -> Dataset:
    """What samples are compared with.

    Args:
      name: a data set, or a file of images.
      between: key of ``ranges.RANGES``, for a file.

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
    path = Path(name).expanduser()
    stored = _only(path)
    size = size_of(stored, str(path))
    if len(stored) < 2:
        raise UsageError(f"{path} holds {len(stored)} images; expected at least 2")
    images = scaled(stored, str(path), between).reshape(len(stored), -1).clip(-1, 1)
    std = float(images.std())
    return Dataset(path.name, images.shape[1:], std, lambda key: images[0], Images(images, images, size))


def score(samples: Samples, dataset: Dataset, protocol: Protocol, between: str, path: str) -> list[dict[str, object]]:
    """A row per array of images, and a last one for real images if there are two splits.

    Args:
      samples: of a file.
      dataset: what they are compared with.
      protocol: how images are scored.
      between: key of ``ranges.RANGES``, for floats.
      path: the file, for messages.

    Returns:
      rows of {"samples", "count", "protocol", metric: value or None}.

    Raises:
      UsageError: if arrays are no images of the reference's size.
    """
    truth, rows = dataset.truth, []
    for name, images in samples.images.items():
        what = f"{path}, array {name}"
        # Vectors, which runs save, have the size of the reference.
        if images.ndim > 2 and size_of(images, what) != (*truth.size, 1)[:3]:
            raise UsageError(f"{what} has images of size {images.shape[1:]}; expected {truth.size}, as the reference")
        x = scaled(images, what, between).reshape(len(images), -1)
        scores = image_scores.score(x, dataset, protocol, samples.labels)
        rows.append({"samples": printable(name), "count": len(x), **scores})
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


def markdown(
    rows: list[dict[str, object]],
    protocol: Protocol,
    dataset: Dataset,
    left_out: Mapping[str, str],
    *,
    seconds: float,
) -> str:
    """The text of ``image_score.md``."""
    shown = applying(IMAGE_METRICS, rows)
    header = ["samples", "count", *(metric.title for metric in shown)]
    body = [[row["samples"], row["count"], *(tables.number(row[metric.name]) for metric in shown)] for row in rows]
    here = machine.record()
    said = [told.line(dataset)]
    if left_out:
        said.append(
            printable("left out, as no images: " + "; ".join(f"{name}, {why}" for name, why in left_out.items()))
        )
    notes = "".join(f"{line}.\n\n" for line in said if line)
    return (
        f"{tables.markdown(header, body)}\n\n{notes}{protocols.line(stated(protocol, dataset))} "
        f"Compared with {len(split(dataset.truth, protocol.reference)[0]):,} images.\n\n"
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
      between: key of ``ranges.RANGES``, for images of floats.

    Returns:
      the text of ``image_score.md``.

    Raises:
      UsageError: if a file holds no images, they do not fit together, or a folder cannot be written.
    """
    start = time.time()
    dataset = load_reference(reference, between)
    image_scores.check(dataset, protocol)
    found = read(samples, dataset.truth.size)
    rows = score(found, dataset, protocol, between, str(samples))
    caches.check_writable(out, name="--out")
    tables.write_csv(out / "image_score.csv", rows)
    text = markdown(rows, protocol, dataset, found.left_out, seconds=time.time() - start)
    (out / "image_score.md").write_text(text)
    protocols.write_json(out, stated(protocol, dataset))
    return text
