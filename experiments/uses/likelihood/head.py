"""Trains a divergence head beside a trained map that stays as it is, by one of the three rules.

In a notebook::

    run = load_trained("zoo:checkerboard/lsd")  # from experiments.training.runs
    d = train(run, Plan(rule="eulerian")).d  # D(s, t, x), for models.likelihood.jumps_by_head
"""

from collections.abc import Callable
import functools
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
import numpy as np
import optax

from experiments import errors, limits
from experiments.errors import DivergedError
from experiments.sampling.trained import Trained
from experiments.training import optimizers
from models import divergence_head, likelihood
from models.divergence_head import DivergenceHead
from models.flow_map_model import Params
from objectives.losses import divergence as losses
from taxonomy import flow_map, times
from taxonomy.flow_map import AverageDivergence, AverageVelocity
from taxonomy.shapes import PerExample, Points

CHECKED = 100  # updates between looks at the loss, and in one compiled program
DIAGONAL = 0.5  # share of the examples at s = t, where the divergence itself is the answer


class Plan(NamedTuple):
    """How a head is trained.

    Attributes:
      rule: a key of ``RULES``.
      steps: updates.
      batch_size: examples per update.
      learning_rate: of Muon, falling to zero along a cosine.
      probes: of Hutchinson's estimate of the divergence; 0 for the exact one, by as many jvps as coordinates.
      seed: of weights, data, noise, times and probes.
    """

    rule: str = "lagrangian"
    steps: int = 2000
    batch_size: int = 1024
    learning_rate: float = 1e-2
    probes: int = 0
    seed: int = 0


class Examples(NamedTuple):
    """What a rule is asked at: points ``I_s`` [batch, ...], and times s, u, t [batch] with u between."""

    x_s: Points
    s: PerExample
    u: PerExample
    t: PerExample


class Head(NamedTuple):
    """A trained head.

    Attributes:
      d: average divergence.
      params: its weights.
      seconds: of the updates, compiling included.
    """

    d: AverageDivergence
    params: Params
    seconds: float


# (head, average velocity of the map, divergence of its velocity, examples) -> [batch].
Rule = Callable[[AverageDivergence, AverageVelocity, likelihood.Divergence, Examples], jax.Array]


def _lagrangian(d: AverageDivergence, v: AverageVelocity, divergence: likelihood.Divergence, at: Examples) -> jax.Array:
    end = flow_map.jump(v, at.s, at.t, at.x_s)
    there = divergence(flow_map.diagonal(v), at.t, end).log_det
    return losses.lagrangian(d, at.x_s, at.s, at.t, divergence=there)


def _eulerian(d: AverageDivergence, v: AverageVelocity, divergence: likelihood.Divergence, at: Examples) -> jax.Array:
    velocity, here = divergence(flow_map.diagonal(v), at.s, at.x_s)
    return losses.eulerian(d, at.x_s, at.s, at.t, velocity=velocity, divergence=here)


def _semigroup(d: AverageDivergence, v: AverageVelocity, divergence: likelihood.Divergence, at: Examples) -> jax.Array:
    here = divergence(flow_map.diagonal(v), at.s, at.x_s).log_det
    between = flow_map.jump(v, at.s, at.u, at.x_s)
    rule = losses.semigroup(d, d, at.x_s, at.s, at.u, at.t, reached=between)
    return jnp.where(at.s == at.t, losses.diagonal(d, at.x_s, at.s, divergence=here), rule)


RULES: dict[str, Rule] = {"lagrangian": _lagrangian, "eulerian": _eulerian, "semigroup": _semigroup}


def check(plan: Plan) -> None:
    """Checks the numbers of a plan; UsageError if one cannot be used."""
    errors.choose("rule", [plan.rule], RULES)
    limits.check_count("head_steps", plan.steps, most=limits.UPDATES)
    limits.check_count("head_batch_size", plan.batch_size, most=limits.AT_ONCE)
    limits.check_count("head_probes", plan.probes, least=0, most=limits.REPEATS)
    limits.check_positive("head_learning_rate", plan.learning_rate)


def _divergence(x: Points, key: jax.Array, probes: int) -> likelihood.Divergence:
    if not probes:
        return likelihood.exact_divergence
    return likelihood.estimated_divergence(likelihood.rademacher(key, probes, x))


def examples(run: Trained, key: jax.Array, count: int) -> Examples:
    """Points on the paths of data, and times: in both directions for a map that was trained in both.

    Args:
      run: the trained map.
      key: typed PRNG key.
      count: how many.

    Returns:
      Examples; a share of ``DIAGONAL`` has s = u = t, otherwise u is the midpoint.
    """
    keys = jax.random.split(key, 3)
    law = times.square if run.objective.both_directions else times.triangle
    s, u, t = times.with_fraction(law, fraction=0.5)(keys[0], (count,))
    still = jnp.arange(count) < DIAGONAL * count
    noise = run.dataset.noise(keys[1], count)
    data = jax.vmap(run.dataset.sample)(jax.random.split(keys[2], count))
    x_s = run.interpolant.position(s, noise, data)
    return Examples(x_s, s, jnp.where(still, s, u), jnp.where(still, s, t))


def train(run: Trained, plan: Plan) -> Head:
    """Trains a fresh head of the map's own size beside a run, which is not changed.

    Args:
      run: the trained map.
      plan: rule, and numbers of updates and examples.

    Returns:
      the head.

    Raises:
      UsageError: on an unknown rule, or a number that cannot be used.
      DivergedError: if the loss is not finite.
    """
    check(plan)
    head = divergence_head.beside(run.model)
    fresh = divergence_head.initialize(head, jax.random.key(plan.seed), run.dataset.shape)
    return fit(head, fresh, run.map(), functools.partial(examples, run), plan)


def fit(
    head: DivergenceHead,
    params: Params,
    v: AverageVelocity,
    draw: Callable[[jax.Array, int], Examples],
    plan: Plan,
) -> Head:
    """Trains a head on the velocity and the jumps of any map.

    Args:
      head: the head.
      params: its weights at first.
      v: average velocity of the map.
      draw: (key, count) -> examples.
      plan: rule, and numbers of updates and examples.

    Returns:
      the head.

    Raises:
      DivergedError: if the loss is not finite.
    """
    training = {
        "optimizer": "sparse_muon",
        "learning_rate": plan.learning_rate,
        "beta2": 0.999,
        "schedule": "cosine",
        "steps": plan.steps,
        "decay_after": 0,
        "grad_clip_norm": 10.0,
    }
    transformation = optimizers.optimizer(ConfigDict(training))
    seed = jax.random.fold_in(jax.random.key(plan.seed), 1)

    def loss(params: Params, key: jax.Array) -> jax.Array:
        drawn, signs = jax.random.split(key)
        at = draw(drawn, plan.batch_size)
        divergence = _divergence(at.x_s, signs, plan.probes)
        return jnp.mean(RULES[plan.rule](divergence_head.bind(head, params), v, divergence, at))

    def update(carried: tuple[Params, Any], step: jax.Array) -> tuple[tuple[Params, Any], jax.Array]:
        params, state = carried
        value, gradient = jax.value_and_grad(loss)(params, jax.random.fold_in(seed, step))
        change, state = transformation.update(gradient, state, params)
        return (optax.apply_updates(params, change), state), value

    several = jax.jit(lambda carried, steps: jax.lax.scan(update, carried, steps))
    begun, carried = time.perf_counter(), (params, transformation.init(params))
    for first in range(0, plan.steps, CHECKED):
        carried, values = several(carried, jnp.arange(first, min(first + CHECKED, plan.steps)))
        if not np.isfinite(np.asarray(values)).all():
            raise DivergedError(
                f"the divergence head by the {plan.rule} rule has a loss that is not finite before update "
                f"{first + len(values)}: lower --head_learning_rate"
            )
    return Head(divergence_head.bind(head, carried[0]), carried[0], time.perf_counter() - begun)
