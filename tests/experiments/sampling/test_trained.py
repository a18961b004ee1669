"""The value of a trained run: its map, its velocity, and its samples."""

import dataclasses
import doctest
import re
import textwrap

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets, settings
from experiments.errors import DivergedError, UsageError
from experiments.evaluation.evaluate import evaluate
from experiments.sampling import generation
from experiments.sampling import trained as trained_module
from experiments.sampling.by_name import Options
from experiments.sampling.trained import Trained, trained
from experiments.settings import files as config_files
from experiments.settings import networks
from experiments.training.loop import train
from experiments.training.runs import load_trained
from experiments.uses.sample import sample
from models import grids, samplers
from models.conditions import Condition
from models.flow_map_model import FlowMapModel, bind, initialize
from tests.experiments.small_runs import small


def untrained(config):
    """A run with random weights, none of them zero."""
    dataset = datasets.load(config.dataset)
    model = networks.build(config, settings.objective_of(config), dataset)
    params = initialize(model, jax.random.key(0), dataset.shape)
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    moved = [leaf + 0.2 * jax.random.normal(key, leaf.shape) for leaf, key in zip(leaves, keys, strict=True)]
    return trained(config, dataset, model, jax.tree.unflatten(structure, moved), step=7)


def conditional(objective, **guidance):
    config = config_files.load(f"experiments/configs/eight_gaussians.py:{objective}")
    config.network.update({"width": 8, "depth": 1, "conditional": True})
    config.guidance.update(guidance)
    return untrained(config)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("trained") / "lsd"
    config = small(steps=5)
    config.evaluation.samples = 60
    train(config, workdir, quiet=True)
    return workdir


@pytest.fixture(scope="module")
def lsd():
    return untrained(small())


S, T = jnp.array([0.0, 0.2, 0.5]), jnp.array([1.0, 0.3, 0.9])
X = jax.random.normal(jax.random.key(0), (3, 2))


def test_a_run_is_loaded_by_the_name_of_its_folder(folder):
    by_name, by_path = load_trained(str(folder)), load_trained(folder)
    assert (by_name.name, by_name.step, by_name.conditional) == ("lsd", 5, False)
    assert by_name.protocol.samples == 60
    jax.tree.map(np.testing.assert_array_equal, by_name.params, by_path.params)
    # The weights of the EMA that the protocol names, or the raw ones.
    raw = load_trained(folder, ema=0.0)
    assert any((a != b).any() for a, b in zip(*map(jax.tree.leaves, (raw.params, by_name.params)), strict=True))


@pytest.mark.slow
def test_samples_are_those_of_the_commands_bit_for_bit(folder, tmp_path):
    run = load_trained(folder)
    evaluate(folder)
    with np.load(folder / "samples.npz") as kept:
        for steps in (1, 2):
            np.testing.assert_array_equal(run.sample(60, steps=steps, seed=run.protocol.seed), kept[str(steps)])
    ways = {
        "its own": ({}, {}),
        "times": ({"times": (0, 0.3, 1)}, {"times": ("0", "0.3", "1")}),
        "gamma": ({"sampler": "gamma", "options": Options(gamma=0.3)}, {"sampler": "gamma", "options": {"gamma": 0.3}}),
    }
    for own, typed in ways.values():
        written, _ = sample(folder, tmp_path / "x.npz", steps=2, count=50, seed=3, **typed)
        np.testing.assert_array_equal(run.sample(50, steps=2, seed=3, **own), written)


def test_the_snippet_of_the_docstring_runs(folder):
    code = textwrap.dedent(trained_module.__doc__.partition("::")[2])
    assert len(code.strip().splitlines()) == 3
    names = {"load_trained": load_trained}
    exec(code.replace("runs/lsd", str(folder)), names)
    assert names["x"].shape == (1000, 2)
    assert names["v"](S, T, X).shape == (3, 2)
    assert not doctest.DocTestFinder().find(trained_module)[0].examples  # no other code is left untested


def test_the_map_is_the_bound_model_and_its_diagonal_the_velocity(lsd):
    expected = bind(lsd.model, lsd.params)
    np.testing.assert_array_equal(lsd.map()(S, T, X), expected(S, T, X))
    np.testing.assert_array_equal(lsd.velocity()(S, X), expected(S, S, X))
    doubled = jax.tree.map(lambda leaf: 2 * leaf, lsd.params)
    np.testing.assert_array_equal(lsd.network(params=doubled)(S, T, X), bind(lsd.model, doubled)(S, T, X))
    assert float(jnp.abs(expected(S, T, X) - expected(S, S, X)).max()) > 1e-3


def test_the_map_of_learned_velocities_is_an_euler_step():
    run = untrained(small("flow_matching"))
    network = bind(run.model, run.params)
    np.testing.assert_array_equal(run.map()(S, T, X), network(S, S, X))
    np.testing.assert_array_equal(run.velocity()(S, X), network(S, S, X))
    noise = run.dataset.std * jax.random.normal(jax.random.split(jax.random.key(4))[0], (9, 2))
    np.testing.assert_allclose(
        run.sample(9, steps=3, seed=4), samplers.euler(run.velocity(), noise, grids.uniform(3)), atol=1e-5
    )


def test_classes_are_taken_in_turn_or_all_of_one():
    run = conditional("lsd")
    assert run.conditional
    np.testing.assert_array_equal(run.classes(10), [0, 1, 2, 3, 4, 5, 6, 7, 0, 1])
    label = jnp.array([2, 0, 7])
    np.testing.assert_array_equal(run.map(label)(S, T, X), bind(run.model, run.params, Condition(label))(S, T, X))
    generate = run.generator()
    in_turn, nfe = generate(grids.uniform(2), 10, jax.random.key(0), run.classes(10))
    assert nfe == 2
    np.testing.assert_array_equal(run.sample(10, steps=2), in_turn)
    threes = run.sample(10, steps=2, label=3)
    np.testing.assert_array_equal(threes, generate(grids.uniform(2), 10, jax.random.key(0), jnp.full(10, 3))[0])
    np.testing.assert_array_equal((threes == in_turn).all(axis=1), np.arange(10) % 8 == 3)


@pytest.mark.parametrize(
    ("label", "scale", "message"),
    [
        (8, 1.0, "--label=8; data set eight_gaussians has classes 0 to 7"),
        (-1, 2.0, "guidance scale 2: a flow map is guided in training, and this one was trained for scale 1 alone"),
    ],
)
def test_a_class_or_a_scale_that_is_not_there(label, scale, message):
    with pytest.raises(UsageError, match=message):
        conditional("lsd").sample(5, label=label, scale=scale)


def test_a_run_without_classes_has_none(lsd):
    assert lsd.classes(5) is None
    assert lsd.labels(5, label=-1) is None
    with pytest.raises(UsageError, match="--label=2, and this run was trained without labels"):
        lsd.sample(5, label=2)
    with pytest.raises(UsageError, match="guidance scale 1.5, and this run was trained without labels"):
        lsd.check_scale(1.5)


def test_velocities_with_and_without_a_label_are_guided_at_sampling():
    run = conditional("flow_matching")
    label, condition = jnp.array([2, 0, 7]), Condition(jnp.array([2, 0, 7]))
    with_label, without = (bind(run.model, run.params, c)(S, S, X) for c in (condition, Condition()))
    np.testing.assert_allclose(run.velocity(label, scale=3.0)(S, X), 3 * with_label - 2 * without, rtol=1e-4, atol=1e-5)
    run.check_scale(3.0)
    guided, plain = (run.sample(9, steps=2, scale=scale) for scale in (3.0, 1.0))
    assert np.abs(guided - plain).max() > 1e-3


def test_a_run_cannot_be_changed_in_place(lsd):
    with pytest.raises(dataclasses.FrozenInstanceError):
        lsd.params = {}
    changed = dataclasses.replace(lsd, step=9)
    assert (changed.step, lsd.step) == (9, 7)
    assert {field.name for field in dataclasses.fields(Trained)} >= {"config", "objective", "params", "protocol"}


@pytest.mark.parametrize("count", [4, 6, 9])
def test_parts_are_put_together(count, lsd, monkeypatch):
    monkeypatch.setattr(generation, "AT_ONCE", 2 * 3)  # three points of the plane
    assert lsd.sample(count, steps=2).shape == (count, 2)
    noise = jax.random.normal(jax.random.key(1), (count, 2))
    generate = lsd.generator()
    in_parts, nfe = generate(grids.uniform(2), count, jax.random.key(0), noise=noise)
    assert nfe == 2
    np.testing.assert_allclose(in_parts, samplers.composition(lsd.map(), noise, grids.uniform(2)), atol=1e-5)
    # Each part has noise of its own.
    own, _ = generate(grids.uniform(2), count, jax.random.key(0))
    assert len(np.unique(own, axis=0)) == count


def test_parts_keep_the_classes_in_place(monkeypatch):
    monkeypatch.setattr(generation, "AT_ONCE", 2 * 3)
    run = conditional("lsd")
    noise = jnp.ones((7, 2))
    found, _ = run.generator()(grids.uniform(1), 7, jax.random.key(0), run.classes(7), noise=noise)
    expected = samplers.composition(run.map(run.classes(7)), noise, grids.uniform(1))
    np.testing.assert_allclose(found, expected, atol=1e-5)


class Breaking(nn.Module):
    """A network of a model that stays where it is, and gives NaN from time 1/2 on."""

    def __call__(self, s, t, x, condition):
        return jnp.where(s[:, None] >= 0.5, jnp.nan, 0 * x)


@pytest.mark.parametrize(("sampler", "jump"), [("", "(0.5, 0.75)"), ("renoising", "(0.5, 1)")])
def test_the_first_jump_that_is_not_finite_is_named(sampler, jump, lsd, monkeypatch):
    monkeypatch.setattr(generation, "AT_ONCE", 2 * 3)
    run = dataclasses.replace(lsd, model=FlowMapModel(Breaking(), 1.0), params={})
    assert run.sample(5, steps=2, times=(0, 0.9999, 1), sampler="one_jump").shape == (5, 2)
    with pytest.raises(DivergedError, match=rf"100.00% of 5 generated .* \(s, t\) = {re.escape(jump)}"):
        run.sample(5, steps=4, sampler=sampler)


def test_what_cannot_be_sampled_is_refused(lsd):
    with pytest.raises(UsageError, match="unknown --sampler=huen; did you mean 'heun'"):
        lsd.sample(5, sampler="huen")
    with pytest.raises(UsageError, match=r"sampler gamma: gamma = 2.0; expected a number in \[0, 1\]"):
        lsd.sample(5, sampler="gamma", options=Options(gamma=2.0))
    with pytest.raises(ValueError, match="steps = 0; expected at least 1"):
        lsd.sample(5, steps=0)
    with pytest.raises(ValueError, match="expected to increase from 0 to 1"):
        lsd.sample(5, times=(0, 0.5))
