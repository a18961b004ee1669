"""A posterior map against exact samples of ``p(x1 | x_t)``, at several times."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets import observed
from experiments.errors import UsageError, nearest
from experiments.sampling.trained import Trained
from models import grids, samplers
from models import posterior as by_flow
from taxonomy import exact_planar, exact_posterior, told
from taxonomy.interpolants import INTERPOLANTS, LINEAR

JUMPS = (1, 4)
FLOW_STEPS = 16  # midpoint steps of the inner flow of the exact velocity
ANGLES = 16
SHOWN = 300  # samples of a panel of the picture
LAWS = {
    "checkerboard": exact_planar.checkerboard,
    "spiral": exact_planar.spiral,
    "two_moons": exact_planar.two_moons,
    "eight_gaussians": exact_planar.eight_gaussians,
}
TITLES = {
    "time": "t",
    "what": "samples",
    "evaluations": "NFE per sample",
    "sliced": "sliced W2 to exact samples",
    "mean": "distance of the means",
    "outside": "share outside of the support",
}


class Found(NamedTuple):
    """Rows of the table, and what the picture shows: {time: (x_t [2], {name: samples [n, 2]})}."""

    rows: list[dict[str, object]]
    shown: dict[float, tuple[np.ndarray, dict[str, np.ndarray]]]


def check(run: Trained) -> None:
    """UsageError for a run on data whose posterior is not known."""
    if run.dataset.name not in LAWS:
        raise UsageError(
            f"the exact posterior of {run.dataset.name} is not known here; {nearest(run.dataset.name, LAWS)}"
        )


def reading_time(run: Trained) -> float | None:
    """The time of the reading that a run is conditioned on (``observed=noisy``); None for another run."""
    if run.dataset.observed is None:
        return None
    entry, time = observed.check(run.dataset.observed.name)
    return time if entry == "noisy" else None


def measure(run: Trained, *, times: tuple[float, ...], points: int, samples: int, seed: int) -> Found:
    """Distances between samples of a posterior map and exact samples, over points ``I_t``.

    Args:
      run: of a posterior map, or of a map that is conditioned on a reading, which is a point of the linear path.
      times: in (0, 1).
      points: number of points at each time.
      samples: of each posterior.
      seed: of points and samples.

    Returns:
      at each time the rows of the map by its numbers of jumps, of the inner flow of the exact velocity where the path
      is linear, and of a second set of exact samples, which nothing is expected to beat.
    """
    dataset = run.dataset
    path = run.interpolant if reading_time(run) is None else LINEAR
    law, b = LAWS[dataset.name](), dataset.exact_path(path).b
    whole = points * samples

    @jax.jit
    def jumped(t: jax.Array, x_t: jax.Array, key: jax.Array, grid: jax.Array) -> jax.Array:
        each, asked = (jnp.repeat(y, samples, axis=0) for y in (t, x_t))
        if dataset.observed is None:
            vector = told.vectors_of(each, asked, noise_std=dataset.std)
        else:
            vector = dataset.observed.encoded(asked)
        v = run.map(vector=vector)
        noise = dataset.noise(key, whole)
        return samplers.composition(v, noise, grid).reshape(points, samples, 2)

    @jax.jit
    def flowed(t: jax.Array, x_t: jax.Array, key: jax.Array) -> jax.Array:
        return by_flow.sample(b, key, t, x_t, noise_std=dataset.std, count=samples, steps=FLOW_STEPS)

    rows, shown = [], {}
    for index, time in enumerate(times):
        keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), index), 7)
        t = jnp.full(points, time)
        noise = dataset.noise(keys[0], points)
        x_t = path.position(t, noise, dataset.draw(keys[1], points))
        exact = exact_posterior.sample(law, path, keys[2], t, x_t, count=samples)
        found = {f"{run.name}, {n} jump{'s' * (n > 1)}": (n, jumped(t, x_t, keys[3], grids.uniform(n))) for n in JUMPS}
        if path is INTERPOLANTS["linear"]:
            found["flow of the exact velocity"] = (2 * FLOW_STEPS, flowed(t, x_t, keys[4]))
        found["exact samples"] = (None, exact_posterior.sample(law, path, keys[5], t, x_t, count=samples))
        for name, (evaluations, drawn) in found.items():
            outside = 1 - dataset.truth.in_support(np.asarray(drawn, np.float64).reshape(-1, 2)).mean()
            rows.append(
                {
                    "time": time,
                    "what": name,
                    "evaluations": evaluations,
                    "sliced": sliced_distance(drawn, exact),
                    "mean": float(jnp.mean(jnp.linalg.norm(drawn.mean(axis=1) - exact.mean(axis=1), axis=-1))),
                    "outside": float(outside),
                }
            )
        first = next(iter(found))
        pairs = {first: found[first][1], "exact samples": exact}
        shown[time] = np.asarray(x_t[0]), {name: np.asarray(each[0, :SHOWN]) for name, each in pairs.items()}
    return Found(rows, shown)


def sliced_distance(a: jax.Array, b: jax.Array) -> float:
    """The root of the mean squared Wasserstein-2 distance along 16 directions, averaged over points.

    Args:
      a: [points, samples, 2].
      b: [points, samples, 2]; as many samples.

    Returns:
      the mean over points.
    """
    angles = jnp.pi * jnp.arange(ANGLES) / ANGLES
    directions = jnp.stack([jnp.cos(angles), jnp.sin(angles)])
    along = [jnp.sort(x @ directions, axis=1) for x in (a, b)]
    return float(jnp.mean(jnp.sqrt(jnp.mean((along[0] - along[1]) ** 2, axis=(1, 2)))))
