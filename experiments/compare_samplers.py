"""Quality against network evaluations: a flow map in a few jumps, and the samplers of diffusion models.

    python -m experiments.compare_samplers --workdir=runs/samplers

For each configuration (the checkerboard and the spiral) it trains LSD and, with the same number of evaluations, plain
flow matching; the map is sampled in jumps, the velocity of flow matching by the classical samplers, and so is the exact
velocity, which shows the error of discretization alone. Writes ``samplers.csv``, ``samplers.md``, ``samplers.png`` and
``protocol.json``. The same command continues where it was interrupted.
"""

from collections.abc import Sequence
import functools
from pathlib import Path
import time
from typing import NamedTuple

from absl import flags
import jax
from ml_collections import ConfigDict
import numpy as np
from tqdm import tqdm

from experiments import (
    caches,
    checks,
    config_files,
    datasets,
    errors,
    findings,
    metrics,
    protocol,
    runs,
    sampler_report,
    sampling,
    scoring,
    settings,
)
from experiments import flags as command_flags
from experiments.compare import steps_within
from experiments.datasets.dataset import Dataset, Images
from experiments.errors import UsageError
from experiments.sampler_report import EXACT, MAP, POWERS, VELOCITY
from experiments.sampling import Options
from experiments.train import train
from models import grids
from models.flow_map_model import bind

CONFIGS = ("experiments/configs/checkerboard.py", "experiments/configs/spiral.py")
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


def trained(config: ConfigDict, workdir: Path) -> dict[str, tuple[sampling.Model, object]]:
    """Trains what is compared, or continues, and adds the exact velocity.

    Args:
      config: the configuration, whose objective is that of the map.
      workdir: a folder of its own.

    Returns:
      {name: (model as a function of weights, weights)}.
    """
    plain = settings.with_objective(config, VELOCITY)
    plain.training.steps = steps_within(plain, config, "evaluations")
    found = {}
    for name, run in ((MAP, config), (VELOCITY, plain)):
        folder = workdir / name
        train(run, folder, label=f"{config.dataset}: {name}")
        _, dataset, model, params, _ = runs.load_trained(folder)

        def model_of(params: object, model=model, run=run, std: float = dataset.std) -> sampling.Model:
            return sampling.model_of(run, bind(model, params), noise_std=std)

        found[name] = (model_of, params)
    dataset, path = datasets.load(config.dataset), settings.interpolant_of(config)
    b = dataset.exact_path(path).b
    exact = sampling.Model(lambda s, t, x: b(s, x), b, path, dataset.std)
    found[EXACT] = (lambda params: exact, ())
    return found


def measure(config: ConfigDict, models: dict, lines: Sequence[Line]) -> list[dict[str, object]]:
    """Samples every line at every number of steps, from the same noise, and scores what comes out.

    Args:
      config: the configuration.
      models: see ``trained``.
      lines: what is sampled.

    Returns:
      one row each, and a last one of perfect samples.
    """
    dataset, how = datasets.load(config.dataset), protocol.of(config)
    true = scoring.true_samples(dataset, how.samples, how.seed)
    rows = []
    for line in tqdm(lines, f"{config.dataset}: sample", unit="line"):
        model_of, params = models[line.model]
        for options in line.options:
            draw = jax.jit(functools.partial(_draw, model_of, line.sampler, options, dataset), static_argnums=3)
            for steps in line.steps:
                score = functools.partial(_short_score, draw, params, dataset)
                grid = grids.searched(score, steps) if line.grid == SEARCHED else grids.GRIDS[line.grid](steps)
                samples, evaluations = draw(params, jax.random.key(how.seed), grid, how.samples)
                rows.append(
                    {
                        "dataset": config.dataset,
                        "line": line.title,
                        "steps": steps if line.sampler != "adaptive" else None,
                        "tolerance": options.tolerance if line.sampler == "adaptive" else None,
                        "evaluations": int(evaluations),
                        **_scores(np.asarray(samples), dataset, true, how),
                        "times": " ".join(f"{t:.3f}" for t in grid.tolist()) if line.grid == SEARCHED else None,
                    }
                )
    perfect = scoring.true_samples(dataset, how.samples, how.seed + 1)
    empty = {"steps": None, "tolerance": None, "evaluations": None}
    rows.append(
        {
            "dataset": config.dataset,
            "line": scoring.reference_name(dataset),
            **empty,
            **_scores(perfect, dataset, true, how),
            "times": None,
        }
    )
    return rows


def _draw(model_of, sampler: str, options: Options, dataset: Dataset, params, key, grid, count: int) -> sampling.Points:
    key_start, key_steps = jax.random.split(key)
    noise = dataset.std * jax.random.normal(key_start, (count, *dataset.shape))
    return sampling.get(sampler).run(model_of(params), options, key_steps, noise, grid)


def _short_score(draw, params: object, dataset: Dataset, grid: jax.Array) -> float:
    # Of another seed than the one that counts.
    samples, _ = draw(params, jax.random.key(0), grid, SEARCH_SAMPLES)
    return metrics.aligned_kl(np.asarray(samples), dataset.truth)


def _scores(samples: np.ndarray, dataset: Dataset, true: np.ndarray, how: protocol.Protocol) -> dict[str, float]:
    finite = samples[np.isfinite(samples).all(axis=1)]
    if len(finite) < len(samples):
        return {"kl": float("nan"), "in_support": float("nan"), "sliced_w2": float("nan")}
    return {
        "kl": metrics.aligned_kl(samples, dataset.truth),
        "in_support": metrics.in_support(samples, dataset.truth),
        "sliced_w2": metrics.sliced_wasserstein(samples, true, projections=how.projections, seed=how.seed),
    }


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
    for config in configs:
        checks.check(config, devices=jax.local_device_count())
        if isinstance(datasets.load(config.dataset).truth, Images):
            raise UsageError(f"data set {config.dataset} is not in the plane; expected one whose law is known exactly")
    caches.check_writable(workdir, name="--workdir")
    by_dataset = {}
    for config in configs:
        by_dataset[config.dataset] = measure(config, trained(config, workdir / config.dataset), lines)
    rows = [row for own in by_dataset.values() for row in own]
    sampler_report.draw_picture(workdir / "samplers.png", by_dataset)
    how = protocol.of(configs[0])
    protocol.write(workdir, how)
    text = [
        "# Quality against network evaluations",
        f"Aligned KL (less is better) of {how.samples:,} samples, the same noise for all. {MAP}: a flow map trained by "
        f"LSD; {VELOCITY}: a velocity trained with the same number of evaluations; exact: the velocity in closed form. "
        "In the column of E stands the best result with more than E / 2 and at most E evaluations; "
        "the rest is in samplers.csv.",
    ]
    for name, own in by_dataset.items():
        text += [f"## {name}", sampler_report.pivot(own, "kl")]
        found = [f"{row['line']}, {row['steps']} steps: {row['times']}" for row in own if row["times"]]
        text += ["Times of searched grids: " + "; ".join(found) + "."] if found else []
    titles = {
        **{"dataset": "data", "line": "model: sampler", "evaluations": "evaluations"},
        **{"kl": "aligned KL", "in_support": "in support", "sliced_w2": "sliced W2"},
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


if __name__ == "__main__":
    FILES = flags.DEFINE_list("configs", list(CONFIGS), "configurations of data sets in the plane")
    WORKDIR = flags.DEFINE_string("workdir", None, "folder of runs and results")

    def main() -> None:
        """Runs the command."""
        caches.keep_compiled()
        configs = [command_flags.frozen(config_files.load(f"{path}:{MAP}")) for path in FILES.value]
        print(compare_samplers(configs, Path(WORKDIR.value)))

    errors.run(main, flags_parser=lambda argv: command_flags.parse(argv, required=("workdir",)))
