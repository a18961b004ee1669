"""Faults in symptoms by name."""

import pytest

from tests.experiments.bad_input.cases import SYMPTOM, Case

CASES = {
    "an unknown symptom": Case(SYMPTOM, "--name=guidence", "unknown --name='guidence'; did you mean 'guidance'"),
    "an empty name": Case(SYMPTOM, "--name=", "unknown --name=''; Known: flat"),
    "a name and the list": Case(
        SYMPTOM, "--list --name=nan", "--list with --name=nan has no meaning; drop one of them"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
