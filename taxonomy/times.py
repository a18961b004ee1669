"""Distributions over times: (s, t) of a jump, (s, u, t) of a jump with a stop, (t, t) on the diagonal.

A time distribution is a plain function ``law(key, shape) -> Times``, of the type ``Law``. Those that add an
intermediate time take a distribution and return one.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
import numpy as np


class Times(NamedTuple):
    """Source s, intermediate u and target t, all of one shape, in [0, 1]. Without a stop on the way, u = t."""

    s: jax.Array
    u: jax.Array
    t: jax.Array


Law = Callable[..., Times]


def diagonal(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
    """``s = u = t ~ U[0, 1]``: the times of flow matching.

    Args:
      key: typed PRNG key.
      shape: shape of each returned array.

    Returns:
      Times.
    """
    t = jax.random.uniform(key, shape)
    return Times(t, t, t)


def triangle(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
    """``(s, t)`` uniform on ``0 <= s <= t <= 1`` (density 2): a sorted pair of independent uniforms.

    Args:
      key: typed PRNG key.
      shape: shape of each returned array.

    Returns:
      Times with u = t.

    Reference: Boffi, Albergo, Vanden-Eijnden, arXiv 2505.18825, Sec. 4. Same time direction.
    """
    pair = jax.random.uniform(key, (2, *shape))
    s, t = jnp.min(pair, axis=0), jnp.max(pair, axis=0)
    return Times(s, t, t)


def square(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
    """``(s, t)`` uniform on ``[0, 1]^2``: both directions of time, for maps that are to be inverted.

    Args:
      key: typed PRNG key.
      shape: shape of each returned array.

    Returns:
      Times with u = t; s > t in half of the cases.
    """
    s, t = jax.random.uniform(key, (2, *shape))
    return Times(s, t, t)


def fixed_end(key: jax.Array, shape: tuple[int, ...] = (), *, end: float = 1.0) -> Times:
    """``s ~ U[0, end]`` and ``t = end``: the times of a consistency model (end = 1 is the data).

    Args:
      key: typed PRNG key.
      shape: shape of each returned array.
      end: the common target time, in (0, 1].

    Returns:
      Times with u = t.

    Raises:
      ValueError: if end is outside (0, 1].
    """
    if not 0 < end <= 1:
        raise ValueError(f"end = {end}; expected a time in (0, 1]")
    s = end * jax.random.uniform(key, shape)
    t = jnp.full_like(s, end)
    return Times(s, t, t)


def _between(s: jax.Array, t: jax.Array, weight: float | jax.Array) -> jax.Array:
    # The convex form rounds to a number outside where s and t are equal or nearly so.
    return jnp.clip((1 - weight) * s + weight * t, jnp.minimum(s, t), jnp.maximum(s, t))


def with_fraction(law: Law, *, fraction: float | jax.Array) -> Law:
    """Adds the stop ``u = s + fraction (t - s)`` to a distribution over (s, t).

    Args:
      law: a distribution over (s, t).
      fraction: share of the way, in (0, 1]; 0.5 is the midpoint. An array, as a curriculum makes it, may be 0.

    Returns:
      a distribution over (s, u, t).

    Raises:
      ValueError: if the fraction is outside (0, 1].
    """
    # A schedule may fall to 0, where the finite step gives way to its limit.
    if isinstance(fraction, int | float) and not 0 < fraction <= 1:
        raise ValueError(f"fraction = {fraction}; expected a share of the way in (0, 1]")

    def fraction_law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        s, _, t = law(key, shape)
        return Times(s, _between(s, t, fraction), t)

    return fraction_law


def with_uniform(law: Law) -> Law:
    """Adds a stop ``u ~ U[s, t]`` to a distribution over (s, t).

    Args:
      law: a distribution over (s, t).

    Returns:
      a distribution over (s, u, t).
    """

    def uniform_law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        key_pair, key_stop = jax.random.split(key)
        s, _, t = law(key_pair, shape)
        return Times(s, _between(s, t, jax.random.uniform(key_stop, shape)), t)

    return uniform_law


def with_step(law: Law, *, step: float) -> Law:
    """Adds the next time ``u = min(s + step, t)`` to a distribution over s <= t: the neighbour in consistency losses.

    Args:
      law: a distribution over (s, t) with s <= t.
      step: length of the finite step, in (0, 1].

    Returns:
      a distribution over (s, u, t).

    Raises:
      ValueError: if step is outside (0, 1].
    """
    if not 0 < step <= 1:
        raise ValueError(f"step = {step}; expected a length of time in (0, 1]")

    def step_law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        s, _, t = law(key, shape)
        # The last step ends at t itself: there the target is the data, which anchors all earlier times.
        return Times(s, jnp.minimum(s + step, t), t)

    return step_law


PAIR_LAWS = {"triangle": triangle, "square": square}


def check_order(s: ArrayLike, u: ArrayLike, t: ArrayLike, *, needed_by: str) -> None:
    """Checks ``s <= u <= t`` wherever the values are known, that is outside of jit.

    Args:
      s: [batch]; source times.
      u: [batch]; intermediate times.
      t: [batch]; target times.
      needed_by: name of the loss, for the message.

    Raises:
      ValueError: naming the first offending triple and what to do.
    """
    if any(isinstance(time, jax.core.Tracer) for time in (s, u, t)):
        return
    # NumPy: within jit even an operation on known values would be traced.
    first, between, last = np.broadcast_arrays(*(np.atleast_1d(time) for time in (s, u, t)))
    wrong = ~((first <= between) & (between <= last))
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ValueError(
            f"{needed_by} received s = {float(first[i]):g}, u = {float(between[i]):g}, t = {float(last[i]):g} in "
            f"example {i}; expected s <= u <= t: draw times from a distribution that goes from noise to data, "
            "such as times.triangle"
        )


def check_unit(*values: ArrayLike, needed_by: str) -> None:
    """Checks ``0 <= t <= 1`` wherever the values are known, that is outside of jit.

    Args:
      *values: arrays of times.
      needed_by: name of the function, for the message.

    Raises:
      ValueError: naming the first offending time and what to do.
    """
    for value in values:
        if isinstance(value, jax.core.Tracer):
            continue
        flat = np.ravel(value)
        # Written so that NaN fails too.
        wrong = ~((flat >= 0) & (flat <= 1))
        if wrong.any():
            i = int(np.argmax(wrong))
            raise ValueError(
                f"{needed_by} received the time {float(flat[i]):g} in example {i}; expected times in [0, 1]: "
                "0 is noise, 1 is data"
            )
