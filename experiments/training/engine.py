"""One training step as a pure function of (state, step), for ``devices.over_devices``.

Keys come from ``fold_in(seed, step)`` and, per example, from its index in the global batch: any number of devices,
of processes and of parts of a batch sees the same noise, and a resumed run sees what the killed one would have seen.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
import numpy as np
import optax

from experiments.datasets.dataset import Dataset
from experiments.settings.guidance import Teacher
from experiments.training import devices as mapping
from experiments.training.draws import Told, draw
from experiments.training.optimizers import optimizer, schedule, update_average
from models.conditions import Condition
from models.flow_map_model import FlowMapModel, Params, bind, bind_auxiliary, bind_log_variance, initialize
from models.networks import KINDS
from objectives.mixture import counts, factor, weighted
from objectives.objective import Batch, Maps, Objective
from taxonomy.curricula import stage_of
from taxonomy.interpolants import Interpolant
from taxonomy.times import Times

Examples = tuple[jax.Array, jax.Array | None]


class State(NamedTuple):
    """Everything that changes during training; with the configuration it determines the rest of the run.

    Attributes:
      step: []; number of steps made, skipped ones included. It is the position in the data, too.
      params: weights.
      opt_state: optimizer state.
      ema: one average of the weights per decay, in the order of ``training.ema``.
      target: the averaged weights that make the targets, if the objective has such.
      stage: the weights when the current stage began, if the objective has stages.
      skipped: []; number of steps that changed nothing because a number was not finite.
    """

    step: jax.Array
    params: Params
    opt_state: Any
    ema: tuple[Params, ...]
    target: tuple[Params, ...] = ()
    stage: tuple[Params, ...] = ()
    skipped: jax.Array | int = 0


class Inputs(NamedTuple):
    """What each device of this process is given for a dispatch, with a leading axis of these devices.

    Attributes:
      device: [devices]; global index.
      seed: [devices]; of the run. Since it is no constant of the program, runs that differ in it alone share one.
      stop: [devices]; 1 if this process was asked to stop.
      examples: data read by the host, one pair per term: [devices, steps, examples of the device, ...], and as many
        classes or None; or None.
    """

    device: jax.Array
    seed: jax.Array
    stop: jax.Array
    examples: tuple[Examples, ...] | None = None


class Report(NamedTuple):
    """What a dispatch tells about its steps, alike on all devices.

    Attributes:
      metrics: {name: [steps]}: "loss" (minimized), "grad_norm", "learning_rate", and for each term "raw/..." (mean
        squared residual before metric and weight), "weighted/..." (its part of the loss) and "grad_norm/...".
      last: {name: []}: numbers of the last step alone: "ema_distance/..." (relative, of each average from the weights)
        and "skipped".
      bad: {term: [steps, 4]}: number of examples with a residual that is not finite, and sums of s, t and |t - s| over
        them.
      stop: []; whether any process was asked to stop.
    """

    metrics: dict[str, jax.Array]
    last: dict[str, jax.Array]
    bad: dict[str, jax.Array]
    stop: jax.Array


class Dispatch:
    """Several training steps on all devices: ``state, report = dispatch(state)``. The given state is donated."""

    def __init__(self, mapped: Callable[[State, Inputs], tuple[State, Report]], own: np.ndarray, seed: int):
        """Wraps what ``devices.over_devices`` returned, for the devices ``own`` of this process and a seed."""
        self._mapped, self._own, self._seed = mapped, own, np.full(own.shape, seed, np.uint32)

    def __call__(
        self, state: State, *, stop: bool = False, examples: tuple[Examples, ...] | None = None
    ) -> tuple[State, Report]:
        """Takes the steps.

        Args:
          state: the state on all devices; it may not be used again.
          stop: whether this process was asked to stop, of which all are told.
          examples: data read by the host, see ``Inputs``.

        Returns:
          (next state, what happened).
        """
        return self._mapped(state, Inputs(self._own, self._seed, np.full_like(self._own, stop), examples))

    def lower(self, state: State, *, examples: tuple[Any, ...] | None = None) -> jax.stages.Lowered:
        """The program of a call with such arguments, which may be shapes and types alone."""
        return self._mapped.lower(state, Inputs(self._own, self._seed, np.zeros_like(self._own), examples))

    def planned_bytes(self, state: State, *, examples: tuple[Any, ...] | None = None) -> int | None:
        """Memory that the compiler plans on each device beside inputs and outputs, in bytes; None if it does not tell.

        Args:
          state: the state, or its shapes and types.
          examples: as in a call.

        Returns:
          number of bytes.
        """
        analysis = self.lower(state, examples=examples).compile().memory_analysis()
        return None if analysis is None else int(analysis.temp_size_in_bytes)


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
        skipped=jnp.zeros((), jnp.int32),
    )


def make_dispatch(
    config: ConfigDict,
    model: FlowMapModel,
    objective: Objective,
    dataset: Dataset,
    interpolant: Interpolant,
    *,
    steps: int,
    devices: int,
    teacher: Teacher | None = None,
) -> Dispatch:
    """Compiles ``steps`` training steps on all devices into one dispatch.

    Args:
      config: the configuration; its batch size must divide, see ``objectives.mixture.counts``.
      model: the model.
      objective: what to minimize.
      dataset: where examples come from.
      interpolant: the path.
      steps: updates per call.
      devices: number of devices of this process to use.
      teacher: what a network is told -> frozen velocity b(t, x), or None.

    Returns:
      the dispatch.
    """
    training = config.training
    transformation, rate = optimizer(training), schedule(training)
    # A part of a batch stands to a device as a device to the batch: contiguous examples of every term.
    parts = mapping.total(devices) * training.accumulate
    sizes = counts(objective.terms, training.batch_size, devices=parts)

    def progress_at(step: jax.Array) -> jax.Array:
        return step / training.steps

    told = Told(
        labels=config.network.conditional,
        label_dropout=training.label_dropout,
        largest_scale=config.guidance.scale if config.guidance.input else None,
        dropout=config.network.dropout > 0,
    )
    project = KINDS[config.network.kind].project

    def maps_of(params: Params, state: State, batch: Batch) -> Maps:
        condition = Condition(batch.label, batch.scale, batch.dropout)
        target = state.target[0] if state.target else params
        return Maps(
            student=bind(model, params, condition),
            target=bind(model, target, condition),
            teacher=teacher(condition) if teacher else None,
            stage=bind(model, state.stage[0], condition) if state.stage else None,
            auxiliary=bind_auxiliary(model, params, condition),
            log_variance=bind_log_variance(model, params),
            unconditional=bind(model, target, condition._replace(label=None, scale=None)) if told.labels else None,
        )

    def term_gradient(
        k: int, state: State, key: jax.Array, part: jax.Array, examples: Examples | None
    ) -> tuple[Params, Any]:
        """Gradient of one term on one part of the batch, and what is reported about it."""
        term, size, progress = objective.terms[k], sizes[k], progress_at(state.step)
        batch = draw(
            term,
            dataset,
            jax.random.fold_in(key, k),
            part * size,
            size,
            progress=progress,
            examples=examples,
            told=told,
        )

        def value(params: Params) -> tuple[jax.Array, Any]:
            mean, residuals = weighted(term, maps_of(params, state, batch), interpolant, batch)
            part_of_loss = factor(term, reduction=objective.reduction) * mean
            return part_of_loss, (part_of_loss, jnp.mean(residuals), _sums_over_bad(residuals, batch.times))

        return jax.grad(value, has_aux=True)(state.params)

    def gradients(state: State, inputs: Inputs, examples: tuple[Examples, ...] | None) -> Any:
        """[(gradient, report)] of all terms, averaged over the parts of this device."""
        # Offset 1 keeps the training keys apart from the key of the initial weights.
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(inputs.seed), 1), state.step)

        def of_part(j: jax.Array | int, examples: tuple[Examples, ...] | None) -> list[Any]:
            part = inputs.device * training.accumulate + j
            given = examples or (None,) * len(sizes)
            return [term_gradient(k, state, key, part, given[k]) for k in range(len(sizes))]

        if training.accumulate == 1:
            return of_part(0, examples)
        if examples is not None:
            examples = jax.tree.map(lambda x: x.reshape(training.accumulate, -1, *x.shape[1:]), examples)
        shapes = jax.eval_shape(of_part, 0, jax.tree.map(lambda x: x[0], examples))
        zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

        def add(total: Any, inputs: tuple[jax.Array, Any]) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, total, of_part(*inputs)), None

        total, _ = jax.lax.scan(add, zeros, (jnp.arange(training.accumulate), examples))
        return jax.tree.map(lambda leaf: leaf / training.accumulate, total)

    def next_copies(state: State, params: Params) -> tuple[tuple[Params, ...], tuple[Params, ...]]:
        """The target's average and the frozen stage after an update to new weights."""
        before, after = progress_at(state.step), progress_at(state.step + 1)
        target = tuple(
            optax.incremental_update(params, old, 1 - objective.target_decay(before)) for old in state.target
        )
        begins = stage_of(after, stages=objective.stages) > stage_of(before, stages=objective.stages)
        stage = tuple(jax.tree.map(lambda new, old: jnp.where(begins, new, old), params, old) for old in state.stage)
        return target, stage

    def updated(state: State, gradient: Params) -> State:
        updates, opt_state = transformation.update(gradient, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        params = project(params) if project else params
        ema = tuple(
            update_average(average, params, decay=decay, step=state.step)
            for average, decay in zip(state.ema, training.ema, strict=True)
        )
        return State(state.step + 1, params, opt_state, ema, *next_copies(state, params), state.skipped)

    def update(inputs: Inputs, state: State, examples: tuple[Examples, ...] | None) -> tuple[State, Any]:
        found = jax.lax.pmean(gradients(state, inputs, examples), mapping.AXIS)
        gradient = jax.tree.map(lambda *leaves: sum(leaves), *(gradient for gradient, _ in found))
        loss, norm = sum(value for _, (value, _, _) in found), optax.tree.norm(gradient)
        metrics, bad = {"loss": loss, "grad_norm": norm, "learning_rate": rate(state.step)}, {}
        for term, (own, (value, raw, sums)) in zip(objective.terms, found, strict=True):
            metrics |= {f"raw/{term.name}": raw, f"weighted/{term.name}": value}
            metrics[f"grad_norm/{term.name}"] = optax.tree.norm(own)
            bad[term.name] = parts * sums
        new = updated(state, gradient)
        if training.nonfinite == "skip":
            # Alike on all devices, because the mean over them is.
            kept = state._replace(step=state.step + 1, skipped=state.skipped + 1)
            new = jax.lax.cond(jnp.isfinite(loss) & jnp.isfinite(norm), lambda: new, lambda: kept)
        return new, (metrics, bad)

    def dispatch(state: State, inputs: Inputs) -> tuple[State, Report]:
        if steps == 1:
            # No loop: in one, the derivatives of convolutions are fifty times slower on CPUs.
            state, made = update(inputs, state, jax.tree.map(lambda x: x[0], inputs.examples))
            metrics, bad = jax.tree.map(lambda x: jnp.asarray(x)[None], made)
        else:
            state, (metrics, bad) = jax.lax.scan(
                lambda state, examples: update(inputs, state, examples), state, inputs.examples, length=steps
            )
        last = {
            f"ema_distance/{decay:g}": _distance(average, state.params)
            for average, decay in zip(state.ema, training.ema, strict=True)
        }
        stop = jax.lax.pmax(inputs.stop, mapping.AXIS)
        return state, Report(metrics, last | {"skipped": state.skipped}, bad, stop)

    mapped = mapping.over_devices(dispatch, devices=devices, mapping=training.mapping)
    return Dispatch(mapped, mapping.own(devices), config.seed)


def _sums_over_bad(residuals: jax.Array, times: Times) -> jax.Array:
    """Sums over the examples of (1, s, t, |t - s|) where the residual is not finite, 0 elsewhere: [4]."""
    bad = ~jnp.isfinite(residuals)
    columns = jnp.stack([jnp.ones_like(times.s), times.s, times.t, jnp.abs(times.t - times.s)], axis=-1)
    return jnp.sum(jnp.where(bad[:, None], columns, 0.0), axis=0)


def _distance(average: Params, params: Params) -> jax.Array:
    return optax.tree.norm(optax.tree.sub(average, params)) / optax.tree.norm(params)
