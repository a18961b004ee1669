"""Frames of a figure of matplotlib, and how they look alike in all moving pictures."""

from collections.abc import Callable, Iterable, Iterator
import io

import matplotlib

matplotlib.use("Agg")
from matplotlib.colors import to_rgb
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from experiments.datasets.dataset import Dataset
from experiments.reporting import plots

# The same thing has one colour in every picture.
NOISE, TRUE, MAP, VELOCITY, WRONG = "#5b6b7b", "#000000", "#d9700a", "#1465b4", "#c81d25"
PIECES = (VELOCITY, "#2a8f4a", MAP, "#7b3fa0", WRONG, NOISE)  # of one thing in parts
BOARD, WHITE = "#d8d8d8", "#ffffff"
BLENDS = (0.35, 0.7)  # of a colour with what is behind it, on smooth edges
REACH = 1.45  # of a panel, in both coordinates
PANEL, DPI = 3.5, 80  # inches of a panel
HOLD = 14  # frames for which the last one stands still
MILLISECONDS = 80  # of a frame

Draw = Callable[[int], Iterable[object]]


def panels(
    dataset: Dataset, titles: list[list[str]], *, note: float, frame: tuple[float, float] = (-REACH, REACH)
) -> tuple[plt.Figure, np.ndarray]:
    """A figure with one panel of the board for each title, and room for a line of text below.

    Args:
      dataset: the data set in the plane.
      titles: [rows][columns].
      note: inches that are left below the panels.
      frame: least and largest value of both coordinates that is shown.

    Returns:
      the figure, and its axes [rows, columns].
    """
    rows, columns = len(titles), len(titles[0])
    height = rows * (PANEL + 0.3) + note
    figure, axes = plt.subplots(rows, columns, figsize=(columns * PANEL, height), squeeze=False)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=note / height + 0.01, top=1 - 0.3 / height, wspace=0.03)
    for axis, title in zip(axes.ravel(), (title for row in titles for title in row), strict=True):
        plots.draw_target(axis, dataset)
        axis.set(xticks=[], yticks=[], xlim=frame, ylim=frame, aspect="equal")
        axis.set_title(title, fontsize=12)
        for side in axis.spines.values():
            side.set_color("#bbbbbb")
    return figure, axes


def arrow(axis: plt.Axes, start: np.ndarray, end: np.ndarray, colour: str, **style: object) -> plt.Annotation:
    """An arrow between two points."""
    look = {"arrowstyle": "-|>", "color": colour, "lw": 2, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 13} | style
    return axis.annotate("", tuple(end), tuple(start), arrowprops=look)


def frames(figure: plt.Figure, draw: Draw, numbers: Iterable[int]) -> Iterator[Image.Image]:
    """Draws a figure once for each number; what ``draw`` returns is removed after its frame.

    Args:
      figure: with what stays.
      draw: number -> artists of this frame alone.
      numbers: of the frames.

    Yields:
      pictures.
    """
    for number in numbers:
        artists = list(draw(number))
        figure.canvas.draw()
        yield Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())
        for artist in artists:
            artist.remove()
    plt.close(figure)


def palette() -> np.ndarray:
    """[colours, 3]; the named colours, their blends with what is behind them, and greys."""
    named = np.array([to_rgb(colour) for colour in dict.fromkeys((*PIECES, TRUE))])
    behind = np.array([to_rgb(colour) for colour in (WHITE, BOARD)])
    blends = [share * named + (1 - share) * other for share in BLENDS for other in behind]
    greys = np.linspace(0, 1, 20)[:, None] * np.ones(3)
    return (255 * np.concatenate([named, behind, *blends, greys])).round().astype(np.uint8)


def packed(pictures: list[Image.Image]) -> bytes:
    """The pictures as one animated GIF that repeats without end, the last one standing still for a while."""
    colours = Image.new("P", (1, 1))
    colours.putpalette(palette().ravel().tolist())
    few = [picture.quantize(palette=colours, dither=Image.Dither.NONE) for picture in pictures]
    times = [MILLISECONDS] * (len(few) - 1) + [MILLISECONDS * HOLD]
    content = io.BytesIO()
    few[0].save(content, "GIF", save_all=True, append_images=few[1:], duration=times, loop=0, optimize=False)
    return content.getvalue()
