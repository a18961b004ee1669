"""The loop that fine-tunes a trained map, or its velocity, towards a reward: one compiled update, called each step."""

import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
import numpy as np
import optax

from experiments.errors import DivergedError
from experiments.training import optimizers
from experiments.uses.finetuning.plan import Plan
from experiments.uses.finetuning.recipes import RECIPES, Setting
from models.flow_map_model import Params

RECORDED = 10  # updates per record


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


def tune(setting: Setting, reference: Params, plan: Plan) -> Tuned:
    """Fine-tunes a model from its trained weights.

    Args:
      setting: model, reward, data and path.
      reference: its weights.
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
            "steps": plan.updates,
            "decay_after": 0,
            "grad_clip_norm": 10.0,
        }
    )
    transformation, recipe = optimizers.optimizer(training), RECIPES[plan.method]
    loss, seed = recipe.loss(setting, plan), jax.random.key(plan.seed)

    def update(
        trained: Any, state: optax.OptState, frozen: Params, step: jax.Array
    ) -> tuple[Any, optax.OptState, tuple[jax.Array, jax.Array]]:
        key = jax.random.fold_in(seed, step)
        loss_and_reward, gradient = jax.value_and_grad(loss, has_aux=True)(trained, frozen, key)
        change, state = transformation.update(gradient, state, trained)
        return optax.apply_updates(trained, change), state, loss_and_reward

    frozen = jax.tree.map(jnp.asarray, reference)
    trained = recipe.start(frozen)
    compiled = jax.jit(update).lower(trained, transformation.init(trained), frozen, jnp.int32(0)).compile()
    analysis, spent = compiled.memory_analysis(), plan.batch_size * plan.evaluations(composes=setting.composes)
    start, curve, rewards, last = time.perf_counter(), [], [], plan.rounds * plan.updates - 1
    for step in range(last + 1):
        if step % plan.updates == 0:  # of each stage: the model as it is now makes its data
            state, frozen = transformation.init(trained), recipe.weights(trained)
        trained, state, (value, mean) = compiled(trained, state, frozen, jnp.int32(step))
        rewards.append(mean)
        if len(rewards) == RECORDED or step == last:
            if not np.isfinite(float(value)):
                raise DivergedError(
                    f"fine-tuning by method {plan.method} has a loss of {float(value)} at update {step + 1}; no run "
                    "was written and the old one is as it was: lower --learning_rate, or raise --penalty"
                )
            curve.append(((step + 1) * spent, float(np.mean(rewards))))
            rewards = []
    seconds, params = time.perf_counter() - start, recipe.weights(trained)
    if not all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves(params)):
        raise DivergedError(
            f"fine-tuning by method {plan.method} ended with weights that are not finite; no run was written and the "
            "old one is as it was: lower --learning_rate"
        )
    return Tuned(params, np.array(curve), None if analysis is None else int(analysis.temp_size_in_bytes), seconds)
