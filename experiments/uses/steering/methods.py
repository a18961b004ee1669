"""The methods of ``experiments.steer`` by name: each samples towards a reward, at a known number of evaluations."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.uses.rewards import Reward
from models import grids, samplers, steering, tilting
from models.steering import LookAhead
from taxonomy import flow_map, predictions
from taxonomy.arrays import expand, ratio
from taxonomy.flow_map import AverageVelocity, Velocity
from taxonomy.interpolants import Interpolant

GRADIENT = 3  # evaluations in the unit of a forward pass: the backward pass counts two


class Setting(NamedTuple):
    """What is steered, and how.

    Attributes:
      v: the map, for look-aheads and for samples without steering.
      transport: the map for short jumps.
      b: the velocity.
      jump_cost: evaluations of one look-ahead by the map.
      transport_cost: evaluations of one short jump.
      jumps: jumps by which samples are made without steering.
      interpolant: the path.
      std: standard deviation of the noise.
      shape: of an example.
      reward: r.
      steps: steps of guidance and of tilting.
      noise: strength of the diffusion in tilting.
      substeps: Langevin steps at each time.
      candidates: N of best-of-N.
    """

    v: AverageVelocity
    transport: AverageVelocity
    b: Velocity
    jump_cost: int
    transport_cost: int
    jumps: int
    interpolant: Interpolant
    std: float
    shape: tuple[int, ...]
    reward: Reward
    steps: int
    noise: float
    substeps: int
    candidates: int


class Steered(NamedTuple):
    """Samples [count, ...] and the smallest effective share on the way, 1 where nothing is weighted."""

    x: jax.Array
    share: jax.Array


Method = Callable[[Setting, jax.Array, int], Steered]


def noise(how: Setting, key: jax.Array, count: int) -> jax.Array:
    """Points at time 0, [count, ...]."""
    return how.std * jax.random.normal(key, (count, *how.shape))


def _plain(how: Setting, key: jax.Array, count: int) -> jax.Array:
    return samplers.composition(how.v, noise(how, key, count), grids.uniform(how.jumps))


def none(how: Setting, key: jax.Array, count: int) -> Steered:
    """Samples of the map as it is."""
    return Steered(_plain(how, key, count), jnp.ones(()))


def best_of_n(how: Setting, key: jax.Array, count: int) -> Steered:
    """The highest reward of N."""
    return _of_candidates(how, key, count, drawn=False)


def drawn_of_n(how: Setting, key: jax.Array, count: int) -> Steered:
    """One of N, drawn by ``e^r``."""
    return _of_candidates(how, key, count, drawn=True)


def _of_candidates(how: Setting, key: jax.Array, count: int, *, drawn: bool) -> Steered:
    key_choice, *keys = jax.random.split(key, how.candidates + 1)
    x = jax.lax.map(lambda key: _plain(how, key, count), jnp.stack(keys))
    return Steered(steering.best_of(how.reward, x, key=key_choice if drawn else None), jnp.ones(()))


def importance(how: Setting, key: jax.Array, count: int) -> Steered:
    """All samples, resampled by ``e^r``."""
    key, key_choice = jax.random.split(key)
    x = _plain(how, key, count)
    r = how.reward(x)
    return Steered(x[steering.systematic(key_choice, r)], steering.effective_share(r))


def _mean(how: Setting) -> LookAhead:
    return steering.mean_look_ahead(how.b, how.interpolant)


def guidance_tweedie(how: Setting, key: jax.Array, count: int) -> Steered:
    """Euler steps of ``b + gain grad r(E[x1 | x])``."""
    return _guided(how, key, count, _mean(how), lambda t: jnp.ones_like(t))


def guidance_map(how: Setting, key: jax.Array, count: int) -> Steered:
    """Euler steps of ``b + t gain grad r(X_{t,1}(x))``."""
    return _guided(how, key, count, steering.map_look_ahead(how.v), lambda t: t)


def _guided(
    how: Setting, key: jax.Array, count: int, ahead: LookAhead, tilt: Callable[[jax.Array], jax.Array]
) -> Steered:
    def scale(t: jax.Array) -> jax.Array:
        return tilt(t) * steering.guidance_gain(t, how.interpolant, noise_std=how.std)

    b = steering.guided(how.b, steering.value_of(how.reward, ahead), scale)
    return Steered(samplers.euler(b, noise(how, key, count), grids.uniform(how.steps)), jnp.ones(()))


def tilting_map(how: Setting, key: jax.Array, count: int) -> Steered:
    """Trajectory tilting by the map, with the published weights."""
    return _tilting(how, key, count, steering.map_look_ahead(how.v), constancy=True)


def tilting_corrected(how: Setting, key: jax.Array, count: int) -> Steered:
    """Trajectory tilting by the map, with weights that do not trust it to be exact."""
    return _tilting(how, key, count, steering.map_look_ahead(how.v), constancy=False)


def tilting_tweedie(how: Setting, key: jax.Array, count: int) -> Steered:
    """Trajectory tilting by the mean, as if its value were constant."""
    return _tilting(how, key, count, _mean(how), constancy=True)


def tilting_tweedie_corrected(how: Setting, key: jax.Array, count: int) -> Steered:
    """Trajectory tilting by the mean, whose change enters the weights."""
    return _tilting(how, key, count, _mean(how), constancy=False)


def _tilting(how: Setting, key: jax.Array, count: int, ahead: LookAhead, *, constancy: bool) -> Steered:
    key_noise, key_path, key_choice = jax.random.split(key, 3)
    found = tilting.tilting(
        how.transport,
        steering.value_of(how.reward, ahead),
        lambda t, x: predictions.score_from_velocity(how.interpolant, t, x, how.b(t, x), base_std=how.std),
        key_path,
        noise(how, key_noise, count),
        grids.uniform(how.steps),
        diffusion=tilting.falling(noise_std=how.std, noise=how.noise),
        substeps=how.substeps,
        constancy=constancy,
    )
    return Steered(tilting.drawn(key_choice, found), found.shares.min())


METHODS: dict[str, Method] = {
    "none": none,
    "best_of_n": best_of_n,
    "drawn_of_n": drawn_of_n,
    "importance": importance,
    "guidance_tweedie": guidance_tweedie,
    "guidance_map": guidance_map,
    "tilting_tweedie": tilting_tweedie,
    "tilting_tweedie_corrected": tilting_tweedie_corrected,
    "tilting": tilting_map,
    "tilting_corrected": tilting_corrected,
}


def evaluations(how: Setting, name: str) -> int:
    """Evaluations of the network or of the exact velocity for one sample, in units of a forward pass."""
    plain = how.jumps * how.jump_cost
    ahead = 1 if "tweedie" in name else how.jump_cost
    if name.startswith("guidance"):
        return how.steps * (1 + GRADIENT * ahead)
    if name.startswith("tilting"):
        weights = how.steps * ahead * (2 if name.endswith("corrected") else 1)
        langevin = (how.steps - 1) * (how.substeps + 1) * (1 + GRADIENT * ahead)
        return how.steps * how.transport_cost + weights + langevin
    return plain * how.candidates if name.endswith("of_n") else plain


def integrated(b: Velocity, *, steps: int) -> AverageVelocity:
    """``taxonomy.flow_map.integrated`` as a loop: compiled once, and differentiated with little memory.

    Args:
      b: velocity field.
      steps: equal midpoint steps between s and t.

    Returns:
      average velocity v(s, t, x).
    """

    def v(s: jax.Array, t: jax.Array, x: jax.Array) -> jax.Array:
        @jax.checkpoint
        def leg(y: jax.Array, k: jax.Array) -> tuple[jax.Array, None]:
            return flow_map.midpoint_step(b, s + (t - s) * k / steps, s + (t - s) * (k + 1) / steps, y), None

        y = jax.lax.scan(leg, x, jnp.arange(steps))[0]
        return ratio(y - x, jnp.broadcast_to(expand(t - s, x), x.shape), b(s, x))

    return v


def integration_error(b: Velocity, x: jax.Array, *, steps: int, finer: int = 16) -> float:
    """Root mean square of the difference of ``X_{0,1}(x)`` from one with many more steps; x [n, ...]."""
    zero = jnp.zeros(x.shape[0])
    ends = [
        np.asarray(jax.jit(lambda x, k=k: flow_map.jump(integrated(b, steps=k), zero, zero + 1, x))(x))
        for k in (steps, finer * steps)
    ]
    return float(np.sqrt(np.mean(np.sum((ends[0] - ends[1]) ** 2, axis=tuple(range(1, x.ndim))))))
