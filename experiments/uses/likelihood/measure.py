"""Log-densities of a trained map in the plane by every method, against the exact ones.

The points are those that the map generates itself, and held-out data.
"""

from pathlib import Path
import time

import jax
import numpy as np

from experiments import errors, limits
from experiments.datasets.dataset import Planar
from experiments.errors import UsageError
from experiments.reporting import findings
from experiments.training import runs
from experiments.uses.inversion.invert import held_out, noise_of
from experiments.uses.likelihood import head as heads
from experiments.uses.likelihood import plots as likelihood_plots
from experiments.uses.likelihood.head import RULES, Plan
from experiments.uses.likelihood.scores import SOLVED, methods, score, solved

CELLS, REACH = 96, 1.25  # of the picture, per axis, and how far beyond the box it goes
TITLES = {
    "points": "points",
    "method": "by",
    "error": "mean absolute error of log p",
    "median_error": "median",
    "correlation": "correlation",
    "off_support": "off the support",
    "nats": "nats per dimension",
    "mass": "mass on the grid",
    "evaluations": "evaluations",
    "seconds": "seconds",
}

DEFAULT = Plan()
HEAD_OPTIONS = ("steps", "batch_size", "learning_rate", "probes")  # fields of a plan that the command takes


def measure(
    workdir: Path,
    *,
    out: str | None = None,
    points: int = 4000,
    ode_steps: int = 32,
    probes: int = 1,
    rule: str = "",
    plan: Plan = DEFAULT,
) -> list[dict[str, object]]:
    """Log-densities of a trained map in the plane by all methods, against the exact one.

    Args:
      workdir: the run's folder.
      out: folder of the results, by default that of the run.
      points: generated points, and held-out data.
      ode_steps: steps along the ODE.
      probes: of Hutchinson's estimate.
      rule: keys of ``head.RULES`` with commas, or "all": by each a divergence head is trained and compared.
      plan: of the heads; its rule and seed are not used.

    Returns:
      two rows per method, then those of the exact velocity and of the exact density.

    Raises:
      UsageError: if there is no trained run, its data have no exact density, a number is too small, or something is not
        finite.
    """
    begun = time.perf_counter()
    limits.check_count("points", points, most=limits.AT_ONCE)
    limits.check_count("ode_steps", ode_steps, most=limits.REPEATS)
    limits.check_count("probes", probes, most=limits.REPEATS)
    rules = errors.choose("rule", rule.split(","), RULES) if rule else []
    heads.check(plan)
    run = runs.load_trained(workdir)
    dataset = run.dataset
    if not isinstance(dataset.truth, Planar):
        raise UsageError(
            f"data set {dataset.name} of {workdir} has no exact density; expected a run on one in the plane: "
            "checkerboard, spiral, two_moons or eight_gaussians"
        )
    dataset.check_flat(use="the density")
    dataset.check_noise(use="the density")
    folder, protocol, objective = findings.folder(workdir, out), run.protocol, run.objective
    warning = None
    if not objective.both_directions and objective.sampler != "euler":
        warning = (
            "was trained from noise to data only: the jumps back from held-out data are extrapolated, and so is their "
            "density; the other rows are not"
        )
        findings.warn(f"the map of {workdir} {warning}")
    noise, data = noise_of(dataset, points, protocol.seed), held_out(dataset, points, protocol.seed)
    low, high = (REACH * end for end in dataset.truth.box)
    width = (high - low) / CELLS
    centres = low + width * (np.arange(CELLS) + 0.5)
    on_grid = np.float32(np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1).reshape(-1, 2))
    rows, densities = [], {"exact": dataset.truth.density(on_grid)}
    v, b = run.map(), run.velocity()
    trained = {name: heads.train(run, plan._replace(rule=name, seed=protocol.seed)) for name in rules}
    learned = {name: head.d for name, head in trained.items()}
    for method in methods(v, b, ode_steps=ode_steps, probes=probes, seed=protocol.seed, heads=learned):
        scored, log_p = score(method, dataset, noise, data, on_grid, width**2)
        rows += scored
        if method.drawn:
            densities[method.name] = np.exp(log_p)
    if dataset.exact_flow is not None:
        with jax.enable_x64(True):
            rows.append(solved(dataset.exact_path(run.interpolant), data[:SOLVED], dataset))
    nothing = dict.fromkeys(TITLES)
    true = dataset.truth.density(data)
    exact = {"points": "held out", "method": "exact density", "error": 0.0, "median_error": 0.0, "off_support": 0.0}
    rows.append(nothing | exact | {"nats": float(-np.log(true[true > 0]).mean() / 2)})
    likelihood_plots.draw(folder / "likelihood.png", densities, cells=CELLS, box=(low, high))
    text = [
        f"{run.name} on {run.config.dataset}, {run.step} steps; {points} generated points and {points} "
        f"held-out data; {ode_steps} steps of Runge and Kutta's method along the ODE.",
        "Errors are those of log p against the exact log-density, over points that lie on the support. Evaluations are "
        "those of the network per point, a jvp counts as one.",
    ]
    text += [f"The map {warning}."] if warning else []
    given = {"points": points, "ode_steps": ode_steps, "probes": probes}
    if trained:
        given |= {"rule": rule} | {f"head_{name}": getattr(plan, name) for name in HEAD_OPTIONS}
        seconds = ", ".join(f"{head.seconds:.0f} s by the {name} rule" for name, head in trained.items())
        text.append(
            f"Each divergence head has the size of the map's network, and was trained beside it for {plan.steps} "
            f"updates of {plan.batch_size} examples: {seconds}. A jump by a head takes one evaluation of each."
        )
    options = "".join(f" --{name}={value}" for name, value in (given | ({"out": out} if out else {})).items())
    findings.write(
        folder,
        "likelihood",
        rows,
        titles={key: title for key, title in TITLES.items() if any(row[key] is not None for row in rows)},
        text=text,
        settings=given | {"seed": protocol.seed},
        command=f"python -m experiments.likelihood --workdir={workdir}{options}",
        seconds=time.perf_counter() - begun,
    )
    return rows
