"""What docs/trust.md promises: no file of arrays runs code, whichever reader it is given to."""

import json
from pathlib import Path
import pickle
import re

import numpy as np
import pytest

from experiments import datasets, errors
from experiments.images import classifier, inception_weights
from experiments.images import file as image_file
from experiments.images.inception import shapes
from experiments.metrics import reference
from experiments.settings import files as config_files
from experiments.zoo import weights
from tests.experiments.small_runs import small

DOCS = Path(__file__).parents[2] / "docs"


class Touch:
    """An object whose pickle, if it is executed, makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def trap(tmp_path):
    """(an array of one object, the file that it makes if its pickle is executed)."""
    made = tmp_path / "made"
    found = np.empty(8, object)
    found[:] = [Touch(made)] * 8
    pickle.loads(pickle.dumps(found))
    assert made.exists()
    made.unlink()
    return found, made


def written(folder, trap, name):
    path = folder / name
    if path.suffix == ".npy":
        np.save(path, trap, allow_pickle=True)
    elif path.suffix == ".safetensors":
        path.write_bytes(pickle.dumps(trap))
    else:
        np.savez(path, x=trap, record=trap, settings=trap)
    return path


def test_the_page_names_each_way_to_run_code():
    assert "(trust.md)" in (DOCS / "README.md").read_text()
    runs, _, _ = (DOCS / "trust.md").read_text().partition("## What runs no code")
    named = set(re.findall(r"^\| `([^`]+)` \|", runs, re.MULTILINE))
    assert {"--config=FILE:VARIANT", "--reward=MODULE:FUNCTION", "--flagfile=FILE"} <= named


READERS = {
    "data.npy": lambda path: datasets.load(str(path)),
    "data.npz": lambda path: datasets.load(str(path)),
    "samples.npy": lambda path: image_file.read(path, (8, 8, 1)),
    "samples.npz": lambda path: image_file.read(path, (8, 8, 1)),
    "weights.npz": lambda path: inception_weights.load(path, shapes()),
    "classifier.npz": lambda path: classifier.kept(path, classifier.Network(), 64, dict),
    "map.safetensors": weights.read,
    "reference.npz": lambda path: reference._read(path, small(), None),
}


@pytest.mark.parametrize("name", READERS)
def test_a_pickle_is_refused_and_not_executed(tmp_path, trap, name):
    found, made = trap
    path = written(tmp_path, found, name)
    with pytest.raises(errors.UsageError):
        READERS[name](path)
    assert not made.exists()


def test_a_saved_configuration_runs_no_code_that_it_names(tmp_path):
    made = tmp_path / "made"
    code = f"__import__('pathlib').Path({str(made)!r}).touch()"
    values = json.loads(json.dumps(small().to_dict()))
    values["interpolant"] = values["dataset"] = code
    values["network"]["activation"] = code
    (tmp_path / "config.json").write_text(json.dumps(values))
    config = config_files.load(str(tmp_path / "config.json"))
    assert config.interpolant == code
    assert not made.exists()
    (tmp_path / "code.py").write_text(code)
    with pytest.raises(errors.UsageError, match="has no get_config"):
        config_files.load(f"{tmp_path}/code.py")
    assert made.exists()  # a file of Python is run, as docs/trust.md says
