import json

import pytest

from experiments import settings
from experiments.settings import saved
from experiments.settings.objectives import objective_of, with_objective
from objectives.build import default_options
from taxonomy import times


def written(path, name, options):
    config = with_objective(settings.base(settings.DEFAULT_OBJECTIVE), name).to_dict()
    config["objective"]["options"] = options
    path.write_text(json.dumps(config))
    return saved.read(path)


def test_a_saved_run_keeps_the_values_of_options_that_its_method_got_later(tmp_path):
    config = written(tmp_path / "config.json", "tim", {"step": 0.01, "diagonal_share": 0.5, "reduction": "per_term"})
    found = config.objective.options.to_dict()
    assert found == {
        "step": 0.01,
        "diagonal_share": 0.5,
        "reduction": "per_term",
        "end_share": 0.0,
        "times": "triangle",
        "adaptive_power": 0.0,
        "gap_power": 0.0,
        "cosine": 0.0,
    }
    assert [term.times for term in objective_of(config).terms] == [times.diagonal, times.triangle]


def test_a_saved_run_of_sdei_does_not_move_to_the_grid(tmp_path):
    config = written(tmp_path / "config.json", "sdei", {"longest": 0.5})
    assert config.objective.options.to_dict() == {"longest": 0.5, "on_grid": False}


def test_a_saved_run_of_ctm_keeps_the_jump_of_its_average(tmp_path):
    config = written(tmp_path / "config.json", "ctm", {"decay": 0.99})
    assert config.objective.options.to_dict() == {"decay": 0.99, "inner": "target"}


@pytest.mark.parametrize("name", ["sdei", "tim", "ctm", "facm", "ucgm", "mean_flow"])
def test_a_run_of_today_is_read_as_it_was_written(tmp_path, name):
    options = default_options(name)
    assert written(tmp_path / "config.json", name, options).objective.options.to_dict() == options
    assert written(tmp_path / "config.json", name, {}).objective.options.to_dict() == {}
