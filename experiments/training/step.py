"""One training step on one device, read from top to bottom: update, gradients, gradient of a term, maps.

``update(step, state, inputs, examples)`` is a pure function. Keys come from ``fold_in(seed, state.step)`` and, per
example, from its index in the global batch: any number of devices, of processes and of parts of a batch sees the same
noise, and a resumed run sees what the interrupted run would have seen.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from experiments.datasets.dataset import Dataset
from experiments.settings.guidance import Teacher
from experiments.training import devices as mapping
from experiments.training.draws import ExtraInputs, draw
from experiments.training.optimizers import update_ema
from experiments.training.state import Examples, Inputs, State
from models.conditions import Condition, of_nothing
from models.flow_map_model import FlowMapModel, Params, bind, bind_auxiliary, bind_log_denoiser, bind_log_variance
from objectives.mixture import factor, weighted
from objectives.objective import Batch, Maps, Objective
from taxonomy.curricula import stage_of
from taxonomy.interpolants import Interpolant
from taxonomy.times import Times

Metrics = dict[str, jax.Array]


class Step(NamedTuple):
    """The fixed parts of a training step; ``dispatch.make_step`` collects them from a configuration.

    Attributes:
      model: the network and its parametrization.
      objective: what to minimize.
      dataset: source of the examples, unless the host reads them.
      interpolant: (alpha, beta) of the path.
      teacher: condition -> frozen velocity b(t, x), or None.
      transformation: clipping and optimizer.
      rate: step -> learning rate, for the report.
      project: weights -> weights after each update, or None.
      extra: what the network takes in addition to times and points.
      sizes: examples of each term in one part of the batch.
      accumulation: parts of a device's batch, computed one after the other.
      parts: parts of the batch over all devices.
      steps: updates of the whole training.
      ema: decays of the EMAs of the weights.
      skip_nonfinite: whether a step with a number that is not finite leaves everything but ``step`` unchanged.
    """

    model: FlowMapModel
    objective: Objective
    dataset: Dataset
    interpolant: Interpolant
    teacher: Teacher | None
    transformation: optax.GradientTransformation
    rate: optax.Schedule
    project: Callable[[Params], Params] | None
    extra: ExtraInputs
    sizes: tuple[int, ...]
    accumulation: int
    parts: int
    steps: int
    ema: tuple[float, ...]
    skip_nonfinite: bool


class TermReport(NamedTuple):
    """Numbers about one term of the objective.

    Attributes:
      value: []; its part of the loss.
      raw: []; mean squared residual, before metric and weight.
      bad: [4]; see ``_sums_over_bad``.
    """

    value: jax.Array
    raw: jax.Array
    bad: jax.Array


def update(
    step: Step, state: State, inputs: Inputs, examples: tuple[Examples, ...] | None
) -> tuple[State, tuple[Metrics, Metrics]]:
    """One training step: gradient of each term on this device, mean over the devices, sum over the terms, update.

    Args:
      step: the fixed parts.
      state: alike on all devices.
      inputs: of this device; its examples are not used.
      examples: of this step, one pair per term, or None to draw them here.

    Returns:
      (next state, (metrics, sums over bad examples)), alike on all devices; see ``state.Report``.
    """
    found = jax.lax.pmean(gradients(step, state, inputs, examples), mapping.AXIS)
    gradient = jax.tree.map(lambda *leaves: sum(leaves), *(gradient for gradient, _ in found))
    loss, norm = sum(report.value for _, report in found), optax.tree.norm(gradient)
    metrics = {"loss": loss, "grad_norm": norm, "learning_rate": step.rate(state.step)}
    bad = {}
    for term, (own, report) in zip(step.objective.terms, found, strict=True):
        metrics |= {f"raw/{term.name}": report.raw, f"weighted/{term.name}": report.value}
        metrics[f"grad_norm/{term.name}"] = optax.tree.norm(own)
        bad[term.name] = step.parts * report.bad
    new = updated(step, state, gradient)
    if step.skip_nonfinite:
        # All devices decide alike, because loss and norm are means over them.
        kept = state._replace(step=state.step + 1, skipped=state.skipped + 1)
        new = jax.lax.cond(jnp.isfinite(loss) & jnp.isfinite(norm), lambda: new, lambda: kept)
    return new, (metrics, bad)


def gradients(
    step: Step, state: State, inputs: Inputs, examples: tuple[Examples, ...] | None
) -> list[tuple[Params, TermReport]]:
    """(gradient, report) of each term, averaged over the parts of this device."""
    # Offset 1 separates the training keys from the key of the initial weights.
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(inputs.seed), 1), state.step)

    def of_part(j: jax.Array | int, examples: tuple[Examples, ...] | None) -> list[tuple[Params, TermReport]]:
        part = inputs.device * step.accumulation + j
        given = examples or (None,) * len(step.sizes)
        return [term_gradient(step, k, state, key, part, given[k]) for k in range(len(step.sizes))]

    if step.accumulation == 1:
        return of_part(0, examples)
    if examples is not None:
        examples = jax.tree.map(lambda x: x.reshape(step.accumulation, -1, *x.shape[1:]), examples)
    shapes = jax.eval_shape(of_part, 0, jax.tree.map(lambda x: x[0], examples))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

    def add(total: Any, inputs: tuple[jax.Array, Any]) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, of_part(*inputs)), None

    total, _ = jax.lax.scan(add, zeros, (jnp.arange(step.accumulation), examples))
    return jax.tree.map(lambda leaf: leaf / step.accumulation, total)


def term_gradient(
    step: Step, k: int, state: State, key: jax.Array, part: jax.Array, examples: Examples | None
) -> tuple[Params, TermReport]:
    """Gradient of term k on one part of the batch: draw the batch, bind the maps, differentiate the weighted mean."""
    term, size = step.objective.terms[k], step.sizes[k]
    batch = draw(
        term,
        step.dataset,
        jax.random.fold_in(key, k),
        part * size,
        size,
        progress=progress_at(step, state.step),
        examples=examples,
        extra=step.extra,
    )

    def value(params: Params) -> tuple[jax.Array, TermReport]:
        mean, residuals = weighted(term, maps_of(step, params, state, batch), step.interpolant, batch)
        part_of_loss = factor(term, reduction=step.objective.reduction) * mean
        return part_of_loss, TermReport(part_of_loss, jnp.mean(residuals), _sums_over_bad(residuals, batch.times))

    return jax.grad(value, has_aux=True)(state.params)


def maps_of(step: Step, params: Params, state: State, batch: Batch) -> Maps:
    """The maps that a loss may call, with the labels, scales and dropout keys of a batch bound to them.

    Args:
      step: the fixed parts.
      params: weights to differentiate with respect to.
      state: holds the frozen copies.
      batch: of [count, ...].

    Returns:
      maps (s [count], t [count], x [count, ...]) -> [count, ...].
    """
    model, condition = step.model, Condition(batch.label, batch.scale, batch.dropout, batch.told)
    target = state.target[0] if state.target else params
    observed = step.extra.observed is not None
    guidable = step.extra.labels or observed
    return Maps(
        student=bind(model, params, condition),
        target=bind(model, target, condition),
        teacher=step.teacher(condition) if step.teacher else None,
        stage=bind(model, state.stage[0], condition) if state.stage else None,
        auxiliary=bind_auxiliary(model, params, condition),
        log_variance=bind_log_variance(model, params),
        unconditional=bind(model, target, of_nothing(condition, observed=observed)) if guidable else None,
        log_denoiser=bind_log_denoiser(model, params, condition),
    )


def updated(step: Step, state: State, gradient: Params) -> State:
    """The state after an update by a gradient: optimizer, projection, EMAs, target and stage."""
    updates, opt_state = step.transformation.update(gradient, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    params = step.project(params) if step.project else params
    ema = tuple(
        update_ema(average, params, decay=decay, step=state.step)
        for average, decay in zip(state.ema, step.ema, strict=True)
    )
    return State(state.step + 1, params, opt_state, ema, *next_copies(step, state, params), state.skipped)


def next_copies(step: Step, state: State, params: Params) -> tuple[tuple[Params, ...], tuple[Params, ...]]:
    """(target, stage) after an update to new weights: the EMA moves, and a stage that begins freezes the weights."""
    before, after = progress_at(step, state.step), progress_at(step, state.step + 1)
    objective = step.objective
    target = tuple(optax.incremental_update(params, old, 1 - objective.target_decay(before)) for old in state.target)
    begins = stage_of(after, stages=objective.stages) > stage_of(before, stages=objective.stages)
    stage = tuple(jax.tree.map(lambda new, old: jnp.where(begins, new, old), params, old) for old in state.stage)
    return target, stage


def progress_at(step: Step, made: jax.Array) -> jax.Array:
    """[]; share of the training that is done after ``made`` steps, in [0, 1]."""
    return made / step.steps


def ema_distances(step: Step, state: State) -> Metrics:
    """``|EMA - params| / |params|`` by decay."""
    return {
        f"ema_distance/{decay:g}": optax.tree.norm(optax.tree.sub(average, state.params))
        / optax.tree.norm(state.params)
        for average, decay in zip(state.ema, step.ema, strict=True)
    }


def _sums_over_bad(residuals: jax.Array, times: Times) -> jax.Array:
    """Sums over the examples of (1, s, t, |t - s|) where the residual is not finite, 0 elsewhere: [4]."""
    bad = ~jnp.isfinite(residuals)
    columns = jnp.stack([jnp.ones_like(times.s), times.s, times.t, jnp.abs(times.t - times.s)], axis=-1)
    return jnp.sum(jnp.where(bad[:, None], columns, 0.0), axis=0)
