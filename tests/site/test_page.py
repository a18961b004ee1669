"""The page as a whole: it opens fast, moves by itself, fits a phone, is accessible, has a picture without scripts."""

import pytest

from tests.site.browsing import faults
from tests.site.build import EXPLORER
from tests.site.stills import FIGURES

pytestmark = pytest.mark.site


def test_the_first_paint_is_fast(opened):
    paint = opened.page.evaluate(
        """() => new Promise(resolve => new PerformanceObserver(list => resolve(list.getEntries().at(-1).startTime))
            .observe({ type: 'paint', buffered: true }))"""
    )
    assert paint < 2000


def test_something_moves_by_itself_until_it_is_stopped(moving):
    page = moving.page
    target = page.locator("#drag input[name=t]")
    first = target.input_value()
    page.wait_for_function("value => document.querySelector('#drag input[name=t]').value !== value", arg=first)
    page.locator("#drag button[name=play]").click()
    held = target.input_value()
    page.wait_for_timeout(300)
    assert target.input_value() == held


def test_nothing_moves_where_motion_is_not_wanted(opened):
    opened.page.wait_for_timeout(500)
    assert opened.page.locator("#drag input[name=t]").input_value() == "1"


@pytest.mark.parametrize(("figure", "text"), [("drag", "Learnt"), ("steer", "learnt map")])
def test_a_figure_is_redrawn_at_twenty_frames_a_second(figure, text, opened):
    page = opened.page
    page.locator(f"#{figure} .told", has_text=text).first.wait_for()
    page.locator(f"#{figure} .handle").first.scroll_into_view_if_needed()
    frames = page.evaluate(
        """async figure => {
          const handle = document.querySelector(`#${figure} .handle`);
          const told = document.querySelector(`#${figure} .told`);
          let drawn = 0;
          new MutationObserver(() => drawn++).observe(told, { childList: true });
          const press = key => handle.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
          press('ArrowLeft');
          await new Promise(requestAnimationFrame);
          const start = performance.now();
          drawn = 0;
          for (let k = 0; performance.now() - start < 2000; k++) {
            press(k % 40 < 20 ? 'ArrowRight' : 'ArrowLeft');
            await new Promise(requestAnimationFrame);
          }
          return drawn / ((performance.now() - start) / 1000);
        }""",
        figure,
    )
    assert frames >= 20


@pytest.mark.parametrize("place", ["opened", "phone"])
def test_the_page_is_accessible(place, request):
    page = request.getfixturevalue(place).page
    page.locator("#drag .told", has_text="Learnt").wait_for()
    page.locator("#drag button[name=why]").click()
    page.locator("#methods").scroll_into_view_if_needed()
    page.locator("#methods .cards > li > button").nth(5).click()
    assert faults(page) == {}


def test_the_checker_finds_a_fault(opened):
    opened.page.evaluate("() => document.querySelector('#drag label').replaceWith(document.createElement('select'))")
    assert "select-name" in faults(opened.page)


def test_a_phone_shows_every_figure_without_scrolling_sideways(phone):
    page = phone.page
    page.locator("#drag .told", has_text="Learnt").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for canvas in page.locator("canvas").all():
        assert canvas.bounding_box()["width"] <= 390
    assert phone.complaints == []


def test_a_touch_drags_the_point(phone):
    page = phone.page
    page.locator("#drag .told", has_text="Learnt").wait_for()
    before = page.locator("#drag .handle").get_attribute("title")
    box = page.locator("#drag .handle").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x + 40, "y": y + 30}]),
        ("touchEnd", []),
    ):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.wait_for_function("text => document.querySelector('#drag .handle').title !== text", arg=before)


def test_every_figure_is_a_still_picture_without_scripts(without_scripts):
    page = without_scripts.page
    for figure in FIGURES:
        picture = page.locator(f"#{figure} img")
        picture.scroll_into_view_if_needed()
        assert picture.evaluate("image => image.complete || new Promise(done => { image.onload = () => done(true); })")
        assert picture.evaluate("image => image.naturalWidth") >= 400
        assert len(picture.get_attribute("alt")) > 40
        assert page.locator(f"#{figure} figcaption").is_visible()
        assert not page.locator(f"#{figure} .controls").first.is_visible()
    assert sum(path.stat().st_size for path in (EXPLORER / "public" / "stills").glob("*.png")) < 300_000
