"""One training step as a pure function of (state, step), and the only place that maps it over devices.

Keys come from ``fold_in(seed, step)`` and, per example, from its index in the global batch: any number of devices
sees the same noise, and a resumed run sees what the killed one would have seen.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from ml_collections import ConfigDict
import numpy as np
import optax

from experiments.datasets.dataset import Dataset
from experiments.optimizers import optimizer, update_average
from models.flow_map_model import FlowMapModel, Params, bind, initialize
from objectives.mixture import Batch, Maps, Objective, Term, counts, mixture
from taxonomy.flow_map import Velocity
from taxonomy.interpolants import Interpolant

AXIS = "devices"


class State(NamedTuple):
    """Everything that changes during training; with the configuration it determines the rest of the run.

    Attributes:
      step: []; number of updates made.
      params: weights.
      opt_state: optimizer state.
      ema: one average of the weights per decay, in the order of ``training.ema``.
    """

    step: jax.Array
    params: Params
    opt_state: Any
    ema: tuple[Params, ...]


Dispatch = Callable[[State], tuple[State, dict[str, jax.Array]]]


def initial_state(config: ConfigDict, model: FlowMapModel, shape: tuple[int, ...]) -> State:
    """The state before the first step.

    Args:
      config: the configuration.
      model: the model.
      shape: shape of one data point.

    Returns:
      the state.
    """
    params = initialize(model, jax.random.fold_in(jax.random.key(config.seed), 0), shape)
    averages = tuple(params for _ in config.training.ema)
    return State(jnp.zeros((), jnp.int32), params, optimizer(config.training).init(params), averages)


def replicate(state: State, *, devices: int) -> State:
    """Puts one copy of a state on each device, as ``dispatch`` returns it, so that it compiles only once.

    Args:
      state: the state.
      devices: number of local devices.

    Returns:
      the same state, committed to the devices.
    """
    mesh = Mesh(np.asarray(jax.local_devices()[:devices]), (AXIS,))
    return jax.device_put(state, NamedSharding(mesh, PartitionSpec()))


def draw(term: Term, dataset: Dataset, key: jax.Array, first: jax.Array | int, count: int) -> Batch:
    """Draws examples ``first .. first + count`` of a term's global batch.

    Args:
      term: the term, for its law of times.
      dataset: the data set.
      key: typed PRNG key of this step and term.
      first: []; global index of the first example.
      count: number of examples.

    Returns:
      Batch of [count, ...]; an example depends on its global index alone.
    """

    def example(index: jax.Array) -> Batch:
        key_data, key_noise, key_times = jax.random.split(jax.random.fold_in(key, index), 3)
        x0 = dataset.std * jax.random.normal(key_noise, dataset.shape)
        return Batch(x0, dataset.sample(key_data), term.times(key_times))

    return jax.vmap(example)(first + jnp.arange(count))


def make_dispatch(
    config: ConfigDict,
    model: FlowMapModel,
    objective: Objective,
    dataset: Dataset,
    interpolant: Interpolant,
    *,
    steps: int,
    devices: int,
    teacher: Velocity | None = None,
) -> Dispatch:
    """Compiles ``steps`` training steps on all devices into one dispatch.

    Args:
      config: the configuration; its batch size must divide, see ``objectives.mixture.counts``.
      model: the model.
      objective: what to minimize.
      dataset: where examples come from.
      interpolant: the path.
      steps: updates per call.
      devices: number of local devices to use.
      teacher: frozen velocity b(t, x), or None.

    Returns:
      state -> (state, {metric: [steps]}), metrics averaged over devices: "loss" (minimized), "raw/<term>" (mean
      squared residual before weights), "grad_norm".
    """
    transformation = optimizer(config.training)
    sizes = counts(objective.terms, config.training.batch_size, devices=devices)
    # Offset 1 keeps the training keys apart from the key of the initial weights.
    seed_key = jax.random.fold_in(jax.random.key(config.seed), 1)

    def loss(params: Params, step: jax.Array, device: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        step_key = jax.random.fold_in(seed_key, step)
        batches = [
            draw(term, dataset, jax.random.fold_in(step_key, k), device * size, size)
            for k, (term, size) in enumerate(zip(objective.terms, sizes, strict=True))
        ]
        v = bind(model, params)
        maps = Maps(student=v, target=v, teacher=teacher)
        return mixture(objective.terms, maps, interpolant, batches, reduction=objective.reduction)

    def update(state: State, device: jax.Array) -> tuple[State, dict[str, jax.Array]]:
        (value, raw), gradient = jax.value_and_grad(loss, has_aux=True)(state.params, state.step, device)
        value, raw, gradient = jax.lax.pmean((value, raw, gradient), AXIS)
        updates, opt_state = transformation.update(gradient, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        ema = tuple(
            update_average(average, params, decay=decay, step=state.step)
            for average, decay in zip(state.ema, config.training.ema, strict=True)
        )
        metrics = {"loss": value, "grad_norm": optax.tree.norm(gradient)}
        metrics |= {f"raw/{name}": residual for name, residual in raw.items()}
        return State(state.step + 1, params, opt_state, ema), metrics

    def dispatch(state: State, device: jax.Array) -> tuple[State, dict[str, jax.Array]]:
        return jax.lax.scan(lambda state, _: update(state, device), state, None, length=steps)

    mapped = jax.pmap(dispatch, axis_name=AXIS, in_axes=(None, 0), out_axes=None, devices=jax.local_devices()[:devices])
    return lambda state: mapped(state, np.arange(devices, dtype=np.int32))
