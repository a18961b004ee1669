"""The loop that fine-tunes a trained map, or its velocity, towards a reward: one compiled update, called each step."""

from collections.abc import Callable
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
import numpy as np
import optax

from experiments.datasets.dataset import Dataset
from experiments.errors import DivergedError
from experiments.training import optimizers
from experiments.uses.rewards import Reward
from models import grids
from models.flow_map_model import FlowMapModel, Params, bind
from objectives.losses import reward as losses
from taxonomy import times
from taxonomy.flow_map import diagonal
from taxonomy.interpolants import Interpolant

FORWARD, GRADIENT = 1, 3  # forward-pass equivalents: a backward pass costs two
RECORDED = 10  # updates per record


class Plan(NamedTuple):
    """How a map is fine-tuned.

    Attributes:
      method: "map", through one jump, or "ode", through Euler steps of the velocity.
      steps: updates.
      batch_size: noises per update.
      learning_rate: of Adam, falling to zero along a cosine.
      penalty: of the squared distance from the reference's end, in units of 1 / std^2.
      map_penalty: of the same at random (s, t) along the path of the data; of the map alone.
      tangent_penalty: of the squared distance from the reference's velocity.
      ode_steps: Euler steps of "ode".
      seed: of noise, data and times.
    """

    method: str = "map"
    steps: int = 500
    batch_size: int = 512
    learning_rate: float = 3e-4
    penalty: float = 1.0
    map_penalty: float = 0.01
    tangent_penalty: float = 0.01
    ode_steps: int = 16
    seed: int = 0

    @property
    def evaluations(self) -> int:
        """Forward-pass equivalents per example of an update."""
        both = FORWARD + GRADIENT
        rolled = both * (self.ode_steps if self.method == "ode" else 1)
        return rolled + both * ((self.map_penalty > 0 and self.method == "map") + (self.tangent_penalty > 0))


class Tuned(NamedTuple):
    """A fine-tuned model.

    Attributes:
      params: weights.
      curve: [records, 2]; forward-pass equivalents spent, and mean reward of the batches since the last record.
      planned_bytes: memory of one update without its inputs and outputs, as the compiler plans it; None if unknown.
      seconds: of the updates, without compiling.
    """

    params: Params
    curve: np.ndarray
    planned_bytes: int | None
    seconds: float


def loss_of(
    model: FlowMapModel, reference: Params, reward: Reward, dataset: Dataset, interpolant: Interpolant, plan: Plan
) -> Callable[[Params, jax.Array], tuple[jax.Array, jax.Array]]:
    """What an update minimizes.

    Args:
      model: the model.
      reference: frozen weights.
      reward: r, of points as the map makes them, see ``rewards.of_map``.
      dataset: for data along the path, at which the other penalties are taken.
      interpolant: the path.
      plan: method, penalties and numbers of updates.

    Returns:
      (weights, key) -> (mean loss, mean reward).
    """
    w, scale = bind(model, reference), dataset.std**-2

    def loss(params: Params, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        keys, v = jax.random.split(key, 4), bind(model, params)
        shape = (plan.batch_size, *dataset.shape)
        x_0 = dataset.std * jax.random.normal(keys[0], shape)
        rewards = []

        def noted(x: jax.Array) -> jax.Array:
            rewards.append(reward(x))
            return rewards[0]

        end = plan.penalty * scale
        if plan.method == "ode":
            grid = grids.uniform(plan.ode_steps)
            total = losses.by_euler(diagonal(v), diagonal(w), noted, x_0, grid, penalty=end)
        else:
            total = losses.by_jumps(v, w, noted, x_0, grids.uniform(1), penalty=end)
        s, _, t = times.triangle(keys[1], (plan.batch_size,))
        noise = dataset.std * jax.random.normal(keys[2], shape)
        x_s = interpolant.position(s, noise, jax.vmap(dataset.sample)(jax.random.split(keys[3], plan.batch_size)))
        if plan.map_penalty > 0 and plan.method == "map":
            total += 0.5 * plan.map_penalty * scale * losses.map_distance(v, w, x_s, s, t)
        if plan.tangent_penalty > 0:
            total += 0.5 * plan.tangent_penalty * scale * losses.tangent_distance(diagonal(v), diagonal(w), x_s, s)
        return jnp.mean(total), jnp.mean(rewards[0])

    return loss


def tune(
    model: FlowMapModel, reference: Params, reward: Reward, dataset: Dataset, interpolant: Interpolant, plan: Plan
) -> Tuned:
    """Fine-tunes a model from its trained weights.

    Args:
      model: the model.
      reference: its weights.
      reward: r, of points as the map makes them, see ``rewards.of_map``.
      dataset: the data set.
      interpolant: the path.
      plan: method, penalties and numbers of updates.

    Returns:
      Tuned.

    Raises:
      DivergedError: if the loss or the weights are not finite.
    """
    training = ConfigDict(
        {
            "optimizer": "adam",
            "learning_rate": plan.learning_rate,
            "beta2": 0.999,
            "schedule": "cosine",
            "steps": plan.steps,
            "decay_after": 0,
            "grad_clip_norm": 10.0,
        }
    )
    transformation = optimizers.optimizer(training)
    loss = loss_of(model, reference, reward, dataset, interpolant, plan)
    seed = jax.random.key(plan.seed)

    def update(
        params: Params, state: optax.OptState, step: jax.Array
    ) -> tuple[Params, optax.OptState, tuple[jax.Array, jax.Array]]:
        loss_and_reward, gradient = jax.value_and_grad(loss, has_aux=True)(params, jax.random.fold_in(seed, step))
        change, state = transformation.update(gradient, state, params)
        return optax.apply_updates(params, change), state, loss_and_reward

    params, state = jax.tree.map(jnp.asarray, reference), transformation.init(reference)
    compiled = jax.jit(update).lower(params, state, jnp.int32(0)).compile()
    analysis = compiled.memory_analysis()
    start, curve, rewards = time.perf_counter(), [], []
    for step in range(plan.steps):
        params, state, (value, mean) = compiled(params, state, jnp.int32(step))
        rewards.append(mean)
        if len(rewards) == RECORDED or step == plan.steps - 1:
            if not np.isfinite(float(value)):
                raise DivergedError(
                    f"fine-tuning by method {plan.method} has a loss of {float(value)} at update {step + 1}; no run "
                    "was written and the old one is as it was: lower --learning_rate, or raise --penalty"
                )
            curve.append(((step + 1) * plan.batch_size * plan.evaluations, float(np.mean(rewards))))
            rewards = []
    seconds = time.perf_counter() - start
    if not all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves(params)):
        raise DivergedError(
            f"fine-tuning by method {plan.method} ended with weights that are not finite; no run was written and the "
            "old one is as it was: lower --learning_rate"
        )
    return Tuned(params, np.array(curve), None if analysis is None else int(analysis.temp_size_in_bytes), seconds)
