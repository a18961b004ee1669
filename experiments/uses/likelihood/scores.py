"""Methods for the log-density of a point under a map, and their errors against the exact one."""

from collections.abc import Callable
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets.dataset import Dataset, Planar
from experiments.errors import DivergedError
from models import grids, likelihood
from taxonomy import exact_map
from taxonomy.exact import ExactFlow
from taxonomy.flow_map import AverageVelocity, Velocity

JUMPS = (1, 4)
SOLVED, TOLERANCE = 200, 1e-9  # held-out data at which the exact velocity is solved, as a check of everything else


class Method(NamedTuple):
    """A way to a log-density: its name, (points, grid) -> Transport, its grid from 0 to 1, and evaluations a point."""

    name: str
    transport: Callable[[jax.Array, jax.Array], likelihood.Transport]
    grid: jax.Array
    evaluations: int


def methods(v: AverageVelocity, b: Velocity, *, ode_steps: int, probes: int, seed: int) -> list[Method]:
    """All ways to a log-density in the plane; a jvp counts as one evaluation.

    Args:
      v: average velocity of the map.
      b: its velocity.
      ode_steps: steps of Runge and Kutta's method along the ODE.
      probes: of Hutchinson's estimate.
      seed: of the probes.

    Returns:
      the methods.
    """

    def exact(x: jax.Array, grid: jax.Array) -> likelihood.Transport:
        return likelihood.along_ode(b, x, grid)

    def estimated(x: jax.Array, grid: jax.Array) -> likelihood.Transport:
        signs = likelihood.rademacher(jax.random.key(seed), probes, x)
        return likelihood.along_ode(b, x, grid, divergence=likelihood.estimated_divergence(signs))

    dim, stages = 2, likelihood.STAGES["rk4"] * ode_steps
    by_jumps = [
        Method(
            f"{n} jump{'s' * (n > 1)}",
            lambda x, grid: likelihood.jumps(v, x, grid),
            grids.uniform(n),
            n * (1 + dim),
        )
        for n in JUMPS
    ]
    grid = grids.uniform(ode_steps)
    return [
        *by_jumps,
        Method("ODE, exact divergence", exact, grid, stages * (1 + dim)),
        Method(f"ODE, Hutchinson, {probes} probe{'s' * (probes > 1)}", estimated, grid, stages * (1 + probes)),
    ]


def _compared(log_p: np.ndarray, x: np.ndarray, truth: Planar) -> dict[str, float]:
    density = truth.density(x)
    on = density > 0
    # Too far away from all data even the exact density is no number that can be compared.
    differences = np.abs(log_p[on] - np.log(density[on]))
    return {
        "error": float(differences.mean()),
        "median_error": float(np.median(differences)),
        "off_support": float(1 - on.mean()),
    }


def _check_finite(method: Method, transport: likelihood.Transport) -> None:
    if not all(np.isfinite(np.asarray(array)).all() for array in transport):
        raise DivergedError(
            f"the log-density by {method.name} is NaN or infinite; the training has diverged, or the map flattens the "
            "plane somewhere: lower --config.training.learning_rate and train again"
        )


def score(
    method: Method, dataset: Dataset, noise: np.ndarray, data: np.ndarray, grid_points: np.ndarray, cell: float
) -> tuple[list[dict[str, object]], np.ndarray]:
    """The rows of one method.

    Args:
      method: the method.
      dataset: a data set in the plane.
      noise: [n, 2]; from which it generates.
      data: [m, 2]; held-out data.
      grid_points: [k, 2]; cell centres of the picture.
      cell: area of a cell.

    Returns:
      (two rows: at generated points, at held-out data; log-density at the grid points [k]).

    Raises:
      DivergedError: if a log-density is not finite.
    """
    run = jax.jit(method.transport)
    rows = []
    for points, start, times in (("generated", noise, method.grid), ("held out", data, method.grid[::-1])):
        jax.block_until_ready(run(start, times))
        begun = time.perf_counter()
        transport = jax.block_until_ready(run(start, times))
        seconds = time.perf_counter() - begun
        _check_finite(method, transport)
        if points == "generated":
            where = np.asarray(transport.x)
            log_p = likelihood.of_generated(jnp.asarray(start), transport, noise_std=dataset.std)
        else:
            where, log_p = start, likelihood.of_data(transport, noise_std=dataset.std)
        log_p = np.asarray(log_p, np.float64)
        rows.append(
            {
                "points": points,
                "method": method.name,
                **_compared(log_p, where, dataset.truth),
                "nats": float(-log_p.mean() / 2),
                "mass": None,
                "evaluations": method.evaluations,
                "seconds": seconds,
            }
        )
    on_grid = np.asarray(likelihood.of_data(run(grid_points, method.grid[::-1]), noise_std=dataset.std), np.float64)
    rows[1]["mass"] = float(np.exp(on_grid).sum() * cell)
    return rows, on_grid


def solved(flow: ExactFlow, data: np.ndarray, dataset: Dataset) -> dict[str, object]:
    """The row of the exact velocity by the adaptive solver in double precision: what the formulas themselves cost.

    Args:
      flow: the exact path, made in double precision.
      data: [n, 2]; held-out data.
      dataset: the data set.

    Returns:
      the row.
    """
    begun = time.perf_counter()
    x = jnp.asarray(data, jnp.float64)
    one, zero = jnp.ones(len(x)), jnp.zeros(len(x))
    solution = jax.jit(lambda s, t, x: exact_map.solve_with_jacobian(flow.b, s, t, x, tolerance=TOLERANCE))(
        one, zero, x
    )
    log_p = likelihood.of_data(likelihood.Transport(solution.x, solution.log_det), noise_std=dataset.std)
    log_p = np.asarray(log_p)
    return {
        "points": f"held out ({len(data)})",
        "method": "exact velocity, adaptive solver",
        **_compared(log_p, data, dataset.truth),
        "nats": float(-log_p.mean() / 2),
        "mass": None,
        "evaluations": None,
        "seconds": time.perf_counter() - begun,
    }
