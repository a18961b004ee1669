"""Symptoms by name: each has a section of the page, and either numbers or the training of the page."""

from pathlib import Path
import re

import pytest

from experiments.errors import UsageError
from experiments.symptoms import table
from experiments.symptoms.row import Row
from experiments.symptoms.row import table as of_rows

PAGE = (Path(__file__).parents[3] / table.PAGE).read_text()
ON_ONE_LINE = re.sub(r" \\\n\s*", " ", PAGE)


def test_every_symptom_has_its_section_and_every_section_a_symptom():
    assert {one.section for one in table.SYMPTOMS.values()} == set(re.findall(r"^## (.*)$", PAGE, re.MULTILINE))


@pytest.mark.parametrize("name", [name for name, one in table.SYMPTOMS.items() if one.command])
def test_a_training_is_that_of_the_page(name):
    one = table.SYMPTOMS[name]
    assert one.rows is None
    assert set(one.command.split()) <= set(ON_ONE_LINE.split())
    options = sorted(one.command.split()[3:])
    on_page = [sorted(line.split()[3:]) for line in ON_ONE_LINE.splitlines() if line.startswith("python -m")]
    assert options in on_page
    assert one.command in table.text(name)
    assert one.command in table.listing()


def test_the_list_has_a_line_for_each():
    lines = table.listing().splitlines()
    assert [line.split()[0] for line in lines if line and not line.startswith((" ", "One of"))] == list(table.SYMPTOMS)


def test_numbers_are_rounded_and_errors_are_said():
    text = of_rows([Row("a", float("nan"), 2e-8), Row("b", "TypeError: no", 0.123456)])
    assert [line.split("|")[1:4] for line in text.splitlines()[2:]] == [
        [" a            ", " nan           ", " 0      "],
        [" b            ", " TypeError: no ", " 0.1235 "],
    ]


def test_an_unknown_name_is_one_line():
    with pytest.raises(UsageError, match=r"unknown --name='gray'; did you mean 'grey'\? Known: flat"):
        table.text("gray")
