"""The catalogue: complete, consistent with its papers, and with the rows that are trained."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import pytest

from objectives.build import OBJECTIVES
from objectives.metrics import squared
from objectives.objective import Batch, Maps
from taxonomy import catalogue
from taxonomy.catalogue import CATALOGUE, lookup, method
from taxonomy.catalogue.papers import PAPERS, Paper, bibtex
from taxonomy.equivalences import EQUIVALENCES, RELATIONS, involving
from taxonomy.interpolants import LINEAR
from taxonomy.times import Times

ROWS = list(CATALOGUE.values())
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
        assert value or field.name == "differs", field.name
        assert not isinstance(value, str) or value == value.strip(), field.name
    for field, allowed in ALLOWED.items():
        assert getattr(row, field) in allowed, (field, getattr(row, field))
    assert row.note.endswith(".")
    assert row.differs == "" or row.differs.endswith(".")
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


def test_the_catalogue_has_the_rows_that_are_trained():
    assert list(OBJECTIVES) == list(CATALOGUE)


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_catalogue_says_what_the_row_does(name):
    row, objective = CATALOGUE[name], OBJECTIVES[name]()
    assert row.cost == sum(term.cost for term in objective.terms)
    assert (row.directions == "both") == objective.both_directions
    assert (row.teacher == "velocity") == objective.needs_teacher
    assert (row.target == "EMA") == (objective.target_decay is not None)
    assert (row.target == "frozen stage") == (objective.stages > 1)
    # One line of the formula for each term.
    assert row.formula.startswith("as ") or row.formula.count("\n") + 1 == len(objective.terms)
    metrics = {term.metric for term in objective.terms} - {squared}
    assert ("pseudo-Huber" in row.weight) == bool(metrics)
    assert ("learned" in row.weight + row.formula) == objective.learns_weight
    shares = {term.name: term.share for term in objective.terms}
    share = {0.5: "half on the diagonal", 0.75: "three quarters on the diagonal"}.get(shares.get("diagonal"))
    assert share is None or share in row.times or row.formula.startswith("|v_{s,s+h}")


def test_rows_that_integrate_a_teacher_say_so():
    for name in ("reflow", "endpoint_regression", "cmt", "rectified_mean_flow", "ctm", "pfmm"):
        assert re.search("cost .*is counted|cost (here )?includes|cost is counted", CATALOGUE[name].note), name
        fewer = OBJECTIVES[name](teacher_steps=1)
        assert sum(term.cost for term in fewer.terms) < CATALOGUE[name].cost


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", CATALOGUE)
def test_the_engine_is_the_one_that_runs(name):
    """A derivative by jvp hands the network numbers that carry a tangent, every other engine hands it plain ones."""
    row, objective, carried = CATALOGUE[name], OBJECTIVES[name](), []

    def v(s, t, x):
        carried.append(any(isinstance(value, jax.interpreters.ad.JVPTracer) for value in (s, t, x)))
        return jnp.sin(x) * (1 + s - t)[:, None]

    maps = Maps(v, v, lambda t, x: -x, v, lambda t, x: -x)
    times = Times(jnp.array([0.1, 0.2]), jnp.array([0.3, 0.5]), jnp.array([0.7, 0.9]))
    for term in objective.terms:
        x0, x1, fresh = jnp.arange(12.0).reshape(3, 2, 2) / 10
        batch = Batch(x0, x1, times, fresh, fresh, progress=0.6)
        term.loss(maps, LINEAR, batch if term.group == 1 else repeated(batch, term.group))
    # alpha-Flow's limit, which ends its training, is a jvp.
    assert any(carried) == (row.engine == "jvp" or name == "alpha_flow")


def repeated(batch, count):
    return jax.tree.map(lambda a: jnp.repeat(a, count, axis=0) if jnp.ndim(a) else a, batch)


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
    assert {one.right for one in involving("boot")} == {"ayf_lmd"}
    assert {name for one in EQUIVALENCES for name in (one.left, one.right)} == set(CATALOGUE)
