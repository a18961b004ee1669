"""Faults in exact solutions and in the files that keep them."""

from collections.abc import Callable
import json
from pathlib import Path

import numpy as np
import pytest

from experiments import datasets
from experiments.metrics import reference
from tests.experiments.bad_input.cases import POINTS, REFERENCE, Case, a_file
from tests.experiments.small_runs import small


def reference_file(change: Callable[[dict], object], text: str, *, sealed: bool = False) -> Case:
    """The exact solutions are asked for; the file in the cache is changed after its digest was taken, or before."""

    def write(folder: Path) -> None:
        config = small(steps=5)
        config.dataset = POINTS
        arrays = dict.fromkeys(reference.Reference._fields, np.zeros(3))
        arrays |= {"probe_x": np.zeros((3, 2)), "probe_b": np.zeros((3, 2))}
        dataset = datasets.load(str(folder / POINTS))
        made_by = reference.settings_of(config, dataset)
        if sealed:
            change(arrays)
            made_by[reference.DIGEST] = reference.digest_of(arrays)
            arrays["settings"] = json.dumps(made_by)
        else:
            made_by[reference.DIGEST] = reference.digest_of(arrays)
            arrays["settings"] = json.dumps(made_by)
            change(arrays)
        (folder / "cache").mkdir()
        np.savez(folder / "cache" / reference.path_of(config, dataset).name, **arrays)

    return Case(
        REFERENCE,
        "--config=small.py",
        text,
        change=write,
        environment={"FLOWMAP_CACHE": "cache"},
    )


def nan_in_the_middle(arrays: dict) -> None:
    arrays["x_t"] = np.array([0, np.nan, 0])


def two_moons_file() -> str:
    return reference.path_of(small(steps=5), datasets.load("two_moons")).name


CASES = {
    "no configuration of a reference": Case(REFERENCE, "", "--config is missing"),
    "a cache of solutions that is a file": Case(
        REFERENCE,
        "--config=small.py",
        "cannot write into FLOWMAP_CACHE=file (",
        a_file,
        environment={"FLOWMAP_CACHE": "file"},
    ),
    "an unknown interpolant": Case(REFERENCE, "--config=small.py --config.interpolant=liner", "did you mean 'linear'"),
    "a seed that no key holds": Case(
        REFERENCE,
        "--config=small.py --config.evaluation.seed=99999999999999999999",
        "evaluation.seed=99999999999999999999",
    ),
    "no triples": Case(
        REFERENCE, "--config=small.py --config.evaluation.triples=0", "--config.evaluation.triples=0; expected a whole"
    ),
    "a folder": Case(REFERENCE, "--config=small.py --workdir=new", "unknown option --workdir; "),
    "data without an exact velocity": Case(
        REFERENCE,
        "--config=small.py --config.dataset=x.npy",
        "data set x.npy has no exact velocity; take a data set that has one, such as checkerboard",
        lambda folder: np.save(folder / "x.npy", np.random.default_rng(0).random((1_200_000, 2), np.float32)),
    ),
    "NaN in the file": reference_file(
        nan_in_the_middle, "the reference set contains NaN or infinity; delete ", sealed=True
    ),
    "a number that was changed": reference_file(
        lambda arrays: arrays.update(x_t=np.ones(3)), "the reference set is damaged (its arrays are not those that were"
    ),
    "arrays that were shortened": reference_file(
        lambda arrays: arrays.update(x_t=np.zeros(2)), "the reference set is damaged (its arrays are not those that"
    ),
    "a file of other settings": reference_file(
        lambda arrays: arrays.update(settings=json.dumps(json.loads(arrays["settings"]) | {"triples": 7})),
        "the reference set was made by other settings (triples is 7 there, 60 here); delete ",
    ),
    "a file of another velocity": reference_file(
        lambda arrays: arrays.update(probe_b=np.ones((3, 2))),
        "the reference set was made with another velocity of data set points.npy; delete ",
        sealed=True,
    ),
    "a file without an array": reference_file(
        lambda arrays: arrays.pop("x_1"), "the reference set is damaged (no array x_1 in it)"
    ),
    "damaged settings": reference_file(
        lambda arrays: arrays.update(settings="{"), "the reference set is damaged (Expecting property name"
    ),
    "no archive": Case(
        REFERENCE,
        "--config=small.py --config.dataset=two_moons",
        "the reference set is damaged (it begins as no file of numpy does); delete ",
        lambda folder: (folder / reference.path_of(small(steps=5), datasets.load("two_moons")).name).write_bytes(
            b"no archive"
        ),
        environment={"FLOWMAP_CACHE": "."},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
