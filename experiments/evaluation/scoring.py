"""All numbers of one trained map under one protocol: those of its samples, and those of the map itself."""

import functools
import math

import jax
import numpy as np

from experiments import datasets
from experiments.datasets.dataset import Dataset, Images
from experiments.images import scores as image_scores
from experiments.metrics import bounds, reference
from experiments.metrics import maps as map_metrics
from experiments.metrics import samples as metrics
from experiments.metrics.names import MAP_METRICS
from experiments.sampling.trained import Trained
from experiments.settings.protocol import Protocol

LARGEST_JACOBIAN = 256  # dimensions up to which Jacobians are looked at


def reference_name(dataset: Dataset, how: Protocol | None = None) -> str:
    """What the last row of every table is: fresh true samples, or the images of the split that is not the reference."""
    if not isinstance(dataset.truth, Images):
        return "perfect samples"
    reference = (how or Protocol()).reference
    return {"train": "training images", "test": "held-out images"}[image_scores.other(reference)]


def score(
    samples: np.ndarray, dataset: Dataset, true: np.ndarray, how: Protocol, labels: np.ndarray | None = None
) -> dict[str, float | None]:
    """All metrics of a set of samples.

    Args:
      samples: [n, ...].
      dataset: the data set.
      true: [n, ...]; true samples, for the metrics that compare two sets; not used for images.
      how: the protocol.
      labels: [n]; the classes that were asked for, or None.

    Returns:
      {metric name: value, None where it could not be found or does not apply}.
    """
    if isinstance(dataset.truth, Images):
        return image_scores.score(samples, dataset, how, labels)
    epsilon = how.entropy * dataset.std**2 * samples[0].size
    return {
        "kl": metrics.aligned_kl(samples, dataset.truth),
        "paper_kl": metrics.paper_kl(samples, dataset.truth),
        "in_support": metrics.in_support(samples, dataset.truth),
        "outside_box": metrics.outside_box(samples, dataset.truth),
        "entropic_w2": metrics.entropic_w2(samples, dataset.truth, epsilon=epsilon),
        "sliced_w2": metrics.sliced_wasserstein(samples, true, projections=how.projections, seed=how.seed),
        "mmd2": metrics.mmd(samples[: how.pairs], true[: how.pairs]),
        "classifier": metrics.classifier_accuracy(samples, true, seed=how.seed),
    }


def first_metric(samples: np.ndarray, dataset: Dataset, how: Protocol | None = None) -> float:
    """The first metric of the data set's table alone, which is quick: aligned KL, or the Fréchet distance."""
    if isinstance(dataset.truth, Images):
        return image_scores.main_metric(samples, dataset, how or Protocol())
    return metrics.aligned_kl(samples, dataset.truth)


def true_samples(dataset: Dataset, count: int, seed: int) -> np.ndarray:
    """True samples: fresh draws, or, for images in memory, the training split."""
    if isinstance(dataset.truth, Images):
        return dataset.truth.train
    return np.asarray(dataset.draw(jax.random.fold_in(jax.random.key(seed), 2), count))


@functools.lru_cache(maxsize=4)
def floor(name: str, how: Protocol) -> dict[str, float | None]:
    """The metrics of perfect samples at the same size: nothing can be expected to score better.

    Args:
      name: name of the data set.
      how: the protocol.

    Returns:
      {metric name: value}; for images, see ``image_scores.floor``.
    """
    dataset = datasets.load(name)
    if isinstance(dataset.truth, Images):
        return image_scores.floor(dataset, how)
    perfect, true = (true_samples(dataset, how.samples, seed) for seed in (how.seed + 1, how.seed))
    return score(perfect, dataset, true, how)


def score_map(run: Trained) -> tuple[dict[str, float | None], dict[str, np.ndarray]]:
    """All numbers about the map itself, at the protocol's scale of guidance.

    Args:
      run: the trained run.

    Returns:
      ({metric name: value, None where it does not apply}, what pictures are drawn from).

    Raises:
      DivergedError: if the map is not finite.
    """
    dataset, how, interpolant = run.dataset, run.protocol, run.interpolant
    backward = run.objective.both_directions
    draws, label = map_metrics.draw(dataset, interpolant, seed=how.seed, count=how.points), None
    if run.conditional:
        # Each point with its own class; the exact flow of all classes together is another one.
        label = map_metrics.labels_of(dataset, seed=how.seed, count=how.points)
    v = run.map(label, scale=how.guidance)
    found: dict[str, float | None] = dict.fromkeys((metric.name for metric in MAP_METRICS), None)
    pictures = {}
    exact = None
    if dataset.exact_flow is not None and label is None:
        exact = reference.load_or_build(run.config, dataset)
        errors_found, pictures["cells"] = map_metrics.truth(v, exact, backward=backward)
        found |= errors_found | {"w2_one_step": float(np.sqrt(errors_found["one_step_error"]))}
    b = None if exact is None else dataset.exact_path(interpolant).b
    found |= map_metrics.residuals(v, b, draws)
    if label is None and math.prod(dataset.shape) <= LARGEST_JACOBIAN:
        found["lipschitz"], found["growth"] = bounds.growth(v, draws)
    if exact is not None:
        needed = ("tangent", "lagrangian_s0", "eulerian_t1", "lipschitz", "growth")
        found |= bounds.wasserstein_bounds(**{name: found[name] for name in needed})
        if dataset.shape == (2,):
            pictures |= {"learned": map_metrics.curves(v, exact), "exact": exact.paths}
    if backward:
        found["round_trip"] = map_metrics.round_trip(v, draws.x_0)
    return found, pictures
