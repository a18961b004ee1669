"""By which samplers a fine-tuned run is scored, and its samples of given noise."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.sampling.trained import Trained
from experiments.uses.finetuning.plan import SEVERAL, Plan
from models import grids


class Way(NamedTuple):
    """A sampler.

    Attributes:
      title: for the table.
      sampler: a key of ``by_name.SAMPLERS``.
      steps: its steps, each of one evaluation.
    """

    title: str
    sampler: str
    steps: int


ONE_JUMP = Way("one jump", "composition", 1)
FEW_JUMPS = Way(f"{SEVERAL} jumps", "composition", SEVERAL)
TITLES = {
    "map": "fine-tuned",
    "ode": "fine-tuned",
    "tilt": "tilt matching",
    "tilt_data": "tilt matching on data",
    "dmd": "tilted DMD",
}


def ways(plan: Plan, *, composes: bool) -> list[Way]:
    """The samplers by which a method's result is scored, the one that it was trained for first.

    Args:
      plan: the method, and the number of Euler steps.
      composes: whether the run is a map.

    Returns:
      ways, at least one.
    """
    euler = Way(f"{plan.ode_steps} Euler steps", "euler", plan.ode_steps)
    if plan.method == "ode" or not composes:
        return [euler]
    return [ONE_JUMP, FEW_JUMPS] + ([euler] if plan.method in ("tilt", "tilt_data") else [])


def sample(run: Trained, noise: np.ndarray, way: Way) -> np.ndarray:
    """What a run makes of noise [n, ...] in one way, [n, ...]."""
    generate = run.generator(sampler=way.sampler)
    return generate(grids.uniform(way.steps), len(noise), jax.random.key(0), noise=jnp.asarray(noise))[0]
