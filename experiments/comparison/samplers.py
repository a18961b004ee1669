"""Quality against NFE: a flow map in a few jumps, and the samplers of diffusion models.

The map is LSD's; the velocity of flow matching is trained with the same number of network evaluations. The exact
velocity goes through the same samplers and shows the error of discretization alone.
"""

from collections.abc import Callable, Mapping, Sequence
import functools
import math
from pathlib import Path
import time
from typing import NamedTuple

import jax
from ml_collections import ConfigDict
import numpy as np

from experiments import caches, datasets, settings, terminal
from experiments.comparison import sampler_report
from experiments.comparison.budgets import steps_within
from experiments.comparison.sampler_report import EXACT, MAP, POWERS, VELOCITY
from experiments.datasets.dataset import Dataset, Images
from experiments.errors import DivergedError, UsageError
from experiments.evaluation import scoring
from experiments.evaluation.monitor import evaluate_on_the_way
from experiments.metrics.metric import compute_all
from experiments.metrics.planar_table import PLANAR_METRICS, PlanarSamples
from experiments.reporting import findings
from experiments.sampling.by_name import Model, Options
from experiments.sampling.generation import Generator, generator
from experiments.settings import chosen_data
from experiments.settings import protocol as protocols
from experiments.settings.protocol import Protocol
from experiments.training import checks, runs
from experiments.training.loop import train
from models import grids

CONFIGS = ("experiments/configs/checkerboard.py", "experiments/configs/spiral.py")
TITLES = {"kl": "aligned KL", "in_support": "in support", "sliced_w2": "sliced W2"}  # short ones, of narrow columns
SCORED = tuple(metric for metric in PLANAR_METRICS if metric.name in TITLES)
SEARCHED = "searched"
SEARCH_SAMPLES = 16_000


class Line(NamedTuple):
    """One way of sampling one model, at several numbers of steps or tolerances."""

    model: str
    sampler: str
    steps: tuple[int, ...]
    grid: str = "uniform"
    options: tuple[Options, ...] = (Options(),)

    @property
    def title(self) -> str:
        """As it is called in tables."""
        named = "euler = ddim" if self.sampler == "euler" else self.sampler
        return f"{self.model}: {named}" + (f", {self.grid} grid" if self.grid != "uniform" else "")


TOLERANCES = tuple(Options(tolerance=tolerance) for tolerance in (1e-1, 3e-2, 1e-2, 1e-3, 1e-4))
LINES = (
    Line(MAP, "composition", (1, 2, 4, 8, 16)),
    Line(MAP, "composition", (2, 4), SEARCHED),
    Line(MAP, "renoising", (2, 4, 8)),
    Line(MAP, "gamma", (2, 4, 8)),
    Line(MAP, "euler", POWERS),
    Line(VELOCITY, "euler", POWERS),
    Line(VELOCITY, "heun", (2, 4, 8, 16, 32, 64)),
    Line(VELOCITY, "adaptive", (1,), options=TOLERANCES),
    Line(VELOCITY, "ddpm", POWERS[2:]),
    Line(VELOCITY, "euler_maruyama", POWERS[2:]),
    # The closed forms take longer than a network: a few numbers of steps.
    Line(EXACT, "euler", (1, 4, 16)),
    Line(EXACT, "heun", (2, 8, 16)),
    Line(EXACT, "ddpm", (16,)),
)


# (sampler, options) -> a function that draws samples
Sampled = Callable[..., Generator]


def trained(config: ConfigDict, workdir: Path) -> dict[str, Sampled]:
    """Trains what is compared, or continues, and adds the exact velocity.

    Args:
      config: the configuration, whose objective is that of the map.
      workdir: a folder of its own.

    Returns:
      {name: the way to a generator of samples, by sampler and options}.
    """
    plain = settings.with_objective(config, VELOCITY)
    plain.training.steps = steps_within(plain, config, "evaluations")
    generators = {}
    for name, run in ((MAP, config), (VELOCITY, plain)):
        folder = workdir / name
        train(run, folder, label=f"{config.dataset}: {name}", evaluate=evaluate_on_the_way)
        generators[name] = runs.load_trained(folder).generator
    dataset, path = datasets.load(config.dataset), settings.interpolant_of(config)
    b = dataset.exact_path(path).b
    exact = Model(lambda s, t, x: b(s, x), b, path, dataset.std)
    generators[EXACT] = functools.partial(
        generator, lambda params, label, vector: exact, (), shape=dataset.shape, noise_of=dataset.noise
    )
    return generators


def measure(config: ConfigDict, models: Mapping[str, Sampled], lines: Sequence[Line]) -> list[dict[str, object]]:
    """Samples every line at every number of steps, from the same noise, and scores what comes out.

    Args:
      config: the configuration.
      models: see ``trained``.
      lines: what is sampled.

    Returns:
      one row each, and a last one of perfect samples.
    """
    dataset, protocol = datasets.load(config.dataset), protocols.of(config)
    true = scoring.true_samples(dataset, protocol.samples, protocol.seed)
    rows = []
    for line in terminal.bar(lines, desc=f"{config.dataset}: sample", unit="line"):
        for options in line.options:
            draw = models[line.model](sampler=line.sampler, options=options)
            for steps in line.steps:
                score = functools.partial(_short_score, draw, dataset)
                grid = grids.searched(score, steps) if line.grid == SEARCHED else grids.GRIDS[line.grid](steps)
                scores, evaluations = _scored(draw, grid, dataset, true, protocol)
                rows.append(
                    {
                        "dataset": config.dataset,
                        "line": line.title,
                        "steps": steps if line.sampler != "adaptive" else None,
                        "tolerance": options.tolerance if line.sampler == "adaptive" else None,
                        "evaluations": evaluations,
                        **scores,
                        "times": " ".join(f"{t:.3f}" for t in grid.tolist()) if line.grid == SEARCHED else None,
                    }
                )
    perfect = scoring.true_samples(dataset, protocol.samples, protocol.seed + 1)
    empty = {"steps": None, "tolerance": None, "evaluations": None}
    rows.append(
        {
            "dataset": config.dataset,
            "line": scoring.reference_name(dataset),
            **empty,
            **_scores(perfect, dataset, true, protocol),
            "times": None,
        }
    )
    return rows


def _short_score(draw: Generator, dataset: Dataset, grid: jax.Array) -> float:
    # Of another seed than the one that counts.
    try:
        samples, _ = draw(grid, SEARCH_SAMPLES, jax.random.key(0))
    except DivergedError:
        return math.inf
    return scoring.first_metric(samples, dataset)[1]


def _scored(
    draw: Generator, grid: jax.Array, dataset: Dataset, true: np.ndarray, protocol: Protocol
) -> tuple[dict[str, float], int | None]:
    """The scores of samples on a grid, NaN where some are not finite, and the NFE."""
    try:
        samples, evaluations = draw(grid, protocol.samples, jax.random.key(protocol.seed))
    except DivergedError:
        return dict.fromkeys(TITLES, float("nan")), None
    return _scores(samples, dataset, true, protocol), evaluations


def _scores(samples: np.ndarray, dataset: Dataset, true: np.ndarray, protocol: Protocol) -> dict[str, float]:
    return compute_all(SCORED, PlanarSamples(samples, dataset, protocol, true))


def compare_samplers(configs: Sequence[ConfigDict], workdir: Path, *, lines: Sequence[Line] = LINES) -> str:
    """Trains, samples, scores and writes.

    Args:
      configs: one per data set in the plane, of the map's objective.
      workdir: the folder.
      lines: what is sampled.

    Returns:
      the text of ``samplers.md``.

    Raises:
      UsageError: on bad input.
    """
    began = time.perf_counter()
    names = [config.dataset for config in configs]
    if not names or len(set(names)) < len(names):
        raise UsageError(
            f"--configs for data sets {', '.join(names) or 'none'}; expected at least one, each named once"
        )
    for config in configs:
        checks.check(config, devices=jax.local_device_count())
        dataset = datasets.load(config.dataset)
        if isinstance(dataset.truth, Images):
            raise UsageError(f"data set {config.dataset} is not in the plane; expected one whose law is known exactly")
        dataset.check_flat(use="a comparison of samplers")
        whole = chosen_data.applied(config, dataset)
        whole.check_noise(use="a comparison of samplers")
        if whole.observed is not None:
            raise UsageError(
                f"--config.network.observed={whole.observed.name} with a comparison of samplers, which takes maps to "
                "all data; leave it out"
            )
    caches.check_writable(workdir, name="--workdir")
    by_dataset = {}
    for config in configs:
        by_dataset[config.dataset] = measure(config, trained(config, workdir / config.dataset), lines)
    rows = [row for own in by_dataset.values() for row in own]
    sampler_report.plot(workdir / "samplers.png", by_dataset)
    protocol = protocols.of(configs[0])
    protocols.write(workdir, protocol)
    text = [
        "# Quality against network evaluations",
        f"Aligned KL (lower is better) of {protocol.samples:,} samples, the same noise for all. {MAP}: a flow map "
        f"trained by LSD; {VELOCITY}: a velocity trained with the same number of network evaluations; exact: the "
        "velocity in closed form. The column of E has the best result with more than E / 2 and at most E evaluations "
        "per sample (NFE); the rest is in samplers.csv.",
    ]
    for name, own in by_dataset.items():
        text += [f"## {name}", sampler_report.pivot(own, "kl")]
        searched = [f"{row['line']}, {row['steps']} steps: {row['times']}" for row in own if row["times"]]
        text += ["Times of searched grids: " + "; ".join(searched) + "."] if searched else []
    titles = {
        **{"dataset": "data", "line": "model: sampler", "evaluations": "evaluations"},
        **TITLES,
    }
    return findings.write(
        workdir,
        "samplers",
        rows,
        titles=titles,
        text=text,
        settings={"configs": [config.to_dict() for config in configs]},
        command="python -m experiments.compare_samplers",
        seconds=time.perf_counter() - began,
    )
