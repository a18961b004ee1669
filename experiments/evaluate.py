"""Scores a trained flow map: its samples at 1, 2, 4, 8 and 16 steps, and the map itself against the exact one.

    python -m experiments.evaluate --workdir=runs/lsd [--checkpoint=best] [--inception=FILE] [--guidance=2]

Writes ``metrics.csv``, ``metrics.md``, ``protocol.json``, the pictures ``samples.png`` (density next to the target),
``map_error.png`` and, in the plane, ``trajectories.png``, and their data (``samples.npz``, ``map.npz``) into the run's
folder, and prints the tables. The exact map comes from ``experiments.reference``.
"""

from collections.abc import Callable, Mapping, Sequence
import functools
import math
from pathlib import Path

from absl import flags
import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
import numpy as np

from experiments import (
    caches,
    checks,
    conditioning,
    errors,
    image_scores,
    map_plots,
    plots,
    protocol,
    runs,
    scoring,
    settings,
    tables,
)
from experiments import flags as command_flags
from experiments.datasets.dataset import Dataset
from experiments.errors import DivergedError
from experiments.protocol import MAP_METRICS
from models import grids, samplers
from models.flow_map_model import FlowMapModel, Params
from taxonomy.flow_map import AverageVelocity, diagonal

KEPT_SAMPLES = 64_000
AT_ONCE = 2**21  # numbers that are generated at once
WRITTEN = ("metrics.csv", "metrics.md", "protocol.json", "samples.png", "map_error.png", "trajectories.png")


def trained_map(
    config: ConfigDict, model: FlowMapModel, params: Params, label: jax.Array | None = None, *, scale: float = 1.0
) -> AverageVelocity:
    """The map that a run stands for: the model, or the one-step Euler map of a run that learnt velocities only.

    Args:
      config: the run's configuration.
      model: the model.
      params: its weights.
      label: [batch]; classes of the points, None for none.
      scale: of guidance, see ``conditioning.check_scale``.

    Returns:
      average velocity v(s, t, x).
    """
    v = conditioning.conditioned(config, model, params, label, scale=scale)
    if settings.objective_of(config).sampler == "euler":
        return lambda s, t, x: v(s, s, x)
    return v


def generator(
    config: ConfigDict, dataset: Dataset, model: FlowMapModel, params: Params, *, scale: float = 1.0
) -> Callable[[int, int, jax.Array], np.ndarray]:
    """A function that samples the model in the way its objective is meant to be sampled.

    Args:
      config: the run's configuration.
      dataset: the data set.
      model: the model.
      params: its weights.
      scale: of guidance, see ``conditioning.check_scale``.

    Returns:
      (steps, count, key) -> [count, ...] samples, of each class in turn if the network is told classes; equal keys
      start from equal noise at any number of steps. It raises
      DivergedError if samples are not finite, naming the jump (s, t) after which they are not, and their share.
    """
    kind = settings.objective_of(config).sampler
    interpolant = settings.interpolant_of(config)
    most = max(1, AT_ONCE // math.prod(dataset.shape))

    @functools.partial(jax.jit, static_argnums=(1, 2, 3))
    def generate(
        params: Params, steps: int, legs: int, count: int, key: jax.Array, label: jax.Array | None
    ) -> jax.Array:
        key_start, key_noise = jax.random.split(key)
        x0 = dataset.std * jax.random.normal(key_start, (count, *dataset.shape))
        v = conditioning.conditioned(config, model, params, label, scale=scale)
        grid = grids.uniform(steps)[: legs + 1]
        if kind == "euler":
            return samplers.euler(diagonal(v), x0, grid)
        if kind == "renoising":
            return samplers.renoising(v, interpolant, key_noise, x0, grid, base_std=dataset.std)
        if kind == "one_jump":
            return samplers.one_jump(v, x0, grid)
        return samplers.composition(v, x0, grid)

    def in_parts(steps: int, legs: int, count: int, key: jax.Array) -> np.ndarray:
        label = conditioning.classes_in_turn(config, dataset, count)
        if count <= most:
            return np.asarray(generate(params, steps, legs, count, key, label))
        found = []
        for start in range(0, count, most):
            # The last part is drawn whole and cut, so that all have one shape.
            part = None if label is None else (start + jnp.arange(most)) % dataset.classes
            found.append(np.asarray(generate(params, steps, legs, most, jax.random.fold_in(key, start), part)))
        return np.concatenate(found)[:count]

    def checked(steps: int, count: int, key: jax.Array) -> np.ndarray:
        samples = in_parts(steps, steps, count, key)
        if np.isfinite(samples).all():
            return samples
        for legs in range(1, steps + 1):
            samples = in_parts(steps, legs, count, key)
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
        "protocol": protocol.hash_of(protocol.of(config)),
    }


def evaluate(
    workdir: Path, *, checkpoint: str = "checkpoints", changes: Mapping[str, object] | None = None
) -> list[dict[str, object]]:
    """Scores a checkpoint of a run and writes the results into its folder.

    Args:
      workdir: the run's folder.
      checkpoint: "checkpoints" for the newest, "best" for the best that evaluation on the way has found.
      changes: fields of the run's protocol that are other ones here.

    Returns:
      one row per number of steps, and a last row, without N, for the reference that nothing can be expected to beat;
      numbers about the map stand in each of its rows, None where they do not apply.

    Raises:
      UsageError: if there is no trained run, or the reference set is unusable.
      DivergedError: if the map or its samples are not finite.
    """
    config, dataset, model, params, trained = runs.load_trained(workdir, checkpoint=checkpoint)
    config.evaluation.update(changes or {})
    checks.check_evaluation(config)
    runs.check_writable(workdir)
    how = protocol.of(config)
    conditioning.check_scale(config, how.guidance)
    image_scores.check(dataset, how)
    of_map, pictures = scoring.score_map(
        config, dataset, lambda label: trained_map(config, model, params, label, scale=how.guidance)
    )
    generate = generator(config, dataset, model, params, scale=how.guidance)
    labels = conditioning.classes_in_turn(config, dataset, how.samples)
    labels = None if labels is None else np.asarray(labels)
    true = scoring.true_samples(dataset, how.samples, how.seed)
    common = row_head(config, trained)
    rows, kept = [], {}
    for steps in how.steps:
        samples = generate(steps, how.samples, jax.random.key(how.seed))
        rows.append({**common, "N": steps, **scoring.score(samples, dataset, true, how, labels), **of_map})
        kept[str(steps)] = samples[:KEPT_SAMPLES]
    name = scoring.reference_name(dataset, how)
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
    plots.samples(workdir / "samples.png", dataset, {settings.label(config): kept}, labels=labels)
    map_plots.draw(workdir, dataset, {settings.label(config): pictures})
    return rows


def _text(config: ConfigDict, dataset: Dataset, rows: Sequence[dict[str, object]], trained: int) -> str:
    how, names = protocol.of(config), protocol.applying(protocol.metrics_of(dataset), rows)
    body = [
        [row["N"] or scoring.reference_name(dataset, how), *(tables.number(row[metric.name]) for metric in names)]
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
    CHANGES = {
        "inception": flags.DEFINE_string("inception", None, "file of Inception weights, for FID"),
        "guidance": flags.DEFINE_float("guidance", None, "scale of guidance, of a network that was trained for it"),
    }

    def main() -> None:
        """Runs the command."""
        workdir, checkpoint = Path(WORKDIR.value), command_flags.checkpoint_folder(CHECKPOINT)
        caches.keep_compiled()
        changes = {name: flag.value for name, flag in CHANGES.items() if flag.value is not None}
        evaluate(workdir, checkpoint=checkpoint, changes=changes)
        print((workdir / "metrics.md").read_text())
        print(written(workdir, WRITTEN))

    errors.run(main, flags_parser=lambda argv: command_flags.parse(argv, required=("workdir",)))
