"""The Inception-v3 network of FID as a Linen module, the resizing of its input, and features of images.

FID is defined by one network with one set of weights, released in 2015 for TensorFlow. The project carries no copy of
them: ``images.inception_weights`` converts the public file.
"""

from collections.abc import Callable, Iterable
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from experiments.errors import UsageError, nearest
from experiments.images.inception_weights import Variables

SIDE, FEATURES = 299, 2048
BATCH = 64  # images that are looked at together
# Products of float32 in full: shorter ones would move the third digit of FID.
PRECISION = jax.lax.Precision.HIGHEST


class Conv(nn.Module):
    """Convolution without bias, normalization by stored statistics, ReLU."""

    features: int
    kernel: tuple[int, int]
    stride: int = 1
    padding: str = "SAME"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """X [batch, height, width, channels] -> [batch, height', width', features]."""
        strides = (self.stride, self.stride)
        x = nn.Conv(
            self.features, self.kernel, strides, self.padding, use_bias=False, precision=PRECISION, name="conv"
        )(x)
        return nn.relu(nn.BatchNorm(use_running_average=True, epsilon=1e-3, name="bn")(x))


def chain(x: jax.Array, *steps: tuple[str, int, int | tuple[int, int]], stride: int = 1) -> jax.Array:
    """Convolutions one after the other within a block; the last one has the stride, and no padding if it is not 1."""
    for i, (name, features, kernel) in enumerate(steps):
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        strided = stride if i == len(steps) - 1 else 1
        x = Conv(features, kernel, strided, "SAME" if strided == 1 else "VALID", name=name)(x)
    return x


def mean_pool(x: jax.Array) -> jax.Array:
    """Mean over 3 x 3 neighbours; at the border over those that exist, as TensorFlow does."""
    return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False)


def max_pool(x: jax.Array, *, stride: int) -> jax.Array:
    """Maximum over 3 x 3 neighbours; without padding if the stride is not 1."""
    return nn.max_pool(x, (3, 3), (stride, stride), "SAME" if stride == 1 else "VALID")


class BlockA(nn.Module):
    """Branches of 1 x 1, 5 x 5 and twice 3 x 3."""

    pooled: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """X [batch, h, w, channels] -> [batch, h, w, 224 + pooled]."""
        branches = (
            chain(x, ("branch1x1", 64, 1)),
            chain(x, ("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)),
            chain(x, ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)),
            chain(mean_pool(x), ("branch_pool", self.pooled, 1)),
        )
        return jnp.concatenate(branches, axis=-1)


class BlockB(nn.Module):
    """Halves the resolution: 35 to 17."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """X [batch, h, w, channels] -> [batch, (h - 1) / 2, (w - 1) / 2, 480 + channels]."""
        branches = (
            chain(x, ("branch3x3", 384, 3), stride=2),
            chain(x, ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3), stride=2),
            max_pool(x, stride=2),
        )
        return jnp.concatenate(branches, axis=-1)


class BlockC(nn.Module):
    """Convolutions of 7 x 7 as products of rows and columns."""

    width: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """X [batch, h, w, channels] -> [batch, h, w, 768]."""
        c, row, column = self.width, (1, 7), (7, 1)
        doubled = (("branch7x7dbl_1", c, 1), ("branch7x7dbl_2", c, column), ("branch7x7dbl_3", c, row))
        branches = (
            chain(x, ("branch1x1", 192, 1)),
            chain(x, ("branch7x7_1", c, 1), ("branch7x7_2", c, row), ("branch7x7_3", 192, column)),
            chain(x, *doubled, ("branch7x7dbl_4", c, column), ("branch7x7dbl_5", 192, row)),
            chain(mean_pool(x), ("branch_pool", 192, 1)),
        )
        return jnp.concatenate(branches, axis=-1)


class BlockD(nn.Module):
    """Halves the resolution: 17 to 8."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """X [batch, h, w, channels] -> [batch, (h - 1) / 2, (w - 1) / 2, 512 + channels]."""
        separated = (("branch7x7x3_1", 192, 1), ("branch7x7x3_2", 192, (1, 7)), ("branch7x7x3_3", 192, (7, 1)))
        branches = (
            chain(x, ("branch3x3_1", 192, 1), ("branch3x3_2", 320, 3), stride=2),
            chain(x, *separated, ("branch7x7x3_4", 192, 3), stride=2),
            max_pool(x, stride=2),
        )
        return jnp.concatenate(branches, axis=-1)


class BlockE(nn.Module):
    """Branches that end in a row and a column in parallel."""

    pool: Callable[[jax.Array], jax.Array]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """X [batch, h, w, channels] -> [batch, h, w, 2048]."""
        single = chain(x, ("branch3x3_1", 384, 1))
        double = chain(x, ("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3))
        branches = (
            chain(x, ("branch1x1", 320, 1)),
            chain(single, ("branch3x3_2a", 384, (1, 3))),
            chain(single, ("branch3x3_2b", 384, (3, 1))),
            chain(double, ("branch3x3dbl_3a", 384, (1, 3))),
            chain(double, ("branch3x3dbl_3b", 384, (3, 1))),
            chain(self.pool(x), ("branch_pool", 192, 1)),
        )
        return jnp.concatenate(branches, axis=-1)


class Inception(nn.Module):
    """Inception-v3 up to the pooled features, in the form of FID: the last block takes a maximum, not a mean.

    Reference: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception architecture for computer vision",
      arXiv 1512.00567; weights of TensorFlow's model of 2015-12-05; names of modules as in torchvision.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """X [batch, 299, 299, 3] in [-1, 1] -> features [batch, 2048]; any sides from 75 on."""
        x = Conv(32, (3, 3), 2, "VALID", name="Conv2d_1a_3x3")(x)
        x = Conv(32, (3, 3), 1, "VALID", name="Conv2d_2a_3x3")(x)
        x = max_pool(Conv(64, (3, 3), name="Conv2d_2b_3x3")(x), stride=2)
        x = Conv(80, (1, 1), name="Conv2d_3b_1x1")(x)
        x = max_pool(Conv(192, (3, 3), 1, "VALID", name="Conv2d_4a_3x3")(x), stride=2)
        for name, pooled in (("5b", 32), ("5c", 64), ("5d", 64)):
            x = BlockA(pooled, name=f"Mixed_{name}")(x)
        x = BlockB(name="Mixed_6a")(x)
        for name, width in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
            x = BlockC(width, name=f"Mixed_{name}")(x)
        x = BlockD(name="Mixed_7a")(x)
        x = BlockE(mean_pool, name="Mixed_7b")(x)
        x = BlockE(functools.partial(max_pool, stride=1), name="Mixed_7c")(x)
        return x.mean(axis=(1, 2))


@functools.cache
def shapes() -> Variables:
    """Shapes of all weights and statistics, as ``jax.ShapeDtypeStruct``."""
    return jax.eval_shape(Inception().init, jax.random.key(0), jnp.zeros((1, SIDE, SIDE, 3)))


def interpolation(length: int, side: int, *, half_pixel: bool) -> np.ndarray:
    """The matrix [side, length] of linear interpolation along one axis, without smoothing.

    Args:
      length: pixels before.
      side: pixels after.
      half_pixel: whether pixels are areas, whose centres lie at 1/2, 3/2, ...; otherwise points at 0, 1, ...

    Returns:
      rows that sum to 1; beyond the outermost pixels their values continue.
    """
    at = np.arange(side) * length / side
    if half_pixel:
        at = at + 0.5 * length / side - 0.5
    at = np.clip(at, 0, length - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(length))).astype(np.float32)


def resized(images: jax.Array, *, half_pixel: bool) -> jax.Array:
    """Images [batch, height, width, channels] at 299 x 299, bilinear."""
    rows, columns = (interpolation(length, SIDE, half_pixel=half_pixel) for length in images.shape[1:3])
    return jnp.einsum("ih,bhwc,jw->bijc", rows, images, columns, precision=PRECISION)


# How images in [-1, 1] become the network's input. The two in use differ, and so do their FIDs.
RESIZES: dict[str, Callable[[jax.Array], jax.Array]] = {
    # pytorch-fid, and code that follows it: centres of pixels at halves, input in [-1, 1].
    "half_pixel": lambda images: resized(images, half_pixel=True),
    # TensorFlow's own graph, torch-fidelity, EDM: corners, and (pixel - 128) / 128 of pixels from 0 to 255.
    "tensorflow": lambda images: (127.5 * (resized(images, half_pixel=False) + 1) - 128) / 128,
}


@functools.partial(jax.jit, static_argnames="resize")
def _features(variables: Variables, images: jax.Array, *, resize: str) -> jax.Array:
    if images.shape[-1] == 1:
        images = jnp.repeat(images, 3, axis=-1)
    return Inception().apply(variables, RESIZES[resize](images))


def features(chunks: Iterable[np.ndarray], variables: Variables, *, resize: str) -> np.ndarray:
    """The features by which FID compares images.

    Args:
      chunks: arrays of images [n, height, width, 1 or 3] in [-1, 1]; grey ones count as three equal channels.
      variables: of ``inception_weights.load``.
      resize: a key of ``RESIZES``.

    Returns:
      [number of all images, 2048].

    Raises:
      UsageError: on an unknown resize.
    """
    if resize not in RESIZES:
        raise UsageError(f"unknown evaluation.resize={resize!r}; {nearest(resize, RESIZES)}")
    parts = []
    for chunk in chunks:
        for start in range(0, len(chunk), BATCH):
            part = chunk[start : start + BATCH]
            # One shape, one program.
            padded = np.zeros((BATCH, *part.shape[1:]), np.float32)
            padded[: len(part)] = part
            parts.append(np.asarray(_features(variables, padded, resize=resize))[: len(part)])
    return np.concatenate(parts)
