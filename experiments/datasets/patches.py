"""Natural colour patches: crops of the two photographs that ship with scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets.dataset import Dataset, Images
from experiments.datasets.examples import scaled
from experiments.errors import UsageError

# Both photographs are cut into bands of columns; the first part of each band is to train on, the rest is held out.
BAND, TRAIN_WIDTH = 160, 112
FIXED = 5000  # crops of each split that are kept for evaluation
TRAIN_SEED, TEST_SEED = 0, 1


def patches(*, side: int = 32) -> Dataset:
    """Square crops with horizontal flips of two photographs of 427 x 640 pixels, a temple and a flower.

    The columns of each photograph are cut into 4 bands of 160. Crops to train on lie within the first 112 columns of a
    band, crops that are held out within its last 48: no pixel is in both. Every position, flip and photograph is as
    likely. For a side of 32 there are 2 x 2 x 4 x 396 x 81 = 513,216 crops to train on and 107,712 that are held out,
    most of which overlap others of the same split.

    Args:
      side: of the crops in pixels, 2 to 48.

    Returns:
      the data set; examples are drawn on the device from the photographs, as vectors of side * side * 3 numbers in
      [-1, 1]; the class is the photograph. 5000 fixed crops of each split are kept for evaluation; the standard
      deviation is that of those to train on.

    Raises:
      UsageError: if no crop of this side fits.
    """
    held_width = BAND - TRAIN_WIDTH
    if not 2 <= side <= held_width:
        raise UsageError(f"patches of side={side}; expected 2 to {held_width}, the width of what is held out")
    from sklearn.datasets import load_sample_images  # a second of imports that no other data need

    photographs = np.stack(load_sample_images().images)
    columns = np.arange(0, photographs.shape[2], BAND)
    train_left = _positions(columns, TRAIN_WIDTH - side)
    test_left = _positions(columns + TRAIN_WIDTH, held_width - side)
    rows = photographs.shape[1] - side + 1

    def drawn(key: jax.Array) -> tuple[jax.Array, ...]:
        which, top, left, flip = jax.random.split(key, 4)
        return (
            jax.random.randint(which, (), 0, len(photographs)),
            jax.random.randint(top, (), 0, rows),
            jnp.asarray(train_left)[jax.random.randint(left, (), 0, len(train_left))],
            jax.random.bernoulli(flip),
        )

    def sample(key: jax.Array) -> jax.Array:
        which, top, left, flip = drawn(key)
        crop = jax.lax.dynamic_slice(jnp.asarray(photographs), (which, top, left, 0), (1, side, side, 3))[0]
        return scaled(jnp.where(flip, crop[:, ::-1], crop).reshape(-1))

    def label(key: jax.Array) -> jax.Array:
        return drawn(key)[0]

    train, train_labels = _fixed(photographs, side, rows, train_left, TRAIN_SEED)
    test, test_labels = _fixed(photographs, side, rows, test_left, TEST_SEED)
    truth = Images(train, test, (side, side, 3), train_labels, test_labels)
    name = "patches" if side == 32 else f"patches:side={side}"
    return Dataset(name, (3 * side**2,), float(train.std()), sample, truth, classes=len(photographs), label=label)


def _positions(starts: np.ndarray, last: int) -> np.ndarray:
    """All left edges from each start to ``last`` beyond it."""
    return (starts[:, None] + np.arange(last + 1)).reshape(-1).astype(np.int32)


def _fixed(photographs: np.ndarray, side: int, rows: int, left: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Fixed crops [FIXED, dim] and their photographs [FIXED]."""
    random = np.random.default_rng(seed)
    which, top = random.integers(0, len(photographs), FIXED), random.integers(0, rows, FIXED)
    first, flip = random.choice(left, FIXED), random.integers(0, 2, FIXED)
    crops = np.lib.stride_tricks.sliding_window_view(photographs, (side, side), axis=(1, 2))[which, top, first]
    crops = np.moveaxis(crops, 1, -1)
    crops = np.where(flip[:, None, None, None] == 1, crops[:, :, ::-1], crops)
    return scaled(crops.reshape(FIXED, -1)), which.astype(np.int32)
