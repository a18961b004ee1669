"""Gradients example by example: closed forms of a constant map, a batch's own gradient, and residuals at exact maps."""

import dataclasses
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.datasets import planar
from experiments.datasets.dataset import Dataset
from experiments.metrics import exact_map
from experiments.probing import gradients, plan, probe
from experiments.probing.gradients import Sizes
from experiments.settings.option_sets import OptionSet
from experiments.training.draws import NO_EXTRA_INPUTS, draw
from experiments.training.state import State
from experiments.training.step import Step, maps_of
from models.flow_map_model import FlowMapModel
from objectives.build import OBJECTIVES
from objectives.mixture import factor, weighted
from objectives.objective import Objective, Term
from taxonomy import exact, times
from taxonomy.arrays import squared_norm
from taxonomy.interpolants import LINEAR
from tests.experiments.probing.helpers import untrained
from tests.experiments.small_runs import small

STD, MEAN = 0.5, 2.0
SIZES = Sizes(batches=16, examples=512, seed=3)


class Constant(nn.Module):
    """A map whose average velocity is its two weights."""

    @nn.compact
    def __call__(self, s, t, x, condition):
        return jnp.broadcast_to(self.param("theta", nn.initializers.zeros, (2,))[None], x.shape)


def normal(key):
    return MEAN + STD * jax.random.normal(key, (2,))


GAUSSIAN = Dataset(
    "gaussian",
    (2,),
    1.0,
    normal,
    None,
    lambda path: exact.gaussian(path, mean=jnp.full(2, MEAN), covariance=STD**2 * jnp.eye(2)),
)


def to_data(maps, path, batch):
    """``|theta - x1|^2``, whose gradient is ``2 (theta - x1)``."""
    return squared_norm(maps.student(batch.times.s, batch.times.t, batch.x0) - batch.x1)


def fixed(*terms, reduction="per_term"):
    model = FlowMapModel(Constant(), std=1.0)
    nothing = dict.fromkeys(Step._fields)
    step = nothing | {"model": model, "objective": Objective(terms, reduction=reduction), "dataset": GAUSSIAN}
    params = model.init(jax.random.key(0), jnp.zeros(1), jnp.zeros(1), jnp.zeros((1, 2)))
    return Step(**step | {"interpolant": LINEAR, "extra": NO_EXTRA_INPUTS, "sizes": (8,) * len(terms)}), params


def term(loss=to_data, **fields):
    return Term("only", loss, times.diagonal, 1.0, **fields)


def of_term(*terms, k=0, sizes=SIZES, **fields):
    step, params = fixed(*terms, **fields)
    return gradients.of_term(step, k, params, sizes, progress=1.0, data_of_host=False)


def numbers(found, own, sizes=SIZES, of_step=100):
    gram = found.means.astype(float) @ found.means.astype(float).T
    return probe._gradient(own, found, gram, sizes, of_step=of_step)


def near(value, expected, *, rtol):
    np.testing.assert_allclose(value, expected, rtol=rtol)


def test_a_constant_that_learns_a_mean_has_the_gradient_and_the_variance_of_its_data():
    own = term()
    found = numbers(of_term(own), own)
    near(found["gradient"], 2 * MEAN * math.sqrt(2), rtol=0.02)
    near(found["variance"], 4 * 2 * STD**2, rtol=0.06)
    near(found["between_batches"], found["variance"], rtol=1.0)
    assert found["noise"] == found["variance"]
    near(found["worst"], 0.01 * (1 - math.log(0.01)), rtol=0.15)


@pytest.mark.parametrize("reduction", ["per_term", "per_example"])
def test_a_factor_and_a_weight_enter_as_the_method_has_them(reduction):
    halves = [dataclasses.replace(term(weight=lambda times, loss: 3.0), share=share) for share in (0.25, 0.75)]
    found = of_term(*halves, k=1, reduction=reduction)
    scale = 3 * (0.75 if reduction == "per_example" else 1)
    near(numbers(found, halves[1])["variance"], scale**2 * 4 * 2 * STD**2, rtol=0.06)
    near(np.linalg.norm(found.means.mean(axis=0)), scale * 2 * MEAN * math.sqrt(2), rtol=0.02)
    # Before the weight.
    near(found.residuals.values.mean(), 2 * (STD**2 + MEAN**2), rtol=0.02)


def test_examples_that_are_compared_count_as_one():
    alone, together = term(), term(group=4)
    near(
        numbers(of_term(together), together)["variance"],
        numbers(of_term(alone), alone)["variance"],
        rtol=0.15,
    )
    assert of_term(together).squares.shape == (16, 128)
    assert gradients.divides(together, SIZES)
    assert not gradients.divides(together, SIZES._replace(examples=510))


def test_what_a_batch_shares_is_in_the_noise():
    def to_pool(maps, path, batch):
        mean = jnp.broadcast_to(jnp.mean(batch.pool, axis=0, keepdims=True), batch.x0.shape)
        return squared_norm(maps.student(batch.times.s, batch.times.t, batch.x0) - mean)

    own, sizes = term(to_pool, pool=8), Sizes(batches=400, examples=4, seed=0)
    found = numbers(of_term(own, sizes=sizes), own, sizes, of_step=64)
    near(found["variance"], 8 * STD**2 / 8, rtol=0.2)
    near(found["between_batches"], 4 * 8 * STD**2 / 8, rtol=0.2)
    # All examples of a step have the same gradient, however many they are.
    near(found["noise"], 64 * found["variance"], rtol=0.01)


@pytest.mark.parametrize(
    ("name", "observed"), [("lsd", ""), ("mean_flow", ""), ("posterior_map", ""), ("flow_matching", "noisy")]
)
def test_the_mean_is_the_gradient_of_a_whole_batch_by_training(name, observed):
    config, sizes = small(name), Sizes(batches=2, examples=32, seed=5)
    config.network.observed = observed
    run = untrained(config)
    (one,) = plan.of_run(run, [OptionSet(name, config)], sizes)
    for k, own in enumerate(one.objective.terms):
        found = gradients.of_term(one.step, k, run.params, sizes, progress=1.0, data_of_host=False)
        for j in range(2):
            batch = draw(own, run.dataset, gradients._key(5, j, k), 0, 32, extra=one.step.extra)

            def value(params, own=own, batch=batch):
                state = State(jnp.int32(0), params, (), ())
                mean, _ = weighted(own, maps_of(one.step, params, state, batch), LINEAR, batch)
                return factor(own, reduction=one.objective.reduction) * mean

            expected = jax.flatten_util.ravel_pytree(jax.jit(jax.grad(value))(run.params))[0]
            np.testing.assert_allclose(found.means[j], expected, rtol=2e-3, atol=1e-5)


def test_parts_of_a_batch_and_examples_read_by_the_host_change_nothing_but_their_draws(monkeypatch):
    own = term()
    whole = of_term(own)
    monkeypatch.setattr(gradients, "CHUNK", 2 * 100)
    parts = of_term(own)
    np.testing.assert_allclose(parts.means, whole.means, rtol=1e-5)
    np.testing.assert_allclose(parts.squares, whole.squares, rtol=1e-4, atol=1e-5)
    step, params = fixed(own)
    read = gradients.of_term(step, 0, params, SIZES, progress=1.0, data_of_host=True)
    near(numbers(read, own)["variance"], 4 * 2 * STD**2, rtol=0.06)


# Of the linear path: Var(dI | I_t) per coordinate is c / S_t with c = STD^2 and S_t = (1 - t)^2 + c t^2, and the exact
# map stretches by sqrt(S_t / S_s).
def spread(t):
    return (1 - t) ** 2 + STD**2 * t**2


CLOSED = {
    "flow_matching": lambda s, t: 2 * STD**2 / spread(t),
    "improved_mean_flow": lambda s, t: 2 * STD**2 / spread(s),
    "mean_flow": lambda s, t: 2 * STD**2 * spread(t) / spread(s) ** 2,
    "esd": lambda s, t: 0 * s,
    "lsd": lambda s, t: 0 * s,
    "psd_m": lambda s, t: 0 * s,
    "emd": lambda s, t: 0 * s,
}


def at_exact(name, *, solved=False, **options):
    flow = GAUSSIAN.exact_path(LINEAR)
    v = exact_map.scanned(flow.b, steps=32) if solved else flow.v
    terms = OBJECTIVES[name](**options).terms
    k = len(terms) - 1
    found = gradients.at_exact_map(
        terms[k], k, gradients.exact_maps(flow, v), GAUSSIAN, LINEAR, Sizes(8, 2048, 0), progress=1.0
    )
    return found.values, np.asarray(CLOSED[name](found.s, found.t))


@pytest.mark.parametrize("name", CLOSED)
def test_at_the_exact_map_of_a_gaussian_the_noise_of_a_target_is_known(name):
    values, expected = at_exact(name)
    error = (values - expected).std() / math.sqrt(values.size)
    assert abs(values.mean() - expected.mean()) < 4 * error + 1e-6
    if not expected.any():
        assert values.max() < 1e-6


def test_a_map_by_midpoint_steps_has_hardly_more():
    assert at_exact("lsd", solved=True)[0].max() < 1e-3


def test_a_velocity_over_a_pool_has_less_noise_and_at_the_start_that_of_a_mean():
    values, _ = at_exact("flow_matching")
    pooled, _ = at_exact("flow_matching", velocity="pooled", pool=64)
    assert pooled.mean() < values.mean() / 4
    # At t = 0 all of pool + 1 points are as likely.
    own = OBJECTIVES["flow_matching"](velocity="pooled", pool=15).terms[0]
    still = dataclasses.replace(own, times=lambda key, shape=(): times.Times(*(jnp.zeros(shape),) * 3))
    flow = GAUSSIAN.exact_path(LINEAR)
    found = gradients.at_exact_map(
        still, 0, gradients.exact_maps(flow, flow.v), GAUSSIAN, LINEAR, Sizes(300, 32, 0), progress=1.0
    )
    near(found.values.mean(), 2 * STD**2 / 16, rtol=0.15)


def test_planar_data_have_exact_maps():
    dataset = planar.eight_gaussians()
    flow = dataset.exact_path(LINEAR)
    exactly = gradients.exact_maps(flow, exact_map.scanned(flow.b, steps=8))
    esd = OBJECTIVES["esd"]().terms[1]
    found = gradients.at_exact_map(esd, 1, exactly, dataset, LINEAR, Sizes(2, 64, 0), progress=1.0)
    assert found.values.shape == found.s.shape == (2, 64)
    assert np.median(found.values) < 0.01
