"""Methods for the log-density of a point under a map, and their errors against the exact one."""

from collections.abc import Callable, Mapping
import functools
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
from taxonomy.flow_map import AverageDivergence, AverageVelocity, Velocity

JUMPS, FEW = (1, 4), (1, 2, 4, 8)  # what is shown of a map, and what is compared where there are heads
LEVEL = 1e-6  # log-densities that differ by less are one: where the exact ones are, nothing correlates with them
SOLVED, TOLERANCE = 200, 1e-9  # held-out data at which the exact velocity is solved, as a check of everything else


class Method(NamedTuple):
    """A way to a log-density.

    Attributes:
      name: for the table.
      transport: (points, grid) -> Transport.
      grid: times from 0 to 1.
      evaluations: of a network per point.
      drawn: whether the picture shows it.
    """

    name: str
    transport: Callable[[jax.Array, jax.Array], likelihood.Transport]
    grid: jax.Array
    evaluations: int
    drawn: bool = True


def methods(
    v: AverageVelocity,
    b: Velocity,
    *,
    ode_steps: int,
    probes: int,
    seed: int,
    heads: Mapping[str, AverageDivergence] | None = None,
) -> list[Method]:
    """All ways to a log-density in the plane; a jvp counts as one evaluation.

    Where there are heads, jumps are taken in as many steps as they are, and Euler steps of the ODE stand beside them.

    Args:
      v: average velocity of the map.
      b: its velocity.
      ode_steps: steps of Runge and Kutta's method along the ODE.
      probes: of Hutchinson's estimate.
      seed: of the probes.
      heads: {rule: average divergence that was trained by it}.

    Returns:
      the methods.
    """

    def exact(x: jax.Array, grid: jax.Array) -> likelihood.Transport:
        return likelihood.along_ode(b, x, grid)

    def estimated(x: jax.Array, grid: jax.Array) -> likelihood.Transport:
        signs = likelihood.rademacher(jax.random.key(seed), probes, x)
        return likelihood.along_ode(b, x, grid, divergence=likelihood.estimated_divergence(signs))

    def by_determinant(x: jax.Array, grid: jax.Array) -> likelihood.Transport:
        return likelihood.jumps(v, x, grid)

    def by_head(x: jax.Array, grid: jax.Array, *, d: AverageDivergence) -> likelihood.Transport:
        return likelihood.jumps_by_head(v, d, x, grid)

    def by_euler(x: jax.Array, grid: jax.Array) -> likelihood.Transport:
        return likelihood.along_ode(b, x, grid, method="euler")

    dim, stages, heads = 2, likelihood.STAGES["rk4"] * ode_steps, heads or {}
    jumps = [
        Method(f"{n} jump{'s' * (n > 1)}", by_determinant, grids.uniform(n), n * (1 + dim), n in JUMPS)
        for n in (FEW if heads else JUMPS)
    ]
    of_heads = [
        Method(
            f"{rule} head, {n} jump{'s' * (n > 1)}",
            functools.partial(by_head, d=d),
            grids.uniform(n),
            2 * n,
            n in JUMPS,
        )
        for rule, d in heads.items()
        for n in FEW
    ]
    few = [
        Method(f"ODE, {n} Euler step{'s' * (n > 1)}", by_euler, grids.uniform(n), n * (1 + dim), drawn=False)
        for n in (FEW if heads else ())
    ]
    grid = grids.uniform(ode_steps)
    return [
        *jumps,
        *of_heads,
        *few,
        Method("ODE, exact divergence", exact, grid, stages * (1 + dim)),
        Method(f"ODE, Hutchinson, {probes} probe{'s' * (probes > 1)}", estimated, grid, stages * (1 + probes)),
    ]


def _compared(log_p: np.ndarray, x: np.ndarray, truth: Planar) -> dict[str, float | None]:
    density = truth.density(x)
    on = density > 0
    # Too far away from all data even the exact density is no number that can be compared.
    exact = np.log(density[on])
    differences = np.abs(log_p[on] - exact)
    level = not on.any() or min(np.ptp(exact), np.ptp(log_p[on])) < LEVEL
    return {
        "error": float(differences.mean()),
        "median_error": float(np.median(differences)),
        "correlation": None if level else float(np.corrcoef(log_p[on], exact)[0, 1]),
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
