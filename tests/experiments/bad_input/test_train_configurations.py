"""Faults in configuration files and in saved configurations, found by training."""

import pytest

from tests.experiments.bad_input.cases import TRAIN, Case, a_file, saved


def config_file(content: str, text: str) -> Case:
    return Case(
        TRAIN, "--workdir=new --config=own.py", text, change=lambda folder: (folder / "own.py").write_text(content)
    )


CASES = {
    "no such file": Case(
        TRAIN,
        "--config=experiments/configs/checkrboard.py:lsd --workdir=new",
        "no configuration file 'experiments/configs/checkrboard.py'; did you mean 'experiments/configs/checkerboard.py",
    ),
    "an empty name": Case(TRAIN, "--config= --workdir=new", "no configuration file '.'; Known: experiments/configs/"),
    "a folder": Case(TRAIN, "--config=run --workdir=new", "no configuration file 'run'; Known: experiments/configs/"),
    "no Python": Case(
        TRAIN, "--config=file --workdir=new", "--config=file is not a Python file; expected a path such as", a_file
    ),
    "a file that raises": config_file("1 / 0", "own.py cannot be read: ZeroDivisionError: division by zero"),
    "a file with a mistake": config_file("def (", "own.py cannot be read: SyntaxError: invalid syntax"),
    "a file without its function": config_file("x = 1", "own.py has no get_config(variant); copy experiments/"),
    "a function that raises": config_file("def get_config(variant=None):\n    raise KeyError('steps')", "'steps'"),
    "a function without its argument": config_file("def get_config():\n    return None", "get_config"),
    "a function that returns nothing": config_file("def get_config(variant=None):\n    return None", "get_config"),
    "a configuration without fields": config_file(
        "from ml_collections import ConfigDict\n\ndef get_config(variant=None):\n    return ConfigDict()", "own.py"
    ),
    "an unknown variant": Case(
        TRAIN,
        "--config=experiments/configs/checkerboard.py:papr --workdir=new",
        "unknown objective or setting 'papr'; did you mean 'paper'",
    ),
    "two objectives": Case(
        TRAIN,
        "--config=experiments/configs/checkerboard.py:lsd,esd --workdir=new",
        "variant 'lsd,esd' names two of a kind; expected at most one objective and one setting",
    ),
    "a saved configuration that is not there": Case(
        TRAIN, "--config=nothing/config.json --workdir=new", "--config=nothing/config.json does not exist; expected the"
    ),
    "a saved configuration with a variant": Case(
        TRAIN, "--config=run/config.json:esd --workdir=new", "--config=run/config.json is not a Python file"
    ),
    "another file of the run": Case(TRAIN, "--config=run/run.json --workdir=new", "run/run.json is damaged"),
    "a saved configuration with an unknown field": saved(
        lambda values: values["training"].update(steps_per_day=1),
        "run/config.json has fields that this version does not know (training.steps_per_day)",
        module=TRAIN,
    ),
    "a saved configuration without a field": saved(
        lambda values: values.pop("dataset"), "run/config.json is damaged (it has no field dataset)", module=TRAIN
    ),
    "a saved configuration with a word for a number": saved(
        lambda values: values["training"].update(steps="many"), "training.steps", module=TRAIN
    ),
    "a saved configuration without an objective's name": saved(
        lambda values: values["objective"].pop("name"), "run/config.json", module=TRAIN
    ),
    "a saved configuration with a number for options": saved(
        lambda values: values["objective"].update(options=3), "run/config.json", module=TRAIN
    ),
    "a saved configuration with a number for a name": saved(
        lambda values: values.update(interpolant=3), "interpolant", module=TRAIN
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
