"""Measures a trained map of a path of noise, of a point on the way or of a reading, and writes the results."""

from pathlib import Path
import time

from experiments import limits
from experiments.datasets.dataset import Planar
from experiments.errors import UsageError
from experiments.reporting import findings
from experiments.sampling.trained import Trained
from experiments.training import runs
from experiments.uses.randomness import paths, plots, posterior

TIMES = (0.1, 0.3, 0.5, 0.7, 0.9)


def times_of(texts: list[str]) -> tuple[float, ...]:
    """The times that ``--times`` names, by default ``TIMES``; UsageError for what is no number between 0 and 1."""
    given = f"--times={','.join(texts)}"
    try:
        times = tuple(float(text) for text in texts) or TIMES
    except ValueError as error:
        raise UsageError(f"{given}; expected numbers between 0 and 1, with commas") from error
    if 1 in times:
        raise UsageError(f"{given}: a posterior map asked at t = 1, where x_1 is the datum; expected earlier times")
    if not all(0 < t < 1 for t in times):
        raise UsageError(f"{given}; expected numbers between 0 and 1, such as 0.5")
    return times


def measure(
    workdir: Path,
    folder: str | None,
    *,
    times: tuple[float, ...],
    points: int,
    samples: int,
    seed: int,
    command: str,
) -> str:
    """Measures a run and writes ``randomness.csv``, ``.md``, ``.json`` and ``.png``.

    Args:
      workdir: the run's folder.
      folder: of the results, by default that of the run.
      times: of posteriors, in (0, 1).
      points: paths of noise that are compared one by one; a sixteenth as many points at each time of a posterior.
      samples: of each law; an eighth as many of each posterior.
      seed: of all noise.
      command: the command, for the text.

    Returns:
      the text of ``randomness.md``.

    Raises:
      UsageError: on bad numbers, or a run whose randomness is not known exactly.
    """
    begin = time.perf_counter()
    limits.check_count("points", points, most=limits.AT_ONCE)
    limits.check_count("samples", samples, most=limits.AT_ONCE)
    run = runs.load_trained(workdir)
    _check(run)
    reading = posterior.reading_time(run)
    stochastic = reading is None and run.objective.told.effect is not None
    if not stochastic:
        posterior.check(run)
    if reading is not None:
        if times not in (TIMES, (reading,)):
            raise UsageError(
                f"--times={','.join(f'{t:g}' for t in times)}: {run.name} is conditioned on a reading at time "
                f"{reading:g} alone; leave it out"
            )
        times = (reading,)
    out = findings.folder(workdir, folder)
    head = f"{run.name} on {run.config.dataset}, seed {run.config.seed}, {run.step} steps."
    picture = out / "randomness.png"
    if stochastic:
        found = paths.measure(run, count=points, samples=samples, seed=seed)
        plots.of_paths(picture, run.dataset, found.curves, found.ends)
        titles = paths.TITLES
        text = [
            head,
            f"{points:,} paths one by one, {samples:,} samples of each law; exact solutions by "
            f"{paths.SOLVER_STEPS} steps of Runge and Kutta, whose error is in their own row.",
        ]
    else:
        of_point = {"points": max(1, points // 16), "samples": max(2, samples // 8)}
        found = posterior.measure(run, times=times, seed=seed, **of_point)
        plots.of_posteriors(picture, run.dataset, found.shown)
        titles = posterior.TITLES
        text = [head, f"{of_point['points']:,} points at each time, {of_point['samples']:,} samples of each posterior."]
    settings = {"workdir": str(workdir), "times": times, "points": points, "samples": samples, "seed": seed}
    seconds = time.perf_counter() - begin
    return findings.write(
        out, "randomness", found.rows, titles=titles, text=text, settings=settings, command=command, seconds=seconds
    )


def _check(run: Trained) -> None:
    if run.objective.told is None and posterior.reading_time(run) is None:
        raise UsageError(
            f"{run.name} is told nothing beside times and a point, so that there is no randomness to measure; train "
            "ssfm, ito_map or posterior_map, or any map with --config.network.observed=noisy"
        )
    if run.dataset.exact_flow is None or not isinstance(run.dataset.truth, Planar) or run.dataset.shape != (2,):
        raise UsageError(
            f"the exact paths of {run.dataset.name} are not known in the plane; train on checkerboard, spiral, "
            "two_moons or eight_gaussians"
        )
    if run.conditional:
        raise UsageError(
            f"{run.name} was trained with classes, and exact paths are those of all classes together; train it without "
            "--config.network.conditional"
        )
