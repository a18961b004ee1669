"""The setting of ``experiments.steer``: its options, checked, and the trained or the exact map that it steers."""

import math
from typing import NamedTuple

from experiments import errors, limits
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError
from experiments.metrics import exact_map
from experiments.sampling.trained import Trained
from experiments.uses import rewards
from experiments.uses.rewards import Reward
from experiments.uses.steering.methods import Setting

MAPS = ("learned", "exact", "both")
JUMPS = 4  # by which a map that composes makes samples without steering
TRANSPORT_STEPS = 2  # midpoint steps of a short jump of the exact map


class Options(NamedTuple):
    """The numbers of the command line; see its help."""

    steps: int = 24
    samples: int = 4096
    noise: float = 0.7
    substeps: int = 1
    candidates: int = 16
    exact_steps: int = 8
    seed: int = 0
    strength: float = 1.0
    fit_steps: int = 1000


def check(options: Options, dataset: Dataset, map_name: str) -> None:
    """Checks the options; UsageError names the one that cannot be used."""
    for name, value in (
        ("num_steps", options.steps),
        ("substeps", options.substeps),
        ("candidates", options.candidates),
        ("exact_steps", options.exact_steps),
        ("fit_steps", options.fit_steps),
    ):
        limits.check_count(name, value, most=limits.REPEATS)
    # Points are weighted against each other: one alone has no weight.
    limits.check_count("samples", options.samples, least=2, most=limits.AT_ONCE)
    together = options.samples * options.candidates * math.prod(dataset.shape)
    limits.check_memory(f"--samples={options.samples} with --candidates={options.candidates}", together)
    limits.check_number("noise", options.noise, least=0)
    limits.check_positive("strength", options.strength)
    limits.check_seed("seed", options.seed)
    dataset.check_noise(use="steering")
    if map_name not in MAPS:
        raise UsageError(f"unknown --map={map_name!r}; {errors.nearest(map_name, MAPS)}")
    if map_name != "learned" and dataset.exact_flow is None:
        raise UsageError(f"--map={map_name}: data set {dataset.name} has no exact velocity; take --map=learned")


def setting(run: Trained, reward: Reward, options: Options, *, exact: bool) -> Setting:
    """What is steered: the trained map, or the exact one.

    Args:
      run: the trained run.
      reward: r, of points in the data's own units.
      options: the numbers of the command line.
      exact: whether to take the exact velocity and its map.

    Returns:
      the setting.
    """
    dataset, interpolant, sampler = run.dataset, run.interpolant, run.objective.sampler
    if exact:
        b = dataset.exact_path(interpolant).b
        v = exact_map.scanned(b, steps=options.exact_steps)
        transport = exact_map.scanned(b, steps=TRANSPORT_STEPS)
        costs = {"jump_cost": 2 * options.exact_steps, "transport_cost": 2 * TRANSPORT_STEPS, "jumps": 1}
    else:
        b = run.velocity()
        v = transport = run.map()
        jumps = {"composition": JUMPS, "euler": options.steps}.get(sampler, 1)
        if sampler not in ("composition", "euler"):
            # Such a map has jumps to the data alone: between two times of the grid, Euler steps.
            transport = lambda s, t, x: b(s, x)  # noqa: E731
        costs = {"jump_cost": 1, "transport_cost": 1, "jumps": jumps}
    return Setting(
        v=v,
        transport=transport,
        b=b,
        **costs,
        interpolant=interpolant,
        std=dataset.std,
        shape=dataset.shape,
        reward=rewards.of_map(reward, dataset),
        steps=options.steps,
        noise=options.noise,
        substeps=options.substeps,
        candidates=options.candidates,
        strength=options.strength,
        fit_steps=options.fit_steps,
    )


def warning(run: Trained) -> str | None:
    """What a run's map cannot do that steering asks of it, or None."""
    name, sampler = run.name, run.objective.sampler
    if sampler == "euler":
        return (
            f"{name} has learnt velocities and no jumps: its look-ahead by the map is one Euler step, which is "
            "Tweedie's mean on the linear path; take a run of lsd to look ahead"
        )
    if sampler != "composition":
        return (
            f"{name} has learnt jumps to the data alone: its velocity v_(t,t), which transport and guidance take, was "
            "not trained; take a run of lsd to steer"
        )
    return None
