"""The code of docs/symptoms.md shows the faults that the page describes, with the numbers that stand beside it."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import settings
from experiments.errors import DivergedError
from experiments.symptoms import table
from experiments.training.loop import train
from objectives.build import OBJECTIVES, default_options
from tests.pages import DOCS, run_blocks

PAGE = (DOCS / "symptoms.md").read_text()


@pytest.fixture(scope="module")
def page():
    return run_blocks("symptoms.md", count=7)


def test_the_floor_of_a_velocity_is_not_zero(page):
    # Two independent points of variance 1/3 in each of two coordinates.
    np.testing.assert_allclose(page["of_nothing"], 4 / 3, rtol=0.02)
    np.testing.assert_allclose(page["of_the_best"], 0.978, atol=0.02)
    # The exact velocity is uncorrelated with what it leaves.
    left = page["target"] - page["best"]
    assert abs(float(jnp.mean(jnp.sum(left * page["best"], axis=1)))) < 0.02


@pytest.mark.slow
def test_the_fault_of_the_page_ends_the_training(tmp_path):
    config = settings.planar("checkerboard", "esd")
    config.objective.options.stop_gradient = "advection"
    config.training.learning_rate, config.training.steps = 0.1, 1500
    with pytest.raises(DivergedError, match=r"eulerian.* at step \d+; no checkpoint was written yet") as caught:
        train(config, tmp_path / "run", quiet=True)
    assert caught.value.code == 3


def test_a_finite_value_can_have_a_derivative_that_is_not(page):
    for name in ("by_where", "of_norm"):
        value, gradient = page[name]
        assert np.isfinite(value)
        assert np.isnan(gradient).all()
    np.testing.assert_allclose(page["by_ratio"], (2.0, 1.0))
    np.testing.assert_allclose(page["of_smooth"][0], 1e-6, rtol=1e-4)
    np.testing.assert_array_equal(page["of_smooth"][1], 0)


def test_one_step_of_the_exact_velocity_is_the_mean(page):
    assert float(page["spread"]) < 1e-5
    np.testing.assert_allclose(page["x1"].std(), 0.577, atol=0.01)


def test_a_kernel_without_a_forward_derivative_is_refused_and_other_rules_take_it(page):
    assert re.search("forward-mode.*custom_vjp", page["message"])
    assert all(np.isfinite(values).all() and values.shape == (3,) for values in page["without"])


def test_sharded_parameters_have_the_same_gradient(page):
    assert page["sharded"].sharding.num_devices == len(jax.devices()) == 4
    np.testing.assert_allclose(page["on_all"], page["on_one"], rtol=1e-4, atol=1e-4 * np.abs(page["on_one"]).max())


def test_the_scale_that_comes_out_is_another_one(page):
    np.testing.assert_allclose(
        page["scale"], page["guidance"].effective_scale_mean_flow(omega=0.5, kappa=0.75), rtol=1e-4
    )


def test_the_floors_are_those_of_the_table(page):
    rows = re.findall(r"^\| ([\d,]+) \| (-?[\d.]+) \| (-?[\d.]+) \|$", PAGE, re.MULTILINE)
    assert [int(count.replace(",", "")) for count, _, _ in rows] == list(page["floors"])
    for (_, aligned, published), found in zip(rows, page["floors"].values(), strict=True):
        np.testing.assert_allclose(found, [float(aligned), float(published)], atol=2e-3)


PRINTED = dict(re.findall(r"```\n\$ python -m experiments.symptom --name=(\w+)\n(.*?)\n```", PAGE, re.DOTALL))
LONG = {"floor", "grey", "scores"}  # of many samples, by the exact velocity or a trained map


def test_every_symptom_without_a_training_is_printed():
    assert set(PRINTED) == {name for name, one in table.SYMPTOMS.items() if one.rows}


@pytest.mark.parametrize("name", [pytest.param(x, marks=[pytest.mark.slow] * (x in LONG)) for x in PRINTED])
def test_the_page_has_what_the_command_prints(name):
    found, shown = (re.split(r"\s*\|\s*|\n", text) for text in (table.text(name), PRINTED[name]))
    assert len(found) == len(shown)
    for one, other in zip(found, shown, strict=True):
        if re.fullmatch(r"-?[\d.]+(e-\d+)?", other):
            np.testing.assert_allclose(float(one), float(other), rtol=2e-3, atol=2e-3)
        elif set(other) - {"-"}:
            assert one == other


def test_every_method_and_option_of_the_page_exists():
    found = re.findall(r"(\w+)\[(\w+)=", PAGE)
    assert len(found) >= 4
    for method, option in found:
        assert option in default_options(OBJECTIVES[method])
    for method in re.findall(r"`((?:psd|tim|so_flow|alpha_flow|euler|sdei|stei|ct|ict|ect|mean_flow|lsd)\w*)`", PAGE):
        assert method in OBJECTIVES


def test_every_anchor_of_the_first_table_is_a_symptom():
    first = PAGE.split("## ")[0]
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    assert re.findall(r"\[(.*?)\]\(#", first) == titles
