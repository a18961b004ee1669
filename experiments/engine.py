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
from models.flow_map_model import FlowMapModel, Params, bind, bind_auxiliary, bind_log_variance, initialize
from objectives.mixture import Batch, Maps, Objective, Term, counts, mixture
from taxonomy.curricula import law_at, stage_of
from taxonomy.flow_map import Velocity
from taxonomy.interpolants import Interpolant
from taxonomy.times import Times

AXIS = "devices"


class State(NamedTuple):
    """Everything that changes during training; with the configuration it determines the rest of the run.

    Attributes:
      step: []; number of updates made.
      params: weights.
      opt_state: optimizer state.
      ema: one average of the weights per decay, in the order of ``training.ema``.
      target: the averaged weights that make the targets, if the objective has such.
      stage: the weights when the current stage began, if the objective has stages.
    """

    step: jax.Array
    params: Params
    opt_state: Any
    ema: tuple[Params, ...]
    target: tuple[Params, ...] = ()
    stage: tuple[Params, ...] = ()


Dispatch = Callable[[State], tuple[State, dict[str, jax.Array]]]


def initial_state(config: ConfigDict, model: FlowMapModel, objective: Objective, shape: tuple[int, ...]) -> State:
    """The state before the first step.

    Args:
      config: the configuration.
      model: the model.
      objective: what will be minimized, for the copies of the weights that it needs.
      shape: shape of one data point.

    Returns:
      the state.
    """
    params = initialize(model, jax.random.fold_in(jax.random.key(config.seed), 0), shape)
    return State(
        jnp.zeros((), jnp.int32),
        params,
        optimizer(config.training).init(params),
        ema=tuple(params for _ in config.training.ema),
        target=(params,) if objective.target_decay else (),
        stage=(params,) if objective.stages > 1 else (),
    )


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


# Streams of keys beside those of the examples, whose indices stay below.
FRESH, POOL, GROUP = 2**31, 2**31 + 1, 2**31 + 2


def draw(
    term: Term,
    dataset: Dataset,
    key: jax.Array,
    first: jax.Array | int,
    count: int,
    *,
    progress: jax.Array | float = 1.0,
) -> Batch:
    """Draws examples ``first .. first + count`` of a term's global batch.

    Args:
      term: the term, for its law of times.
      dataset: the data set.
      key: typed PRNG key of this step and term.
      first: []; global index of the first example.
      count: number of examples.
      progress: []; share of the training that is done, in [0, 1].

    Returns:
      Batch of [count, ...]; an example depends on its global index alone.
    """
    law = law_at(term.times, progress)
    key_fresh, key_pool, key_group = (jax.random.fold_in(key, stream) for stream in (FRESH, POOL, GROUP))

    def example(index: jax.Array) -> tuple[jax.Array, jax.Array, Times]:
        key_data, key_noise, key_times = jax.random.split(jax.random.fold_in(key, index), 3)
        x0 = dataset.std * jax.random.normal(key_noise, dataset.shape)
        if term.group > 1:
            key_times = jax.random.fold_in(key_group, index // term.group)
        return x0, dataset.sample(key_data), law(key_times)

    def fresh(index: jax.Array) -> jax.Array:
        return dataset.std * jax.random.normal(jax.random.fold_in(key_fresh, index), dataset.shape)

    indices = first + jnp.arange(count)
    # Every device draws the same pool, so that their number changes nothing.
    pool = dataset.draw(key_pool, term.pool) if term.pool else None
    return Batch(*jax.vmap(example)(indices), jax.vmap(fresh)(indices), pool, dataset.std, progress)


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

    def progress_at(step: jax.Array) -> jax.Array:
        return step / config.training.steps

    def loss(params: Params, state: State, device: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        step_key = jax.random.fold_in(seed_key, state.step)
        progress = progress_at(state.step)
        batches = [
            draw(term, dataset, jax.random.fold_in(step_key, k), device * size, size, progress=progress)
            for k, (term, size) in enumerate(zip(objective.terms, sizes, strict=True))
        ]
        maps = Maps(
            student=bind(model, params),
            target=bind(model, state.target[0] if state.target else params),
            teacher=teacher,
            stage=bind(model, state.stage[0]) if state.stage else None,
            auxiliary=bind_auxiliary(model, params),
            log_variance=bind_log_variance(model, params),
        )
        return mixture(objective.terms, maps, interpolant, batches, reduction=objective.reduction)

    def next_copies(state: State, params: Params) -> tuple[tuple[Params, ...], tuple[Params, ...]]:
        """The target's average and the frozen stage after an update to new weights."""
        before, after = progress_at(state.step), progress_at(state.step + 1)
        target = tuple(
            optax.incremental_update(params, old, 1 - objective.target_decay(before)) for old in state.target
        )
        begins = stage_of(after, stages=objective.stages) > stage_of(before, stages=objective.stages)
        stage = tuple(jax.tree.map(lambda new, old: jnp.where(begins, new, old), params, old) for old in state.stage)
        return target, stage

    def update(state: State, device: jax.Array) -> tuple[State, dict[str, jax.Array]]:
        (value, raw), gradient = jax.value_and_grad(loss, has_aux=True)(state.params, state, device)
        value, raw, gradient = jax.lax.pmean((value, raw, gradient), AXIS)
        updates, opt_state = transformation.update(gradient, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        ema = tuple(
            update_average(average, params, decay=decay, step=state.step)
            for average, decay in zip(state.ema, config.training.ema, strict=True)
        )
        metrics = {"loss": value, "grad_norm": optax.tree.norm(gradient)}
        metrics |= {f"raw/{name}": residual for name, residual in raw.items()}
        return State(state.step + 1, params, opt_state, ema, *next_copies(state, params)), metrics

    def dispatch(state: State, device: jax.Array) -> tuple[State, dict[str, jax.Array]]:
        return jax.lax.scan(lambda state, _: update(state, device), state, None, length=steps)

    mapped = jax.pmap(dispatch, axis_name=AXIS, in_axes=(None, 0), out_axes=None, devices=jax.local_devices()[:devices])
    return lambda state: mapped(state, np.arange(devices, dtype=np.int32))
