"""Classifiers of the real digits: one gives rewards towards a class, another one judges generated digits.

Each is trained once and kept in ``$FLOWMAP_CACHE``, on training digits with noise, so that its gradient means something
off the data too. The two differ in their seeds, hence what is steered by the one is scored by the other. Those of other
images are in ``images.judge``.
"""

from collections.abc import Callable
import functools
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import caches, files
from experiments.datasets import arrays
from experiments.datasets.digits import labelled
from experiments.errors import UsageError

CLASSES = 10
REWARDING, JUDGING = 0, 1  # seeds of the two classifiers
STEPS, BATCH, NOISE = 3000, 256, 0.5
FEATURES = 64
# (parameters, key, images, classes) -> the loss of a batch drawn by the key.
Loss = Callable[[dict, jax.Array, jax.Array, jax.Array], jax.Array]


class Network(nn.Module):
    """Two hidden layers; features are the numbers of the second. No convolutions: loops of them are slow on a CPU."""

    classes: int = CLASSES

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """X [batch, dim] -> (logits [batch, classes], features [batch, 64])."""
        features = nn.gelu(nn.Dense(FEATURES)(nn.gelu(nn.Dense(512)(x))))
        return nn.Dense(self.classes)(features), features


def kept(path: Path, network: nn.Module, dim: int, train: Callable[[], dict]) -> dict[str, dict[str, np.ndarray]]:
    """Weights from a file of the cache, which is written first if it is not there.

    Args:
      path: the file.
      network: a classifier of vectors.
      dim: their length.
      train: makes the weights.

    Returns:
      Linen parameters.

    Raises:
      UsageError: if the file is damaged or cannot be written.
    """
    shapes = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, dim)))
    paths, structure = jax.tree.flatten_with_path(shapes)
    names = [jax.tree_util.keystr(entry, simple=True, separator="/") for entry, _ in paths]
    if not path.exists():
        caches.check_writable(path.parent, name="FLOWMAP_CACHE")
        leaves = map(np.asarray, jax.tree.leaves(train()))
        files.write_arrays(path, **dict(zip(names, leaves, strict=True)))
    try:
        leaves = list(arrays.read(path, names).values())
        if any(leaf.shape != shape.shape for leaf, (_, shape) in zip(leaves, paths, strict=True)):
            raise ValueError("weights of another shape")
    except (ValueError, arrays.UnreadableError) as error:
        raise UsageError(f"the classifier {path} is damaged ({error}); delete it and it is trained again") from error
    return jax.tree.unflatten(structure, leaves)


def fit(network: nn.Module, loss: Loss, images: np.ndarray, classes: np.ndarray, *, steps: int, seed: int) -> dict:
    """The parameters that minimize a loss.

    Args:
      network: a classifier of vectors.
      loss: of a batch drawn by the key.
      images: [n, dim]; handed to compiled code as an argument, since it would hold a constant once more.
      classes: [n].
      steps: of Adam.
      seed: of initial weights and keys.

    Returns:
      Linen parameters.
    """
    transformation = optax.adamw(optax.cosine_decay_schedule(2e-3, steps), weight_decay=1e-3)
    images, classes = jnp.asarray(images), jnp.asarray(classes)
    params = network.init(jax.random.key(seed), images[:1])

    @jax.jit
    def fitted(carry: tuple, images: jax.Array, classes: jax.Array) -> tuple:
        def step(carry: tuple, key: jax.Array) -> tuple[tuple, None]:
            params, state = carry
            updates, state = transformation.update(jax.grad(loss)(params, key, images, classes), state, params)
            return (optax.apply_updates(params, updates), state), None

        return jax.lax.scan(step, carry, jax.random.split(jax.random.key(1000 + seed), steps))[0]

    return fitted((params, transformation.init(params)), images, classes)[0]


@functools.cache
def weights(seed: int) -> dict[str, dict[str, np.ndarray]]:
    """The weights of the classifier of digits of a seed, from the cache or trained now (seconds).

    Args:
      seed: of its initial weights, batches and noise.

    Returns:
      Linen parameters.

    Raises:
      UsageError: if the file in the cache is damaged or the cache cannot be written.
    """
    return kept(
        caches.folder() / f"digits_classifier_{seed}_{STEPS}.npz", Network(), 64, functools.partial(_train, seed)
    )


def _train(seed: int) -> dict:
    data, network = labelled(), Network()

    def loss(params: dict, key: jax.Array, images: jax.Array, classes: jax.Array) -> jax.Array:
        keys = jax.random.split(key, 3)
        picked = jax.random.randint(keys[0], (BATCH,), 0, len(images))
        noise = NOISE * jax.random.uniform(keys[1], (BATCH, 1)) * jax.random.normal(keys[2], (BATCH, 64))
        logits, _ = network.apply(params, images[picked] + noise)
        return optax.softmax_cross_entropy_with_integer_labels(logits, classes[picked]).mean()

    return fit(network, loss, data.train, data.train_classes, steps=STEPS, seed=seed)


def logits(x: jax.Array, *, seed: int = REWARDING) -> jax.Array:
    """Logits of the classes of digits.

    Args:
      x: [batch, 64]; digits in [-1, 1].
      seed: which classifier.

    Returns:
      [batch, 10].
    """
    return Network().apply(weights(seed), x)[0]


def features(x: jax.Array, *, seed: int = JUDGING) -> jax.Array:
    """The hidden layer, for distances between sets of digits.

    Args:
      x: [batch, 64]; digits in [-1, 1].
      seed: which classifier.

    Returns:
      [batch, 64].
    """
    return Network().apply(weights(seed), x)[1]


def accuracy(*, seed: int) -> float:
    """Share of the held-out digits whose class the classifier of a seed finds."""
    data = labelled()
    return float((np.argmax(logits(jnp.asarray(data.test), seed=seed), axis=-1) == data.test_classes).mean())


def share_of_class(x: np.ndarray, digit: int) -> float:
    """Share of generated digits that the judge takes for a class.

    Args:
      x: [count, 64].
      digit: 0 to 9.

    Returns:
      a number in [0, 1].
    """
    return float((np.argmax(logits(jnp.asarray(x), seed=JUDGING), axis=-1) == digit).mean())


def towards(digit: int) -> Callable[[jax.Array], jax.Array]:
    """The reward ``log p(digit | x)``: tilted by it, the distribution of all digits becomes that of one class.

    Args:
      digit: 0 to 9.

    Returns:
      x [batch, 64] -> [batch].
    """
    return lambda x: jax.nn.log_softmax(logits(x), axis=-1)[:, digit]


digit_0, digit_1, digit_2, digit_3, digit_4 = map(towards, range(5))
digit_5, digit_6, digit_7, digit_8, digit_9 = map(towards, range(5, 10))
