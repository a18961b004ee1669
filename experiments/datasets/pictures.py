"""From a picture as Pillow opens it to an array: channels, centre crop, resizing."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from experiments.errors import UsageError, nearest

FILTERS = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
GREY = ("1", "L", "LA")
COLOURS = {1: "L", 3: "RGB"}
DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # Pillow would cut their numbers off at 255


class Form(NamedTuple):
    """What is made of a picture.

    Attributes:
      side: side of the square that it is resized to; None to leave its size.
      crop: side of the square that is cut from its centre before; None for the largest, if ``side`` is given.
      filter: how it is resized, a key of ``FILTERS``; box is the mean over the area of a new pixel, bicubic and lanczos
        are as wide, too, when pictures become smaller. Pillow rounds to 8 bits after each direction.
    """

    side: int | None = None
    crop: int | None = None
    filter: str = "box"

    def check(self) -> None:
        """UsageError if the options mean nothing."""
        if self.filter not in FILTERS:
            raise UsageError(f"unknown filter={self.filter}; {nearest(self.filter, FILTERS)}")
        for name, value in (("side", self.side), ("crop", self.crop)):
            if value is not None and value < 1:
                raise UsageError(f"{name}={value}; expected at least 1 pixel")

    def size(self, width: int, height: int, what: str) -> tuple[int, int]:
        """(height, width) of the result for a picture of a size; UsageError if it is too small to crop."""
        if self.crop is not None and self.crop > min(width, height):
            raise UsageError(f"{what} has {width} x {height} pixels, crop={self.crop}; expected a crop within it")
        side = self.side or self.crop
        return (side, side) if side else (height, width)


def channels_of(mode: str, what: str) -> int:
    """Number of channels of a picture of one of Pillow's modes, 1 or 3; UsageError for more than 8 bits."""
    if mode in DEEP:
        raise UsageError(f"{what} has more than 8 bits a colour (mode {mode}); expected 8: convert it")
    return 1 if mode in GREY else 3


def to_array(picture: Image.Image, form: Form, channels: int, what: str) -> np.ndarray:
    """A picture as an array: channels, then the crop, then the size.

    Args:
      picture: as Pillow opens it; a rotation that its file asks for is not done, transparency is dropped.
      form: crop, side and filter.
      channels: 1 for grey, 3 for red, green and blue.
      what: what it is called in messages.

    Returns:
      [height, width, channels] of uint8.

    Raises:
      UsageError: if it is smaller than the crop, or has more than 8 bits.
    """
    channels_of(picture.mode, what)
    form.size(*picture.size, what)
    if picture.mode in ("P", "PA"):
        # Pillow warns of a palette whose colours are transparent in part, otherwise.
        picture = picture.convert("RGBA")
    picture = picture.convert(COLOURS[channels])
    if form.side or form.crop:
        edge = form.crop or min(picture.size)
        left, top = ((length - edge) // 2 for length in picture.size)
        picture = picture.crop((left, top, left + edge, top + edge))
    if form.side and form.side != picture.width:
        picture = picture.resize((form.side, form.side), FILTERS[form.filter])
    return np.asarray(picture, np.uint8).reshape(picture.height, picture.width, channels)
