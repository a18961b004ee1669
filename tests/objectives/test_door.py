"""What ``import objectives`` gives, and what it does not load."""

import inspect
from pathlib import Path
import subprocess
import sys
import types

import pytest

import objectives

ROOT = Path(__file__).parents[2]
HEAVY = ("matplotlib", "diffrax", "ott", "sklearn", "grain", "flax", "optax", "orbax", "ml_collections")


@pytest.mark.parametrize("name", objectives.__all__)
def test_every_name_of_the_door_is_there_and_described(name):
    found = getattr(objectives, name)
    assert found is objectives.OBJECTIVES or inspect.getdoc(found)


def test_the_door_has_all_that_it_imports():
    own = {name for name in vars(objectives) if not name.startswith("_")}
    # The last is there while the tests check shapes.
    files = {"build", "losses", "methods", "objective", "jaxtyping"}
    assert own - files == set(objectives.__all__)
    # The functions that have the name of a file, and not the file.
    assert not isinstance(objectives.mixture, types.ModuleType)
    assert not isinstance(objectives.lagrangian, types.ModuleType)


def test_importing_the_losses_loads_no_heavy_package():
    script = f"import sys, objectives; print(sorted(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
