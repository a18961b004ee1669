"""What is measured, on how many samples and with which seeds: one object that goes into every result."""

from collections.abc import Mapping
import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from ml_collections import ConfigDict

from experiments import files, paths

# How pictures reach the 299 x 299 pixels of Inception; ``images.inception`` has the functions.
RESIZES = ("half_pixel", "tensorflow")


class Protocol(NamedTuple):
    """How a run is scored; the fields of ``config.evaluation``.

    Attributes:
      samples: generated samples for each number of steps, and perfect ones for the floor.
      steps: numbers of sampling steps.
      ema: decay of the EMA of the weights that is scored; 0 for the raw weights.
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
      resize: how pictures reach the 299 x 299 pixels of that network; one of ``RESIZES``.
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
    """All fields as results state them, with the sha256 of the file of Inception weights."""
    values = how._asdict()
    if how.inception:
        path = paths.of_user(how.inception, name="--config.evaluation.inception")
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
    files.write_json(workdir / "protocol.json", values)


def hash_of(how: Protocol) -> str:
    """The fingerprint of a protocol: of the weights themselves, wherever their file lies."""
    return fingerprint({name: value for name, value in stated(how).items() if name != "inception"})


def fingerprint(values: Mapping[str, object]) -> str:
    """Twelve hexadecimal digits that change with any of the values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
