"""What changes during training, as functions of the progress: the share of the training that is done, in [0, 1].

A ``Curriculum`` is a time distribution that changes. The functions below are those of published schedules, with a
constant number of steps in place of the paper's where the paper counts steps.
"""

from collections.abc import Callable
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from taxonomy.times import Law


class Curriculum(NamedTuple):
    """A time distribution that changes during training: ``at(progress)`` is the distribution at that point of it."""

    at: Callable[[Any], Law]


def law_at(law: Law | Curriculum, progress: ArrayLike) -> Law:
    """The time distribution at a point of training.

    Args:
      law: a time distribution, or a curriculum.
      progress: []; share of the training that is done, in [0, 1].

    Returns:
      the time distribution.
    """
    return law.at(progress) if isinstance(law, Curriculum) else law


def warm_up(progress: ArrayLike, *, length: float) -> jax.Array:
    """``min(1, progress / length)``: grows to 1 over the first part of training.

    Args:
      progress: [...]; share of the training that is done, in [0, 1].
      length: share of the training that it takes, in (0, 1]; 0 for 1 at once.

    Returns:
      [...].

    Reference: the tangent warm-up of sCM (Lu, Song, arXiv 2410.11081), there over 10,000 steps.
    """
    if length == 0:
        return jnp.ones_like(jnp.asarray(progress, float))
    return jnp.minimum(1.0, jnp.asarray(progress, float) / length)


def sigmoid_decay(progress: ArrayLike, *, steepness: float = 25.0, floor: float = 0.005) -> jax.Array:
    """``sigmoid(steepness (1/2 - progress))``, 0 where it falls below the floor and 1 above one minus the floor.

    Args:
      progress: [...]; share of the training that is done, in [0, 1].
      steepness: of the sigmoid.
      floor: distance from 0 and from 1 within which the value is that end.

    Returns:
      [...].

    Reference: alpha of alpha-Flow, arXiv 2510.20771.
    """
    value = jax.nn.sigmoid(steepness * (0.5 - jnp.asarray(progress, float)))
    return jnp.where(value < floor, 0.0, jnp.where(value > 1 - floor, 1.0, value))


def exponential_decay(progress: ArrayLike, *, first: float, last: float) -> jax.Array:
    """``first (last / first)^progress``.

    Args:
      progress: [...]; share of the training that is done, in [0, 1].
      first: value at the start, positive.
      last: value at the end, positive.

    Returns:
      [...].

    Reference: the step of SoFlow, arXiv 2512.15657.
    """
    return first * (last / first) ** jnp.asarray(progress, float)


def arccos_decay(progress: ArrayLike, *, length: float) -> jax.Array:
    """``(2 / pi) arccos(progress / length)``, 0 after that: falls from 1 to 0, fastest at its end.

    Args:
      progress: [...]; share of the training that is done, in [0, 1].
      length: share of the training that it takes, in (0, 1].

    Returns:
      [...].

    Reference: the probability of the data end as target in ESC, arXiv 2512.11831, there over 20,000 steps.
    """
    return 2 / jnp.pi * jnp.arccos(warm_up(progress, length=length))


def growing_grid(progress: ArrayLike, *, first: int, last: int) -> jax.Array:
    """``ceil(sqrt(progress ((last + 1)^2 - first^2) + first^2) - 1) + 1``: number N of noise levels.

    Between N levels are N - 1 steps.

    Args:
      progress: [...]; share of the training that is done, in [0, 1].
      first: ``s_0``, number of levels at the start.
      last: ``s_1``, one less than the number of levels at the end.

    Returns:
      [...]; a whole number as a float.

    Reference: Song, Dhariwal, Chen, Sutskever, "Consistency models", arXiv 2303.01469, App. C.
    """
    square = jnp.asarray(progress, float) * ((last + 1) ** 2 - first**2) + first**2
    return jnp.ceil(jnp.sqrt(square) - 1) + 1


def doubling_grid(progress: ArrayLike, *, first: int, last: int) -> jax.Array:
    """``min(first 2^k, last)``, k growing by one after equal parts of training: number of time steps.

    Args:
      progress: [...]; share of the training that is done, in [0, 1].
      first: number of steps at the start.
      last: number of steps at the end, ``first`` times a power of two.

    Returns:
      [...]; a whole number as a float.

    Reference: Song, Dhariwal, "Improved techniques for training consistency models", arXiv 2310.14189.
    """
    stages = round(math.log2(last / first)) + 1
    return jnp.minimum(first * 2.0 ** stage_of(progress, stages=stages), float(last))


def stage_of(progress: ArrayLike, *, stages: int) -> jax.Array:
    """``min(floor(stages progress), stages - 1)``: number of the stage, from 0, when all are equally long.

    Args:
      progress: [...]; share of the training that is done, in [0, 1].
      stages: number of stages, at least 1.

    Returns:
      [...]; a whole number as a float.
    """
    return jnp.minimum(jnp.floor(stages * jnp.asarray(progress, float)), stages - 1.0)
