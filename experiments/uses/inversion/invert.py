"""Inverts held-out data by jumps back in time, and scores the round trip and the latents against the exact inverse."""

from pathlib import Path
import time

import jax
import jax.numpy as jnp
import numpy as np

from experiments import errors
from experiments.datasets.dataset import Dataset, Images
from experiments.metrics import maps as map_metrics
from experiments.metrics import reference
from experiments.metrics import samples as metrics
from experiments.reporting import findings
from experiments.training import runs
from experiments.uses.inversion import plots as inversion_plots
from models import two_directions
from objectives.objective import Objective
from taxonomy.flow_map import AverageVelocity

STEPS = (1, 2, 4)
PAIRS, SHARES = 6, 9  # interpolations in the picture
TITLES = {
    "steps": "jumps each way",
    "round_trip": "round trip of data",
    "noise_round_trip": "round trip of noise",
    "inverse_error": "error of the inverse (mean square)",
    "sliced_w2": "sliced W2 of the latents to noise",
    "latent_mean": "length of the latents' mean",
    "latent_std": "std of the latents / noise_std",
}


def held_out(dataset: Dataset, count: int, seed: int) -> np.ndarray:
    """Data that were not trained on: the held-out examples, or fresh draws where data are drawn.

    Args:
      dataset: the data set.
      count: how many, at most.
      seed: of the draws.

    Returns:
      [n, ...]; centred and scaled, if the data set is.
    """
    if isinstance(dataset.truth, Images):
        return dataset.centred(np.asarray(dataset.truth.test[:count], np.float32).reshape(-1, *dataset.shape))
    return np.asarray(dataset.draw(jax.random.fold_in(jax.random.key(seed), 5), count))


def noise_of(dataset: Dataset, count: int, seed: int) -> np.ndarray:
    """Noise of the data's standard deviation.

    Args:
      dataset: the data set.
      count: how many.
      seed: of the draws.

    Returns:
      [count, ...].
    """
    key = jax.random.fold_in(jax.random.key(seed), 6)
    return np.asarray(dataset.noise(key, count))


def _distance(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean(np.linalg.norm((x - y).reshape(len(x), -1), axis=1)))


def score(
    v: AverageVelocity,
    dataset: Dataset,
    data: np.ndarray,
    pairs: tuple[np.ndarray, np.ndarray] | None,
    *,
    steps: int,
    projections: int,
    seed: int,
) -> tuple[dict[str, object], np.ndarray]:
    """How well a map inverts.

    Args:
      v: average velocity.
      dataset: the data set.
      data: [n, ...]; held-out data.
      pairs: exact (x_0, x_1), both [m, ...], or None if they are not known.
      steps: jumps each way.
      projections: of the sliced distance.
      seed: of noise and projections.

    Returns:
      (one row, the latents [n, ...]).

    Raises:
      DivergedError: if the map is not finite.
    """
    back = jax.jit(lambda x: two_directions.invert(v, x, steps=steps))
    ahead = jax.jit(lambda x: two_directions.regenerate(v, x, steps=steps))
    noise = noise_of(dataset, len(data), seed)
    latents = np.asarray(back(data))
    again = np.asarray(ahead(latents))
    if not (np.isfinite(latents).all() and np.isfinite(again).all()):
        raise errors.DivergedError(
            f"with {steps} jumps each way the map is NaN or infinite; the training has diverged: lower "
            "--config.training.learning_rate and train again"
        )
    flat = latents.reshape(len(data), -1)
    row = {
        "steps": steps,
        "round_trip": _distance(dataset.stretched(again), dataset.stretched(data)),
        "noise_round_trip": _distance(np.asarray(back(ahead(noise))), noise),
        "inverse_error": None,
        "sliced_w2": metrics.sliced_wasserstein(flat, noise.reshape(len(data), -1), projections=projections, seed=seed),
        "latent_mean": float(np.linalg.norm(flat.mean(axis=0))),
        "latent_std": float(flat.std(axis=0).mean() / dataset.std),
    }
    if pairs is not None:
        x_0, x_1 = pairs
        difference = np.asarray(back(jnp.float32(x_1)), np.float64) - x_0
        row["inverse_error"] = float(np.mean(np.sum(difference.reshape(len(x_0), -1) ** 2, axis=1)))
    return row, latents


def _floor(dataset: Dataset, count: int, projections: int, seed: int) -> dict[str, object]:
    noise, other = (noise_of(dataset, count, s).reshape(count, -1) for s in (seed, seed + 1))
    return {
        "steps": "exact inverse",
        "round_trip": 0.0,
        "noise_round_trip": 0.0,
        "inverse_error": 0.0,
        "sliced_w2": metrics.sliced_wasserstein(other, noise, projections=projections, seed=seed),
        "latent_mean": float(np.linalg.norm(other.mean(axis=0))),
        "latent_std": float(other.std(axis=0).mean() / dataset.std),
    }


def _direction(objective: Objective, workdir: Path) -> str:
    """What the map was trained for, in a sentence; warns if it was not for this."""
    if objective.both_directions:
        return "The map was trained in both directions."
    if objective.sampler == "euler":
        text = "learned velocities only: its jumps are Euler steps, both ways"
    else:
        text = (
            "was trained from noise to data only: jumps back are extrapolated; train both directions, such as "
            "--config.objective.options.times=square for lsd, esd and psd_m"
        )
    findings.warn(f"the map of {workdir} {text}")
    return f"The map {text}."


def invert(workdir: Path, *, out: str | None = None) -> list[dict[str, object]]:
    """Inverts held-out data with a trained map, scores it and draws it.

    Args:
      workdir: the run's folder.
      out: folder of the results, by default that of the run.

    Returns:
      one row per number of jumps, and a last one for the exact inverse.

    Raises:
      UsageError: if there is no trained run, or a folder cannot be written.
      DivergedError: if the map is not finite.
    """
    start = time.perf_counter()
    run = runs.load_trained(workdir)
    dataset, protocol = run.dataset, run.protocol
    dataset.check_flat(use="inversion")
    dataset.check_noise(use="inversion")
    folder = findings.folder(workdir, out)
    v = run.map()
    direction = _direction(run.objective, workdir)
    data = held_out(dataset, protocol.samples, protocol.seed)
    pairs, backward = None, None
    if dataset.exact_flow is not None:
        exact = reference.load_or_build(run.config, dataset)
        pairs = (exact.x_0, exact.x_1)
        own, own_exact = map_metrics.stretched(v, dataset), reference.stretched(exact, dataset)
        backward = map_metrics.truth(own, own_exact, backward=True)[0]["backward_error"]
    rows, latents = [], None
    for steps in STEPS:
        row, back = score(v, dataset, data, pairs, steps=steps, projections=protocol.projections, seed=protocol.seed)
        rows.append(row)
        latents = back if latents is None else latents
    rows.append(_floor(dataset, len(data), protocol.projections, protocol.seed))
    inversion_plots.draw(folder / "inversion.png", dataset, v, data, latents, pairs=PAIRS, shares=SHARES)
    text = [
        f"{run.name} on {run.config.dataset}, {run.step} steps, {len(data)} held-out data. {direction}",
        f"Distances in units of the data{'' if dataset.scale is None else ', of noise and latents in scaled ones'}, "
        "mean squares where the title has them; the last row is of an exact inverse.",
    ]
    if backward is not None:
        text.append(f"Mean squared error of jumps back in time, over all s < t: {backward:.4g}.")
    options = f" --out={out}" if out else ""
    findings.write(
        folder,
        "inversion",
        rows,
        titles=TITLES,
        text=text,
        settings={"data": len(data), "backward_error": backward, **protocol._asdict()},
        command=f"python -m experiments.invert --workdir={workdir}{options}",
        seconds=time.perf_counter() - start,
    )
    return rows
