"""docs/one_batch.md: its code runs, and the shapes and numbers that it states are right."""

from pathlib import Path
import re

import jax
import numpy as np
import pytest

from experiments.settings import files as config_files
from experiments.training import step
from experiments.training.dispatch import make_step
from experiments.training.state import State
from models.flow_map_model import count_parameters

PAGE = Path(__file__).parents[3] / "docs" / "one_batch.md"


@pytest.fixture(scope="module")
def page():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names = {}
    exec(code, names)
    return names


def test_the_batch_has_the_shapes_of_the_page(page):
    assert page["batch"].x0.shape == page["batch"].x1.shape == page["batch"].fresh.shape == (256, 2)
    assert {times.shape for times in page["batch"].times} == {(256,)}
    np.testing.assert_allclose(page["dataset"].std, 0.577, atol=1e-3)
    assert count_parameters(page["params"]) == 71_042
    assert page["params"]["params"]["network"]["Dense_0"]["kernel"].shape == (36, 128)
    assert len(page["params"]["params"]["network"]) == 6
    training = page["config"].training
    assert (training.batch_size, training.steps_per_dispatch, training.grad_clip_norm) == (1024, 50, 10)


def test_the_gradient_by_hand_is_that_of_the_step(page, monkeypatch):
    config, model, objective, dataset, path, params = (
        page[name] for name in ("config", "model", "objective", "dataset", "path", "params")
    )
    fixed = make_step(config, model, objective, dataset, path, devices=1)
    assert fixed.sizes == (768, 256)
    monkeypatch.setattr(step, "draw", lambda *args, **options: page["batch"])
    state = State(np.int32(0), params, None, ())
    gradient, report = step.term_gradient(fixed, 1, state, jax.random.key(0), np.int32(0), None)
    for found, expected in zip(jax.tree.leaves(gradient), jax.tree.leaves(page["gradient"]), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(report.value, page["loss"](params), rtol=1e-5)
    assert report.bad.shape == (4,)


def test_twelve_files_take_part():
    named = re.findall(r"^\[([\w/.]+)\]\(\.\./([\w/.]+)\)", PAGE.read_text(), re.MULTILINE)
    assert len(named) == 12
    assert all(shown == linked and (PAGE.parents[1] / linked).is_file() for shown, linked in named)
    headings = re.findall(r"^## \d+\. .*$", PAGE.read_text(), re.MULTILINE)
    for heading, (path, _) in zip(headings, named, strict=True):
        source = (PAGE.parents[1] / path).read_text()
        functions = re.findall(r"`(\w+)`", heading)
        assert functions
        assert all(f"def {name}(" in source or f"class {name}(" in source for name in functions), heading
    assert config_files.load("experiments/configs/checkerboard.py:lsd").objective.name == "lsd"
