"""The parts of a training step by hand: keys of steps and devices, parts of a batch, the maps that losses may call."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.training import step
from experiments.training.dispatch import make_step
from experiments.training.draws import draw
from experiments.training.state import Inputs, initial_state
from models.flow_map_model import FlowMapModel, bind
from objectives.mixture import mixture
from objectives.objective import Maps
from tests.experiments.training.test_step import config_for, parts


def fixed_and_state(name, **training):
    config = config_for(name, **training)
    model, objective, dataset, path = parts(config)
    fixed = make_step(config, model, objective, dataset, path, devices=2)
    return fixed, initial_state(config, model, objective, dataset.shape), dataset


def test_a_device_draws_its_own_parts_of_the_batch_of_its_step():
    """Device 1 of two, each with two parts, at step 3: examples [2 n, 3 n) and [3 n, 4 n) of each term, averaged."""
    fixed, state, dataset = fixed_and_state("flow_matching", grad_accumulation=2)
    state = state._replace(step=jnp.int32(3))
    inputs = Inputs(jnp.int32(1), jnp.uint32(7), jnp.int32(0))
    found = jax.jit(lambda state: step.gradients(fixed, state, inputs, None))(state)
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(7), 1), 3)

    def loss(params):
        v = bind(fixed.model, params)
        batches = [
            draw(term, dataset, jax.random.fold_in(key, k), 2 * size, 2 * size)
            for k, (term, size) in enumerate(zip(fixed.objective.terms, fixed.sizes, strict=True))
        ]
        return mixture(
            fixed.objective.terms, Maps(v, v, None), fixed.interpolant, batches, reduction=fixed.objective.reduction
        )[0]

    value, gradient = jax.jit(jax.value_and_grad(loss))(state.params)
    np.testing.assert_allclose(sum(report.value for _, report in found), value, rtol=1e-5)
    total = jax.tree.map(lambda *leaves: sum(leaves), *(own for own, _ in found))
    for a, b in zip(jax.tree.leaves(total), jax.tree.leaves(gradient), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


class Seen(nn.Module):
    """Gives back its weight, its label and its scale, to be recognized."""

    @nn.compact
    def __call__(self, s, t, x, condition):
        weight = self.param("weight", nn.initializers.zeros, ())
        label = -jnp.ones_like(s) if condition.label is None else condition.label
        scale = 0 * s if condition.scale is None else condition.scale
        return x * 0 + (weight + 10 * label + 1000 * scale)[:, None] * jnp.ones_like(x)


def weights(value):
    return {"params": {"network": {"weight": jnp.float32(value)}}}


@pytest.mark.parametrize("name", ["tvm", "tcm"])
def test_every_map_has_its_own_weights_and_condition(name):
    fixed, state, dataset = fixed_and_state(name)
    fixed = fixed._replace(model=FlowMapModel(Seen(), 1.0), extra=fixed.extra._replace(labels=True))
    state = state._replace(target=(weights(2),) if state.target else (), stage=(weights(3),))
    batch = draw(fixed.objective.terms[0], dataset, jax.random.key(0), 0, 2)
    batch = batch._replace(label=jnp.array([4, 5]), scale=jnp.array([1.0, 2.0]))
    maps = step.maps_of(fixed, weights(1), state, batch)
    told = np.array([1040, 2050])

    def of(v):
        return v(batch.times.s, batch.times.t, batch.x0)[:, 0]

    target = 2 if state.target else 1
    np.testing.assert_array_equal(of(maps.student), 1 + told)
    np.testing.assert_array_equal(of(maps.target), target + told)
    np.testing.assert_array_equal(of(maps.stage), 3 + told)
    # Neither a label nor a scale, and the weights of the target.
    np.testing.assert_array_equal(of(maps.unconditional), target - 10)
    assert bool(state.target) == (name == "tvm")
    assert maps.teacher is maps.auxiliary is maps.log_variance is None
