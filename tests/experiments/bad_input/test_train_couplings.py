"""Faults in where paths begin."""

import pytest

from tests.experiments.bad_input.cases import training

MATCHED = "--config.training.coupling=optimal_transport"
CASES = {
    "an unknown coupling": training(
        "--config.training.coupling=optimal", "unknown --config.training.coupling='optimal'; did you mean"
    ),
    "a group of one": training(f"{MATCHED} --config.training.coupling_group=1", "--config.training.coupling_group=1"),
    "a group that nothing uses": training(
        "--config.training.coupling_group=32",
        "changes nothing here; it needs --config.training.coupling=optimal_transport",
    ),
    "pairs of what has no partners": training(
        "--config.training.coupling=paired", "data set points.npy has no partners"
    ),
    "an unknown source": training("--config.training.source=spirl", "unknown data set 'spirl'; did you mean 'spiral'"),
    "a source of another shape": training(
        "--config.training.source=digits", "a coupling whose sides differ in shape: source digits"
    ),
    "a coupling on a sphere": training(
        f"{MATCHED} --config.dataset=sphere", "data set sphere lies on a sphere; couplings and sources are for flat"
    ),
    "a method of the noise's law": training(
        "--config.training.source=spiral", "objective drifting uses the law of Gaussian noise", row="drifting"
    ),
    "a pool of noise": training(
        f"{MATCHED} --config.objective.options.velocity=pooled", "objective lsd uses the law of Gaussian noise"
    ),
    "classes of matched noise": training(
        f"{MATCHED} --config.dataset=eight_gaussians --config.network.conditional=True", "the starts of one class"
    ),
    "the exact velocity of matched noise": training(
        f"{MATCHED} --config.teacher=exact", "has no exact velocity from noise, coupling optimal_transport", row="lmd"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
