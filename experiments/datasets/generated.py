"""Made-up images of any shape, to try a configuration without its data: smooth random fields, always the same."""

import math

import numpy as np
from scipy import ndimage

from experiments.datasets import stored
from experiments.datasets.dataset import Dataset
from experiments.datasets.examples import Examples
from experiments.errors import UsageError

SMOOTHING = 0.1  # of the fields, in sides
SEED = 0
LARGEST = 2**28  # numbers in all: 1 GB, three times that while they are made


def generated(shape: str, *, classes: int = 0, count: int = 512) -> Dataset:
    """Smooth random fields in place of real images: nothing that is measured on them says anything about images.

    Args:
      shape: height, width and channels, such as 32x32x3.
      classes: number of classes; class k has the mean (2 k + 1) / classes - 1, halved. 0 for none.
      count: number of examples, of which a tenth is held out.

    Returns:
      the data set, called generated:HEIGHTxWIDTHxCHANNELS; images have 8 bits if they have 1 or 3 channels, others are
      float32 (such as latents).

    Raises:
      UsageError: on a shape or numbers that cannot be made.
    """
    parts = shape.split("x")
    # Python reads no more than 4,300 digits.
    if len(parts) != 3 or not all(part.isdecimal() and len(part) < 20 and int(part) for part in parts):
        raise UsageError(f"generated:{shape}; expected HEIGHTxWIDTHxCHANNELS, such as generated:32x32x3")
    size = tuple(int(part) for part in parts)
    fewest = max(20, 4 * classes)
    if classes < 0 or count < fewest:
        raise UsageError(f"generated with classes={classes},count={count}; expected classes >= 0, count >= {fewest}")
    if count * math.prod(size) > LARGEST:
        raise UsageError(
            f"generated:{shape} with count={count} has {count * math.prod(size):.3g} numbers; expected at most "
            f"{LARGEST:,}: make a smaller shape or count"
        )
    random = np.random.default_rng(SEED)
    noise = random.standard_normal((count, *size), dtype=np.float32)
    smoothing = (0, SMOOTHING * size[0], SMOOTHING * size[1], 0)
    fields = ndimage.gaussian_filter(noise, smoothing, mode="wrap")
    fields /= 2.5 * fields.std()
    labels = np.arange(count) % classes if classes else None
    if classes:
        fields += ((labels + 0.5) / classes - 0.5).astype(np.float32)[:, None, None, None]
    if size[2] in (1, 3):
        fields = np.round(127.5 * (np.clip(fields, -1, 1) + 1)).astype(np.uint8)
    name = f"generated:{shape}"
    return stored.dataset(name, Examples(name, fields, labels), size=size, classes=classes or None, exact=False)
