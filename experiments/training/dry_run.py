"""What a run would do, without doing it: its configuration, size, cost and memory, and what it would write."""

import math
from pathlib import Path

import jax
from ml_collections import ConfigDict

from experiments import settings
from experiments.datasets import told
from experiments.datasets.dataset import Dataset
from experiments.settings.guidance import Teacher
from experiments.training import checks, dashboard
from experiments.training import devices as mapping
from experiments.training.dispatch import make_dispatch
from experiments.training.draws import read_beside
from experiments.training.parts import load_parts
from experiments.training.state import initial_state
from models.flow_map_model import FlowMapModel, Params, count_parameters
from objectives.mixture import counts
from objectives.objective import Objective

# The memory of the GPUs that papers train on.
GPU_BYTES = 80e9


def describe(config: ConfigDict, workdir: Path | None) -> str:
    """The resolved configuration, the size of the network, what a step does and needs, and the files of the run.

    Args:
      config: with all overrides.
      workdir: the run's folder, if it is known.

    Returns:
      text.

    Raises:
      UsageError: as training would.
    """
    devices = mapping.total(jax.local_device_count())
    checks.check(config, devices=devices)
    dashboard.check(config)
    objective = settings.objective_of(config)
    dataset, teacher, model, start = load_parts(config, workdir)
    state = jax.eval_shape(lambda: initial_state(config, model, objective, dataset.shape))
    training = config.training
    sizes = counts(objective.terms, training.batch_size, devices=devices * training.grad_accumulation)
    terms = ", ".join(f"{size} {term.name}" for term, size in zip(objective.terms, sizes, strict=True))
    parts = f" in each of {training.grad_accumulation} parts" if training.grad_accumulation > 1 else ""
    state_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    return "\n".join(
        [
            str(config).rstrip(),
            *filter(None, [told.line(dataset)]),
            f"parameters: {count_parameters(state.params):,}{_begun(config, start)}",
            f"devices: {devices} x {jax.devices()[0].device_kind}; effective batch {training.batch_size}",
            f"each device and step: {terms}{parts} (reduction: {objective.reduction})",
            f"cost: {objective.cost:g} forward-pass equivalents per example, "
            f"{objective.cost * training.batch_size:.3g} per step, "
            f"{objective.cost * training.batch_size * training.steps:.3g} in all",
            # Every term's gradient is summed over the devices, so that its norm is known.
            f"summed over devices: {_mega(4 * count_parameters(state.params) * len(objective.terms))} per step",
            f"memory: {_memory(config, model, objective, dataset, teacher, state_bytes)}",
            f"sampler for N steps: {objective.sampler}",
            f"written to {workdir or '--workdir'}: {_files(config, state_bytes)}",
        ]
    )


def _begun(config: ConfigDict, start: Params | None) -> str:
    return "" if start is None else f", the {' and the '.join(start)} as in {config.training.start_from}"


def _memory(
    config: ConfigDict,
    model: FlowMapModel,
    objective: Objective,
    dataset: Dataset,
    teacher: Teacher | None,
    state_bytes: int,
) -> str:
    """The state's bytes, and those that the compiler plans for one step."""
    state = f"{_mega(state_bytes)} on each device for the state"
    devices = jax.local_device_count()
    dispatch = make_dispatch(
        config,
        model,
        objective,
        dataset,
        settings.interpolant_of(config),
        steps=1,
        devices=devices,
        teacher=teacher,
    )
    example = jax.eval_shape(lambda: initial_state(config, model, objective, dataset.shape))
    examples = None
    if config.training.data == "host":
        sizes = counts(objective.terms, config.training.batch_size, devices=mapping.total(devices))
        beside = read_beside(config, dataset)
        examples = tuple(
            (
                jax.ShapeDtypeStruct((devices, 1, size, *dataset.shape), "float32"),
                None if beside is None else jax.ShapeDtypeStruct((devices, 1, size, *beside.shape[1:]), beside.dtype),
            )
            for size in sizes
        )
    planned = dispatch.planned_bytes(example, examples=examples)
    if planned is None:
        return state
    return (
        f"{state}, and {_mega(planned)} while a step is computed (the compiler's plan)\n"
        f"on a GPU of {GPU_BYTES / 1e9:.0f} GB: {_fit(state_bytes + planned)}"
    )


def _fit(needed: float) -> str:
    """Whether so many bytes on a device fit into ``GPU_BYTES``."""
    how = f"about {needed / 1e9:.1f} GB, as planned for {jax.default_backend()}: {needed / GPU_BYTES:.0%} of it"
    if needed <= GPU_BYTES:
        return how
    parts = 2 ** math.ceil(math.log2(needed / GPU_BYTES))
    return f"{how}; take more devices, --config.network.remat=true or --config.training.grad_accumulation={parts}"


def _files(config: ConfigDict, state_bytes: int) -> str:
    training = config.training
    files = ["config.json", "run.json", "training.jsonl", "tensorboard/", *["wandb/"][: bool(training.wandb)]]
    kept = f"{training.keep_checkpoints} of at most {_mega(state_bytes)}"
    files.append(f"checkpoints/ ({kept}, every {training.checkpoint_every} steps)")
    if training.evaluate_every:
        files += ["best/", "evaluations.jsonl", f"figures/ (every {training.evaluate_every} steps)"]
    return ", ".join(files)


def _mega(count: float) -> str:
    return f"{count / 1e6:,.1f} MB"
