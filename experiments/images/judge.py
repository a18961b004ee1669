"""Small classifiers of real images: their features compare generated images with real ones, their classes judge them.

Each is trained once on the training images of its data set and kept in ``$FLOWMAP_CACHE``. There are no convolutions:
loops of them are slow on a CPU. The judge of digits is in ``images.classifier``.
"""

from collections.abc import Callable
import functools
import hashlib
import math
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import caches
from experiments.datasets.dataset import Dataset, Images
from experiments.images import classifier
from experiments.images.classifier import BATCH, FEATURES, JUDGING

STEPS = 600
EXAMPLES = 20_000  # training pictures that are held in memory
SMALLEST = 4  # side at which a picture is looked at as a whole
CHUNK = 1000  # pictures that are judged together


class Pyramid(nn.Module):
    """Patches of 4 x 4 pixels, then of 2 x 2 patches, until the whole picture is seen at once."""

    classes: int
    size: tuple[int, int, int]

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """X [batch, dim] -> (logits [batch, classes], features [batch, 64], logits of rotations [batch, 4])."""
        x = nn.gelu(nn.Dense(64)(patches(x.reshape(-1, *self.size), 4)))
        while min(x.shape[1:3]) > SMALLEST:
            x = nn.gelu(nn.Dense(128)(patches(x, 2)))
        features = nn.gelu(nn.Dense(FEATURES)(x.reshape(len(x), -1)))
        return nn.Dense(self.classes)(features), features, nn.Dense(4)(features)


def patches(x: jax.Array, side: int) -> jax.Array:
    """Squares side by side as channels: [n, h, w, c] -> [n, ceil(h/side), ceil(w/side), side^2 c], zeros beyond."""
    n, height, width, channels = x.shape
    rows, columns = -(-height // side), -(-width // side)
    x = jnp.pad(x, ((0, 0), (0, rows * side - height), (0, columns * side - width), (0, 0)))
    x = x.reshape(n, rows, side, columns, side, channels).swapaxes(2, 3)
    return x.reshape(n, rows, columns, side**2 * channels)


def _train(network: Pyramid, images: np.ndarray, classes: np.ndarray, *, seed: int) -> dict:
    """Classes of one half of every batch, rotations of the other: few classes alone would leave few features."""
    height, width, channels = network.size

    def loss(params: dict, key: jax.Array, images: jax.Array, classes: jax.Array) -> jax.Array:
        key_pick, key_flip, key_turn = jax.random.split(key, 3)
        picked = jax.random.randint(key_pick, (BATCH,), 0, len(images))
        # Without noise, unlike a reward: a judge is to see noise that samples still have.
        pictures = images[picked].reshape(-1, height, width, channels)
        flip = jax.random.bernoulli(key_flip, shape=(BATCH, 1, 1, 1))
        pictures = jnp.where(flip, pictures[:, :, ::-1], pictures)
        half = BATCH // 2
        # Only squares can be turned by a right angle.
        turns = jax.random.randint(key_turn, (half,), 0, 4) if height == width else 2 * (jnp.arange(half) % 2)
        turned = pictures[half:]
        for turn in range(1, 4):
            if height == width or turn == 2:
                rotated = jnp.rot90(pictures[half:], turn, axes=(1, 2))
                turned = jnp.where((turns == turn)[:, None, None, None], rotated, turned)
        both = jnp.concatenate([pictures[:half], turned]).reshape(BATCH, -1)
        logits, _, of_turns = network.apply(params, both)
        entropy = optax.softmax_cross_entropy_with_integer_labels
        return (entropy(logits[:half], classes[picked[:half]]) + entropy(of_turns[half:], turns)).mean()

    return classifier.fit(network, loss, images, classes, steps=STEPS, seed=seed)


class Judge(NamedTuple):
    """A classifier of a data set's pictures.

    Attributes:
      features: [n, dim] pictures -> [n, 64]; the last hidden layer, for distances between sets of pictures, in units
        in which training pictures have a mean square of 1.
      classes: [n, dim] pictures -> [n]; the class that it assigns.
      accuracy: share of the held-out pictures whose class it finds.
    """

    features: Callable[[np.ndarray], np.ndarray]
    classes: Callable[[np.ndarray], np.ndarray]
    accuracy: float


@functools.partial(jax.jit, static_argnums=0)
def _apply(network: nn.Module, params: dict, x: jax.Array) -> tuple[jax.Array, ...]:
    return network.apply(params, x)


def judge(dataset: Dataset) -> Judge | None:
    """The judge of a data set, from the cache or trained now (seconds for digits, a minute for 32 x 32 pixels).

    Args:
      dataset: any; its training pictures make the judge, its held-out ones only its accuracy.

    Returns:
      the judge; None if the data are no pictures with classes.

    Raises:
      UsageError: if the file in the cache is damaged or the cache cannot be written.
    """
    truth = dataset.truth
    if not can_judge(dataset):
        return None
    classes = int(max(truth.train_labels.max(), truth.test_labels.max())) + 1
    if dataset.name == "digits":
        network, params = classifier.Network(), classifier.weights(JUDGING)
    else:
        size = truth.size if len(truth.size) == 3 else (*truth.size, 1)
        network = Pyramid(max(classes, dataset.classes), size)
        images, labels = _training_examples(dataset)
        made_of = hashlib.sha256(np.ascontiguousarray(images).tobytes() + labels.astype(np.int32).tobytes())
        path = caches.folder() / f"classifier_{made_of.hexdigest()[:12]}_{JUDGING}_{STEPS}.npz"
        train = functools.partial(_train, network, images, labels, seed=JUDGING)
        params = classifier.kept(path, network, math.prod(size), train)

    def parts(x: np.ndarray, which: int) -> np.ndarray:
        x = np.asarray(x, np.float32)
        chunks = [x[start : start + CHUNK] for start in range(0, len(x), CHUNK)]
        return np.concatenate([np.asarray(_apply(network, params, chunk)[which]) for chunk in chunks])

    def assigned(x: np.ndarray) -> np.ndarray:
        return parts(x, 0).argmax(axis=-1)

    scale = np.sqrt(np.mean(parts(truth.train, 1) ** 2, dtype=np.float64)).astype(np.float32)
    accuracy = float((assigned(truth.test) == truth.test_labels).mean())
    return Judge(lambda x: parts(x, 1) / scale, assigned, accuracy)


def can_judge(dataset: Dataset) -> bool:
    """Whether a data set has what a judge is made of: pictures in memory with classes, of both splits."""
    truth = dataset.truth
    labels = (truth.train_labels, truth.test_labels) if isinstance(truth, Images) else (None,)
    return all(classes is not None for classes in labels) and truth.size is not None


def _training_examples(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and classes to train on: of the records if they are more than what evaluation keeps."""
    truth, records = dataset.truth, dataset.records
    if records is None or dataset.labels is None or len(records) <= len(truth.train):
        return truth.train, truth.train_labels
    count = min(EXAMPLES, len(records))
    return np.stack([records[i] for i in range(count)]), np.asarray(dataset.labels[:count])
