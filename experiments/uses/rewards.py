"""Rewards: functions x [batch, ...] -> [batch] by which samples are steered and maps are fine-tuned.

    --reward=experiments.rewards:near_corner
    --reward=my_package.my_module:my_function

A reward is one importable function that jax can differentiate. With a reward r the law that one wants is the tilted
one, ``p_1(x) exp(r(x)) / Z``: the multiple of r says how much it weighs against staying near the data.
"""

from collections.abc import Callable
import importlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError, nearest

Reward = Callable[[jax.Array], jax.Array]

EXAMPLE = "experiments.rewards:near_corner"
CHECKED = 16  # points at which a reward is tried


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


def load(name: str) -> Reward:
    """The function that ``--reward=MODULE:FUNCTION`` names; modules beside the working directory are found, too.

    Args:
      name: such as "experiments.rewards:near_corner".

    Returns:
      the function.

    Raises:
      UsageError: if there is no such module or function.
    """
    module_name, colon, function = name.partition(":")
    if not (module_name and colon and function):
        raise UsageError(f"--reward={name}; expected MODULE:FUNCTION, such as {EXAMPLE}")
    if "" not in sys.path:
        sys.path.append("")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever a broken module raises, it is the module that must be mended
        raise UsageError(
            f"--reward={name}: module {module_name} cannot be imported ({type(error).__name__}: {error}); expected "
            f"MODULE:FUNCTION, such as {EXAMPLE}"
        ) from error
    known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
    if function not in known:
        raise UsageError(
            f"--reward={name}: module {module_name} has no function {function!r}; {nearest(function, known)}"
        )
    return getattr(module, function)


def check(reward: Reward, dataset: Dataset, *, name: str) -> None:
    """Tries a reward on noise and on data.

    Args:
      reward: the function.
      dataset: the data set whose examples it is to be given.
      name: what the user called it, for messages.

    Raises:
      UsageError: if it fails, gives another shape than [batch], or a value or gradient that is not finite.
    """
    key_noise, key_data = jax.random.split(jax.random.key(0))
    noise = dataset.std * jax.random.normal(key_noise, (CHECKED, *dataset.shape))
    for kind, x in (("data", dataset.draw(key_data, CHECKED)), ("noise", noise)):
        try:
            value, back = jax.vjp(reward, x)
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
        (gradient,) = back(jnp.ones_like(value))
        for what, numbers in (("value", value), ("gradient", gradient)):
            bad = ~np.isfinite(np.asarray(numbers)).reshape(CHECKED, -1).all(axis=1)
            if bad.any():
                raise UsageError(
                    f"--reward={name} has a {what} that is NaN or infinite on {bad.sum()} of {CHECKED} examples of "
                    f"{kind}, the first {np.asarray(x)[bad][0].ravel()[:4]}; expected a finite, differentiable function"
                )
