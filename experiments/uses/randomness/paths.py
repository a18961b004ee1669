"""A stochastic map against the exact solution of each path of noise, and its law at the end."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.evaluation import scoring
from experiments.sampling.trained import Trained
from models import grids, samplers
from taxonomy import exact_stochastic, told
from taxonomy.arrays import squared_norm
from taxonomy.noise_paths import Driven

JUMPS = (1, 2, 4)
SOLVER_STEPS = 200
OTHER_TERMS = (0, 1, 2, 6)  # numbers of polynomials whose exact law is shown beside that of the run
CURVE_STEPS = 40  # of a drawn path; a divisor of the solver's
SHOWN = 6  # paths of the picture from each of its starting points
TITLES = {
    "what": "",
    "jumps": "jumps",
    "terms": "polynomials of a path",
    "path_error": "mean square distance from the exact end of the same path",
    "relative": "the same, relative to that of two paths from one point",
    "law": "KL at the end",
}


class Found(NamedTuple):
    """Rows of the table, and what the picture shows: curves [times, starts * SHOWN, 2] and ends [starts * SHOWN, 2]."""

    rows: list[dict[str, object]]
    curves: np.ndarray
    ends: dict[int, np.ndarray]


def measure(run: Trained, *, count: int, samples: int, seed: int) -> Found:
    """Errors path by path and laws at the end.

    Args:
      run: of a stochastic map, on data whose path is known.
      count: paths that are compared one by one.
      samples: of each law.
      seed: of starting points and paths.

    Returns:
      the rows of the jumps, of exact solutions with several numbers of polynomials, and of perfect samples.
    """
    options, dataset = run.config.objective.options, run.dataset
    terms, key = int(options.terms), jax.random.key(seed)
    driven = Driven(path=run.interpolant, noise_std=dataset.std, strength=float(options.noise))
    flow = dataset.exact_path(run.interpolant)
    drift = driven.drift(flow.b, flow.score)

    @functools.partial(jax.jit, static_argnames="trajectory")
    def solved(vectors: jax.Array, x: jax.Array, grid: jax.Array, *, trajectory: bool = False) -> jax.Array:
        paths = told.coefficients(vectors, x, terms=vectors.shape[1] // 2)
        return exact_stochastic.solve(driven.velocity(drift, paths), x, grid, trajectory=trajectory)

    @jax.jit
    def without_noise(x: jax.Array) -> jax.Array:
        return exact_stochastic.solve(drift, x, grids.uniform(SOLVER_STEPS))

    @jax.jit
    def jumped(vectors: jax.Array, x: jax.Array, grid: jax.Array) -> jax.Array:
        return samplers.composition(run.map(vector=vectors), x, grid)

    def start(stream: int, number: int) -> jax.Array:
        return dataset.noise(jax.random.fold_in(key, stream), number)

    def law(points: jax.Array) -> float:
        return scoring.first_metric(np.asarray(points), dataset, run.protocol)[1]

    fine = grids.uniform(SOLVER_STEPS)
    x, vectors = start(1, count), run.told(jax.random.fold_in(key, 2), count)
    many, paths = start(3, samples), run.told(jax.random.fold_in(key, 4), samples)
    exact = solved(vectors, x, fine)
    spread = _square(exact, solved(run.told(jax.random.fold_in(key, 5), count), x, fine))
    rows = []
    for jumps in JUMPS:
        error = _square(jumped(vectors, x, grids.uniform(jumps)), exact)
        found = law(jumped(paths, many, grids.uniform(jumps)))
        rows.append(_row(run.name, error, error / spread, found, jumps=jumps, terms=terms))
    refined = _square(exact, solved(vectors, x, grids.uniform(2 * SOLVER_STEPS)))
    for number in sorted({*OTHER_TERMS, terms}):
        if number:
            fresh = jax.random.normal(jax.random.fold_in(key, 6 + number), (samples, number * 2))
            end = solved(fresh, many, fine)
        else:
            end = without_noise(many)
        own = number == terms
        rows.append(_row("exact", refined if own else None, refined / spread if own else None, law(end), terms=number))
    rows.append(
        _row(scoring.reference_name(dataset), None, None, law(dataset.draw(jax.random.fold_in(key, 0), samples)))
    )
    return Found(rows, *_picture(run, solved, jumped, jax.random.fold_in(key, 20)))


def _row(
    what: str,
    error: float | None,
    relative: float | None,
    law: float,
    *,
    jumps: int | None = None,
    terms: int | None = None,
) -> dict[str, object]:
    return {"what": what, "jumps": jumps, "terms": terms, "path_error": error, "relative": relative, "law": law}


def _square(a: jax.Array, b: jax.Array) -> float:
    return float(jnp.mean(squared_norm(a - b)))


def _picture(run: Trained, solved, jumped, key: jax.Array) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Exact curves of several paths from two points, and where the map takes these paths."""
    x = run.dataset.std * jnp.repeat(jnp.array([[-0.6, 0.5], [0.7, -0.3]]), SHOWN, axis=0)
    vectors = run.told(key, len(x))
    curves = solved(vectors, x, grids.uniform(SOLVER_STEPS), trajectory=True)[:: SOLVER_STEPS // CURVE_STEPS]
    ends = {jumps: np.asarray(jumped(vectors, x, grids.uniform(jumps))) for jumps in JUMPS}
    return np.asarray(curves), ends
