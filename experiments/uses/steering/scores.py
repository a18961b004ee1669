"""Scores of steered samples: mean reward, and the distance to the tilted law where it is known."""

import jax.numpy as jnp
import numpy as np

from experiments.datasets.dataset import Dataset, Planar
from experiments.datasets.digits import labelled
from experiments.images import classifier
from experiments.metrics import samples as metrics
from experiments.uses.rewards import Reward

BINS = 24  # of the divergence, per axis; a multiple of 4, and few for as many samples


def score(
    x: np.ndarray, reward: Reward, truth: Planar | None, dataset: Dataset, digit: int | None, entropy: float
) -> dict[str, float | None]:
    """The numbers of a set of samples.

    Args:
      x: [n, ...].
      reward: r.
      truth: the tilted law, for data in the plane.
      dataset: the data set.
      digit: the class of the reward; None for other data.
      entropy: strength of the entropy in the transport distance, in units of E|x|^2.

    Returns:
      {name: value, None where it does not apply}.
    """
    scores: dict[str, float | None] = dict.fromkeys(("reward", "kl", "w2", "judged", "frechet"))
    scores["reward"] = float(np.mean(reward(jnp.asarray(x))))
    if truth is not None:
        scores["kl"] = metrics.aligned_kl(x, truth, bins=BINS)
        scores["w2"] = metrics.entropic_w2(x, truth, epsilon=entropy * 2 * dataset.std**2)
    if digit is not None:
        data = labelled()
        real = np.concatenate([data.train[data.train_classes == digit], data.test[data.test_classes == digit]])
        scores["judged"] = classifier.share_of_class(x, digit)
        of_x, of_real = (np.asarray(classifier.features(jnp.asarray(images))) for images in (x, real))
        scores["frechet"] = metrics.frechet(of_x, of_real)
    return scores
