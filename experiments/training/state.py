"""What changes during training, and what enters and leaves a training step."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from experiments import limits
from experiments.training.optimizers import optimizer
from models.flow_map_model import FlowMapModel, Params, count_parameters, initialize
from objectives.objective import Objective

Examples = tuple[jax.Array, jax.Array | None]


class State(NamedTuple):
    """Everything that changes during training; with the configuration it determines the rest of the run.

    Attributes:
      step: []; number of steps made, skipped ones included; also the position in the data.
      params: weights.
      opt_state: optimizer state.
      ema: one EMA of the weights per decay, in the order of ``training.ema``.
      target: EMA of the weights that computes the targets, if the objective has one.
      stage: weights at the beginning of the current stage, if the objective has stages.
      skipped: []; number of steps without an update because a number was not finite.
    """

    step: jax.Array
    params: Params
    opt_state: Any
    ema: tuple[Params, ...]
    target: tuple[Params, ...] = ()
    stage: tuple[Params, ...] = ()
    skipped: jax.Array | int = 0


class Inputs(NamedTuple):
    """Inputs of a dispatch: on the host with a leading axis of this process's devices, within a step without it.

    Attributes:
      device: [devices]; global index.
      seed: [devices]; of the run. It is an argument of the program, so that runs with other seeds reuse the program.
      stop: [devices]; 1 if a signal asked this process to stop.
      examples: data read by the host, one pair per term: [devices, steps, examples per device, ...], and as many
        classes or None; or None.
    """

    device: jax.Array
    seed: jax.Array
    stop: jax.Array
    examples: tuple[Examples, ...] | None = None


class Report(NamedTuple):
    """Numbers about the steps of a dispatch, equal on all devices.

    Attributes:
      metrics: {name: [steps]}: "loss" (minimized), "grad_norm", "learning_rate", and for each term "raw/..." (mean
        squared residual before metric and weight), "weighted/..." (its part of the loss) and "grad_norm/...".
      last: {name: []}: numbers of the last step alone: "ema_distance/..." (relative, of each EMA from the weights)
        and "skipped".
      bad: {term: [steps, 4]}: number of examples with a residual that is not finite, and sums of s, t and |t - s| over
        them.
      stop: []; whether a signal asked any process to stop.
    """

    metrics: dict[str, jax.Array]
    last: dict[str, jax.Array]
    bad: dict[str, jax.Array]
    stop: jax.Array


def key_of_weights(config: ConfigDict) -> jax.Array:
    """The key that fresh weights are drawn with."""
    return jax.random.fold_in(jax.random.key(config.seed), 0)


def initial_state(
    config: ConfigDict,
    model: FlowMapModel,
    objective: Objective,
    shape: tuple[int, ...],
    *,
    start: Params | None = None,
) -> State:
    """The state before the first step.

    Args:
      config: for the seed, the optimizer and the EMA decays.
      model: the network and its parametrization.
      objective: decides which copies of the weights the state holds.
      shape: shape of one data point.
      start: {part of the model: weights} to begin with; other parts, or all if it is None, are fresh.

    Returns:
      the state.

    Raises:
      UsageError: if it does not fit into the memory of this machine.
    """
    key = key_of_weights(config)
    count = count_parameters(jax.eval_shape(lambda: initialize(model, key, shape)))
    # Weights, at least one moment of each, and the averages.
    limits.check_memory(f"--config.network: a training of {count:,} parameters", count * (2 + len(config.training.ema)))
    params = initialize(model, key, shape)
    if start is not None:
        params = {**params, "params": {**params["params"], **start}}
    return State(
        jnp.zeros((), jnp.int32),
        params,
        optimizer(config.training).init(params),
        ema=tuple(params for _ in config.training.ema),
        target=(params,) if objective.target_decay else (),
        stage=(params,) if objective.stages > 1 else (),
        skipped=jnp.zeros((), jnp.int32),
    )
