"""The methods of ``experiments.steer``: each samples towards a reward at a known number of network evaluations (NFE).

``METHODS`` holds them by name. Methods of one kind differ in the look-ahead, which estimates from ``x_t`` the end of
its path and hence the reward, or in a switch.
"""

from collections.abc import Callable
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from experiments.uses.rewards import Reward
from models import control, grids, noise_adapter, samplers, steering
from models import tilting as trajectory_tilting
from models.steering import LookAhead
from taxonomy import flow_map, predictions
from taxonomy.flow_map import AverageVelocity, Velocity
from taxonomy.interpolants import Interpolant

FITTED = 256  # noises of an update of an adapter
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
      strength: of the control of FMRG; 1 moves ends as the tilt does where that is known.
      fit_steps: updates by which an adapter of the noise is fitted.
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
    strength: float = 1.0
    fit_steps: int = 1000

    @property
    def plain_cost(self) -> int:
        """Evaluations of one sample without steering."""
        return self.jumps * self.jump_cost


class Steered(NamedTuple):
    """Samples [count, ...] and the smallest effective share on the way, 1 where nothing is weighted."""

    x: jax.Array
    share: jax.Array


class Method(NamedTuple):
    """A way to sample towards a reward.

    Attributes:
      sample: (setting, key, count) -> Steered.
      evaluations: setting -> evaluations of the network or of the exact velocity for one sample, in forward passes.
      fitting: setting -> evaluations before the first sample, whatever their number.
    """

    sample: Callable[[Setting, jax.Array, int], Steered]
    evaluations: Callable[[Setting], int]
    fitting: Callable[[Setting], int] = lambda setting: 0


class Ahead(NamedTuple):
    """A kind of look-ahead: setting -> look-ahead, and setting -> its evaluations."""

    look: Callable[[Setting], LookAhead]
    cost: Callable[[Setting], int]


TWEEDIE = Ahead(lambda setting: steering.mean_look_ahead(setting.b, setting.interpolant), lambda setting: 1)
MAP = Ahead(lambda setting: steering.map_look_ahead(setting.v), lambda setting: setting.jump_cost)


def noise(setting: Setting, key: jax.Array, count: int) -> jax.Array:
    """Points at time 0, [count, ...]."""
    return setting.std * jax.random.normal(key, (count, *setting.shape))


def _plain(setting: Setting, key: jax.Array, count: int) -> jax.Array:
    return samplers.composition(setting.v, noise(setting, key, count), grids.uniform(setting.jumps))


def _none(setting: Setting, key: jax.Array, count: int) -> Steered:
    return Steered(_plain(setting, key, count), jnp.ones(()))


def _importance(setting: Setting, key: jax.Array, count: int) -> Steered:
    key, key_choice = jax.random.split(key)
    x = _plain(setting, key, count)
    r = setting.reward(x)
    return Steered(x[steering.systematic(key_choice, r)], steering.effective_share(r))


def of_candidates(*, drawn: bool) -> Method:
    """One of N samples: that of the highest reward, or one drawn with probability ~ ``e^r``."""

    def sample(setting: Setting, key: jax.Array, count: int) -> Steered:
        key_choice, *keys = jax.random.split(key, setting.candidates + 1)
        x = jax.lax.map(lambda key: _plain(setting, key, count), jnp.stack(keys))
        return Steered(steering.best_of(setting.reward, x, key=key_choice if drawn else None), jnp.ones(()))

    return Method(sample, lambda setting: setting.candidates * setting.plain_cost)


def guidance(ahead: Ahead, *, tilt: Callable[[jax.Array], jax.Array]) -> Method:
    """Euler steps of ``b + tilt(t) gain grad r(look-ahead(x))``."""

    def sample(setting: Setting, key: jax.Array, count: int) -> Steered:
        def scale(t: jax.Array) -> jax.Array:
            return tilt(t) * steering.guidance_gain(t, setting.interpolant, noise_std=setting.std)

        b = steering.guided(setting.b, steering.value_of(setting.reward, ahead.look(setting)), scale)
        return Steered(samplers.euler(b, noise(setting, key, count), grids.uniform(setting.steps)), jnp.ones(()))

    return Method(sample, lambda setting: setting.steps * (1 + GRADIENT * ahead.cost(setting)))


def tilting(ahead: Ahead, *, constancy: bool) -> Method:
    """Trajectory tilting by ``r(look-ahead(x))``.

    Args:
      ahead: the look-ahead.
      constancy: weights as published, which trust that the value is constant along the ODE; otherwise weights that hold
        for any look-ahead.

    Returns:
      the method.
    """

    def sample(setting: Setting, key: jax.Array, count: int) -> Steered:
        def score(t: jax.Array, x: jax.Array) -> jax.Array:
            return predictions.score_from_velocity(setting.interpolant, t, x, setting.b(t, x), noise_std=setting.std)

        key_noise, key_path, key_choice = jax.random.split(key, 3)
        tilted = trajectory_tilting.tilting(
            setting.transport,
            steering.value_of(setting.reward, ahead.look(setting)),
            score,
            key_path,
            noise(setting, key_noise, count),
            grids.uniform(setting.steps),
            diffusion=trajectory_tilting.falling(noise_std=setting.std, noise=setting.noise),
            substeps=setting.substeps,
            constancy=constancy,
        )
        return Steered(trajectory_tilting.drawn(key_choice, tilted), tilted.shares.min())

    def evaluations(setting: Setting) -> int:
        weights = setting.steps * ahead.cost(setting) * (1 if constancy else 2)
        langevin = (setting.steps - 1) * (setting.substeps + 1) * (1 + GRADIENT * ahead.cost(setting))
        return setting.steps * setting.transport_cost + weights + langevin

    return Method(sample, evaluations)


def _fmrg(setting: Setting, key: jax.Array, count: int) -> Steered:
    # For a linear reward and data of N(0, std^2) ends move by (pi / 2) strength, and those of the tilted law by std^2.
    strength = setting.strength * 2 / math.pi * setting.std**2
    x = control.reward_guidance(
        setting.v,
        setting.transport,
        setting.reward,
        noise(setting, key, count),
        grids.uniform(setting.steps),
        strength=strength,
    )
    return Steered(x, jnp.ones(()))


def adapter(*, layers: int, rate: float) -> Method:
    """One jump from noise of a law that is fitted to the reward, with the map as it is.

    Args:
      layers: coupling layers of the law; 0 for a Gaussian.
      rate: of Adam, falling to zero along a cosine.

    Returns:
      the method.
    """

    def sample(setting: Setting, key: jax.Array, count: int) -> Steered:
        key_start, key_fit, key_noise = jax.random.split(key, 3)
        optimizer = optax.adam(optax.cosine_decay_schedule(rate, setting.fit_steps))

        def end(x: jax.Array) -> jax.Array:
            return flow_map.jump(setting.v, jnp.zeros(len(x)), jnp.ones(len(x)), x)

        def loss(adapter: noise_adapter.Adapter, key: jax.Array) -> jax.Array:
            z = jax.random.normal(key, (FITTED, *setting.shape))
            return jnp.mean(noise_adapter.loss(adapter, end, setting.reward, z, noise_std=setting.std))

        def update(state: tuple, key: jax.Array) -> tuple[tuple, None]:
            fitted, moments = state
            change, moments = optimizer.update(jax.grad(loss)(fitted, key), moments)
            return (optax.apply_updates(fitted, change), moments), None

        fitted = noise_adapter.initialize(key_start, math.prod(setting.shape), layers=layers)
        keys = jax.random.split(key_fit, setting.fit_steps)
        (fitted, _), _ = jax.lax.scan(update, (fitted, optimizer.init(fitted)), keys)
        z = jax.random.normal(key_noise, (count, *setting.shape))
        return Steered(end(noise_adapter.adapted(fitted, z, noise_std=setting.std)), jnp.ones(()))

    return Method(
        sample,
        lambda setting: setting.jump_cost,
        lambda setting: setting.fit_steps * FITTED * GRADIENT * setting.jump_cost,
    )


METHODS: dict[str, Method] = {
    "none": Method(_none, lambda setting: setting.plain_cost),
    "best_of_n": of_candidates(drawn=False),
    "drawn_of_n": of_candidates(drawn=True),
    # All samples without steering, resampled by e^r.
    "importance": Method(_importance, lambda setting: setting.plain_cost),
    "guidance_tweedie": guidance(TWEEDIE, tilt=jnp.ones_like),
    # One end of a path already at t = 0: its reward counts as much as there is of the path.
    "guidance_map": guidance(MAP, tilt=lambda t: t),
    "fmrg": Method(_fmrg, lambda setting: setting.steps * (setting.transport_cost + GRADIENT * setting.jump_cost)),
    "adapter_gaussian": adapter(layers=0, rate=1e-2),
    "adapter_flow": adapter(layers=8, rate=3e-3),
    "tilting_tweedie": tilting(TWEEDIE, constancy=True),
    "tilting_tweedie_corrected": tilting(TWEEDIE, constancy=False),
    "tilting": tilting(MAP, constancy=True),
    "tilting_corrected": tilting(MAP, constancy=False),
}
