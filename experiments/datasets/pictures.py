"""From a picture as Pillow opens it to an array: what a viewer shows, with channels, centre crop and size.

A picture is turned as its EXIF asks, transparency lies on white, and of several frames the first is taken.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image

from experiments.errors import UsageError, nearest

FILTERS = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
GREY = ("1", "L", "LA", "La")
COLOURS = {1: "L", 3: "RGB"}
DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # Pillow would cut their numbers off at 255
TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")
# Pillow knows these by their headers only, or hands them to another program.
NOT_READ = ("BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "WMF")
ENDINGS = {
    ending: kind
    for ending, kind in Image.registered_extensions().items()
    if kind in Image.OPEN and kind not in NOT_READ
}
FORMATS = tuple(sorted(set(ENDINGS.values())))
PIXELS = Image.MAX_IMAGE_PIXELS  # of a picture in a file: above, a small file may unpack to all of the memory
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ACROSS = (5, 6, 7, 8)  # turns that change width and height
# What is told of a folder, by what the header of a picture says.
TURNED, ON_WHITE = "turned as their EXIF asks", "with transparency, shown on white"
FRAMES, CUT, PRINT = "of several frames, of which the first", "of 16 bits a colour, cut to 8", "in CMYK"


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


class Header(NamedTuple):
    """What a picture's header says.

    Attributes:
      width: in pixels, of the picture upright.
      height: in pixels, of the picture upright.
      channels: 1 or 3.
      notes: what is to be told of it.
    """

    width: int
    height: int
    channels: int
    notes: tuple[str, ...]


def opened(path: Path) -> Image.Image:
    """A picture of a file, not decoded yet; UsageError if it has more pixels than ``PIXELS``."""
    try:
        picture = Image.open(path, formats=FORMATS)
    # Raised if warnings are errors, and above twice as many.
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise UsageError(f"picture {path} has too many pixels; {_fewer()}") from error
    if picture.width * picture.height > PIXELS:
        found = f"{picture.width} x {picture.height}"
        picture.close()
        raise UsageError(f"picture {path} has {found} pixels; {_fewer()}")
    return picture


def _fewer() -> str:
    return f"expected at most {PIXELS:,}: make it smaller, or take it out of the folder"


def header(picture: Image.Image, what: str) -> Header:
    """What is known of a picture before it is decoded; UsageError for more than 8 bits."""
    channels, turn = channels_of(picture.mode, what), turn_of(picture)
    notes = {
        TURNED: turn in TURNS,
        ON_WHITE: is_transparent(picture),
        FRAMES: _is_animated(picture),
        CUT: any(";16" in str(part) for part in getattr(picture, "tile", ())),
        PRINT: picture.mode == "CMYK",
    }
    size = picture.size[::-1] if turn in ACROSS else picture.size
    return Header(*size, channels, tuple(name for name, is_so in notes.items() if is_so))


def channels_of(mode: str, what: str) -> int:
    """Number of channels of a picture of one of Pillow's modes, 1 or 3; UsageError for more than 8 bits."""
    if mode in DEEP:
        raise UsageError(f"{what} has more than 8 bits a colour (mode {mode}); expected 8: convert it")
    return 1 if mode in GREY else 3


def turn_of(picture: Image.Image) -> int:
    """The orientation that a picture's EXIF asks for, a key of ``TURNS``; 1 for none, or if its EXIF is damaged."""
    # Pillow itself turns those of TIFF. It would decode a PNG to look for EXIF behind its pixels.
    if picture.format == "TIFF" or (
        picture.format == "PNG" and not {"exif", "Raw profile type exif", "xmp"} & picture.info.keys()
    ):
        return 1
    try:
        found = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF may raise anything, and the picture may be whole
        return 1
    return found if isinstance(found, int) and found in TURNS else 1


def is_transparent(picture: Image.Image) -> bool:
    """Whether a picture has transparency: a channel, a colour that stands for it, or a palette with it."""
    palette = picture.palette.mode if picture.mode == "P" and picture.palette else ""
    return picture.mode in TRANSPARENT or "transparency" in picture.info or palette.endswith("A")


def _is_animated(picture: Image.Image) -> bool:
    # A photograph of several frames is one with a preview.
    if picture.format == "MPO":
        return False
    try:
        return bool(getattr(picture, "is_animated", False))
    except Exception:  # a damaged second frame
        return True


def to_array(picture: Image.Image, form: Form, channels: int, what: str) -> np.ndarray:
    """A picture as an array: upright, on white, then channels, the crop, the size.

    Args:
      picture: as Pillow opens it.
      form: crop, side and filter.
      channels: 1 for grey, 3 for red, green and blue.
      what: what it is called in messages.

    Returns:
      [height, width, channels] of uint8.

    Raises:
      UsageError: if it is smaller than the crop, or has more than 8 bits.
    """
    channels_of(picture.mode, what)
    turn, transparent = turn_of(picture), is_transparent(picture)
    if turn in TURNS:
        picture = picture.transpose(TURNS[turn])
    form.size(*picture.size, what)
    if transparent or picture.mode == "P":
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    picture = picture.convert(COLOURS[channels])
    if form.side or form.crop:
        edge = form.crop or min(picture.size)
        left, top = ((length - edge) // 2 for length in picture.size)
        picture = picture.crop((left, top, left + edge, top + edge))
    if form.side and form.side != picture.width:
        picture = picture.resize((form.side, form.side), FILTERS[form.filter])
    return np.asarray(picture, np.uint8).reshape(picture.height, picture.width, channels)
