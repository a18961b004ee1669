"""The cards of all methods: they are those of the catalogue, are filtered, opened, and cite their papers."""

import pytest

from objectives.build import OBJECTIVES
from taxonomy import facts, render
from taxonomy.catalogue.papers import PAPERS
from tests.site.browsing import WAIT

pytestmark = pytest.mark.site


@pytest.fixture
def cards(opened):
    """The page, once all cards are there."""
    opened.page.locator("#methods").scroll_into_view_if_needed()
    opened.page.locator("#methods output", has_text=f"{len(OBJECTIVES)} of {len(OBJECTIVES)}").wait_for(timeout=WAIT)
    return opened


def names(page):
    return page.locator("#methods .cards > li:visible > button > code").all_inner_texts()


def test_every_method_has_a_card_with_its_drawing(cards):
    page = cards.page
    assert names(page) == list(OBJECTIVES)
    for name, card in zip(OBJECTIVES, page.locator("#methods .cards > li > button").all(), strict=True):
        described = facts.describe(name)
        text = card.inner_text()
        assert described.title in text
        assert f"cost {described.cost:g}, {described.year}" in text
        assert card.locator("svg path").count() > 0


@pytest.mark.parametrize(
    ("rule", "velocity"), [("semigroup", ""), ("", "teacher"), ("Eulerian", "own"), ("distributional", "teacher")]
)
def test_cards_are_filtered(rule, velocity, cards):
    page = cards.page
    page.locator("#methods select[name=rule]").select_option(rule)
    page.locator("#methods select[name=velocity]").select_option(velocity)
    described = map(facts.describe, OBJECTIVES)
    expected = [one.name for one in described if rule in ("", one.characterization) and velocity in ("", one.velocity)]
    assert names(page) == expected
    assert page.locator("#methods output").inner_text() == f"{len(expected)} of {len(OBJECTIVES)} methods"


def test_the_menus_have_every_rule_and_every_velocity(cards):
    for menu, field in (("rule", "characterization"), ("velocity", "velocity")):
        options = cards.page.locator(f"#methods select[name={menu}] option")
        found = set(options.evaluate_all("options => options.map(option => option.value)")) - {""}
        assert found == {getattr(facts.describe(name), field) for name in OBJECTIVES}


def test_a_card_is_opened_by_the_keyboard_and_says_everything(cards):
    page = cards.page
    button = page.locator("#methods .cards > li > button", has=page.locator("code", has_text="mean_flow")).first
    button.focus()
    page.keyboard.press("Enter")
    detail = page.locator("#methods .detail")
    described = facts.describe("mean_flow")
    text = detail.inner_text()
    paper = PAPERS[described.paper]
    assert described.note in text
    assert described.formula in text
    assert paper.title in text
    assert "objectives/losses/eulerian.py" in text
    assert "def eulerian(" in text
    assert detail.locator("a").first.get_attribute("href") == f"https://arxiv.org/abs/{paper.arxiv}"
    page.keyboard.press("Escape")
    assert detail.count() == 0
    assert button.evaluate("button => document.activeElement === button")
    button.click()
    page.locator("#methods .cards > li > button").first.click()
    assert detail.count() == 1  # one at a time
    assert "flow_matching" in detail.inner_text()


def test_bibtex_is_copied(cards):
    page = cards.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#methods .cards > li > button", has_text="Lagrangian self-distillation (LSD)").click()
    page.locator("#methods .detail button", has_text="Copy BibTeX").click()
    page.locator("#methods .detail button", has_text="Copied").wait_for()
    assert page.evaluate("() => navigator.clipboard.readText()") == render.cite(["lsd"])
