"""Names of option sets in pictures, in lines that fit."""

import re

WIDTH = 24  # letters, of a panel in the small font
LARGE, SMALL = 11, 8


def wrapped(name: str, *, width: int = WIDTH) -> str:
    """A name such as ``lsd[velocity=pooled,pool=512]`` in lines, broken after brackets and commas alone.

    Args:
      name: a method, or an option set of one.
      width: letters of a line; a longer piece keeps its line.

    Returns:
      the name with line breaks.
    """
    lines = [""]
    for piece in re.split(r"(?<=[\[,])", name):
        if lines[-1] and len(lines[-1]) + len(piece) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def size(name: str) -> int:
    """The font size of a name: small if it has several lines."""
    return SMALL if "\n" in wrapped(name) else LARGE
