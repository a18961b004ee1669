"""Records the first figure in motion as a GIF: ``python -m tests.site.record --out=docs/images/explorer.gif``.

t goes from 0 to 1, the point is dragged in a loop, t goes back: pictures of a browser that does so on the built page.
"""

import argparse
import io
import math
from pathlib import Path

from PIL import Image

from tests.site import browsing

WIDTH, VIEW = 720, 560  # pixels of the picture, and of the page that it shows
DELAY = 80  # milliseconds a frame
COLOURS = 160
OUT, LOOP, BACK, HOLD = 38, 60, 20, 5  # frames of each part, and of each rest between
# The pointer of the one who drags, which pictures of a page do not have.
POINTER = """() => {
  const pointer = document.createElement('div');
  pointer.id = 'pointer';
  pointer.innerHTML = '<svg width="22" height="22" viewBox="0 0 22 22"><path d="M3 2 L3 18 L7.5 14 L10.5 20.5 ' +
    'L13.5 19 L10.5 13 L16.5 12.5 Z" fill="white" stroke="black" stroke-width="1.4"/></svg>';
  pointer.style.cssText = 'position:fixed;left:0;top:0;z-index:9;pointer-events:none';
  document.body.append(pointer);
  document.querySelector('#drag .handle').style.outline = 'none'; // no ring of the keyboard about it
  addEventListener('pointermove', event => {
    pointer.style.transform = `translate(${event.clientX - 3}px, ${event.clientY - 2}px)`;
  });
}"""


def smooth(share: float) -> float:
    """0 to 1, slow at both ends."""
    return (1 - math.cos(math.pi * share)) / 2


def frames(page: object) -> list[Image.Image]:
    """The pictures in their order.

    Args:
      page: of the browser, with the first figure alone.

    Returns:
      one a frame.
    """
    page.locator("#drag .told", has_text="Learnt").wait_for()
    page.evaluate(POINTER)
    plane, controls = page.locator("#drag .plane").bounding_box(), page.locator("#drag .controls label.wide").last
    below = controls.bounding_box()
    clip = {"x": 0, "y": 0, "width": VIEW, "height": below["y"] + below["height"] + 4}
    handle = page.locator("#drag .handle").bounding_box()
    start = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    found = []

    def take(count: int = 1) -> None:
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        with Image.open(io.BytesIO(page.screenshot(clip=clip))) as picture:
            found.extend([picture.convert("RGB")] * count)

    def slide(t: float) -> None:
        page.locator("#drag input[name=t]").evaluate(
            "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', { bubbles: true })); }", t
        )

    page.mouse.move(*start)
    slide(0)
    take(HOLD)
    for k in range(OUT):
        slide(smooth((k + 1) / OUT))
        take()
    take(HOLD)
    page.mouse.down()
    for k in range(LOOP):
        turn = 2 * math.pi * smooth((k + 1) / LOOP)
        page.mouse.move(
            start[0] + 0.34 * plane["width"] * (1 - math.cos(turn)),
            start[1] + 0.3 * plane["width"] * math.sin(turn) + 0.17 * plane["width"] * (1 - math.cos(turn)),
        )
        take()
    page.mouse.up()
    take(HOLD)
    for k in range(BACK):
        slide(1 - smooth((k + 1) / BACK))
        take()
    return found


def main() -> None:
    """Records and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    options = {"viewport": {"width": VIEW, "height": 900}, "device_scale_factor": WIDTH / VIEW}
    with (
        browsing.served() as address,
        browsing.chromium() as started,
        browsing.opened(started, address, query="?figure=drag", reduced_motion="reduce", **options) as seen,
    ):
        pictures = frames(seen.page)
    # One palette for all, so that what does not move is not written again.
    palette = pictures[OUT].quantize(COLOURS)
    first, *rest = (picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures)
    first.save(out, save_all=True, append_images=rest, duration=DELAY, loop=0, optimize=True)
    print(f"{out}: {len(pictures)} frames, {len(pictures) * DELAY / 1000:.1f} s, {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
