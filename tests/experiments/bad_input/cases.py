"""What a fault at the command line is, and the configuration, the data and the files that faults are made of."""

from collections.abc import Callable
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.errors import BAD_INPUT
from objectives.build import OBJECTIVES

TRAIN, EVALUATE, COMPARE = "experiments.train", "experiments.evaluate", "experiments.compare"
BENCHMARK, COSTS, REFERENCE = "experiments.benchmark", "experiments.costs", "experiments.reference"
TAXONOMY, TIME, ABLATE = "taxonomy", "experiments.time_to_quality", "experiments.ablate"
PROBE = "experiments.probe"
SAMPLE, STEER, FINETUNE = "experiments.sample", "experiments.steer", "experiments.finetune"
LIKELIHOOD, INVERT, WALK = "experiments.likelihood", "experiments.invert", "experiments.random_walk"
ANIMATE, RANDOMNESS, SYMPTOM = "experiments.animate", "experiments.randomness", "experiments.symptom"

# What most cases are faults of: it trains within a second, so that a fault that is not noticed does not cost minutes.
# Data from a file need no compilation to be checked.
POINTS = "points.npy"
SMALL = f"""
from tests.experiments.small_runs import small

def get_config(variant=None):
    config = small(variant or "lsd", steps=5)
    config.dataset = "{POINTS}"
    config.network.update(point_features=0, time_features=0)
    config.training.optimizer = "adam"
    return config
"""

X = np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32)


class Case(NamedTuple):
    """A command line and how it must end.

    Attributes:
      module: what is run; in a folder with small.py, its data, a run of it in "run" if it is named, and what
        `change` does.
      arguments: the arguments, separated by blanks.
      text: what the line on standard error must contain.
      change: is given the folder before.
      code: the exit code.
      environment: variables.
      file_bytes: size beyond which no file can be written, as on a full disk.
    """

    module: str
    arguments: str
    text: str
    change: Callable[[Path], object] = lambda folder: None
    code: int = BAD_INPUT
    environment: dict[str, str] = {}
    file_bytes: int | None = None


def training(arguments: str, text: str, *, row: str = "lsd", **others: object) -> Case:
    return Case(TRAIN, f"--quiet --config=small.py:{row} --workdir=new {arguments}", text, **others)


def option(row: str, option: str, text: str) -> Case:
    teacher = " --config.teacher=exact" if OBJECTIVES[row]().needs_teacher else ""
    return training(f"--config.objective.options.{option}{teacher}", f"objective {row}: {text}", row=row)


def saved(change: Callable[[dict], object], text: str, *, module: str = EVALUATE) -> Case:
    """A run is scored, or repeated, whose configuration was edited."""

    def edit(folder: Path) -> None:
        path = folder / "run" / "config.json"
        values = json.loads(path.read_text())
        change(values)
        path.write_text(json.dumps(values))

    repeated = "--quiet --config=run/config.json --workdir=new"
    return Case(module, "--workdir=run" if module == EVALUATE else repeated, text, change=edit)


def a_file(folder: Path) -> None:
    (folder / "file").write_text("")


def write_small(folder: Path) -> None:
    (folder / "small.py").write_text(SMALL)
    np.save(folder / POINTS, X)
