"""Options of a kind of data and of the recipe: what they change, and that each method takes them."""

import pytest

from experiments import settings
from experiments.settings import changes
from experiments.settings import files as config_files
from experiments.training import checks
from objectives.build import OBJECTIVES, default_options

FOLDER = "experiments/configs"


def pools(config):
    return {term.name: term.pool for term in settings.objective_of(config).terms}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_method_takes_the_recipe_and_has_a_pool_if_it_can(name):
    config = config_files.load(f"{FOLDER}/checkerboard.py:{name},recipe")
    config.teacher = "exact" if settings.objective_of(config).needs_teacher else ""
    checks.check(config, devices=4)
    can = "velocity" in default_options(name) and name != "sct"
    esc = default_options("esc")["pool"]  # one of its own
    assert max(pools(config).values()) == (changes.POOLED["pool"] if can else esc if name == "esc" else 0)


def test_sct_refuses_a_pool_as_it_is_set():
    with pytest.raises(ValueError, match="a normalized tangent is not linear"):
        OBJECTIVES["sct"](**changes.POOLED)


def test_the_recipe_differs_from_the_laptop_setting_in_what_it_states():
    recipe, laptop = (
        settings.fields(config_files.load(f"{FOLDER}/checkerboard.py:{variant}")) for variant in ("lsd,recipe", "lsd")
    )
    changed = {name for name in recipe if recipe[name] != laptop.get(name) and "overrides" not in name}
    options = {f"objective.options.{name}" for name in changes.POOLED | changes.LSD_RECIPE}
    assert changed == options | {"training.optimizer", "training.steps"}


def test_what_the_recipe_adds_leaves_what_the_data_need():
    found = changes.with_recipe({"mean_flow": {"adaptive_power": 0.0}, "facm": {"cosine": 0.0}})
    assert found["mean_flow"] == {"adaptive_power": 0.0} | changes.POOLED
    assert found["facm"] == {"cosine": 0.0}
    assert found["lsd"] == changes.POOLED | changes.LSD_RECIPE
