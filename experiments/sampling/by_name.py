"""Samplers by name: what each one needs of a map, and its number of network evaluations (NFE)."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax

from experiments import limits
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError, nearest
from models import diffusion_samplers, grids, samplers
from taxonomy.flow_map import AverageVelocity, Velocity
from taxonomy.interpolants import LINEAR, Interpolant


class Options(NamedTuple):
    """Options of single samplers; see ``HELP``."""

    gamma: float = 0.5
    noise: float = 1.0
    eta: float = 1.0
    tolerance: float = 1e-2
    back_to: float = 0.5
    repeats: int = 1


RANGES = {
    "gamma": (0.0, 1.0),
    "noise": (0.0, 1e3),
    "eta": (0.0, 1.0),
    "tolerance": (1e-6, 1.0),  # what single precision can tell
    "back_to": (0.0, 1.0),
    "repeats": (1, limits.REPEATS),
}
HELP = {
    "gamma": "of gamma: share of the noise that is drawn anew, in [0, 1]",
    "noise": "of euler_maruyama: strength of the noise, 0 for none",
    "eta": "of ddpm: 1 for the full noise, 0 for none",
    "tolerance": "of adaptive: relative and absolute",
    "back_to": "of restart: time in (0, 1) that is gone back to from the data",
    "repeats": "of restart: how often",
}


class Model(NamedTuple):
    """What is sampled: a map v, the velocity b that it contains, the path, and the standard deviation of the noise."""

    v: AverageVelocity
    b: Velocity
    path: Interpolant
    noise_std: float


Points = tuple[jax.Array, jax.Array | int]  # samples, and the number of evaluations
Run = Callable[[Model, Options, jax.Array, jax.Array, jax.Array], Points]  # (model, options, key, noise, grid)

MAP, DATA, VELOCITY, NOISE = "any jump", "jumps to the data", "the velocity", "jumps from the noise"


class Sampler(NamedTuple):
    """A way of sampling.

    Attributes:
      run: (model, options, key, noise [n, ...], grid [N + 1]) -> (samples, evaluations).
      asks: what a map must have been trained for.
      options: names of the options that it reads.
      fresh: whether it draws Gaussian noise on the way.
      on_spaces: whether it makes jumps and nothing else, so that it moves points on curved spaces, too.
    """

    run: Run
    asks: str
    options: tuple[str, ...] = ()
    fresh: bool = False
    on_spaces: bool = False


def _steps(grid: jax.Array) -> int:
    return grid.shape[0] - 1


def _gamma(m: Model, o: Options, key: jax.Array, x: jax.Array, grid: jax.Array) -> Points:
    samples = samplers.gamma_sampling(m.v, m.path, key, x, grid, noise_std=m.noise_std, gamma=o.gamma)
    return samples, _steps(grid)


def _restart(m: Model, o: Options, key: jax.Array, x: jax.Array, grid: jax.Array) -> Points:
    back = {"back_to": o.back_to, "repeats": o.repeats}
    samples = samplers.restart(m.v, m.path, key, x, grid, noise_std=m.noise_std, **back)
    return samples, _steps(grid) + o.repeats


def _maruyama(m: Model, o: Options, key: jax.Array, x: jax.Array, grid: jax.Array) -> Points:
    noise = diffusion_samplers.noise_level(m.path, noise_std=m.noise_std, level=o.noise)
    samples = diffusion_samplers.euler_maruyama(m.b, m.path, key, x, grid, noise_std=m.noise_std, noise=noise)
    return samples, _steps(grid)


def _ancestral(m: Model, o: Options, key: jax.Array, x: jax.Array, grid: jax.Array) -> Points:
    samples = diffusion_samplers.ancestral(m.b, m.path, key, x, grid, noise_std=m.noise_std, eta=o.eta)
    return samples, _steps(grid)


def _renoising(m: Model, o: Options, key: jax.Array, x: jax.Array, grid: jax.Array) -> Points:
    return samplers.renoising(m.v, m.path, key, x, grid, noise_std=m.noise_std), _steps(grid)


SAMPLERS = {
    "composition": Sampler(
        lambda m, o, key, x, grid: (samplers.composition(m.v, x, grid, space=m.path.space), _steps(grid)),
        MAP,
        on_spaces=True,
    ),
    "one_jump": Sampler(
        lambda m, o, key, x, grid: (samplers.one_jump(m.v, x, grid, space=m.path.space), 1), NOISE, on_spaces=True
    ),
    "renoising": Sampler(_renoising, DATA, fresh=True),
    "gamma": Sampler(_gamma, MAP, ("gamma",), fresh=True),
    "restart": Sampler(_restart, MAP, ("back_to", "repeats"), fresh=True),
    "euler": Sampler(
        lambda m, o, key, x, grid: (samplers.euler(m.b, x, grid, space=m.path.space), _steps(grid)),
        VELOCITY,
        on_spaces=True,
    ),
    "heun": Sampler(lambda m, o, key, x, grid: (diffusion_samplers.heun(m.b, x, grid), 2 * _steps(grid) - 1), VELOCITY),
    "ddim": Sampler(lambda m, o, key, x, grid: (diffusion_samplers.ddim(m.b, m.path, x, grid), _steps(grid)), VELOCITY),
    "ddpm": Sampler(_ancestral, VELOCITY, ("eta",), fresh=True),
    "euler_maruyama": Sampler(_maruyama, VELOCITY, ("noise",), fresh=True),
    # It chooses its own times.
    "adaptive": Sampler(
        lambda m, o, key, x, grid: tuple(diffusion_samplers.adaptive(m.b, x, tolerance=o.tolerance)),
        VELOCITY,
        ("tolerance",),
    ),
}
# What the map of an objective was trained for, by the way that the objective is meant to be sampled.
TRAINED = {
    "composition": (MAP, DATA, VELOCITY, NOISE),
    "renoising": (DATA,),
    "euler": (VELOCITY,),
    "one_jump": (NOISE,),
}


def get(name: str) -> Sampler:
    """A sampler by its name; UsageError with the nearest one if there is none."""
    if name not in SAMPLERS:
        raise UsageError(f"unknown --sampler={name}; {nearest(name, SAMPLERS)}")
    return SAMPLERS[name]


def check_dataset(name: str, dataset: Dataset) -> None:
    """Checks that a sampler can move points where those of a data set lie, and begin where its paths do.

    Args:
      name: of the sampler.
      dataset: the data set.

    Raises:
      UsageError: if it cannot.
    """
    chosen = get(name)
    if dataset.space.curved and not chosen.on_spaces:
        known = ", ".join(name for name, sampler in SAMPLERS.items() if sampler.on_spaces)
        raise UsageError(
            f"data set {dataset.name} lies on {dataset.space.name}, and --sampler={name} adds noise or velocities "
            f"along straight lines; expected one of {known}"
        )
    if chosen.fresh:
        dataset.check_noise(use=f"the sampler {name}")


def check_options(name: str, given: Mapping[str, float]) -> None:
    """Checks the options of a sampler.

    Args:
      name: of the sampler.
      given: {option: value}.

    Raises:
      UsageError: on an option that the sampler does not read, or a value out of its range.
    """
    chosen = get(name)
    for option, value in given.items():
        if option not in chosen.options:
            known = f"its options are {', '.join(chosen.options)}" if chosen.options else "it has none"
            raise UsageError(f"--{option} with --sampler={name}, which does not read it; {known}")
        least, most = RANGES[option]
        check = limits.check_count if isinstance(least, int) else limits.check_number
        check(option, value, least=least, most=most)


def grid_of(name: str, steps: int, times: list[str], *, path: Interpolant = LINEAR) -> jax.Array:
    """The grid of times that ``--grid``, ``--num_steps`` and ``--times`` name.

    Args:
      name: a key of ``grids.GRIDS``.
      steps: number of steps.
      times: the user's own times, as typed; empty for none.
      path: the interpolant, which says at what time karras finds a noise level.

    Returns:
      [N + 1].

    Raises:
      UsageError: on an unknown name, fewer than one step, or times that do not increase from 0 to 1.
    """
    if name not in grids.GRIDS:
        raise UsageError(f"unknown --grid={name}; {nearest(name, grids.GRIDS)}")
    limits.check_count("num_steps", steps, most=limits.REPEATS)
    if not times:
        return grids.karras(steps, path=path) if name == "karras" else grids.uniform(steps)
    try:
        return grids.given([float(time) for time in times])
    except ValueError as error:
        raise UsageError(f"--times={','.join(times)}; expected numbers that increase from 0 to 1") from error


def warning(name: str, grid: jax.Array, *, method: str, own_sampler: str, options: Mapping[str, object]) -> str | None:
    """A warning if a sampler needs jumps that a map was not trained for; None otherwise.

    Args:
      name: of the sampler.
      grid: [N + 1]; the times.
      method: the name under which the run is reported.
      own_sampler: the sampler that the run's objective is meant for.
      options: those of the run's method.

    Returns:
      a line, or None.
    """
    wanted = SAMPLERS[name].asks
    if wanted == MAP and name == "composition" and grid.shape[0] == 2:
        wanted = NOISE  # one jump, from the noise to the data
    trained = TRAINED[own_sampler]
    if wanted not in trained and not (wanted == NOISE and own_sampler == "renoising"):
        return (
            f"sampler {name} needs {wanted}, and {method} trains {' and '.join(trained)} alone; what "
            f"the map does elsewhere is not determined (its own sampler is {own_sampler})"
        )
    # Of the secant losses, and of losses to the end of a segment.
    longest = min(options.get("longest", 1.0), *(1 / options.get(name, 1) for name in ("segments", "phases")))
    gap = float((grid[1:] - grid[:-1]).max())
    if wanted in (MAP, NOISE) and gap > longest + 1e-6:
        return f"the longest jump is {gap:.3g}, and this map was trained for jumps up to {longest:g}: use more steps"
    return None
