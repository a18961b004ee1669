"""Every figure does what it says: by the pointer, by sliders and menus, by the keyboard, and as a picture."""

import re

from PIL import Image
import pytest

from tests.site import browsing
from tests.site.browsing import WAIT

pytestmark = pytest.mark.site
FIGURES = ("drag", "rules", "steps", "triangle", "steer", "train", "methods")
MOVING = ("drag", "steps", "steer", "train")
KL = re.compile(r"KL (\d+\.\d+)")


def told(page, figure, text, place=0):
    """The text of a figure once it contains something."""
    found = page.locator(f"#{figure} .told").nth(place)
    found.filter(has_text=re.compile(text)).wait_for()
    return found.inner_text()


def numbers(text):
    """Those of a text such as "0.12, −0.30"; the page writes a minus sign, not a hyphen."""
    return [float(number.replace("\N{MINUS SIGN}", "-")) for number in text.split(",")]


def slide(page, selector, value):
    page.locator(selector).evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', { bubbles: true })); }", value
    )


def picture(page, selector):
    return page.locator(selector).first.evaluate("canvas => canvas.toDataURL()")


def test_all_figures_work_without_a_complaint_and_without_the_network(opened):
    page = opened.page
    for figure in FIGURES:
        page.locator(f"#{figure}").scroll_into_view_if_needed()
    told(page, "drag", "Learnt")
    for place in range(3):
        told(page, "rules", "Residual", place)
    told(page, "steps", "KL", 1)
    page.locator("#triangle[aria-busy]").wait_for(state="attached")
    assert opened.complaints == []
    strangers = [url for url in opened.requests if not url.startswith((opened.address, "data:", "blob:"))]
    assert strangers == []


def test_the_point_is_dragged(opened):
    page = opened.page
    before = told(page, "drag", "Learnt")
    box = page.locator("#drag .handle").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 120, y + 60, steps=4)
    page.mouse.up()
    page.wait_for_function("text => document.querySelector('#drag .told').textContent !== text", arg=before)
    after = told(page, "drag", "Learnt")
    moved = page.locator("#drag .handle").bounding_box()
    assert moved["x"] - box["x"] == pytest.approx(120, abs=2)
    assert after != before


def test_the_point_moves_by_arrow_keys(opened):
    page = opened.page
    told(page, "drag", "Learnt")
    handle = page.locator("#drag .handle")
    before = handle.get_attribute("title")
    handle.focus()
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_function("text => document.querySelector('#drag .handle').title !== text", arg=before)
    x, y = (float(number) for number in before.strip("()").split(","))
    assert handle.get_attribute("title") == f"({x + 0.1:.2f}, {y:.2f})"


def test_tangent_and_chord_become_one_as_t_comes_to_s(opened):
    page = opened.page
    velocities = re.compile(r"Velocity at s: \((.*?)\); average velocity from s to t: \((.*?)\)")

    def apart(text):
        a, b = map(numbers, velocities.search(text).groups())
        return max(abs(p - q) for p, q in zip(a, b, strict=True))

    assert apart(told(page, "drag", "Learnt")) > 0.2
    slide(page, "#drag input[name=t]", 0.02)
    assert apart(told(page, "drag", r"at t = 0\.02.*Learnt")) < 0.05


def test_the_button_says_why_long_jumps_are_not_supervised(opened):
    page = opened.page
    told(page, "drag", "Learnt")
    assert not page.locator("#drag .because").is_visible()
    page.locator("#drag button[name=why]").click()
    assert page.locator("#drag .because").is_visible()
    text = told(page, "drag", "Average end of the samples")
    mean = numbers(re.search(r"Average end .*?\((.*?)\)", text).group(1))
    # Of data seen from the noise: their mean, which is 0.
    assert max(map(abs, mean)) < 0.15


def test_a_move_of_t_moves_the_exact_end(opened):
    page = opened.page
    told(page, "drag", "Learnt")
    before = picture(page, "#drag canvas")
    slide(page, "#drag input[name=t]", 0.5)
    told(page, "drag", r"at t = 0\.50")
    assert picture(page, "#drag canvas") != before


def test_flow_matching_breaks_the_rules_more_than_lsd(opened):
    page = opened.page

    def residuals():
        return [float(re.search(r"Residual (\d+\.\d+)", told(page, "rules", "Residual", k)).group(1)) for k in range(3)]

    told(page, "rules", "Residual", 2)
    flow_matching, before = residuals(), told(page, "rules", "Residual", 2)
    page.locator("#rules select[name=method]").select_option("lsd")
    page.wait_for_function(
        "text => document.querySelectorAll('#rules .told')[2].textContent !== text",
        arg=before,
    )
    assert all(a < 0.5 * b for a, b in zip(residuals(), flow_matching, strict=True))


def test_one_step_of_a_flow_map_beats_one_of_flow_matching(opened):
    page = opened.page
    page.locator("#steps").scroll_into_view_if_needed()
    euler, lsd = (float(KL.search(told(page, "steps", "KL", k)).group(1)) for k in range(2))
    assert lsd < 0.2
    assert euler > 2
    page.locator("#steps select[name=steps]").select_option("4")
    fewer = float(KL.search(told(page, "steps", "Flow matching, 4 steps: KL")).group(1))
    assert lsd < fewer < euler
    page.locator("#steps button[name=perfect]").click()
    assert 0.02 < float(re.search(r"\d\.\d+", page.locator("#steps output[name=perfect]").inner_text()).group()) < 0.06


def test_a_cell_of_the_triangle_sets_the_times_of_the_first_figure(opened):
    page = opened.page
    told(page, "drag", "Learnt")
    canvas = page.locator("#triangle canvas").nth(1)
    canvas.scroll_into_view_if_needed()
    canvas.focus()
    for key in ("ArrowUp", "ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert "ESD, s = 0.2, t = 0.9" in told(page, "triangle", "ESD")
    assert "from" in told(page, "drag", r"at s = 0\.20 .* at t = 0\.90")
    assert page.locator("#drag select[name=method]").input_value() == "esd"
    page.locator("#triangle[aria-busy=false]").wait_for(state="attached", timeout=2 * WAIT)
    canvas.click(position={"x": 5, "y": 5})
    assert re.search(r"s = 0.0, t = 1.0: mean squared error \d", told(page, "triangle", "s = 0.0"))


@pytest.mark.parametrize(("method", "sampling", "least"), [("lsd", "1", 0.9), ("flow_matching", "16", 0.9)])
def test_training_lowers_the_kl(method, sampling, least, opened):
    page = opened.page
    for name, value in (("length", "200"), ("method", method), ("sampling", sampling)):
        page.locator(f"#train select[name={name}]").select_option(value)
    page.locator("#train button[name=train]").click()
    first = float(KL.search(told(page, "train", "KL")).group(1))
    last = float(KL.search(told(page, "train", "200 of 200")).group(1))
    assert last < least
    assert last < 0.8 * first
    assert page.locator("#train button[name=train]").inner_text() == "Train"


@pytest.mark.parametrize("method", ["esd", "psd_m", "mean_flow"])
def test_every_other_method_trains(method, opened):
    page = opened.page
    page.locator("#train select[name=length]").select_option("200")
    page.locator("#train select[name=method]").select_option(method)
    page.locator("#train select[name=data]").select_option("eight_gaussians")
    page.locator("#train button[name=train]").click()
    first = float(KL.search(told(page, "train", "KL")).group(1))
    assert float(KL.search(told(page, "train", "200 of 200")).group(1)) < 0.8 * first
    assert opened.complaints == []


def test_data_are_drawn_by_the_pointer(opened):
    page = opened.page
    page.locator("#train select[name=data]").select_option("drawn")
    page.locator("#train button[name=train]").click()
    told(page, "train", "Nothing is drawn yet")
    box = page.locator("#train .plane canvas").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 60, box["y"] + box["height"] - 60, steps=20)
    page.mouse.up()
    page.locator("#train button[name=train]").click()
    told(page, "train", r"LSD: \d+ of")
    page.locator("#train button[name=train]").click()
    assert page.locator("#train button[name=train]").inner_text() == "Train"


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_saved_as_a_picture_and_has_an_address(figure, opened, tmp_path):
    page = opened.page
    told(page, "drag", "Learnt")
    page.locator(f"#{figure}").scroll_into_view_if_needed()
    if figure == "methods":
        page.locator("#methods output", has_text="66 of 66").wait_for()
    with page.expect_download() as waited:
        page.locator(f"#{figure} button", has_text="Save as PNG").click()
    waited.value.save_as(tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as saved:
        assert min(saved.size) > 100
        assert len(saved.convert("RGB").getcolors(maxcolors=1 << 20)) > 2
    page.goto(f"{opened.address}#{figure}")
    top = page.locator(f"#{figure}").evaluate("figure => figure.getBoundingClientRect().top")
    assert -5 < top < 700
    assert page.locator(f"#{figure} figcaption").inner_text()
    assert not page.locator(f"#{figure} details .formula").first.is_visible()
    page.locator(f"#{figure} summary").click()
    assert page.locator(f"#{figure} details .formula").first.is_visible()


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_stands_alone_to_be_embedded(figure, chromium, address):
    with browsing.opened(chromium, address, query=f"?figure={figure}", reduced_motion="reduce") as seen:
        page = seen.page
        assert page.locator(f"#{figure} figcaption").is_visible()
        shown = page.locator("figure:visible").evaluate_all("figures => figures.map(figure => figure.id)")
        assert shown == [figure]
        assert not page.locator("h1").is_visible()
        assert page.locator(f"#{figure}").bounding_box()["y"] < 100
        assert seen.complaints == []


def test_an_unknown_name_of_a_figure_shows_all(chromium, address):
    with browsing.opened(chromium, address, query="?figure=new", reduced_motion="reduce") as seen:
        assert seen.page.locator("figure:visible").count() == len(FIGURES)


def saved_animation(page, figure, folder):
    """The frames of the file that the button saves, and their durations."""
    with page.expect_download() as waited:
        page.locator(f"#{figure} button", has_text="Save as animation").click()
    assert waited.value.suggested_filename == f"flow-map-{figure}.gif"
    waited.value.save_as(folder / "figure.gif")
    with Image.open(folder / "figure.gif") as saved:
        assert saved.format == "GIF"
        assert max(saved.size) <= 720
        frames = []
        for k in range(saved.n_frames):
            saved.seek(k)
            frames.append((saved.convert("RGB").tobytes(), saved.info["duration"]))
    return zip(*frames, strict=True)


def test_the_swing_of_t_is_saved_as_an_animation(opened, tmp_path):
    page = opened.page
    told(page, "drag", "Learnt")
    slide(page, "#drag input[name=t]", 0.7)
    pictures, durations = saved_animation(page, "drag", tmp_path)
    assert len(set(pictures)) > 20
    assert 4000 < sum(durations) < 8000
    told(page, "drag", r"at t = 0\.70")  # as it was


def test_the_steps_of_both_clouds_are_saved_as_an_animation(opened, tmp_path):
    page = opened.page
    page.locator("#steps select[name=steps]").select_option("4")
    page.locator("#steps").scroll_into_view_if_needed()
    for place in range(2):
        told(page, "steps", "4 steps: KL", place)
    pictures, _ = saved_animation(page, "steps", tmp_path)
    assert len(set(pictures)) == 5  # the noise, and each step


def test_training_is_saved_as_an_animation_once_there_is_one(opened, tmp_path):
    page = opened.page
    button = page.locator("#train button", has_text="Save as animation")
    button.click()
    page.locator("#train .tools", has_text="press Train first").wait_for()
    page.locator("#train select[name=length]").select_option("200")
    page.locator("#train button[name=train]").click()
    told(page, "train", "200 of 200")
    pictures, _ = saved_animation(page, "train", tmp_path)
    assert len(set(pictures)) == 9  # scored every 25 updates


def test_where_nothing_moves_no_animation_is_offered(opened):
    offered = opened.page.locator("button", has_text="Save as animation")
    found = offered.evaluate_all("buttons => buttons.map(button => button.closest('figure').id)")
    assert tuple(found) == MOVING
