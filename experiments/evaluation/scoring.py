"""All numbers of one trained map under one protocol: those of its samples, and those of the map itself."""

import jax
import numpy as np

from experiments.datasets import observed, record
from experiments.datasets.dataset import Dataset, Images
from experiments.datasets.sequences import Sequences
from experiments.images import scores as image_scores
from experiments.images.examples import other, split
from experiments.metrics import maps, observation, planar_table, reference, sequence_table
from experiments.metrics.map_table import MAP_METRICS, TrainedMap
from experiments.metrics.metric import Metric, compute_all
from experiments.sampling.generation import TOLD
from experiments.sampling.trained import Trained
from experiments.settings.protocol import Protocol
from taxonomy.flow_map import diagonal


def metrics_of(dataset: Dataset) -> tuple[Metric, ...]:
    """The metrics of samples that a data set is scored by, the main one first."""
    return (*_of_law(dataset), *observation.of(dataset))


def _of_law(dataset: Dataset) -> tuple[Metric, ...]:
    """The metrics that compare samples with the law of the data."""
    if isinstance(dataset.truth, Images):
        return image_scores.metrics_of(dataset)
    return sequence_table.SEQUENCE_METRICS if isinstance(dataset.truth, Sequences) else planar_table.of(dataset)


def _context(
    samples: np.ndarray, dataset: Dataset, protocol: Protocol, true: np.ndarray | None = None
) -> sequence_table.SampledSequences | planar_table.PlanarSamples:
    """What the metrics of data without pictures take."""
    if isinstance(dataset.truth, Sequences):
        return sequence_table.SampledSequences(samples, dataset.truth)
    return planar_table.in_plane(samples, dataset, protocol, true)


def reference_name(dataset: Dataset, protocol: Protocol | None = None) -> str:
    """What the last row of every table is: fresh true samples, or the images of the split that is not the reference."""
    if not isinstance(dataset.truth, Images):
        return "perfect samples"
    return {"train": "training images", "test": "held-out images"}[other((protocol or Protocol()).reference)]


def score(
    samples: np.ndarray,
    dataset: Dataset,
    true: np.ndarray,
    protocol: Protocol,
    labels: np.ndarray | None = None,
    *,
    vectors: jax.Array | None = None,
) -> dict[str, float | None]:
    """All metrics of a set of samples.

    Args:
      samples: [n, ...].
      dataset: the data set.
      true: [n, ...]; true samples, for the metrics that compare two sets; not used for images.
      protocol: how samples are scored.
      labels: [n]; the classes that were asked for, or None.
      vectors: [n, size]; what the network was told of each sample, or None.

    Returns:
      {metric name: value, None where it could not be found or does not apply}.
    """
    own = observation.of(dataset)
    of_observed = dict.fromkeys((metric.name for metric in own), None)
    if vectors is not None:
        of_observed = compute_all(own, observation.SampledObservations(samples, vectors, dataset))
    if isinstance(dataset.truth, Images):
        return image_scores.score(samples, dataset, protocol, labels) | of_observed
    return compute_all(_of_law(dataset), _context(samples, dataset, protocol, true)) | of_observed


def first_metric(samples: np.ndarray, dataset: Dataset, protocol: Protocol | None = None) -> tuple[str, float]:
    """(name, value) of the first metric of a data set's table, which is quick: aligned KL, or the Fréchet distance."""
    protocol = protocol or Protocol()
    if isinstance(dataset.truth, Images):
        return image_scores.main_metric(samples, dataset, protocol)
    first = _of_law(dataset)[0]
    return first.name, first.compute(_context(samples, dataset, protocol))


def followed(samples: np.ndarray, dataset: Dataset, protocol: Protocol) -> dict[str, float]:
    """What is followed during training: the first metric, and in the plane both divergences and the rarest mode.

    Args:
      samples: [n, ...].
      dataset: the data set.
      protocol: how samples are scored.

    Returns:
      {metric name: value}, the first metric first; without those that do not apply.
    """
    if isinstance(dataset.truth, Images):
        return dict([image_scores.main_metric(samples, dataset, protocol)])
    table = sequence_table.SEQUENCE_METRICS if isinstance(dataset.truth, Sequences) else planar_table.FOLLOWED
    values = compute_all(table, _context(samples, dataset, protocol))
    return {name: value for name, value in values.items() if value is not None}


def compared_with(dataset: Dataset, protocol: Protocol) -> str:
    """How many examples samples are compared with, as a sentence of a report; "" where the law itself is known."""
    if not isinstance(dataset.truth, Images):
        return ""
    count = len(split(dataset.truth, protocol.reference)[0])
    return f"Compared with {count:,} {'training' if protocol.reference == 'train' else 'held-out'} examples."


def true_samples(dataset: Dataset, count: int, seed: int) -> np.ndarray:
    """True samples: fresh draws, or, for images in memory, the training split."""
    if isinstance(dataset.truth, Images):
        return dataset.truth.train
    return np.asarray(dataset.draw(jax.random.fold_in(jax.random.key(seed), 2), count))


def floor(dataset: Dataset, protocol: Protocol) -> dict[str, float | None]:
    """The metrics of perfect samples at the same size: nothing can be expected to score better.

    Args:
      dataset: the data set.
      protocol: how samples are scored.

    Returns:
      {metric name: value}; for images, see ``image_scores.floor``.
    """
    key = (dataset.name, record.digest(dataset), protocol, tuple(metric.name for metric in observation.of(dataset)))
    if key not in _FLOORS:
        _FLOORS[key] = _floor(dataset, protocol)
    return dict(_FLOORS[key])


# The runs of a comparison share one.
_FLOORS: dict[tuple[str, str, Protocol, tuple[str, ...]], dict[str, float | None]] = {}


def _floor(dataset: Dataset, protocol: Protocol) -> dict[str, float | None]:
    if isinstance(dataset.truth, Images):
        nothing = dict.fromkeys((metric.name for metric in observation.of(dataset)), None)
        return image_scores.floor(dataset, protocol) | nothing
    perfect, true = (true_samples(dataset, protocol.samples, seed) for seed in (protocol.seed + 1, protocol.seed))
    return score(perfect, dataset, true, protocol)


def _drawn(dataset: Dataset, curves: np.ndarray) -> np.ndarray:
    """Curves [k, paths, dim] as they are drawn: in the chart of a curved space, without the lines over its edges."""
    if isinstance(dataset.truth, Sequences):
        return dataset.truth.project(curves)
    if not dataset.space.curved:
        return curves
    drawn, (low, high) = np.array(dataset.truth.project(curves)), dataset.truth.box
    crossing = np.abs(np.diff(drawn, axis=0)).max(axis=-1) > (high - low) / 2
    drawn[1:][crossing] = np.nan
    return drawn


def score_map(run: Trained) -> tuple[dict[str, float | None], dict[str, np.ndarray]]:
    """All numbers about the map itself, at the protocol's scale of guidance.

    Args:
      run: the trained run.

    Returns:
      ({metric name: value, None where it does not apply}, what pictures are drawn from).

    Raises:
      DivergedError: if the map is not finite.
    """
    dataset, protocol = run.dataset, run.protocol
    draws, label = maps.draw(dataset, run.interpolant, seed=protocol.seed, count=protocol.points), None
    if run.conditional:
        # Each point with its own class; the exact flow of all classes together is another one.
        label = maps.labels_of(dataset, seed=protocol.seed, count=protocol.points)
    # A map that is told something is one map for each vector, and the exact flow is another one.
    if dataset.observed is not None:
        vector = maps.vectors_of(dataset, seed=protocol.seed, count=protocol.points)
    else:
        vector = run.told(jax.random.fold_in(jax.random.key(protocol.seed), TOLD), protocol.points)
    exact = velocity = None
    if dataset.exact_flow is not None and label is None and vector is None:
        exact = reference.stretched(reference.load_or_build(run.config, dataset), dataset)
        velocity = maps.stretched(dataset.exact_path(run.interpolant).b, dataset)
    elif dataset.observed is not None and dataset.observed.velocity is not None and protocol.guidance == 1:
        known = observed.exact_velocity(dataset, run.interpolant)(vector)
        velocity = maps.stretched(known, dataset)
    trained = TrainedMap(
        maps.stretched(run.map(label, scale=protocol.guidance, vector=vector), dataset),
        dataset,
        draws,
        exact,
        velocity,
        backward=run.objective.both_directions,
        conditional=run.conditional or vector is not None,
    )
    values, pictures = compute_all(MAP_METRICS, trained), {}
    if exact is not None:
        pictures["cells"] = trained.truth[1]
        triangle = isinstance(dataset.truth, Sequences) and dataset.truth.is_triangle
        if dataset.shape == (2,) or dataset.space.curved or triangle:
            learned = maps.curves(trained.v, exact.paths[0], exact.path_times, space=dataset.space)
            curves = {"learned": learned, "exact": exact.paths}
            pictures |= {name: _drawn(dataset, dataset.placed(points)) for name, points in curves.items()}
    elif dataset.start is not None and dataset.shape == (2,):
        start = trained.draws.x_0[: reference.PATHS]
        own = maps.own_paths(diagonal(trained.v), start, steps=reference.PATH_TIMES - 1)
        learned = maps.curves(trained.v, own[0], np.linspace(0, 1, reference.PATH_TIMES))
        pictures |= {"learned": dataset.placed(learned), "own": dataset.placed(own)}
    return values, pictures
