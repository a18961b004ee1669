"""Samples of a data set, pictures with random pixels, and the bytes of what a data set gives."""

import itertools

import jax
import numpy as np
from PIL import Image

# Pillow resizes along one direction, then the other, and rounds to 8 bits after each.
ROUNDINGS = 1.001


def random_images(count, height, width, channels=3, *, seed=0):
    shape = (count, height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path)


def folder_of(root, images, *, names="{:03}.png"):
    for number, image in enumerate(images):
        write(root / names.format(number), image)
    return root


def bytes_of(x):
    """Numbers in [-1, 1] as the bytes that they come from, exactly."""
    raw = 127.5 * (np.asarray(x, np.float64) + 1)
    np.testing.assert_allclose(raw, raw.round(), atol=1e-4)
    return raw.round().astype(np.uint8)


def everything(dataset):
    """{bytes of an example: its class} of records and what is held out, which share none."""
    train = bytes_of(np.stack([dataset.records[i] for i in range(len(dataset.records))]))
    test = bytes_of(dataset.truth.test)
    none = itertools.repeat(None)
    labels = (none, none) if dataset.labels is None else (dataset.labels.tolist(), dataset.truth.test_labels.tolist())
    pairs = [(row.tobytes(), k) for x, y in zip((train, test), labels, strict=True) for row, k in zip(x, y)]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def block_means(images, factor):
    count, height, width, channels = images.shape
    return images.reshape(count, height // factor, factor, width // factor, factor, channels).mean(axis=(2, 4))


def drawn(dataset, count=50_000, seed=0):
    return np.asarray(jax.jit(jax.vmap(dataset.sample))(jax.random.split(jax.random.key(seed), count)))
