"""The catalogue: complete, consistent with its papers, and with the methods that are trained."""

import dataclasses
import inspect
from pathlib import Path
import re

import jax
import jax.numpy as jnp
import pytest

from objectives.build import OBJECTIVES
from objectives.metrics import squared
from objectives.objective import Batch, Maps
from taxonomy import catalogue
from taxonomy.catalogue import CATALOGUE, FAMILIES, STEMS, family_of, lookup, method
from taxonomy.catalogue.paper import Paper, bibtex
from taxonomy.catalogue.papers import PAPERS
from taxonomy.equivalences import EQUIVALENCES, RELATIONS, involving
from taxonomy.facts import describe, names
from taxonomy.interpolants import LINEAR
from taxonomy.times import Times
from tests.helpers import softmaxed

ALLOWED = {
    "characterization": method.CHARACTERIZATIONS,
    "velocity": method.VELOCITIES,
    "stop_gradient": method.STOPPED,
    "engine": method.ENGINES,
    "target": method.TARGETS,
    "paper": tuple(PAPERS),
}
DERIVED = ("family", "target", "teacher", "directions", "cost", "year")
# What is derived, written out again for methods of all families.
EXPECTED = {
    "flow_matching": ("direct", "none", "none", "forward", 3.0, 2022),
    "reflow": ("direct", "teacher", "velocity", "forward", 20.0, 2022),
    "cmt": ("direct", "teacher", "velocity", "forward", 37.0, 2025),
    "lmd": ("lagrangian", "teacher", "velocity", "forward", 9.0, 2024),
    "lsd": ("lagrangian", "current", "none", "forward", 10.0, 2025),
    "tvm": ("lagrangian", "EMA", "none", "forward", 10.0, 2025),
    "fmm": ("lagrangian", "current", "none", "both", 15.0, 2024),
    "lmf": ("lagrangian", "current", "none", "both", 5.0, 2026),
    "free_flow": ("lagrangian", "current", "velocity", "forward", 16.0, 2025),
    "boot": ("lagrangian", "current", "velocity", "forward", 9.0, 2023),
    "sdee": ("integral", "current", "velocity", "both", 5.0, 2025),
    "stee": ("integral", "current", "none", "both", 4.0, 2025),
    "esd": ("eulerian", "current", "none", "forward", 12.0, 2025),
    "mean_flow": ("eulerian", "current", "none", "forward", 7.0, 2025),
    "rectified_mean_flow": ("eulerian", "current", "velocity", "forward", 41.0, 2025),
    "esc": ("eulerian", "current", "none", "forward", 14.0, 2025),
    "alpha_flow": ("eulerian", "current", "none", "forward", 7.0, 2025),
    "tim": ("eulerian", "current", "none", "forward", 8.0, 2025),
    "progressive_distillation": ("progressive", "frozen stage", "velocity", "forward", 5.0, 2022),
    "shortcut": ("progressive", "EMA", "none", "forward", 8.0, 2024),
    "psd_m": ("progressive", "current", "none", "forward", 8.0, 2025),
    "pfmm": ("progressive", "frozen stage", "velocity", "forward", 7.0, 2024),
    "cd": ("consistency", "current", "velocity", "forward", 6.0, 2023),
    "ct": ("consistency", "EMA", "none", "forward", 4.0, 2023),
    "tcm": ("consistency", "frozen stage", "none", "forward", 10.0, 2024),
    "sct": ("consistency", "current", "none", "forward", 4.0, 2024),
    "ucgm": ("consistency", "current", "none", "forward", 6.0, 2025),
    "ctm": ("consistency", "EMA", "velocity", "forward", 16.0, 2023),
    "phased_cm": ("consistency", "current", "velocity", "forward", 6.0, 2024),
    "imm": ("distributional", "current", "none", "forward", 4.0, 2025),
    "drifting": ("distributional", "none", "none", "forward", 3.0, 2026),
    "dmd": ("distributional", "current", "velocity", "forward", 9.0, 2023),
    "rcm": ("distributional", "current", "velocity", "forward", 14.0, 2025),
    "any_flow": ("distributional", "current", "velocity", "forward", 25.0, 2026),
    "ssfm": ("stochastic", "EMA", "none", "forward", 8.0, 2026),
    "ito_map": ("stochastic", "current", "none", "forward", 10.0, 2026),
    "posterior_map": ("stochastic", "current", "none", "forward", 10.0, 2026),
    "riemannian_lsd": ("riemannian", "current", "none", "forward", 10.0, 2025),
    "riemannian_mean_flow": ("riemannian", "current", "none", "forward", 7.0, 2026),
}


@pytest.fixture(scope="module")
def described():
    return {name: describe(name) for name in CATALOGUE}


def test_the_catalogue_has_the_methods_that_are_trained():
    assert set(CATALOGUE) == set(OBJECTIVES)
    assert len(CATALOGUE) == sum(len(file.METHODS) for file in catalogue._FILES)


def test_methods_of_a_family_follow_one_another():
    order = [family_of(name) for name in OBJECTIVES]
    assert order == sorted(order, key=FAMILIES.index)
    assert names() == tuple(OBJECTIVES)


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_catalogue_describes_a_method_in_the_file_of_its_name(name):
    file = Path(inspect.getsourcefile(inspect.unwrap(OBJECTIVES[name])))
    assert (file.parent.parent.name, file.parent.name, file.stem) == ("objectives", "methods", STEMS[name])


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_method_is_complete(name, described):
    entry = described[name]
    for field in dataclasses.fields(entry):
        value = getattr(entry, field.name)
        assert isinstance(value, field.type), field.name
        assert value or field.name == "differs", field.name
        assert not isinstance(value, str) or value == value.strip(), field.name
    for field, allowed in ALLOWED.items():
        assert getattr(CATALOGUE[name], field) in allowed, (field, getattr(entry, field))
    assert entry.note.endswith(".")
    assert entry.differs == "" or entry.differs.endswith(".")
    assert entry.code == "none found" or re.fullmatch(r"[\w.-]+/[\w.-]+", entry.code)
    assert entry.headline == method.NO_HEADLINE or re.search(r"(FID|KL) \d+\.\d+", entry.headline)
    assert all(entry.formula.count(a) == entry.formula.count(b) for a, b in ("()", "[]", "{}"))
    assert not set("{}") & set(entry.times + entry.weight)


@pytest.mark.parametrize("name", EXPECTED)
def test_what_the_code_knows_is_read_from_it(name, described):
    assert tuple(getattr(described[name], field) for field in DERIVED) == EXPECTED[name]


def test_what_is_not_the_usual_is_known_of_every_method(described):
    def those(field, value):
        return {name for name, entry in described.items() if getattr(entry, field) == value}

    assert those("directions", "both") >= {"fmm", "lmf", "sdee", "stee"}
    assert those("target", "EMA") >= {"tvm", "shortcut", "ct", "ctm"}
    assert those("target", "frozen stage") >= {"progressive_distillation", "pfmm", "tcm"}
    # Targets that no network makes: data alone, or a teacher, which is then there.
    assert those("target", "none") >= {"flow_matching"}
    assert those("target", "none") <= those("teacher", "none")
    assert {"reflow", "endpoint_regression", "cmt", "lmd", "emd", "pid"} <= those("target", "teacher")
    assert those("target", "teacher") <= those("teacher", "velocity")


@pytest.mark.parametrize(
    ("name", "times", "weight"),
    [
        ("lsd", "triangle s <= t, uniform; three quarters on the diagonal", "uniform"),
        ("tvm", "a distribution of the gap, then of t; half on the diagonal, logit-normal", "uniform"),
        ("boot", "s = 0, t uniform on [0, 1 - h], h = 0.04; a quarter at t = 0", CATALOGUE["boot"].weight),
        ("sct", "log-normal tangent of the angle, t = 1", "2 s / (1 - s), learned variance; normalized tangent"),
        (
            "decoupled_mean_flow",
            "two sorted logit-normal times of unequal means; half on the diagonal",
            "learned Cauchy",
        ),
        ("esc", None, "adaptive power and learned variance"),
        (
            "shortcut",
            "dyadic gaps from 1 to 1/64 on their grids, u the midpoint; three quarters at the gap 1/128",
            "uniform",
        ),
    ],
)
def test_shares_and_likelihoods_are_filled_in(name, times, weight, described):
    assert described[name].times == (times or described[name].times)
    assert described[name].weight == weight


def test_titles_are_told_apart():
    assert len({entry.title for entry in CATALOGUE.values()}) == len(CATALOGUE)


@pytest.mark.parametrize("key", PAPERS)
def test_papers_are_complete(key):
    paper = PAPERS[key]
    assert re.fullmatch(r"\d{4}\.\d{5}", paper.arxiv)
    assert paper.year == 2000 + int(paper.arxiv[:2])
    assert paper.title
    assert str(paper.year) in paper.key
    for author in paper.authors.split(" and "):
        assert re.fullmatch(r"[\w.-]+( [\w.-]+)+", author), author
    assert any(entry.paper == key for entry in CATALOGUE.values()), "no method cites it"


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


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_catalogue_says_what_the_method_does(name, described):
    entry, objective = described[name], OBJECTIVES[name]()
    assert entry.cost == sum(term.cost for term in objective.terms)
    assert (entry.directions == "both") == objective.both_directions
    assert (entry.teacher == "velocity") == objective.needs_teacher
    assert (entry.target == "EMA") == (objective.target_decay is not None)
    assert (entry.target == "frozen stage") == (objective.stages > 1)
    # One line of the formula for each term.
    assert entry.formula.startswith("as ") or entry.formula.count("\n") + 1 == len(objective.terms)
    metrics = {term.metric for term in objective.terms} - {squared}
    assert ("pseudo-Huber" in entry.weight) == bool(metrics)
    assert ("learned" in entry.weight + entry.formula) == objective.learns_weight
    shares = {term.name: term.share for term in objective.terms}
    share = {0.5: "half on the diagonal", 0.75: "three quarters on the diagonal"}.get(shares.get("diagonal"))
    assert share is None or share in entry.times or entry.formula.startswith("|v_{s,s+h}")
    assert entry.year == PAPERS[entry.paper].year


def test_methods_that_integrate_a_teacher_say_so(described):
    for name in ("reflow", "endpoint_regression", "cmt", "rectified_mean_flow", "ctm", "pfmm"):
        assert re.search("cost .*is counted|cost (here )?includes|cost is counted", CATALOGUE[name].note), name
        fewer = OBJECTIVES[name](teacher_steps=1)
        assert sum(term.cost for term in fewer.terms) < described[name].cost


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", CATALOGUE)
def test_the_engine_is_the_one_that_runs(name):
    """A derivative by jvp hands the network numbers that carry a tangent, every other engine hands it plain ones."""
    entry, objective, carried = CATALOGUE[name], OBJECTIVES[name](), []

    def v(s, t, x):
        carried.append(any(isinstance(value, jax.interpreters.ad.JVPTracer) for value in (s, t, x)))
        return jnp.sin(x) * (1 + s - t)[:, None]

    maps = Maps(v, v, lambda t, x: -x, v, lambda t, x: -x, log_denoiser=softmaxed(v))
    times = Times(jnp.array([0.1, 0.2]), jnp.array([0.3, 0.5]), jnp.array([0.7, 0.9]))
    for term in objective.terms:
        x0, x1, fresh = jnp.arange(12.0).reshape(3, 2, 2) / 10
        size = objective.told.size(2) if objective.told else 0
        batch = Batch(x0, x1, times, fresh, fresh, progress=0.6, told=jnp.ones((2, size)) if size else None)
        term.loss(maps, LINEAR, batch if term.group == 1 else repeated(batch, term.group))
    # alpha-Flow's limit, which ends its training, is a jvp.
    assert any(carried) == (entry.engine == "jvp" or name == "alpha_flow")


def repeated(batch, count):
    return jax.tree.map(lambda a: jnp.repeat(a, count, axis=0) if jnp.ndim(a) else a, batch)


def test_unknown_names_are_answered_with_the_nearest():
    assert lookup("lsd") is CATALOGUE["lsd"]
    with pytest.raises(ValueError, match="no method is called 'mean_flwo'; did you mean mean_flow"):
        lookup("mean_flwo")
    with pytest.raises(ValueError, match="known: flow_matching, reflow"):
        lookup("###")


def test_equivalences_name_methods_and_are_told_apart():
    for one in EQUIVALENCES:
        assert {one.left, one.right} <= set(CATALOGUE)
        assert one.left != one.right
        assert one.relation in RELATIONS
        assert one.statement.endswith(".")
        assert "\n" not in one.statement
    assert len({(one.left, one.right, one.statement) for one in EQUIVALENCES}) == len(EQUIVALENCES)


def test_equivalences_of_one_method():
    assert {(one.left, one.right) for one in involving("tvm")} == {("tvm", "lsd")}
    assert {one.left for one in involving("so_flow")} == {"alpha_flow"}
    assert {one.right for one in involving("boot")} == {"ayf_lmd"}
