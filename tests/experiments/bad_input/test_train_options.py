"""Faults in the command line of training."""

import pytest

from tests.experiments.bad_input.cases import TRAIN, Case, training

CASES = {
    "an option that does not exist": Case(
        TRAIN, "--config=small.py --wrkdir=new", "unknown option --wrkdir; did you mean 'workdir'"
    ),
    "no configuration": Case(TRAIN, "--workdir=new", "--config is missing; it is required: add --config=VALUE"),
    "no folder to train in": Case(TRAIN, "--config=small.py", "--workdir is missing; name a folder for the run"),
    "a word that is no option": training("extra", "unexpected argument 'extra'; options are written --name=value"),
    "a field that does not exist": training(
        "--config.training.stepz=5", "no field 'training.stepz'; did you mean 'training.steps'"
    ),
    "a field by its old name": training(
        "--config.training.clip=1",
        "--config.training.clip has another name now; write --config.training.grad_clip_norm",
    ),
    "an option of an objective by its old name": training(
        "--config.objective.options.power=1",
        "--config.objective.options.power has another name now; write --config.objective.options.adaptive_power",
    ),
    "an override of an objective by its old name": training(
        "--config.option_changes.esc.power=1",
        "--config.option_changes.esc.power has another name now; write --config.objective_overrides.esc.adaptive_power",
    ),
    "a value by its old name": training(
        "--config.objective.options.reduction=code", "reduction = 'code'; expected one of per_term, per_example"
    ),
    "a field of another objective": training(
        "--config.objective.options.group=4", "no field 'objective.options.group'; "
    ),
    "a part in place of a field": training("--config.training=5", "no field 'training'; "),
    "a field before its configuration": Case(
        TRAIN, "--config.training.steps=5 --config=small.py --workdir=new", "before a value for --config"
    ),
    "a field without a value": training("--config.seed", "Missing value for flag --config.seed"),
    "a word where a number is expected": training(
        "--config.training.steps=many", "flag --config.training.steps=many: invalid literal for int()"
    ),
    "a fraction where a whole number is expected": training(
        "--config.training.steps=5.5", "flag --config.training.steps=5.5: invalid literal for int()"
    ),
    "a word where yes or no is expected": training(
        "--quiet=perhaps", "flag --quiet=perhaps: ('Non-boolean argument to boolean flag'"
    ),
    "a file of flags that does not exist": training("--flagfile=nothing", "Unable to open flagfile"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
