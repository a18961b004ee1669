"""Published distributions that draw one end of a jump and then its length, or its length and then one end.

In our direction of time, noise at 0, as in ``laws``. A sorted pair has early sources, late targets and short jumps;
these distributions do not.
"""

import jax
import jax.numpy as jnp

from taxonomy.times import Law, Times


def source_then_target(*, first: float = 0.0) -> Law:
    """``s ~ U[first, 1]``, then ``t ~ U[s, 1]``: the source is uniform, and t is later than it.

    On the triangle, sources are early and targets late instead.

    Args:
      first: the earliest source, in [0, 1).

    Returns:
      a distribution over (s, t), u = t.

    Raises:
      ValueError: if first is outside [0, 1).

    Reference: inductive moment matching, arXiv 2503.07565, whose noise is at time 1.
    """
    if not 0 <= first < 1:
        raise ValueError(f"first = {first}; expected a time in [0, 1)")

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        s, share = jax.random.uniform(key, (2, *shape))
        s = first + (1 - first) * s
        t = s + (1 - s) * share
        return Times(s, t, t)

    return law


def mixed(law: Law, other: Law, *, probability: float) -> Law:
    """Times of another distribution with a probability, and those of the distribution otherwise.

    Args:
      law: a distribution over (s, t).
      other: the other distribution.
      probability: of the other distribution, in [0, 1].

    Returns:
      the mixture.

    Raises:
      ValueError: if the probability is outside [0, 1].
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"probability = {probability}; expected a number in [0, 1]")

    def mixture(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        key_law, key_other, key_choice = jax.random.split(key, 3)
        chosen = jax.random.bernoulli(key_choice, probability, shape)
        pairs = zip(other(key_other, shape), law(key_law, shape), strict=True)
        return Times(*(jnp.where(chosen, one, usual) for one, usual in pairs))

    return mixture


def with_level_step(law: Law, *, decrement: float, least: float = 0.0) -> Law:
    """Adds the time u at which the noise level ``sigma = (1 - t) / t`` is lower by a constant, at most t.

        u = s / (1 - decrement s),   at least s + least

    Args:
      law: a distribution over (s, t) with s <= t.
      decrement: of the noise level, positive.
      least: least length of the step in time, not negative.

    Returns:
      a distribution over (s, u, t).

    Raises:
      ValueError: if the decrement is not positive or the least step is negative.

    Reference: inductive moment matching, arXiv 2503.07565 (constant decrement of eta).
    """
    if not decrement > 0:
        raise ValueError(f"decrement = {decrement}; expected a positive number")
    if not 0 <= least < 1:
        raise ValueError(f"step = {least}; expected a length of time in [0, 1)")

    def step_law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        s, _, t = law(key, shape)
        # A step past the data, where the noise level would be negative, ends at t too.
        left = 1 - decrement * s
        u = jnp.where(left > s, s / jnp.where(left > s, left, 1.0), 1.0)
        return Times(s, jnp.minimum(jnp.maximum(u, s + least), t), t)

    return step_law


def gap_then_start(*, longest: float, on_grid: bool = False, both: bool = False) -> Law:
    """``gap ~ U[0, longest]``, then the earlier end ``~ U[0, 1 - gap]``: every length of jump is as likely.

    Args:
      longest: in (0, 1]; 1 / N for a map that is sampled by N steps.
      on_grid: whether the earlier end is moved down to a multiple of ``longest``, where a sampler's steps begin.
      both: whether half of the jumps go back in time.

    Returns:
      a distribution over (s, t), u = t.

    Raises:
      ValueError: if longest is outside (0, 1].

    Reference: the secant losses, arXiv 2505.14502; poppuppy/secant_expectation, transport/transport.py. Same time
      direction.
    """
    if not 0 < longest <= 1:
        raise ValueError(f"longest = {longest}; expected a length of time in (0, 1]")

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        key_times, key_side = jax.random.split(key)
        gap, start = jax.random.uniform(key_times, (2, *shape))
        gap = longest * gap
        s = start * (1 - gap)
        if on_grid:
            s = jnp.floor(s / longest) * longest
        t = jnp.minimum(s + gap, 1.0)
        if both:
            back = jax.random.bernoulli(key_side, 0.5, shape)
            s, t = jnp.where(back, t, s), jnp.where(back, s, t)
        return Times(s, t, t)

    return law
