"""The built site: pages load from its folder alone, are found by search, keep their links, and are accessible."""

from collections.abc import Iterator
import contextlib
import importlib.util
import json

import pytest

from tests.site.browsing import faults, opened, served
from tests.site.build import ROOT

pytestmark = pytest.mark.site
SITE = ROOT / "build" / "site"
API = "api/objectives/losses/lagrangian/index.html"
COURSE = "course/03_three_rules.html"
WIDTHS = {"laptop": 1280, "phone": 390}


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the site."""
    with served(SITE) as found:
        yield found


@pytest.fixture
def visit(chromium, site):
    """Opens a page of the site, and says of it at the end whether it complained or asked another host."""
    visits = []
    with contextlib.ExitStack() as open_pages:

        def go(path, width="laptop", scheme="light"):
            size = {"width": WIDTHS[width], "height": 900}
            visits.append(open_pages.enter_context(opened(chromium, site + path, viewport=size, color_scheme=scheme)))
            visits[-1].page.wait_for_load_state("networkidle")
            return visits[-1].page

        yield go
    assert [complaint for seen in visits for complaint in seen.complaints] == []
    assert [url for seen in visits for url in seen.requests if not url.startswith((site, "data:", "blob:"))] == []


@pytest.fixture(scope="module")
def links():
    described = importlib.util.spec_from_file_location("links", ROOT / "docs" / "site" / "links.py")
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", ["index.html", "plain_english.html", "methods.html", "explorer/", COURSE, API])
def test_a_page_loads_without_a_complaint_and_from_its_folder_alone(path, visit):
    page = visit(path)
    assert page.locator("h1").first.inner_text()
    loaded = "images => images.every(image => image.complete && image.naturalWidth > 0)"
    page.locator("img").evaluate_all("images => images.forEach(image => { image.loading = 'eager'; })")
    page.wait_for_function(f"() => ({loaded})([...document.images])")


def test_the_first_screen_leads_to_the_explorer_the_course_and_the_pages(visit):
    page = visit("index.html")
    assert page.locator("img[src$='.gif']").count() == 1
    targets = page.locator("a[href]").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    wanted = {"plain_english.html", "explorer/index.html", "course/README.html", "choosing.html", "api/index.html"}
    assert {target.partition("#")[0] for target in targets} >= wanted
    page.locator(".sidebar-explorer a").click()
    page.locator("#drag").wait_for()


def test_the_search_finds_a_page(visit):
    page = visit("index.html")
    field = page.locator("input[name=q]").first
    field.fill("Lagrangian")
    field.press("Enter")
    page.locator("#search-results li").first.wait_for()
    found = page.locator("#search-results li a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert any("objectives/losses/lagrangian" in address for address in found)
    assert not any("source/" in address for address in found)


def test_a_formula_is_set(visit):
    page = visit("index.html")
    page.locator("mjx-container mjx-math").first.wait_for()
    assert page.locator("mjx-container").count() >= 3
    assert page.locator("mjx-merror").count() == 0
    fonts = page.evaluate("() => document.fonts.ready.then(fonts => [...fonts].map(font => font.family))")
    assert any("MJXTEX" in family for family in fonts)


def test_a_formula_in_code_stays_as_it_is_written(visit):
    page = visit("flow_maps.html")
    assert "d/dt X_{s,t}(x) = b_t(X_{s,t}(x))" in page.locator("table code").all_inner_texts()


def test_the_course_shows_its_figures_and_offers_its_notebooks(visit, site):
    page = visit(COURSE)
    assert page.locator("h1").inner_text().startswith("3. Three rules, fifteen lines each")
    assert page.locator(".cell_output img").count() >= 1
    assert "semigroup" in page.locator(".cell_output pre").last.inner_text()
    given = page.request.get(page.locator("a.download[href$='.ipynb']").evaluate("link => link.href")).json()
    assert given == json.loads((ROOT / "docs" / "course" / "03_three_rules.ipynb").read_text())


def test_the_functions_have_signatures_formulas_and_sources(visit):
    page = visit(API)
    function = page.locator("dl.function", has=page.locator("[id='objectives.losses.lagrangian.lagrangian']"))
    signature = function.locator("dt.sig").first.inner_text()
    assert "stop_gradient" in signature
    assert "PerExample" in signature
    assert '"velocity":  |d/dt X - sg[ b_t( sg[X] ) ]|^2' in function.locator("pre").first.inner_text()
    function.locator(".viewcode-link").first.click()
    page.locator("h1", has_text="objectives/losses/lagrangian.py").wait_for()
    assert "def lagrangian(" in page.locator(".highlight").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", ["index.html", COURSE, API])
def test_a_page_is_accessible_and_fits(path, width, scheme, visit):
    page = visit(path, width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]
    assert faults(page) == {}


def test_a_wide_table_scrolls_by_itself(visit):
    page = visit("methods.html", "phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS["phone"]
    wrapper = page.locator(".table-wrapper").first
    inside, outside = wrapper.evaluate("box => [box.scrollWidth, box.clientWidth]")
    assert inside > outside


def test_every_link_is_alive(links):
    assert links.faults(SITE) == []


def test_dead_links_and_other_hosts_are_found(links, tmp_path):
    (tmp_path / "there.html").write_text('<p id="here">')
    (tmp_path / "index.html").write_text(
        '<a href="there.html#here">a</a><a href="gone.html">b</a><a href="there.html#gone">c</a>'
        '<a href="https://example.org/">d</a><img src="https://example.org/a.png">'
        '<script src="//example.org/b"></script>'
    )
    found = links.faults(tmp_path)
    loaded = [line.split()[-1] for line in found if "loads" in line]
    assert loaded == ["https://example.org/a.png", "//example.org/b"]
    assert [line.split()[3] for line in found if "links" in line] == ["gone.html,", "there.html#gone,"]
