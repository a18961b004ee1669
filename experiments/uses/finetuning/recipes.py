"""What each method of fine-tuning minimizes: pure losses of ``objectives.losses`` on draws of noise, data and times."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from experiments.datasets.dataset import Dataset
from experiments.uses.finetuning.plan import SEVERAL, Plan
from experiments.uses.rewards import Reward
from models import grids, samplers
from models.flow_map_model import FlowMapModel, Params, bind
from objectives.losses import direct, lagrangian, tilt
from objectives.losses import reward as losses
from taxonomy import flow_map, predictions, times
from taxonomy.flow_map import AverageVelocity, diagonal
from taxonomy.interpolants import Interpolant

# (what is trained, weights at the start of the stage, key) -> (mean loss, mean reward of what the model makes).
Loss = Callable[[Any, Params, jax.Array], tuple[jax.Array, jax.Array]]
NEAREST = 0.95  # latest time of noised points of "dmd": what is divided by 1 - t


class Setting(NamedTuple):
    """What is fine-tuned.

    Attributes:
      model: the model.
      reward: r, of points as the map makes them, see ``rewards.of_map``.
      dataset: the data set.
      interpolant: the path.
      composes: whether the model is a map, whose jumps compose, or a velocity alone.
    """

    model: FlowMapModel
    reward: Reward
    dataset: Dataset
    interpolant: Interpolant
    composes: bool = True

    def noise(self, key: jax.Array, count: int) -> jax.Array:
        """[count, ...]; points at time 0."""
        return self.dataset.noise(key, count)

    def data(self, key: jax.Array, count: int) -> jax.Array:
        """[count, ...]; points of the training set."""
        return jax.vmap(self.dataset.sample)(jax.random.split(key, count))


class Recipe(NamedTuple):
    """A method.

    Attributes:
      loss: (setting, plan) -> what an update minimizes.
      start: weights of the run -> what is trained.
      weights: what is trained -> weights of the fine-tuned run.
    """

    loss: Callable[[Setting, Plan], Loss]
    start: Callable[[Params], Any] = lambda params: params
    weights: Callable[[Any], Params] = lambda trained: trained


def _held(setting: Setting, plan: Plan, v: AverageVelocity, w: AverageVelocity, keys: jax.Array) -> jax.Array | float:
    """The penalties that hold jumps and velocity near those of the reference, [batch]."""
    scale, total = setting.dataset.std**-2, 0.0
    s, _, t = times.triangle(keys[0], (plan.batch_size,))
    noise, data = setting.noise(keys[1], plan.batch_size), setting.data(keys[2], plan.batch_size)
    x_s = setting.interpolant.position(s, noise, data)
    if plan.map_penalty > 0 and plan.method != "ode":
        total += 0.5 * plan.map_penalty * scale * losses.map_distance(v, w, x_s, s, t)
    if plan.tangent_penalty > 0:
        total += 0.5 * plan.tangent_penalty * scale * losses.tangent_distance(diagonal(v), diagonal(w), x_s, s)
    return total


def _noted(reward: Reward) -> tuple[Reward, list[jax.Array]]:
    """A reward that is asked once, and the list in which it leaves what it answered."""
    rewards: list[jax.Array] = []

    def noted(x: jax.Array) -> jax.Array:
        rewards.append(reward(x))
        return rewards[0]

    return noted, rewards


def penalized(setting: Setting, plan: Plan) -> Loss:
    """The reward at the end of one jump ("map") or of Euler steps ("ode"), less what holds it near the reference."""

    def loss(params: Params, frozen: Params, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        keys, v, w = jax.random.split(key, 4), bind(setting.model, params), bind(setting.model, frozen)
        x_0, (noted, rewards) = setting.noise(keys[0], plan.batch_size), _noted(setting.reward)
        penalty = plan.penalty * setting.dataset.std**-2
        if plan.method == "ode":
            grid = grids.uniform(plan.ode_steps)
            total = losses.by_euler(diagonal(v), diagonal(w), noted, x_0, grid, penalty=penalty)
        else:
            total = losses.by_jumps(v, w, noted, x_0, grids.uniform(1), penalty=penalty)
        return jnp.mean(total + _held(setting, plan, v, w, keys[1:])), jnp.mean(rewards[0])

    return loss


def tilted(setting: Setting, plan: Plan) -> Loss:
    """Tilt matching of the diagonal, and for a map LSD, which makes its jumps follow.

    "tilt" takes a share of the reward in each stage, and data that the model at the start of the stage makes.
    "tilt_data" takes all of it at once, and the training set.
    """
    of_data = plan.method == "tilt_data"
    share, count = 1.0 if of_data else 1 / plan.stages, plan.batch_size

    def rewarded(x: jax.Array) -> jax.Array:
        return jax.lax.stop_gradient(jnp.asarray(setting.reward(x), x.dtype))

    def made(w: AverageVelocity, key: jax.Array) -> jax.Array:
        x_0 = setting.noise(key, count)
        if setting.composes:
            return samplers.composition(w, x_0, grids.uniform(SEVERAL))
        return samplers.euler(diagonal(w), x_0, grids.uniform(plan.ode_steps))

    def loss(params: Params, frozen: Params, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        keys, v, w = jax.random.split(key, 4), bind(setting.model, params), bind(setting.model, frozen)
        x_1 = setting.data(keys[0], count) if of_data else jax.lax.stop_gradient(made(w, keys[0]))
        x_0, t = setting.noise(keys[1], count), jax.random.uniform(keys[2], (count,))
        x_t, velocity = (part(t, x_0, x_1) for part in (setting.interpolant.position, setting.interpolant.velocity))
        change = share * rewarded(x_1)
        weights = jnp.exp(change - jax.nn.logsumexp(change) + jnp.log(count))  # of mean one
        if of_data:
            total = tilt.weighted(v, x_t, t, velocity=velocity, log_weight=jnp.log(weights))
        else:
            reference = w(t, t, x_t)
            ahead = (
                flow_map.jump(w, t, jnp.ones_like(t), x_t)
                if setting.composes
                else predictions.data_from_velocity(setting.interpolant, t, x_t, reference)
            )
            # Any function of I_t may be taken off: near the mean given I_t, weights are near one wherever I_t is.
            above = change - share * rewarded(ahead)
            if plan.tilt_loss == "implicit":
                total = tilt.implicit(v, x_t, t, velocity=velocity, reference=reference, log_weight=above)
            elif plan.tilt_loss == "explicit":
                total = tilt.explicit(v, x_t, t, velocity=velocity, reference=reference, change=above)
            else:
                total = tilt.weighted(v, x_t, t, velocity=velocity, log_weight=above)
        if setting.composes:
            s, _, t = times.triangle(keys[3], (count,))
            residual = lagrangian.lagrangian(v, diagonal(v), setting.interpolant.position(s, x_0, x_1), s, t)
            total += weights * residual if of_data else residual
        return jnp.mean(total), jnp.mean(weights * rewarded(x_1))

    return loss


def matched(setting: Setting, plan: Plan) -> Loss:
    """Tilted DMD of one jump: the run's velocity is the real one, a copy of it learns the fake one beside the map."""

    def loss(trained: dict[str, Params], frozen: Params, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        keys, count = jax.random.split(key, 8), plan.batch_size
        v, fake, w = (bind(setting.model, p) for p in (trained["map"], trained["fake"], frozen))
        zero, one = jnp.zeros(count), jnp.ones(count)
        x_1 = flow_map.jump(v, zero, one, setting.noise(keys[0], count))
        t = jax.random.uniform(keys[1], (count,), minval=plan.noise_from)
        noised = jax.lax.stop_gradient(setting.interpolant.position(t, setting.noise(keys[2], count), x_1))
        weight = t**2 / (jnp.maximum(1 - t, 1 - NEAREST) * setting.dataset.std**2)
        noted, rewards = _noted(setting.reward)
        total = tilt.distribution_matching(
            noted, x_1, learned=fake(t, t, noised), wanted=w(t, t, noised), weight=weight
        )
        r, x_0, ends = jax.random.uniform(keys[3], (count,)), setting.noise(keys[4], count), jax.lax.stop_gradient(x_1)
        x_r, velocity = (part(r, x_0, ends) for part in (setting.interpolant.position, setting.interpolant.velocity))
        total += direct.flow_matching(fake, x_r, r, velocity=velocity)
        return jnp.mean(total + _held(setting, plan, v, w, keys[5:])), jnp.mean(rewards[0])

    return loss


RECIPES = {
    "map": Recipe(penalized),
    "ode": Recipe(penalized),
    "tilt": Recipe(tilted),
    "tilt_data": Recipe(tilted),
    "dmd": Recipe(matched, lambda params: {"map": params, "fake": params}, lambda trained: trained["map"]),
}
