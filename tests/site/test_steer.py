"""Steering: the reward is dragged, look-aheads are told with rewards, clouds are scored against the tilted law."""

import re

import pytest

from tests.site.browsing import WAIT
from tests.site.test_figures import KL, numbers, picture, saved_animation, slide, told

pytestmark = pytest.mark.site
CLOUDS = ("truth", "mean", "map", "tilting")
PLACES = re.compile(
    r"the mean of all data it may become is \((.*?)\), reward (.*?); "
    r"the learnt map ends at \((.*?)\), reward (.*?); the path ends at \((.*?)\), reward (.*?)\.$"
)


def places(page, text="learnt map"):
    """Of the mean, the learnt end and the exact end: where, and the reward there."""
    found = PLACES.search(told(page, "steer", text)).groups()
    return [(numbers(found[k]), numbers(found[k + 1])[0]) for k in (0, 2, 4)]


def scores(page):
    """The KL of every cloud, once all are there."""
    found = {}
    for cloud in CLOUDS:
        text = page.locator(f"#steer [data-cloud={cloud}] .told")
        text.filter(has_text="KL").wait_for(timeout=3 * WAIT)
        found[cloud] = float(KL.search(text.inner_text()).group(1))
    return found


def in_support(x):
    return (int((x[0] + 1) // 0.5) + int((x[1] + 1) // 0.5)) % 2 == 0 and max(map(abs, x)) <= 1


def test_the_mean_is_between_the_squares_and_its_reward_misleads(opened):
    (mean, heard), (learnt, promised), (exact, true) = places(opened.page)
    assert not in_support(mean)
    assert in_support(learnt)
    assert in_support(exact)
    assert heard > true + 2
    assert promised == pytest.approx(true, abs=0.2)
    # The reward is what it is said to be: -8 |x - (0.75, 0.75)|^2 / 2.
    for x, reward in ((mean, heard), (exact, true)):
        assert reward == pytest.approx(-4 * sum((value - 0.75) ** 2 for value in x), abs=0.1)


def test_as_t_grows_the_end_stays_and_the_mean_comes_to_it(opened):
    page = opened.page
    before = places(page)
    slide(page, "#steer input[name=t]", 0.95)
    after = places(page, r"at t = 0\.95.*learnt map")
    assert after[2][0] == pytest.approx(before[2][0], abs=0.011)

    def apart(found):
        return max(abs(a - b) for a, b in zip(found[0][0], found[2][0], strict=True))

    assert apart(before) > 0.3
    assert apart(after) < 0.06


def test_the_reward_and_the_point_are_dragged_and_moved_by_keys(opened):
    page = opened.page
    before, shown = places(page), picture(page, "#steer [data-cloud=truth] canvas")
    centre, point = page.locator("#steer .handle").all()
    centre.scroll_into_view_if_needed()
    box = centre.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 100, y + 80, steps=5)
    page.mouse.up()
    page.wait_for_function("text => document.querySelector('#steer .handle').title !== text", arg="(0.75, 0.75)")
    assert centre.bounding_box()["x"] - box["x"] == pytest.approx(-100, abs=2)
    page.wait_for_function(
        "url => document.querySelector('#steer [data-cloud=truth] canvas').toDataURL() !== url", arg=shown
    )
    after = places(page)
    assert after[0][0] == before[0][0]  # the mean knows nothing of the reward
    assert after[0][1] != before[0][1]
    for handle, keys in ((centre, "Shift+ArrowLeft"), (point, "Shift+ArrowUp")):
        title = handle.get_attribute("title")
        handle.focus()
        page.keyboard.press(keys)
        page.wait_for_function("([handle, text]) => handle.title !== text", arg=[handle.element_handle(), title])


def test_guidance_misses_the_tilted_law_and_weighted_points_come_close(opened, tmp_path):
    page = opened.page
    page.locator("#steer").scroll_into_view_if_needed()
    page.locator("#steer button", has_text="Save as animation").click()
    page.locator("#steer .tools", has_text="wait until all three have a KL").wait_for()
    corner = scores(page)
    # The numbers of the caption.
    assert corner["truth"] == pytest.approx(0.02, abs=0.005)
    assert corner["mean"] == pytest.approx(2.2, abs=0.1)
    assert corner["map"] == pytest.approx(1.1, abs=0.1)
    assert corner["tilting"] == pytest.approx(0.05, abs=0.015)
    pictures, _ = saved_animation(page, "steer", tmp_path)
    assert len(set(pictures)) == 25

    page.locator("#steer .handle").first.focus()
    for key in ("Shift+ArrowDown", "Shift+ArrowLeft"):
        for _ in range(7):
            page.keyboard.press(key)
    page.locator("#steer [data-cloud=tilting] .told", has_text="waits").wait_for()
    middle = scores(page)
    assert middle["mean"] == pytest.approx(1.0, abs=0.1)
    assert middle["map"] == pytest.approx(1.3, abs=0.1)
    assert middle["truth"] < middle["tilting"] < 0.15
    assert opened.complaints == []


def test_a_stronger_reward_narrows_the_tilted_law(opened):
    page = opened.page
    told(page, "steer", "learnt map")

    def distance():
        """Mean square from the centre: the mean reward is -strength / 2 times it."""
        text = page.locator("#steer [data-cloud=truth] .told").filter(has_text="KL")
        strength = float(page.locator("#steer input[name=strength]").input_value())
        return -2 * numbers(re.search(r"Mean reward (\S+)\.$", text.inner_text()).group(1))[0] / strength

    weak = distance()
    shown = picture(page, "#steer [data-cloud=truth] canvas")
    slide(page, "#steer input[name=strength]", 20)
    page.wait_for_function(
        "url => document.querySelector('#steer [data-cloud=truth] canvas').toDataURL() !== url", arg=shown
    )
    assert 0 < distance() < 0.8 * weak
