"""The log-density that a trained map gives to points of the plane, against the exact one.

    python -m experiments.likelihood --workdir=runs/both [--points=4000] [--ode_steps=32] [--probes=1]

By one jump, by four, and along the ODE of the map's own velocity with the exact and with the estimated divergence; at
points that the map generates itself and at held-out data. Writes ``likelihood.csv``, ``.md``, ``.json`` and the picture
``likelihood.png`` into the run's folder or ``--out``. docs/likelihood.md says what the numbers mean.
"""

from collections.abc import Callable
from pathlib import Path
import time
from typing import NamedTuple

from absl import flags
import jax
import jax.numpy as jnp
import numpy as np

from experiments import caches, errors, findings, likelihood_plots, protocol, runs, settings
from experiments import flags as command_flags
from experiments.datasets.dataset import Dataset, Planar
from experiments.errors import DivergedError, UsageError
from experiments.evaluate import trained_map
from experiments.invert import held_out, noise_of
from models import likelihood
from models.flow_map_model import bind
from models.samplers import uniform_grid
from taxonomy import exact_map
from taxonomy.exact import ExactFlow
from taxonomy.flow_map import AverageVelocity, Velocity, diagonal

JUMPS = (1, 4)
SOLVED, TOLERANCE = 200, 1e-9  # held-out data at which the exact velocity is solved, as a check of everything else
CELLS, REACH = 96, 1.25  # of the picture, per axis, and how far beyond the box it goes
TITLES = {
    "points": "points",
    "method": "by",
    "error": "mean absolute error of log p",
    "median_error": "median",
    "off_support": "off the support",
    "nats": "nats per dimension",
    "mass": "mass on the grid",
    "evaluations": "evaluations",
    "seconds": "seconds",
}


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
            uniform_grid(n),
            n * (1 + dim),
        )
        for n in JUMPS
    ]
    grid = uniform_grid(ode_steps)
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
      UsageError: if a log-density is not finite.
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
            where, log_p = np.asarray(transport.x), likelihood.of_generated(start, transport, base_std=dataset.std)
        else:
            where, log_p = start, likelihood.of_data(transport, base_std=dataset.std)
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
    on_grid = np.asarray(likelihood.of_data(run(grid_points, method.grid[::-1]), base_std=dataset.std), np.float64)
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
    found = jax.jit(lambda s, t, x: exact_map.solve_with_jacobian(flow.b, s, t, x, tolerance=TOLERANCE))(one, zero, x)
    log_p = likelihood.of_data(likelihood.Transport(found.x, found.log_det), base_std=dataset.std)
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


def measure(
    workdir: Path, *, out: str | None = None, points: int = 4000, ode_steps: int = 32, probes: int = 1
) -> list[dict[str, object]]:
    """Log-densities of a trained map in the plane by all methods, against the exact one.

    Args:
      workdir: the run's folder.
      out: folder of the results, by default that of the run.
      points: generated points, and held-out data.
      ode_steps: steps along the ODE.
      probes: of Hutchinson's estimate.

    Returns:
      two rows per method, then those of the exact velocity and of the exact density.

    Raises:
      UsageError: if there is no trained run, its data have no exact density, a number is too small, or something is not
        finite.
    """
    begun = time.perf_counter()
    for name, value in (("points", points), ("ode_steps", ode_steps), ("probes", probes)):
        if value < 1:
            raise UsageError(f"--{name}={value}; expected at least 1")
    config, dataset, model, params, trained = runs.load_trained(workdir)
    if not isinstance(dataset.truth, Planar):
        raise UsageError(
            f"data set {config.dataset} of {workdir} has no exact density; expected a run on one in the plane: "
            "checkerboard, spiral, two_moons or eight_gaussians"
        )
    folder, how = findings.folder(workdir, out), protocol.of(config)
    objective = settings.objective_of(config)
    warning = None
    if not objective.both_directions and objective.sampler != "euler":
        warning = (
            "was trained from noise to data only: the jumps back from held-out data are extrapolated, and so is their "
            "density; the other rows are not"
        )
        findings.warn(f"the map of {workdir} {warning}")
    noise, data = noise_of(dataset, points, how.seed), held_out(dataset, points, how.seed)
    low, high = (REACH * end for end in dataset.truth.box)
    width = (high - low) / CELLS
    centres = low + width * (np.arange(CELLS) + 0.5)
    on_grid = np.float32(np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1).reshape(-1, 2))
    rows, densities = [], {"exact": dataset.truth.density(on_grid)}
    v, b = trained_map(config, model, params), diagonal(bind(model, params))
    for method in methods(v, b, ode_steps=ode_steps, probes=probes, seed=how.seed):
        found, log_p = score(method, dataset, noise, data, on_grid, width**2)
        rows += found
        densities[method.name] = np.exp(log_p)
    if dataset.exact_flow is not None:
        with jax.enable_x64(True):
            rows.append(solved(dataset.exact_path(settings.interpolant_of(config)), data[:SOLVED], dataset))
    nothing = dict.fromkeys(TITLES)
    true = dataset.truth.density(data)
    exact = {"points": "held out", "method": "exact density", "error": 0.0, "median_error": 0.0, "off_support": 0.0}
    rows.append(nothing | exact | {"nats": float(-np.log(true[true > 0]).mean() / 2)})
    likelihood_plots.draw(folder / "likelihood.png", densities, cells=CELLS, box=(low, high))
    text = [
        f"{settings.label(config)} on {config.dataset}, {trained} steps; {points} generated points and {points} "
        f"held-out data; {ode_steps} steps of Runge and Kutta's method along the ODE.",
        "Errors are those of log p against the exact log-density, over points that lie on the support. Evaluations are "
        "those of the network per point, a jvp counts as one.",
    ]
    text += [f"The map {warning}."] if warning else []
    given = {"points": points, "ode_steps": ode_steps, "probes": probes}
    options = "".join(f" --{name}={value}" for name, value in (given | ({"out": out} if out else {})).items())
    findings.write(
        folder,
        "likelihood",
        rows,
        titles=TITLES,
        text=text,
        settings=given | {"seed": how.seed},
        command=f"python -m experiments.likelihood --workdir={workdir}{options}",
        seconds=time.perf_counter() - begun,
    )
    return rows


if __name__ == "__main__":
    WORKDIR = flags.DEFINE_string("workdir", None, "folder of a trained run on data in the plane")
    OUT = flags.DEFINE_string("out", None, "folder of the results; by default that of the run")
    POINTS = flags.DEFINE_integer("points", 4000, "generated points, and held-out data")
    ODE_STEPS = flags.DEFINE_integer("ode_steps", 32, "steps along the ODE, of four evaluations each")
    PROBES = flags.DEFINE_integer("probes", 1, "probes of Hutchinson's estimate of the divergence")

    def main() -> None:
        """Runs the command."""
        caches.keep_compiled()
        measure(Path(WORKDIR.value), out=OUT.value, points=POINTS.value, ode_steps=ODE_STEPS.value, probes=PROBES.value)
        folder = Path(OUT.value or WORKDIR.value)
        print((folder / "likelihood.md").read_text())
        print(f"written: {folder}/likelihood.csv, likelihood.md, likelihood.json, likelihood.png")

    errors.run(main, flags_parser=lambda argv: command_flags.parse(argv, required=("workdir",)))
