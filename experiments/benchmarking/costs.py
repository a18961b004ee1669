"""What a method costs: one gradient of its loss, without data, optimizer and averages, on any network.

Teacher, target and frozen stage are further copies of the student's own network, as in real use. An exact velocity
would evaluate no network.
"""

from collections.abc import Callable, Sequence
import os
import time
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from experiments import errors, limits, settings, terminal
from experiments.benchmarking.flops import matmul_flops
from experiments.benchmarking.timing import Program, fastest, held
from experiments.errors import UsageError
from experiments.reporting import machine
from experiments.settings import chosen_data, networks
from experiments.settings.objectives import part
from experiments.training import checks
from experiments.training.dispatch import make_step
from experiments.training.draws import draw
from experiments.training.state import State, initial_state
from experiments.training.step import maps_of
from models.conditions import Condition
from models.flow_map_model import Params, bind
from objectives.build import OBJECTIVES, default_options
from objectives.mixture import factor, weighted
from objectives.objective import Batch, Term
from taxonomy.catalogue.counts import COMPILED, SURVEY
from taxonomy.flow_map import Velocity, diagonal

BASE = "flow_matching"
SECONDS = 0.1  # of one measurement, of which flow matching has as many
LOADED = 0.5  # running processes beside this one, from which on the machine counts as shared


class Inputs(NamedTuple):
    """What a gradient is computed from.

    Attributes:
      params: weights of the student.
      frozen: weights of target and stage.
      teacher: weights of the teacher, or None.
      batches: one per term.
    """

    params: Params
    frozen: State
    teacher: Params | None
    batches: tuple[Batch, ...]


class Gradient(NamedTuple):
    """The gradient of a method's loss.

    Attributes:
      terms: the terms.
      of: numbers of some terms -> (inputs -> gradient of their sum).
      inputs: makes the inputs; under ``jax.eval_shape`` their shapes alone.
    """

    terms: tuple[Term, ...]
    of: Callable[[Sequence[int]], Callable[[Inputs], Params]]
    inputs: Callable[[], Inputs]


def gradient_of(config: ConfigDict) -> Gradient:
    """The gradient of a configuration's method on its network; its ``teacher`` is not used.

    Args:
      config: a checked configuration.

    Returns:
      the gradient, nothing of it computed.
    """
    dataset, objective = chosen_data.load(config), settings.objective_of(config)
    model = networks.build(config, objective, dataset)
    step = make_step(config, model, objective, dataset, settings.interpolant_of(config), devices=1)

    def inputs() -> Inputs:
        state = initial_state(config, model, objective, dataset.shape)
        key = jax.random.key(config.seed)
        batches = tuple(
            draw(term, dataset, jax.random.fold_in(key, k), 0, size, extra=step.extra)
            for k, (term, size) in enumerate(zip(objective.terms, step.sizes, strict=True))
        )
        frozen = State(state.step, (), (), (), state.target, state.stage)
        return Inputs(state.params, frozen, state.params if objective.needs_teacher else None, batches)

    def of(chosen: Sequence[int]) -> Callable[[Inputs], Params]:
        def gradient(inputs: Inputs) -> Params:
            def teacher(condition: Condition) -> Velocity:
                return diagonal(bind(model, inputs.teacher, condition._replace(scale=None, dropout=None)))

            own = step._replace(teacher=teacher if objective.needs_teacher else None)

            def total(params: Params) -> jax.Array:
                parts = [(objective.terms[k], inputs.batches[k]) for k in chosen]
                return sum(
                    factor(term, reduction=objective.reduction)
                    * weighted(term, maps_of(own, params, inputs.frozen, batch), own.interpolant, batch)[0]
                    for term, batch in parts
                )

            return jax.grad(total)(inputs.params)

        return gradient

    return Gradient(objective.terms, of, inputs)


def plan(config: ConfigDict, objectives: Sequence[str], *, repeats: int = 1) -> dict[str, ConfigDict]:
    """The configurations that are measured, checked before the first one is compiled.

    Args:
      config: network, data and batch size; its objective is not used.
      objectives: names of methods, or "all" alone.
      repeats: measurements of each time.

    Returns:
      {method: configuration with the method's own options}, flow matching first.

    Raises:
      UsageError: on an unknown method, none, or options of one, which the others do not have.
    """
    limits.check_count("repeats", repeats, most=limits.REPEATS)
    chosen = config.objective
    own = default_options(chosen.name) | dict(config.objective_overrides.get(chosen.name, {}))
    if chosen.to_dict() != part(chosen.name, own).to_dict():
        raise UsageError(
            "--config.objective with costs, which takes methods by name and with their published options; drop it"
        )
    planned = {}
    # Methods of categories need data of their own, and are measured where they are named.
    known = OBJECTIVES if objectives != ["all"] else [name for name in OBJECTIVES if not OBJECTIVES[name]().categorical]
    for method in dict.fromkeys((BASE, *errors.choose("objectives", objectives, known))):
        run = ConfigDict(config.to_dict())
        run.objective = part(method, default_options(method))
        # A copy of the network: see ``gradient_of``.
        run.teacher = "exact" if settings.objective_of(run).needs_teacher else ""
        checks.check(run, devices=1)
        planned[method] = run
    return planned


def operations(config: ConfigDict) -> tuple[float, float]:
    """Matrix products and convolutions of a gradient as they are written, from its trace alone.

    Args:
      config: a checked configuration.

    Returns:
      (operations per example, the same if every term were computed on the whole batch).
    """
    gradient = gradient_of(config)
    inputs = jax.eval_shape(gradient.inputs)
    each = [
        matmul_flops(jax.make_jaxpr(gradient.of([k]))(inputs)) / config.training.batch_size
        for k in range(len(gradient.terms))
    ]
    return sum(each), sum(flops / term.share for flops, term in zip(each, gradient.terms, strict=True))


def compiled_operations(config: ConfigDict) -> float:
    """Operations of the compiled gradient per example, without running it.

    Args:
      config: a checked configuration.

    Returns:
      the number, as the compiler states it.
    """
    gradient = gradient_of(config)
    chosen = range(len(gradient.terms))
    executable = jax.jit(gradient.of(chosen)).lower(jax.eval_shape(gradient.inputs)).compile()
    return executable.cost_analysis()["flops"] / config.training.batch_size


def measure(config: ConfigDict, objectives: Sequence[str], *, repeats: int = 5) -> dict[str, Any]:
    """The costs of methods, each compiled once, and timed in turn with flow matching.

    Args:
      config: network, data and batch size.
      objectives: names of methods, see ``plan``.
      repeats: measurements of each time, the fastest of which counts.

    Returns:
      the content of ``costs.json``.

    Raises:
      UsageError: on bad input, before anything is measured.
    """
    planned = plan(config, objectives, repeats=repeats)
    load, start = os.getloadavg()[0], time.time()
    rows, base = [], None
    for name, run in terminal.bar(planned.items(), desc="methods"):
        program, flops = _compiled(run)
        base = base or program
        timed = fastest({BASE: base, name: program}, repeats=repeats, seconds=SECONDS, quiet=True)
        written, whole = operations(run)
        terms = settings.objective_of(run).terms
        rows.append(
            {
                "objective": name,
                "cost": sum(term.share * term.cost for term in terms),
                "flops": flops,
                "products": written,
                "ms": 1e3 * timed[name].seconds,
                "time_ratio": timed[name].seconds / timed[BASE].seconds,
                "memory_mb": program.memory and program.memory / 1e6,
                "compile_seconds": program.compile_seconds,
                "whole_cost": float(sum(term.cost for term in terms)),
                "whole_products": whole,
                "survey": SURVEY[name].cost if name in SURVEY else None,
            }
        )
        jax.clear_caches()
    return {
        "machine": machine.record() | {"load": load, "shared": load > LOADED},
        "setting": {
            "dataset": config.dataset,
            "network": networks.described(config.network),
            "batch_size": config.training.batch_size,
        },
        "objectives": [_with_ratios(row, rows[0]) for row in rows],
        "seconds": time.time() - start,
    }


def _compiled(config: ConfigDict) -> tuple[Program, float]:
    gradient = gradient_of(config)
    inputs = jax.jit(gradient.inputs)()
    start = time.perf_counter()
    executable = jax.jit(gradient.of(range(len(gradient.terms)))).lower(inputs).compile()
    seconds = time.perf_counter() - start
    flops = executable.cost_analysis()["flops"] / config.training.batch_size

    def run() -> None:
        jax.block_until_ready(executable(inputs))

    return Program(run, 1, round(flops), seconds, held(executable)), flops


def _with_ratios(row: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    found = row | {f"{name}_ratio": row[name] / base[name] for name in ("cost", "flops", "products")}
    found["memory_ratio"] = row["memory_mb"] and row["memory_mb"] / base["memory_mb"]
    # In forward-pass equivalents, of which flow matching has three.
    found["whole_measured"] = base["whole_cost"] * row["whole_products"] / base["whole_products"]
    found["flops_per_cost"] = found["flops_ratio"] / found["cost_ratio"]
    return found | {"why": COMPILED.get(row["objective"], "")}
