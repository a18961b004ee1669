"""What is measured, on how many samples and with which seeds: one object that goes into every result."""

from collections.abc import Mapping, Sequence
import hashlib
import json
import math
from pathlib import Path
from typing import NamedTuple

from ml_collections import ConfigDict

from experiments import metrics
from experiments.datasets.dataset import Dataset, Images


class Protocol(NamedTuple):
    """How a run is scored; the fields of ``config.evaluation``.

    Attributes:
      samples: generated samples for each number of steps, and perfect ones for the floor.
      steps: numbers of sampling steps.
      ema: decay of the average of the weights that is scored; 0 for the raw weights.
      seed: seed of the noise, of true samples, of the reference set and of random choices within metrics.
      projections: directions of the sliced distance.
      pairs: samples of each kind in metrics whose cost is quadratic in their number.
      entropy: strength of the entropy in the transport distance, in units of E|x1|^2.
      points: draws of (x0, x1, s, u, t) for residuals and bounds.
      triples: solved triples (s, t, x_s) of the reference set.
      tolerance: relative and absolute tolerance of the solver that made the reference set.
      reference: split that images are compared with, "test" or "train"; papers on images take "train".
      rounding: whether pictures are clipped and rounded to 8 bits before any metric sees them.
      kid_subset: size of the subsets in KID; at most that of the smaller set.
      kid_subsets: number of pairs of subsets in KID.
      inception: file of the Inception network's weights, for FID; "" for none.
      guidance: scale of guidance at sampling, of networks trained for it; 1 is what was trained.
      resize: how pictures reach the 299 x 299 pixels of that network; a key of ``inception.RESIZES``.
    """

    samples: int = 64_000
    steps: tuple[int, ...] = (1, 2, 4, 8, 16)
    ema: float = 0.999
    seed: int = 1234
    projections: int = 64
    pairs: int = 2000
    entropy: float = 0.015
    points: int = 20_000
    triples: int = 20_000
    tolerance: float = 1e-8
    reference: str = "test"
    rounding: bool = True
    kid_subset: int = 1000
    kid_subsets: int = 50
    inception: str = ""
    resize: str = "half_pixel"
    guidance: float = 1.0


def of(config: ConfigDict) -> Protocol:
    """The protocol that a configuration states."""
    return Protocol(**config.evaluation.to_dict())


def stated(how: Protocol) -> dict[str, object]:
    """All fields as they are stated with results: with the sha256 of the file of weights beside its path."""
    values = how._asdict()
    if how.inception:
        path = Path(how.inception)
        values["inception_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
    return values


def text(how: Protocol) -> str:
    """All fields in a line."""
    return line(stated(how))


def line(values: Mapping[str, object]) -> str:
    """A protocol's fields as a sentence."""
    return "Protocol " + ", ".join(f"{name} = {value}" for name, value in values.items()) + "."


def write(workdir: Path, how: Protocol) -> None:
    """Writes ``protocol.json`` into a folder."""
    write_json(workdir, stated(how))


def write_json(workdir: Path, values: Mapping[str, object]) -> None:
    """Writes a protocol's fields into ``protocol.json``."""
    (workdir / "protocol.json").write_text(json.dumps(values, indent=2) + "\n")


def hash_of(how: Protocol) -> str:
    """The fingerprint of a protocol: of the weights themselves, wherever their file lies."""
    return fingerprint({name: value for name, value in stated(how).items() if name != "inception"})


def fingerprint(values: Mapping[str, object]) -> str:
    """Twelve hexadecimal digits that change with any of the values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


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
