"""What is measured, on how many samples and with which seeds: one object that goes into every result."""

from collections.abc import Mapping
import hashlib
import json
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


def of(config: ConfigDict) -> Protocol:
    """The protocol that a configuration states."""
    return Protocol(**config.evaluation.to_dict())


def text(how: Protocol) -> str:
    """All fields in a line."""
    return "Protocol " + ", ".join(f"{name} = {value}" for name, value in how._asdict().items()) + "."


def write(workdir: Path, how: Protocol) -> None:
    """Writes ``protocol.json`` into a folder."""
    (workdir / "protocol.json").write_text(json.dumps(how._asdict(), indent=2) + "\n")


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
)
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
    """The metrics of samples that a data set is scored by, the main one first."""
    return IMAGE_METRICS if isinstance(dataset.truth, Images) else PLANAR_METRICS
