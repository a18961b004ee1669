"""Saves a still picture of every figure, for readers without scripts: ``python -m tests.site.stills``.

Each is saved by the figure's own button, from the built page, and made small.
"""

import io
from pathlib import Path
import re

from PIL import Image

from tests.site import browsing
from tests.site.build import EXPLORER

STILLS = EXPLORER / "public" / "stills"
FIGURES = ("drag", "rules", "steps", "triangle", "steer", "train", "methods")
WIDEST, COLOURS = 1100, 128
# A text that each figure says once it is whole, and where.
WHOLE = {
    "drag": (".told", "Learnt"),
    "rules": (".told >> nth=2", "Residual"),
    "steps": (".told >> nth=1", "KL"),
    "steer": (".told >> nth=4", "KL"),
    "train": (".told", "1000 of 1000"),
    "methods": ("output", "66 of 66"),
}


def prepare(page: object, figure: str) -> None:
    """Brings a figure into view and waits until it is whole.

    Args:
      page: of the browser.
      figure: its id.
    """
    page.locator(f"#{figure}").scroll_into_view_if_needed()
    if figure == "train":
        page.locator("#train button[name=train]").click()
    if figure == "triangle":
        page.locator("#triangle[aria-busy=false]").wait_for(state="attached", timeout=4 * browsing.WAIT)
        return
    place, text = WHOLE[figure]
    page.locator(f"#{figure} {place}").filter(has_text=re.compile(text)).wait_for(timeout=4 * browsing.WAIT)


def save(page: object, figure: str, folder: Path) -> Path:
    """Saves a figure by its own button, in few colours.

    Args:
      page: of the browser.
      figure: its id.
      folder: where to.

    Returns:
      the file.
    """
    with page.expect_download() as waited:
        page.locator(f"#{figure} button", has_text="Save as PNG").click()
    with Image.open(io.BytesIO(waited.value.path().read_bytes())) as picture:
        small = picture.convert("RGB")
    small.thumbnail((WIDEST, 2 * WIDEST))
    path = folder / f"{figure}.png"
    small.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


def main() -> None:
    """Saves all."""
    STILLS.mkdir(parents=True, exist_ok=True)
    with browsing.served() as address, browsing.chromium() as started:
        for figure in FIGURES:
            # A page of its own: a figure at work does not slow down the next.
            with browsing.opened(started, address, reduced_motion="reduce") as seen:
                prepare(seen.page, figure)
                path = save(seen.page, figure, STILLS)
                print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
