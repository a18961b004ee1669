"""Scores a trained flow map: its samples at 1, 2, 4, 8 and 16 steps, and the map itself against the exact one.

    python -m experiments.evaluate --workdir=runs/lsd [--checkpoint=best]

Writes ``metrics.csv``, ``metrics.md``, ``protocol.json``, the pictures ``samples.png`` (density next to the target),
``map_error.png`` and, in the plane, ``trajectories.png``, and their data (``samples.npz``, ``map.npz``) into the run's
folder, and prints the tables. The exact map comes from ``experiments.reference``.
"""

from collections.abc import Callable, Sequence
import functools
from pathlib import Path

from absl import flags
import jax
from ml_collections import ConfigDict
import numpy as np

from experiments import caches, errors, map_plots, plots, protocol, runs, scoring, settings, tables
from experiments import flags as command_flags
from experiments.datasets.dataset import Dataset
from experiments.errors import DivergedError
from experiments.protocol import MAP_METRICS
from models import grids, samplers
from models.flow_map_model import FlowMapModel, Params, bind
from taxonomy.flow_map import AverageVelocity, diagonal

KEPT_SAMPLES = 64_000
WRITTEN = ("metrics.csv", "metrics.md", "protocol.json", "samples.png", "map_error.png", "trajectories.png")


def trained_map(config: ConfigDict, model: FlowMapModel, params: Params) -> AverageVelocity:
    """The map that a run stands for: the model, or the one-step Euler map of a run that learnt velocities only.

    Args:
      config: the run's configuration.
      model: the model.
      params: its weights.

    Returns:
      average velocity v(s, t, x).
    """
    v = bind(model, params)
    if settings.objective_of(config).sampler == "euler":
        return lambda s, t, x: v(s, s, x)
    return v


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
      (steps, count, key) -> [count, ...] samples; equal keys start from equal noise at any number of steps. It raises
      UsageError if samples are not finite, naming the jump (s, t) after which they are not, and their share.
    """
    kind = settings.objective_of(config).sampler
    interpolant = settings.interpolant_of(config)

    @functools.partial(jax.jit, static_argnums=(1, 2, 3))
    def generate(params: Params, steps: int, legs: int, count: int, key: jax.Array) -> jax.Array:
        key_start, key_noise = jax.random.split(key)
        x0 = dataset.std * jax.random.normal(key_start, (count, *dataset.shape))
        v, grid = bind(model, params), grids.uniform(steps)[: legs + 1]
        if kind == "euler":
            return samplers.euler(diagonal(v), x0, grid)
        if kind == "renoising":
            return samplers.renoising(v, interpolant, key_noise, x0, grid, base_std=dataset.std)
        if kind == "one_jump":
            return samplers.one_jump(v, x0, grid)
        return samplers.composition(v, x0, grid)

    def checked(steps: int, count: int, key: jax.Array) -> np.ndarray:
        samples = np.asarray(generate(params, steps, steps, count, key))
        if np.isfinite(samples).all():
            return samples
        for legs in range(1, steps + 1):
            samples = np.asarray(generate(params, steps, legs, count, key))
            bad = ~np.isfinite(samples.reshape(count, -1)).all(axis=1)
            if bad.any():
                break
        s, t = (legs - 1) / steps, 1.0 if kind == "renoising" else legs / steps
        raise DivergedError(
            f"with {steps} steps, {bad.mean():.2%} of {count} generated samples are NaN or infinite after the jump "
            f"(s, t) = ({s:.4g}, {t:.4g}); the training has diverged: lower --config.training.learning_rate and train "
            "again"
        )

    return checked


def row_head(config: ConfigDict, trained: int) -> dict[str, object]:
    """The first columns of every row of a run: what was trained, how long, and by which protocol it is scored."""
    return {
        "objective": settings.label(config),
        "seed": config.seed,
        "trained_steps": trained,
        "protocol": protocol.fingerprint(config.evaluation.to_dict()),
    }


def evaluate(workdir: Path, *, checkpoint: str = "checkpoints") -> list[dict[str, object]]:
    """Scores a checkpoint of a run and writes the results into its folder.

    Args:
      workdir: the run's folder.
      checkpoint: "checkpoints" for the newest, "best" for the best that evaluation on the way has found.

    Returns:
      one row per number of steps, and a last row, without N, for the reference that nothing can be expected to beat;
      numbers about the map stand in each of its rows, None where they do not apply.

    Raises:
      UsageError: if there is no trained run, its map or its samples are not finite, or the reference set is unusable.
    """
    config, dataset, model, params, trained = runs.load_trained(workdir, checkpoint=checkpoint)
    runs.check_writable(workdir)
    how = protocol.of(config)
    of_map, pictures = scoring.score_map(config, dataset, trained_map(config, model, params))
    generate = generator(config, dataset, model, params)
    true = scoring.true_samples(dataset, how.samples, how.seed)
    common = row_head(config, trained)
    rows, kept = [], {}
    for steps in how.steps:
        samples = generate(steps, how.samples, jax.random.key(how.seed))
        rows.append({**common, "N": steps, **scoring.score(samples, dataset, true, how), **of_map})
        kept[str(steps)] = samples[:KEPT_SAMPLES]
    name = scoring.reference_name(dataset)
    nothing = dict.fromkeys(of_map, None)
    rows.append(
        {
            **common,
            "objective": name,
            "seed": "",
            "trained_steps": "",
            "N": "",
            **scoring.floor(config.dataset, how),
            **nothing,
        }
    )
    tables.write_csv(workdir / "metrics.csv", rows)
    protocol.write(workdir, how)
    (workdir / "metrics.md").write_text(_text(config, dataset, rows, trained))
    np.savez_compressed(workdir / "samples.npz", **kept)
    np.savez_compressed(workdir / "map.npz", **pictures)
    label = settings.label(config)
    plots.samples(workdir / "samples.png", dataset, {label: kept})
    map_plots.draw(workdir, dataset, {label: pictures})
    return rows


def _text(config: ConfigDict, dataset: Dataset, rows: Sequence[dict[str, object]], trained: int) -> str:
    how, names = protocol.of(config), protocol.metrics_of(dataset)
    body = [
        [row["N"] or scoring.reference_name(dataset), *(tables.number(row[metric.name]) for metric in names)]
        for row in rows
    ]
    of_map = [[metric.title, tables.number(rows[0][metric.name])] for metric in MAP_METRICS]
    return (
        "\n\n".join(
            [
                f"{settings.label(config)} on {config.dataset}, seed {config.seed}, {trained} steps.",
                protocol.text(how),
                tables.markdown(["N", *(metric.title for metric in names)], body),
                "Of the map itself, mean squares unless a distance:",
                tables.markdown(["", "value"], [row for row in of_map if row[1] != tables.ABSENT]),
            ]
        )
        + "\n"
    )


def written(workdir: Path, names: Sequence[str]) -> str:
    """Those of the named files that are there, for a message."""
    return f"written: {workdir}/" + ", ".join(name for name in names if (workdir / name).exists())


if __name__ == "__main__":
    WORKDIR = flags.DEFINE_string("workdir", None, "folder of a trained run")
    CHECKPOINT = command_flags.define_checkpoint()

    def main() -> None:
        """Runs the command."""
        workdir, checkpoint = Path(WORKDIR.value), command_flags.checkpoint_folder(CHECKPOINT)
        caches.keep_compiled()
        evaluate(workdir, checkpoint=checkpoint)
        print((workdir / "metrics.md").read_text())
        print(written(workdir, WRITTEN))

    errors.run(main, flags_parser=lambda argv: command_flags.parse(argv, required=("workdir",)))
