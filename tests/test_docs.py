"""The worked example of docs/add_a_method.md is code that keeps the contract, and generated pages are up to date."""

import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets, settings
from experiments.ablations import claims, report, results, table
from experiments.ablations import run as ablations
from experiments.settings import networks
from models.conditions import Condition
from models.flow_map_model import bind, count_parameters, initialize
from models.networks import KINDS
from objectives.build import OBJECTIVES, default_options
from objectives.mixture import check_shares
from taxonomy import catalogue, exact, facts
from taxonomy.__main__ import main
from taxonomy.catalogue.method import CHARACTERIZATIONS, ENGINES, STOPPED, VELOCITIES
from taxonomy.interpolants import LINEAR
from tests.helpers import directional, inner, inputs, tiny_params
from tests.objectives import cases_shared as cases
from tests.pages import DOCS, run_blocks


@pytest.fixture(scope="module")
def example():
    return run_blocks("add_a_method.md", count=5, names=vars(cases))


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_the_worked_example_is_right(example):
    case, p, data = example["psd_3_case"], tiny_params(), cases.Data(*inputs())
    np.testing.assert_allclose(case.library(p, data), case.by_hand(p, p, data), rtol=1e-12)
    gradient = jax.grad(lambda p: case.library(p, data).sum())(p)
    direction = tiny_params(seed=9)
    expected = directional(lambda q: case.by_hand(q, p, data).sum(), p, direction, 1e-5)
    np.testing.assert_allclose(inner(gradient, direction), expected, rtol=1e-7)
    flow = exact.gaussian(LINEAR, mean=jnp.array([1.0, -0.5]), covariance=jnp.array([[0.5, 0.1], [0.1, 0.2]]))
    assert float(case.exact(flow, data).max()) < 1e-20
    level = data._replace(t=data.s)
    assert float(jnp.max(case.library(p, level))) < 1e-28


def test_the_method_of_the_worked_example_is_complete(example):
    objective = example["psd_3"]()
    check_shares(objective.terms)
    assert objective.cost == 0.75 * 3 + 0.25 * 7


def test_the_entry_of_the_worked_example_is_completed_from_its_code(example, monkeypatch):
    monkeypatch.setitem(OBJECTIVES, "psd_3", example["psd_3"])
    monkeypatch.setitem(catalogue.CATALOGUE, "psd_3", example["psd_3_entry"])
    monkeypatch.setitem(catalogue.STEMS, "psd_3", "progressive")
    described = facts.describe("psd_3")
    assert described.times == "triangle s <= t, uniform; three quarters on the diagonal"
    assert (described.family, described.cost, described.target, described.year) == ("progressive", 10, "current", 2025)
    assert (described.teacher, described.directions) == ("none", "forward")
    assert described.characterization in CHARACTERIZATIONS
    assert (described.velocity, described.stop_gradient, described.engine) in itertools.product(
        VELOCITIES, STOPPED, ENGINES
    )


def test_the_worked_example_records_its_options(example):
    found = {setting.name: setting.here for setting in example["psd_3_settings"]}
    assert found == default_options(example["psd_3"])


def test_the_page_names_places_that_exist():
    text = (DOCS / "add_a_method.md").read_text()
    for path in re.findall(r"`((?:objectives|taxonomy|tests)/[\w/.*]+)`", text):
        assert list(DOCS.parent.glob(path)), path


def test_the_table_of_methods_is_the_printed_one(capsys):
    main(["--format=markdown"])
    printed = capsys.readouterr().out
    assert (DOCS / "methods.md").read_text() == printed, "docs/methods.md is out of date: run make docs"


def test_the_methods_of_the_explorer_are_the_printed_ones(capsys):
    main(["--format=json"])
    path = DOCS / "explorer" / "public" / "methods.json"
    assert path.read_text() == capsys.readouterr().out, f"{path.name} is out of date: run make docs"


def test_the_page_of_published_settings_is_the_printed_one(capsys):
    main(["published", "--format=markdown"])
    printed = capsys.readouterr().out
    assert (DOCS / "published.md").read_text() == printed, "docs/published.md is out of date: run make docs"


def test_the_page_of_symbols_is_the_printed_one(capsys):
    main(["symbols", "--format=markdown"])
    printed = capsys.readouterr().out
    assert (DOCS / "symbols.md").read_text() == printed, "docs/symbols.md is out of date: run make docs"


def test_the_page_of_ablations_is_the_one_of_the_committed_results():
    page = (DOCS / "ablations.md").read_text()
    assert page == ablations.page_of(DOCS / "ablations") + "\n", "docs/ablations.md is out of date: run make docs"


def test_each_claim_that_reverses_says_why():
    for path in (DOCS / "ablations").glob("*.csv"):
        for claim, verdict in report.judged(results.read(path, table.SUITES[path.stem])):
            assert verdict.word != "reverses" or claim.because, f"{path.stem}: {claims.text(claim)}"


@pytest.fixture
def network(monkeypatch):
    names = run_blocks("add_a_network.md", count=3)
    monkeypatch.setitem(KINDS, "residual_mlp", names["KIND"])
    return names


def test_the_worked_example_of_a_network_is_one_entry(network):
    config = settings.base("lsd")
    config.dataset = "checkerboard"
    config.network.update({"kind": "residual_mlp", "width": 8, "layers": 2})
    networks.check(config.network)
    assert networks.described(config.network) == "residual MLP of width 8 and 2 layers"
    model = networks.build(config, settings.objective_of(config), datasets.load(config.dataset))
    params = initialize(model, jax.random.key(0), (2,))
    assert count_parameters(params) == network["number_of_parameters"](8, 2, 2)
    s, t, x = jnp.array([0.1, 0.5]), jnp.array([0.7, 0.6]), jnp.ones((2, 2))
    v = bind(model, params)
    assert float(jnp.abs(v(s + 0.1, t, x) - v(s, t, x)).max()) > 1e-6
    assert float(jnp.abs(v(s, t + 0.1, x) - v(s, t, x)).max()) > 1e-6


def test_the_worked_example_of_a_network_takes_conditions(network):
    module = network["ResidualMLP"](width=8, layers=1, classes=3, guided=True)
    s, t, x = jnp.array([0.1, 0.5]), jnp.array([0.7, 0.6]), jnp.ones((2, 2))
    params = module.init(jax.random.key(0), s, t, x)
    none = module.apply(params, s, t, x)
    given = Condition(jnp.array([0, 3]), jnp.array([2.0, 1.0]))
    change = jnp.abs(module.apply(params, s, t, x, given) - none).max(axis=1)
    # The second example has the label of none, and the scale of no guidance.
    assert change[0] > 1e-4
    assert change[1] < 1e-5
    fields = set(network["ResidualMLP"].__dataclass_fields__) - {"parent", "name"}
    assert fields == {*network["KIND"].options, "classes", "guided", "vector"}
    assert network["KIND"].options["width"].default == KINDS["mlp"].options["width"].default


def test_no_page_has_a_path_of_the_machine_that_made_it():
    pages = [*DOCS.rglob("*.md"), *(DOCS.parent / "experiments/zoo").rglob("*.md")]
    found = [page.name for page in pages if "node_modules" not in page.parts and "/tmp/" in page.read_text()]
    assert found == []
