"""Rewards by name: functions x [batch, ...] -> [batch] that steer samples and fine-tune maps.

    --reward=near_corner                        an entry of ``REWARDS``
    --reward=my_package.my_module:my_function   any function that jax can differentiate

A reward r turns the law of the data into the tilted law ``p_1(x) e^{r(x)} / Z``. A multiple of r sets how much the
reward weighs against staying near the data.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments import importing
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError, nearest
from experiments.images import classifier
from experiments.uses import inverse_problems

Reward = Callable[[jax.Array], jax.Array]

CHECKED = 16  # points at which a reward is tried


class Entry(NamedTuple):
    """A reward, and the class of the digits that it leads to; None for a reward of other data."""

    function: Reward
    digit: int | None = None


def right(x: jax.Array) -> jax.Array:
    """``3 x_1``: to the right; linear, so that a tilted Gaussian only moves.

    Args:
      x: [batch, 2]; points.

    Returns:
      [batch].
    """
    return 3 * x[:, 0]


def near_corner(x: jax.Array) -> jax.Array:
    """``-4 |x - (0.75, 0.75)|^2``: near the upper right corner of the checkerboard; a tilted mixture is a mixture.

    Args:
      x: [batch, 2]; points.

    Returns:
      [batch].
    """
    return -4 * jnp.sum(jnp.square(x - jnp.array([[0.75, 0.75]], x.dtype)), axis=-1)


def outside(x: jax.Array) -> jax.Array:
    """``4 |x|``: away from the middle; neither linear nor quadratic.

    Args:
      x: [batch, 2]; points.

    Returns:
      [batch].
    """
    return 4 * jnp.sqrt(jnp.sum(jnp.square(x), axis=-1) + 1e-6)


REWARDS: dict[str, Entry] = {
    "right": Entry(right),
    "near_corner": Entry(near_corner),
    "outside": Entry(outside),
    "inpaint": Entry(inverse_problems.inpaint),
    "denoise": Entry(inverse_problems.denoise),
    **{f"digit_{digit}": Entry(classifier.towards(digit), digit=digit) for digit in range(classifier.CLASSES)},
}
# Modules in which rewards lay before they had names; results of that time state them.
FORMER_MODULES = ("experiments.rewards", "experiments.inverse_problems", "experiments.classifier")
HELP = f"{', '.join(REWARDS)}; or MODULE:FUNCTION of a file of your own"


def load(name: str) -> Entry:
    """The reward that ``--reward`` names; modules in the working directory are found, too.

    Args:
      name: a key of ``REWARDS``, "module:function", or the path of a reward in old results.

    Returns:
      the entry; of a function of the user's, without a class.

    Raises:
      UsageError: if there is no such name, module or function; the nearest name is suggested.
    """
    module_name, colon, function = name.partition(":")
    if not colon or module_name in FORMER_MODULES:
        known = function if colon else name
        if known not in REWARDS:
            raise UsageError(
                f"unknown --reward={name}; {nearest(known, REWARDS)}; or MODULE:FUNCTION of a file of your own"
            )
        return REWARDS[known]
    return Entry(importing.function(name, option="--reward", expected=f"one of {HELP}"))


def of_map(reward: Reward, dataset: Dataset) -> Reward:
    """The reward, which reads the data's own units, of the points that a map works with, which may be centred."""
    return reward if dataset.centre is None else lambda x: reward(dataset.in_own_units(x))


def check(reward: Reward, dataset: Dataset, *, name: str, differentiated: bool = True) -> None:
    """Tries a reward on noise and on data.

    Args:
      reward: the function.
      dataset: the data set whose examples it is to be given.
      name: what the user called it, for messages.
      differentiated: whether its gradient is asked for; tilt matching takes values alone.

    Raises:
      UsageError: if the data lie in a plane of more dimensions; if it fails, gives another shape than [batch], or a
        value, or gradient that is asked for, that is not finite.
    """
    dataset.check_flat(use="a reward")
    key_noise, key_data = jax.random.split(jax.random.key(0))
    noise = dataset.noise(key_noise, CHECKED)
    for kind, centred in (("data", dataset.draw(key_data, CHECKED)), ("noise", noise)):
        x = dataset.in_own_units(centred)
        try:
            value, back = jax.vjp(reward, x) if differentiated else (reward(x), None)
        except Exception as error:  # whatever the user's function raises
            raise UsageError(
                f"--reward={name} fails on {kind} of shape {x.shape} ({type(error).__name__}: "
                f"{next(iter(str(error).splitlines()), '')}); expected a function [batch, ...] -> [batch]"
            ) from error
        if getattr(value, "shape", None) != (CHECKED,):
            raise UsageError(
                f"--reward={name} gives shape {getattr(value, 'shape', None)} for {CHECKED} examples of shape "
                f"{dataset.shape}; expected ({CHECKED},): one number for each"
            )
        numbers_of = {"value": value} | ({} if back is None else {"gradient": back(jnp.ones_like(value))[0]})
        for what, numbers in numbers_of.items():
            bad = ~np.isfinite(np.asarray(numbers)).reshape(CHECKED, -1).all(axis=1)
            if bad.any():
                raise UsageError(
                    f"--reward={name} has a {what} that is NaN or infinite on {bad.sum()} of {CHECKED} examples of "
                    f"{kind}, the first {np.asarray(x)[bad][0].ravel()[:4]}; expected a finite, differentiable function"
                )
