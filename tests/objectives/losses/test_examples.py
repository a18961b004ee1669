"""Every public loss has an example in its docstring, and the example is true."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

from objectives import losses

MODULES = [
    importlib.import_module(f"objectives.losses.{module.name}") for module in pkgutil.iter_modules(losses.__path__)
]
LOSSES = [
    function
    for module in MODULES
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and not name.startswith("_")
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples_are_true(module):
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{loss.__module__}.{loss.__name__}")
def test_every_loss_has_an_example(loss):
    assert doctest.DocTestFinder(recurse=False).find(loss)[0].examples
