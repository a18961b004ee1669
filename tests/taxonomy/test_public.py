"""The names that ``taxonomy`` itself offers, and what importing them loads."""

import importlib
import inspect
from pathlib import Path
import subprocess
import sys

import pytest

import taxonomy
from taxonomy import public

ROOT = Path(__file__).parent.parent.parent
HEAVY = ("diffrax", "matplotlib", "scipy.spatial", "objectives", "models", "experiments")


def loaded_by(code):
    shown = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], cwd=ROOT, check=True, capture_output=True
    )
    return set(shown.stdout.decode().split())


def test_every_name_is_offered_and_nothing_else():
    assert sorted(taxonomy.__all__) == sorted(
        name for name, value in vars(public).items() if not inspect.ismodule(value) and name[0] != "_"
    )
    for name in taxonomy.__all__:
        assert getattr(taxonomy, name) is getattr(public, name)


def test_every_module_is_offered():
    files = {
        path.stem
        for path in (ROOT / "taxonomy").iterdir()
        if path.suffix == ".py" or path.name in ("catalogue", "equivalences")
    }
    inner = {"__init__", "__main__", "public", "render", "render_published", "render_symbols", "sources"}
    assert set(taxonomy._MODULES) == files - inner
    for name in taxonomy._MODULES:
        assert getattr(taxonomy, name) is importlib.import_module(f"taxonomy.{name}")
    assert set(dir(taxonomy)) == {*taxonomy.__all__, *taxonomy._MODULES}


def test_an_unknown_name_is_an_ordinary_error():
    with pytest.raises(AttributeError, match="module 'taxonomy' has no attribute 'linear'"):
        taxonomy.linear  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'linear'"):
        from taxonomy import linear  # noqa: F401


def test_importing_the_package_loads_nothing_heavy():
    assert not {"jax", "numpy", *HEAVY} & loaded_by("import taxonomy")
    assert not {"jax", "numpy", *HEAVY} & loaded_by("from taxonomy.catalogue import CATALOGUE, lookup")


def test_the_public_names_load_neither_the_solver_nor_plots():
    found = loaded_by("from taxonomy import *; LINEAR, checkerboard().exact_flow(LINEAR), solve")
    assert "jax" in found
    assert not set(HEAVY) & found


def test_types_are_offered():
    assert (ROOT / "taxonomy" / "py.typed").exists()
    assert "* = py.typed" in (ROOT / "setup.cfg").read_text()
