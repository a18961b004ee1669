"""Scores a trained flow map at 1, 2, 4, 8 and 16 steps, beside perfect samples.

    python -m experiments.evaluate --workdir=runs/lsd

Writes ``metrics.csv``, ``metrics.md``, ``samples.npz`` and ``samples.png`` into the run's folder and prints the table.
"""

from collections.abc import Callable
import functools
from pathlib import Path
from typing import NamedTuple

from absl import flags
import jax
from ml_collections import ConfigDict
import numpy as np

from experiments import datasets, errors, metrics, plots, runs, settings, tables
from experiments import flags as command_flags
from experiments.datasets.dataset import Dataset, Images
from experiments.errors import UsageError
from models import samplers
from models.flow_map_model import FlowMapModel, Params, bind
from taxonomy.flow_map import diagonal

KEPT_SAMPLES = 64_000


class Metric(NamedTuple):
    """A number about samples: its column name, its title in tables, and whether less is better."""

    name: str
    title: str
    less_is_better: bool = True


PLANAR_METRICS = (
    Metric("kl", f"aligned KL ({metrics.ALIGNED_BINS} x {metrics.ALIGNED_BINS} bins)"),
    Metric("paper_kl", f"paper's KL ({metrics.PAPER_BINS} x {metrics.PAPER_BINS} bins)"),
    Metric("in_support", "in-support rate", less_is_better=False),
    Metric("sliced_w2", "sliced Wasserstein-2"),
)
IMAGE_METRICS = (Metric("frechet", "Fréchet distance in pixel space"), Metric("mmd2", "squared MMD in pixel space"))


def reference_name(dataset: Dataset) -> str:
    """What the last row of every table is: fresh true samples, or the training images against the held-out ones."""
    return "training images" if isinstance(dataset.truth, Images) else "perfect samples"


def metrics_of(dataset: Dataset) -> tuple[Metric, ...]:
    """The metrics that a data set is scored by, the main one first."""
    return IMAGE_METRICS if isinstance(dataset.truth, Images) else PLANAR_METRICS


def generator(
    config: ConfigDict, dataset: Dataset, model: FlowMapModel, params: Params
) -> Callable[[int, int, jax.Array], np.ndarray]:
    """A function that samples the model in the way its objective is meant to be sampled.

    Args:
      config: the run's configuration.
      dataset: the data set.
      model: the model.
      params: its weights.

    Returns:
      (steps, count, key) -> [count, ...] samples; equal keys start from equal noise at any number of steps.
    """
    kind = settings.objective_of(config).sampler
    interpolant = settings.interpolant_of(config)

    @functools.partial(jax.jit, static_argnums=(1, 2))
    def generate(params: Params, steps: int, count: int, key: jax.Array) -> jax.Array:
        key_start, key_restart = jax.random.split(key)
        x0 = dataset.std * jax.random.normal(key_start, (count, *dataset.shape))
        v, grid = bind(model, params), samplers.uniform_grid(steps)
        if kind == "euler":
            return samplers.euler(diagonal(v), x0, grid)
        if kind == "restart":
            return samplers.restart(v, interpolant, key_restart, x0, grid, base_std=dataset.std)
        return samplers.composition(v, x0, grid)

    return lambda steps, count, key: np.asarray(generate(params, steps, count, key))


def score(samples: np.ndarray, dataset: Dataset, reference: np.ndarray, config: ConfigDict) -> dict[str, float]:
    """All metrics of a set of samples.

    Args:
      samples: [n, ...].
      dataset: the data set.
      reference: [n, ...]; true samples, for the metrics that compare two sets.
      config: the run's configuration, for the evaluation's seed and number of projections.

    Returns:
      {metric name: value}.

    Raises:
      UsageError: if samples are not finite.
    """
    finite = np.isfinite(samples).all(axis=-1)
    if not finite.all():
        raise UsageError(
            f"{np.mean(~finite):.2%} of {len(samples)} generated samples contain NaN or infinity; "
            "the training has diverged: lower --config.training.learning_rate and train again"
        )
    if isinstance(dataset.truth, Images):
        held_out = dataset.truth.test
        return {"frechet": metrics.frechet(samples, held_out), "mmd2": metrics.mmd(samples, held_out)}
    return {
        "kl": metrics.aligned_kl(samples, dataset.truth),
        "paper_kl": metrics.paper_kl(samples, dataset.truth),
        "in_support": metrics.in_support(samples, dataset.truth),
        "sliced_w2": metrics.sliced_wasserstein(
            samples, reference, projections=config.evaluation.projections, seed=config.evaluation.seed
        ),
    }


def true_samples(dataset: Dataset, count: int, seed: int) -> np.ndarray:
    """True samples: fresh draws, or, for images in memory, the training split."""
    if isinstance(dataset.truth, Images):
        return dataset.truth.train
    keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), 2), count)
    return np.asarray(jax.jit(jax.vmap(dataset.sample))(keys))


@functools.lru_cache(maxsize=4)
def floor(name: str, count: int, seed: int, projections: int) -> dict[str, float]:
    """The metrics of perfect samples at the same size: nothing can be expected to score better.

    Args:
      name: name of the data set.
      count: number of samples.
      seed: seed of the evaluation.
      projections: directions of the sliced distance.

    Returns:
      {metric name: value}; for images, of the training split against the held-out one.
    """
    dataset = datasets.load(name)
    config = ConfigDict({"evaluation": {"seed": seed, "projections": projections}})
    return score(true_samples(dataset, count, seed + 1), dataset, true_samples(dataset, count, seed), config)


def evaluate(workdir: Path) -> list[dict[str, object]]:
    """Scores the newest checkpoint of a run and writes the results into its folder.

    Args:
      workdir: the run's folder.

    Returns:
      one row per number of steps, and a last row, without N, for the reference that nothing can be expected to beat.

    Raises:
      UsageError: if there is no trained run, or its samples are not finite.
    """
    config, dataset, model, params, trained = runs.load_trained(workdir)
    runs.check_writable(workdir)
    protocol = config.evaluation
    count = protocol.samples
    generate = generator(config, dataset, model, params)
    reference = true_samples(dataset, count, protocol.seed)
    common = {"objective": config.objective.name, "seed": config.seed, "trained_steps": trained, "samples": count}
    rows, kept = [], {}
    for steps in protocol.steps:
        samples = generate(steps, count, jax.random.key(protocol.seed))
        rows.append({**common, "N": steps, **score(samples, dataset, reference, config)})
        kept[str(steps)] = samples[:KEPT_SAMPLES]
    perfect = floor(config.dataset, count, protocol.seed, protocol.projections)
    name = reference_name(dataset)
    rows.append({**common, "objective": name, "seed": "", "trained_steps": "", "N": "", **perfect})

    names = metrics_of(dataset)
    tables.write_csv(workdir / "metrics.csv", rows)
    header = ["N", *(metric.title for metric in names)]
    body = [[row["N"] or name, *(f"{row[metric.name]:.4g}" for metric in names)] for row in rows]
    note = (
        f"{config.objective.name} on {config.dataset}, seed {config.seed}, {trained} steps, weights averaged at "
        f"{protocol.ema}; {count} samples, evaluation seed {protocol.seed}."
    )
    (workdir / "metrics.md").write_text(f"{note}\n\n{tables.markdown(header, body)}\n")
    np.savez_compressed(workdir / "samples.npz", **kept)
    plots.samples(workdir / "samples.png", dataset, {config.objective.name: kept})
    return rows


if __name__ == "__main__":
    WORKDIR = flags.DEFINE_string("workdir", None, "folder of a trained run")

    def main() -> None:
        """Runs the command."""
        workdir = Path(WORKDIR.value)
        evaluate(workdir)
        print((workdir / "metrics.md").read_text())
        print(f"written: {workdir}/metrics.csv, metrics.md, samples.npz, samples.png")

    errors.run(main, flags_parser=lambda argv: command_flags.parse(argv, required=("workdir",)))
