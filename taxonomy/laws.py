"""Published distributions over times, beside the uniform ones of ``times``; all in our direction, noise at 0.

``sigmoid(N(m, d))`` of a paper with its noise at time 1 is ``sigmoid(N(-m, d))`` here, and so is a noise level with
``log sigma ~ N(m, d)``, since ``t = 1 / (1 + sigma)``. Arguments may be traced values, as a curriculum makes them.
"""

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri

from taxonomy.times import Law, Times


def _check(name: str, value: float | jax.Array, *, low: float, high: float, expected: str) -> None:
    if not isinstance(value, jax.core.Tracer) and not low < value <= high:
        raise ValueError(f"{name} = {value}; expected {expected}")


def _logit_normal(key: jax.Array, shape: tuple[int, ...], mean: float | jax.Array, std: float) -> jax.Array:
    return jax.nn.sigmoid(mean + std * jax.random.normal(key, shape))


def logit_normal(*, mean: float, std: float) -> Law:
    """``s = u = t = sigmoid(N(mean, std))``: more of the middle of the path than the uniform diagonal.

    Args:
      mean: of the logit of the time.
      std: of the logit of the time.

    Returns:
      a distribution on the diagonal.
    """

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        t = _logit_normal(key, shape, mean, std)
        return Times(t, t, t)

    return law


def sorted_logit_normal(*, mean: float = 0.4, std: float = 1.0, other_mean: float | None = None) -> Law:
    """``s < t``, a sorted pair of ``sigmoid(N(mean, std))`` and ``sigmoid(N(other_mean, std))``.

    Args:
      mean: of the logit of one of the times.
      std: of the logit of the times.
      other_mean: of the logit of the other time; None for the same mean.

    Returns:
      a distribution over (s, t), u = t.

    Reference: MeanFlow, arXiv 2505.13447: mean -0.4 on the paper's axis, whose noise is at time 1. Two means: decoupled
      MeanFlow, arXiv 2510.24474.
    """

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        if other_mean is None:
            pair = _logit_normal(key, (2, *shape), mean, std)
        else:
            means = jnp.array([mean, other_mean]).reshape(2, *(1 for _ in shape))
            pair = _logit_normal(key, (2, *shape), means, std)
        s, t = jnp.min(pair, axis=0), jnp.max(pair, axis=0)
        return Times(s, t, t)

    return law


def at_the_source(law: Law) -> Law:
    """``s = u = t``, the source of a distribution over pairs: it draws a pair, then moves the target to the source.

    A source is nearer to the noise than a single draw, and so is this diagonal.

    Args:
      law: a distribution over (s, t).

    Returns:
      a distribution on the diagonal.

    Reference: the public code of MeanFlow (arXiv 2505.13447), improved MeanFlow, ESC and TiM, which sort a pair before
      they set r = t in a share of the batch.
    """

    def diagonal_law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        s = law(key, shape).s
        return Times(s, s, s)

    return diagonal_law


def source_and_target(*, source: float, target: float, std: float) -> Law:
    """``s = sigmoid(N(source, std))`` and ``t = max(s, sigmoid(N(target, std)))``: a distribution for each end.

    Args:
      source: mean of the logit of s.
      target: mean of the logit of t.
      std: of both logits.

    Returns:
      a distribution over (s, t), u = t.

    Reference: SoFlow, arXiv 2512.15657: means -0.2 and 1.0, std 0.8, as translated from its axis.
    """

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        key_s, key_t = jax.random.split(key)
        s = _logit_normal(key_s, shape, source, std)
        t = jnp.maximum(s, _logit_normal(key_t, shape, target, std))
        return Times(s, t, t)

    return law


def gap_and_target(
    *, gap_mean: float = -0.8, gap_std: float = 1.0, target_mean: float = 0.4, target_std: float = 1.0
) -> Law:
    """``gap = sigmoid(N)``, ``t = sigmoid(N)`` given ``t >= gap``, ``s = t - gap``: the length of the jump is drawn.

    Args:
      gap_mean: mean of the logit of the gap.
      gap_std: standard deviation of the logit of the gap.
      target_mean: mean of the logit of t, before the condition.
      target_std: standard deviation of the logit of t, before the condition.

    Returns:
      a distribution over (s, t), u = t.

    Reference: TVM, arXiv 2511.19797, and its public code; its noise is at time 1.
    """

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        key_gap, key_t = jax.random.split(key)
        gap = _logit_normal(key_gap, shape, gap_mean, gap_std)
        # The conditional distribution by its inverse distribution function, from the upper tail, where it is precise.
        upper = ndtr(-(jax.scipy.special.logit(gap) - target_mean) / target_std)
        tail = upper * (1 - jax.random.uniform(key_t, shape))
        t = jnp.clip(jax.nn.sigmoid(target_mean - target_std * ndtri(tail)), gap, 1.0)
        return Times(t - gap, t, t)

    return law


def ends_and_gap(*, steepness: float = 4.0, gap_mean: float = -0.8, gap_std: float = 1.0) -> Law:
    """s has the density ``a (e^(a s) + e^(a (1 - s))) / (2 (e^a - 1))``, most near both ends; ``t = min(s + gap, 1)``.

    The gap is ``sigmoid(N(gap_mean, gap_std))``. Jumps from s < 0.2 to t > 0.6 go to the data, t = 1, and no s is below
    1/81.

    Args:
      steepness: a, positive.
      gap_mean: mean of the logit of the gap.
      gap_std: standard deviation of the logit of the gap.

    Returns:
      a distribution over (s, t), u = t.

    Reference: the public code of Re-MeanFlow, arXiv 2511.23342, whose noise is at time 1; the density is that of
      Lee, Lin, Fanti, "Improving the training of rectified flows", arXiv 2405.20320.
    """

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        key_s, key_side, key_gap = jax.random.split(key, 3)
        near_data = jnp.log1p(jax.random.uniform(key_s, shape) * jnp.expm1(steepness)) / steepness
        s = jnp.where(jax.random.bernoulli(key_side, shape=shape), near_data, 1 - near_data)
        s = jnp.maximum(s, 1 / 81)
        t = jnp.minimum(s + _logit_normal(key_gap, shape, gap_mean, gap_std), 1.0)
        t = jnp.where((s < 0.2) & (t > 0.6), 1.0, t)
        return Times(s, t, t)

    return law


def from_noise(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
    """``s = 0`` and ``t ~ U[0, 1]``: jumps from the noise only.

    Args:
      key: typed PRNG key.
      shape: shape of each returned array.

    Returns:
      Times with u = t.

    Reference: the times of BOOT (arXiv 2306.05544), PID (2411.08378) and FreeFlow (2511.19428).
    """
    t = jax.random.uniform(key, shape)
    return Times(jnp.zeros_like(t), t, t)


def all_the_way(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
    """``s = 0`` and ``t = 1``, with ``u ~ U[0, 1]``: the one jump of a one-step generator.

    Args:
      key: typed PRNG key.
      shape: shape of each returned array.

    Returns:
      Times; u is a free time, for losses that mix the generated point with noise again.
    """
    u = jax.random.uniform(key, shape)
    return Times(jnp.zeros_like(u), u, jnp.ones_like(u))


def dyadic(*, levels: int) -> Law:
    """``t - s = 2^-k``, k uniform on 0 .. levels, s a multiple of the gap, u the midpoint.

    Args:
      levels: number of halvings of the longest jump; 6 in the paper, whose shortest step is a further half.

    Returns:
      a distribution over (s, u, t).

    Raises:
      ValueError: if levels is negative.

    Reference: shortcut models, arXiv 2410.12557. Same time direction.
    """
    _check("levels", levels, low=-1, high=30, expected="a whole number from 0 to 30")

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        key_gap, key_s = jax.random.split(key)
        steps = 2.0 ** jax.random.randint(key_gap, shape, 0, levels + 1)
        return _on_grid(jax.random.uniform(key_s, shape), steps)

    return law


def uniform_grid(*, steps: float | jax.Array) -> Law:
    """``s = k / steps``, ``t = (k + 1) / steps``, k uniform, u the midpoint.

    Args:
      steps: number of steps from noise to data; a whole number.

    Returns:
      a distribution over (s, u, t).

    Raises:
      ValueError: if there is less than one step.

    Reference: progressive distillation, arXiv 2202.00512.
    """
    _check("steps", steps, low=0.99, high=1e9, expected="at least 1")
    return lambda key, shape=(): _on_grid(jax.random.uniform(key, shape), steps)


def _on_grid(uniform: jax.Array, steps: float | jax.Array) -> Times:
    k = jnp.minimum(jnp.floor(uniform * steps), steps - 1.0)
    return Times(k / steps, (k + 0.5) / steps, (k + 1) / steps)


def with_segment_end(law: Law, *, segments: int) -> Law:
    """Moves the target of a time distribution to the end of the segment in which s lies: ``t = (floor(K s) + 1) / K``.

    Args:
      law: a time distribution; its s is kept.
      segments: K, the number of equal parts of [0, 1]; 1 for a consistency model.

    Returns:
      a distribution over (s, t), u = t.

    Raises:
      ValueError: if there is less than one segment.

    Reference: phased consistency models, arXiv 2405.18407; multistep consistency models, arXiv 2403.06807.
    """
    _check("segments", segments, low=0, high=1e6, expected="at least 1")

    def segment_law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        s = law(key, shape).s
        t = jnp.minimum(jnp.floor(segments * s) + 1, segments) / segments
        return Times(s, t, t)

    return segment_law


def with_shorter_gap(law: Law, *, factor: float | jax.Array) -> Law:
    """``t`` moved to ``s + factor (t - s)``, and u with it: jumps of at most that length.

    Args:
      law: a distribution over (s, u, t).
      factor: in (0, 1].

    Returns:
      a distribution over (s, u, t).

    Raises:
      ValueError: if the factor is outside (0, 1].

    Reference: the annealed gap of FMM and PFMM, arXiv 2406.07507, and the partial maps of arXiv 2505.14502.
    """
    _check("factor", factor, low=0, high=1, expected="a share of the gap in (0, 1]")

    def shorter(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        s, u, t = law(key, shape)
        return Times(s, (1 - factor) * s + factor * u, (1 - factor) * s + factor * t)

    return shorter


def with_data_end(law: Law, *, probability: float | jax.Array) -> Law:
    """The target is the data, t = 1, with a probability, and that of the distribution otherwise.

    Args:
      law: a distribution over (s, t).
      probability: in [0, 1].

    Returns:
      a distribution over (s, t), u = t.

    Reference: ESC, arXiv 2512.11831, whose probability falls from 1 to 0.
    """

    def mixed(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        key_law, key_choice = jax.random.split(key)
        s, _, t = law(key_law, shape)
        t = jnp.where(jax.random.bernoulli(key_choice, probability, shape), 1.0, t)
        return Times(s, t, t)

    return mixed
