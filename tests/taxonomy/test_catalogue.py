"""The catalogue: complete, consistent with its papers, and with the rows that are trained."""

import dataclasses
import re

import pytest

from objectives.build import OBJECTIVES
from taxonomy import catalogue
from taxonomy.catalogue import CATALOGUE, lookup, method
from taxonomy.catalogue.papers import PAPERS, Paper, bibtex
from taxonomy.equivalences import EQUIVALENCES, RELATIONS, involving

ROWS = list(CATALOGUE.values())
TRAINED = [name for name in OBJECTIVES if name in CATALOGUE]
ALLOWED = {
    "family": method.FAMILIES,
    "characterization": method.CHARACTERIZATIONS,
    "velocity": method.VELOCITIES,
    "stop_gradient": method.STOPPED,
    "engine": method.ENGINES,
    "target": method.TARGETS,
    "teacher": method.TEACHERS,
    "directions": method.DIRECTIONS,
    "paper": tuple(PAPERS),
}
ORDER = {
    "direct": "flow_matching reflow endpoint_regression cmt",
    "lagrangian": "lmd lsd ayf_lmd tvm fmm lmf free_flow pid boot",
    "integral": "sdei stei sdee stee",
    "eulerian": "emd esd ayf_emd mean_flow improved_mean_flow pixel_mean_flow alpha_flow so_flow decoupled_mean_flow "
    "rectified_mean_flow tim esc euler_mean_flow",
    "progressive": "progressive_distillation shortcut psd_m psd_u split_mean_flow pfmm",
    "consistency": "cd ct ict ect cd_continuous ct_continuous scd sct tcm ctm phased_cm multistep_cm consistency_fm "
    "facm ucgm",
    "neighbours": "imm",
}


def test_rows_stand_in_the_order_of_the_families():
    found = {family: " ".join(row.name for row in ROWS if row.family == family) for family in method.FAMILIES}
    assert found == ORDER
    assert list(CATALOGUE) == " ".join(ORDER.values()).split()
    assert len(catalogue._LISTED) == len(CATALOGUE) == 52


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_row_is_complete(name):
    row = CATALOGUE[name]
    for field in dataclasses.fields(row):
        value = getattr(row, field.name)
        assert isinstance(value, field.type), field.name
        assert value, field.name
        assert not isinstance(value, str) or value == value.strip(), field.name
    for field, allowed in ALLOWED.items():
        assert getattr(row, field) in allowed, (field, getattr(row, field))
    assert row.note.endswith(".")
    assert row.code == "none found" or re.fullmatch(r"[\w.-]+/[\w.-]+", row.code)
    assert row.headline == method.NO_HEADLINE or re.search(r"(FID|KL) \d+\.\d+", row.headline)
    assert all(row.formula.count(a) == row.formula.count(b) for a, b in ("()", "[]", "{}"))
    assert row.year == PAPERS[row.paper].year


def test_titles_are_told_apart():
    assert len({row.title for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("key", PAPERS)
def test_papers_are_complete(key):
    paper = PAPERS[key]
    assert re.fullmatch(r"\d{4}\.\d{5}", paper.arxiv)
    assert paper.year == 2000 + int(paper.arxiv[:2])
    assert paper.title
    assert str(paper.year) in paper.key
    for author in paper.authors.split(" and "):
        assert re.fullmatch(r"[\w.-]+( [\w.-]+)+", author), author
    assert any(row.paper == key for row in ROWS), "no row cites it"


def test_papers_are_listed_once_and_by_date():
    identifiers = [paper.arxiv for paper in PAPERS.values()]
    assert identifiers == sorted(set(identifiers))


@pytest.mark.parametrize("key", PAPERS)
def test_bibtex_is_balanced_and_complete(key):
    paper, entry = PAPERS[key], bibtex(PAPERS[key])
    depth = 0
    for character in entry:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    fields = dict(re.findall(r"^  (\w+)=\{(.*)\},$", entry, flags=re.MULTILINE))
    assert entry.startswith(f"@article{{{key},\n")
    assert fields["title"] == f"{{{paper.title}}}"
    assert fields["author"] == paper.authors
    assert fields["journal"] == f"arXiv preprint arXiv:{paper.arxiv}"
    assert (fields["year"], fields["eprint"], fields["archivePrefix"]) == (str(paper.year), paper.arxiv, "arXiv")


def test_bibtex_says_that_authors_were_not_verified():
    entry = bibtex(Paper(key="unknown2025", authors="", title="A Title", year=2025, arxiv="2501.00001"))
    assert "author=" not in entry
    assert "  note={authors not verified here},\n" in entry


def test_every_trained_row_is_in_the_catalogue():
    assert set(OBJECTIVES) <= set(CATALOGUE)


@pytest.mark.parametrize("name", TRAINED)
def test_the_catalogue_says_what_the_trained_row_does(name):
    row, objective = CATALOGUE[name], OBJECTIVES[name]()
    assert row.cost == sum(term.cost for term in objective.terms)
    assert (row.directions == "both") == objective.both_directions
    if objective.needs_teacher:
        assert row.teacher != "none"
    if row.teacher == "velocity":
        assert objective.needs_teacher
    # One line of the formula for each term.
    assert row.formula.startswith("as ") or row.formula.count("\n") + 1 == len(objective.terms)


def test_unknown_names_are_answered_with_the_nearest():
    assert lookup("lsd") is CATALOGUE["lsd"]
    with pytest.raises(ValueError, match="no method is called 'mean_flwo'; did you mean mean_flow"):
        lookup("mean_flwo")
    with pytest.raises(ValueError, match="known: flow_matching, reflow"):
        lookup("###")


def test_equivalences_name_rows_and_are_told_apart():
    for one in EQUIVALENCES:
        assert {one.left, one.right} <= set(CATALOGUE)
        assert one.left != one.right
        assert one.relation in RELATIONS
        assert one.statement.endswith(".")
        assert "\n" not in one.statement
    assert len({(one.left, one.right, one.statement) for one in EQUIVALENCES}) == len(EQUIVALENCES)


def test_equivalences_of_one_row():
    assert {(one.left, one.right) for one in involving("tvm")} == {("tvm", "lsd")}
    assert {one.left for one in involving("so_flow")} == {"alpha_flow"}
    assert involving("boot") == ()
