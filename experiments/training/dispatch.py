"""Several training steps as one compiled call on all devices."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
import numpy as np

from experiments.datasets.dataset import Dataset
from experiments.settings.guidance import Teacher
from experiments.training import devices as mapping
from experiments.training.draws import ExtraInputs, told_of
from experiments.training.optimizers import optimizer, schedule
from experiments.training.state import Examples, Inputs, Report, State
from experiments.training.step import Step, ema_distances, update
from models.flow_map_model import FlowMapModel
from models.networks import KINDS
from objectives.mixture import counts
from objectives.objective import Objective
from taxonomy.interpolants import Interpolant


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
) -> "Dispatch":
    """Compiles ``steps`` training steps on all devices into one dispatch.

    Args:
      config: its batch size must divide, see ``objectives.mixture.counts``.
      model: the network and its parametrization.
      objective: what to minimize.
      dataset: source of the examples.
      interpolant: (alpha, beta) of the path.
      steps: updates per call.
      devices: number of devices of this process to use.
      teacher: condition -> frozen velocity b(t, x), or None.

    Returns:
      the dispatch.
    """
    step = make_step(config, model, objective, dataset, interpolant, devices=devices, teacher=teacher)

    def dispatch(state: State, inputs: Inputs) -> tuple[State, Report]:
        return run_steps(step, state, inputs, steps=steps)

    mapped = mapping.over_devices(dispatch, devices=devices, mapping=config.training.device_mapping)
    return Dispatch(mapped, mapping.own(devices), config.seed)


def make_step(
    config: ConfigDict,
    model: FlowMapModel,
    objective: Objective,
    dataset: Dataset,
    interpolant: Interpolant,
    *,
    devices: int,
    teacher: Teacher | None = None,
) -> Step:
    """Collects the fixed parts of a training step.

    Args:
      config: for optimizer, batch size, EMA decays, guidance and dropout.
      model: the network and its parametrization.
      objective: what to minimize.
      dataset: source of the examples.
      interpolant: (alpha, beta) of the path.
      devices: number of devices of this process to use.
      teacher: condition -> frozen velocity b(t, x), or None.

    Returns:
      the parts.

    Raises:
      ValueError: if the batch size does not divide into devices and parts.
    """
    training = config.training
    # A device computes ``grad_accumulation`` contiguous parts of the batch, each with examples of every term.
    parts = mapping.total(devices) * training.grad_accumulation
    return Step(
        model=model,
        objective=objective,
        dataset=dataset,
        interpolant=dataset.path(interpolant),
        teacher=teacher,
        transformation=optimizer(training),
        rate=schedule(training),
        project=KINDS[config.network.kind].project,
        extra=ExtraInputs(
            labels=config.network.conditional,
            label_dropout=training.label_dropout,
            largest_scale=config.guidance.scale if config.guidance.scale_is_input else None,
            dropout=config.network.dropout > 0,
            told=told_of(objective, dataset, interpolant),
            observed=dataset.observed,
        ),
        sizes=counts(objective.terms, training.batch_size, devices=parts),
        accumulation=training.grad_accumulation,
        parts=parts,
        steps=training.steps,
        ema=tuple(training.ema),
        skip_nonfinite=training.nonfinite == "skip",
    )


def run_steps(step: Step, state: State, inputs: Inputs, *, steps: int) -> tuple[State, Report]:
    """Takes ``steps`` training steps on one device.

    Args:
      step: the fixed parts of a training step.
      state: alike on all devices.
      inputs: of this device.
      steps: number of updates.

    Returns:
      (next state, numbers about the steps), alike on all devices.
    """
    if steps == 1:
        # No loop: in one, the derivatives of convolutions are fifty times slower on CPUs.
        state, made = update(step, state, inputs, jax.tree.map(lambda x: x[0], inputs.examples))
        metrics, bad = jax.tree.map(lambda x: jnp.asarray(x)[None], made)
    else:
        state, (metrics, bad) = jax.lax.scan(
            lambda state, examples: update(step, state, inputs, examples), state, inputs.examples, length=steps
        )
    last = ema_distances(step, state) | {"skipped": state.skipped}
    return state, Report(metrics, last, bad, any_stop(inputs.stop, after=state))


def any_stop(stop: jax.Array, *, after: State) -> jax.Array:
    """Whether any device was asked to stop, asked once the steps that led to a state are made.

    Args:
      stop: of this device.
      after: the state at the end of the steps.

    Returns:
      the largest ``stop`` of all devices.
    """
    # A collective must need the results of those before it. XLA on CPUs keeps no other order between one in a loop and
    # one outside in a program that it reads from the disk: a device could then meet here while others still sum
    # gradients, which ends in a wrong sum or a crash. The step is positive after an update; the compiler cannot know.
    return jax.lax.pmax(jnp.where(after.step > 0, stop, 0), mapping.AXIS)


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
          stop: whether a signal asked this process to stop; the report carries it to all processes.
          examples: data read by the host, see ``Inputs``.

        Returns:
          (next state, numbers about the steps).
        """
        return self._mapped(state, Inputs(self._own, self._seed, np.full_like(self._own, stop), examples))

    def lower(self, state: State, *, examples: tuple[Any, ...] | None = None) -> jax.stages.Lowered:
        """The program of a call with such arguments, which may be shapes and types alone."""
        return self._mapped.lower(state, Inputs(self._own, self._seed, np.zeros_like(self._own), examples))

    def planned_bytes(self, state: State, *, examples: tuple[Any, ...] | None = None) -> int | None:
        """Memory that the compiler plans on each device in addition to inputs and outputs.

        Args:
          state: the state, or its shapes and types.
          examples: as in a call.

        Returns:
          number of bytes; None if the compiler gives no figure.
        """
        analysis = self.lower(state, examples=examples).compile().memory_analysis()
        return None if analysis is None else int(analysis.temp_size_in_bytes)
