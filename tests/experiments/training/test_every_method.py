"""Every row learns: 2,000 steps of the laptop checkerboard (slow; ``make test-slow``)."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets, settings
from experiments.configs import checkerboard
from experiments.settings import networks
from experiments.training import devices as mapping
from experiments.training import draws
from experiments.training.dispatch import make_dispatch
from experiments.training.state import initial_state
from models.conditions import Condition
from models.flow_map_model import bind, bind_auxiliary, bind_log_variance
from objectives.build import OBJECTIVES
from objectives.mixture import factor, weighted
from objectives.objective import Maps
from taxonomy import exact_map, flow_map
from taxonomy.interpolants import LINEAR

STEPS, CHUNK, COUNT = 2000, 500, 4000
DATASET = datasets.load("checkerboard")
FLOW = DATASET.exact_path(LINEAR)
solve = jax.jit(functools.partial(exact_map.solve, FLOW.b, tolerance=1e-4))
# Rows whose truth is the map along the straight lines between the teacher's pairs.
ON_PAIRS = ("reflow", "rectified_mean_flow")
# The loss of continuous consistency training is the square of a residual that holds the noise of the sample's velocity,
# pushed forward by grad X: it grows as the map gets sharper. What falls is its part without the noise.
WITHOUT_NOISE = {"ct_continuous": "cd_continuous"}
# Rows that match the law of one jump and no path: many maps are right, and what must fall is a distance of laws. With
# few neighbours a drift is as long as they are apart, whatever the law: it has no loss that falls.
OF_LAWS, WITHOUT_LOSS = ("drifting", "dmd"), ("drifting",)
# Rows that are told a path of noise or a point on the way have one exact map for each: their law is compared, too.
TOLD = tuple(name for name, method in OBJECTIVES.items() if method().told is not None)
# Rows that train the diagonal alone are scored by the velocity.
VELOCITY = ("flow_matching", "reflow")
# Rows of categories train on other data: tests/experiments/datasets/test_categorical.py.
CATEGORICAL = tuple(name for name, method in OBJECTIVES.items() if method().categorical)


@functools.cache
def trained(name):
    """(objective, path, model, teacher, first state, last state, every loss)."""
    config = checkerboard.get_config(name)
    config.training.update({"steps": STEPS, "steps_per_dispatch": CHUNK})
    objective, path = settings.objective_of(config), settings.interpolant_of(config)
    model = networks.build(config, objective, DATASET)
    teacher = None
    if objective.needs_teacher:
        # Learnt, as in the papers, by the same number of steps; the exact velocity costs more than the network.
        _, _, learnt, _, _, state, _ = trained("flow_matching")
        teacher = flow_map.diagonal(bind(learnt, state.ema[0]))
    first = mapping.on_host(initial_state(config, model, objective, DATASET.shape))
    state = mapping.replicate(first, devices=1)
    given = None if teacher is None else lambda condition: teacher
    dispatch = make_dispatch(config, model, objective, DATASET, path, steps=CHUNK, devices=1, teacher=given)
    losses = []
    for _ in range(STEPS // CHUNK):
        state, report = dispatch(state)
        losses += list(np.asarray(report.metrics["loss"]))
    return objective, path, model, teacher, first, mapping.on_host(state), losses


def drawn(objective, term, key, count):
    """Fresh examples of a term, with what the network is told of them."""
    extra = draws.ExtraInputs(told=draws.told_of(objective, DATASET, LINEAR))
    return draws.draw(term, DATASET, key, 0, count, progress=1.0, extra=extra)


def own_loss(name):
    """params -> (loss, raw residuals of the terms) on fresh examples, as at the end of the curriculum.

    Targets are those of the trained network throughout: an untrained map that hardly moves agrees with itself too.
    """
    objective, path, model, teacher, _, last, _ = trained(name)
    if name in WITHOUT_NOISE:
        objective, teacher = OBJECTIVES[WITHOUT_NOISE[name]](), FLOW.b

    @jax.jit
    def loss(params):
        keys = jax.random.split(jax.random.key(7), len(objective.terms))
        total, raw = 0.0, {}
        for term, key in zip(objective.terms, keys, strict=True):
            batch = drawn(objective, term, key, COUNT)
            condition = Condition(vector=batch.told)
            maps = Maps(
                student=bind(model, params, condition),
                target=bind(model, last.ema[0], condition),
                teacher=teacher,
                stage=bind(model, last.stage[0]) if last.stage else None,
                auxiliary=bind_auxiliary(model, params),
                log_variance=bind_log_variance(model, params),
            )
            value, residuals = weighted(term, maps, path, batch)
            total, raw[term.name] = total + factor(term, reduction=objective.reduction) * value, jnp.mean(residuals)
        return total, raw

    return lambda params: jax.tree.map(float, loss(params))


@functools.cache
def truth(name):
    """(s, t, x_s, x_t) of the times that the row's own rule trains, or the velocity in place of x_t."""
    objective, path, _, teacher, *_ = trained(name)
    own = next((term for term in objective.terms if term.name not in ("diagonal", "shortest")), objective.terms[0])
    batch = draws.draw(own, DATASET, jax.random.key(3), 0, 1000, progress=1.0)
    s, _, t = batch.times
    if name in ON_PAIRS:
        zero = jnp.zeros_like(s)
        end = flow_map.jump(flow_map.integrated(teacher, steps=8), zero, zero + 1, batch.x0)
        batch = batch._replace(x1=end)
    x_s = path.position(s, batch.x0, batch.x1)
    if name == "flow_matching":
        return s, t, x_s, FLOW.b(t, x_s)
    if name == "reflow":
        return s, t, x_s, batch.x1 - batch.x0
    if name in ON_PAIRS:
        return s, t, x_s, path.position(t, batch.x0, batch.x1)
    return s, t, x_s, solve(s, t, x_s)


def distance_of_laws(name):
    """params -> squared sliced Wasserstein distance between one jump from fresh noise and fresh data."""
    objective, _, model, *_ = trained(name)
    batch = drawn(objective, objective.terms[0], jax.random.key(3), 4000)
    if objective.told is not None:
        # Of the data as a whole: the law of one jump, along fresh paths of noise, or at t = 0.
        keys = jax.random.split(jax.random.key(4), 4000)
        told = jax.vmap(lambda key: objective.told.sample(key, DATASET.shape))(keys)
        zero = jnp.zeros(4000)
        batch = batch._replace(told=told, times=batch.times._replace(s=zero, t=zero + 1))
    angles = jnp.pi * jnp.arange(16) / 16
    directions = jnp.stack([jnp.cos(angles), jnp.sin(angles)])
    data = jnp.sort(batch.x1 @ directions, axis=0)

    @jax.jit
    def mean(params):
        v = bind(model, params, Condition(vector=batch.told))
        end = flow_map.jump(v, batch.times.s, batch.times.t, batch.x0)
        return jnp.mean((jnp.sort(end @ directions, axis=0) - data) ** 2)

    return lambda params: float(mean(params))


def error(name):
    """params -> mean squared error on the pairs (s, t) that the row trains."""
    if name in OF_LAWS + TOLD:
        return distance_of_laws(name)
    model = trained(name)[2]
    s, t, x_s, wanted = truth(name)

    @jax.jit
    def mean(params):
        v = bind(model, params)
        found = v(s, t, x_s) if name in VELOCITY else flow_map.jump(v, s, t, x_s)
        return jnp.mean(jnp.sum((found - wanted) ** 2, axis=1))

    return lambda params: float(mean(params))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in OBJECTIVES if name not in CATEGORICAL])
def test_it_trains_and_lowers_its_loss_and_its_error(name):
    *_, first, last, losses = trained(name)
    before, after = map(own_loss(name), (first.params, last.ema[0]))
    far, near = map(error(name), (first.params, last.ema[0]))
    print(f"{name}: loss {before} -> {after}; error {far:.4g} -> {near:.4g}")
    assert np.isfinite(losses).all()
    assert name in WITHOUT_LOSS or after[0] < before[0]
    assert near < far
