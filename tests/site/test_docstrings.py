"""Docstrings become reStructuredText that shows formulas as they are written."""

import importlib.util

import pytest

from tests.site.build import ROOT

pytestmark = pytest.mark.site


@pytest.fixture(scope="module")
def converted():
    described = importlib.util.spec_from_file_location("docstrings", ROOT / "docs" / "site" / "docstrings.py")
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module.converted


def html(lines):
    from docutils.core import publish_parts

    return publish_parts("\n".join(lines), writer="html5", settings_overrides={"report_level": 1, "halt_level": 2})[
        "body"
    ]


def test_nothing_but_code_is_markup(converted):
    found = html(converted(["``|x|^2``: |x| of *this* x_ and `that`\\n", "", "- one", "  goes on"]))
    assert "|x| of *this* x_ and `that`\\n" in found
    assert "|x|^2</span>" in found
    assert "<li>" in found


def test_what_is_indented_stays_as_it_is(converted):
    found = html(converted(["One line.", "", "    a:  |x|  *y*", "    bb: z_", "", "More."]))
    assert "a:  |x|  *y*\nbb: z_" in found
    assert "More." in found


def test_a_colon_makes_no_type_of_a_result(converted):
    lines = converted(["One line.", "", "Returns:", "  {name: value}.", "", "Reference: A, B, arXiv 1, with", "  x_t."])
    assert ":returns: {name: value}." in lines
    assert lines[lines.index("Reference:") + 1 :][:2] == ["  A, B, arXiv 1, with", "  x_t."]
