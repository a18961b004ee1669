"""Couplings: what is matched is optimal and the same for any number of devices, and pairs stay together."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from experiments import datasets
from experiments.datasets import couplings
from experiments.errors import UsageError
from experiments.training.draws import draw
from objectives.build import OBJECTIVES
from taxonomy.interpolants import LINEAR

GROUP, COUNT = 8, 48
TERM = OBJECTIVES["flow_matching"]().terms[0]
# Of the same points in two programs, which may differ in the last digit of float32.
ROUNDING = {"rtol": 1e-6, "atol": 1e-7}


def drawn(dataset, *, first=0, count=COUNT):
    return jax.jit(lambda key, first: draw(TERM, dataset, key, first, count))(jax.random.key(3), first)


@pytest.fixture(scope="module")
def plain():
    return datasets.load("two_moons")


@pytest.fixture(scope="module")
def transported(plain):
    return couplings.coupled(plain, None, coupling="optimal_transport", group=GROUP)


def test_a_group_has_the_cheapest_pairs_of_all_permutations(plain, transported):
    free, found = drawn(plain), drawn(transported)
    np.testing.assert_allclose(found.x1, free.x1, **ROUNDING)
    np.testing.assert_array_equal(found.times.t, free.times.t)
    cost = np.sum((np.asarray(free.x1)[:, None] - np.asarray(free.x0)[None]) ** 2, axis=-1)
    for k in range(0, COUNT, GROUP):
        own = slice(k, k + GROUP)
        rows, columns = linear_sum_assignment(cost[own, own])
        np.testing.assert_allclose(np.asarray(free.x0)[own][columns[np.argsort(rows)]], found.x0[own], **ROUNDING)
    assert np.abs(np.asarray(found.x0 - free.x0)).max() > 0.1


@pytest.mark.parametrize("devices", [2, 3, pytest.param(16, marks=pytest.mark.slow)])
def test_any_number_of_devices_sees_the_same_pairs(transported, devices):
    whole, size = drawn(transported), COUNT // devices  # of 3 and of 48 examples: groups lie across devices
    parts = [drawn(transported, first=k * size, count=size) for k in range(devices)]
    for name in ("x0", "x1", "fresh"):
        together = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_allclose(together, getattr(whole, name), **ROUNDING)
    np.testing.assert_array_equal(np.concatenate([part.times.t for part in parts]), whole.times.t)


def test_matching_keeps_both_laws_and_shortens_the_way(plain, transported):
    x0, x1 = couplings.pairs(transported, jax.random.key(1), jax.random.key(2), 4001)
    free0, free1 = couplings.pairs(plain, jax.random.key(1), jax.random.key(2), 4001)
    assert x0.shape == free0.shape == (4001, 2)
    np.testing.assert_allclose(jnp.mean(x0**2), plain.std**2, rtol=0.1)
    np.testing.assert_allclose(jnp.mean(x1**2), jnp.mean(free1**2), rtol=0.1)
    assert jnp.mean((x1 - x0) ** 2) < 0.6 * jnp.mean((free1 - free0) ** 2)


def test_starts_of_another_set_are_its_points(plain):
    spiral = datasets.load("spiral")
    dataset = couplings.coupled(plain, spiral, coupling="independent")
    x0 = np.asarray(drawn(dataset).x0)
    assert spiral.truth.in_support(x0).mean() > 0.9
    np.testing.assert_array_equal(drawn(dataset).x1, drawn(plain).x1)
    with pytest.raises(UsageError, match="two_moons has no exact velocity from spiral, coupling independent"):
        dataset.exact_path(LINEAR)


def test_pairs_have_the_law_of_their_exact_path():
    dataset = couplings.coupled(datasets.load("paired_gaussians"), None, coupling="paired")
    batch = drawn(dataset, count=20_000)
    x0, x1 = np.asarray(batch.x0, np.float64), np.asarray(batch.x1, np.float64)
    for k, expected in enumerate((0.9, -0.6)):
        np.testing.assert_allclose(np.corrcoef(x0[:, k], x1[:, k])[0, 1], expected, atol=0.02)
    # dI less the exact velocity is uncorrelated with the point, whose law the exact density is.
    t = jnp.full(len(x0), 0.4)
    flow, x = dataset.exact_path(LINEAR), jnp.asarray(0.6 * x0 + 0.4 * x1, jnp.float32)
    rest = np.asarray((x1 - x0) - flow.b(t, x), np.float64)
    np.testing.assert_allclose(rest.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(rest.T @ np.asarray(x) / len(x0), 0, atol=0.01)
    at, found = couplings.pairs(dataset, jax.random.key(0), jax.random.key(1), 5000)
    np.testing.assert_allclose(np.corrcoef(at[:, 0], found[:, 0])[0, 1], 0.9, atol=0.02)


def test_rows_of_two_files_stay_together(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ends = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    np.save("ends.npy", ends)
    np.save("starts.npy", 2 * ends)
    data, source = datasets.load("ends.npy"), datasets.load("starts.npy")
    batch = drawn(couplings.coupled(data, source, coupling="paired"))
    np.testing.assert_allclose(batch.x0, 2 * batch.x1, rtol=1e-5, atol=1e-6)
    # Evaluation starts from what training has not seen.
    held = couplings.coupled(data, source, coupling="paired").starts(jax.random.key(0), 30, held_out=True)
    assert (
        np.abs(np.asarray(held)[:, None] - np.asarray(source.truth.test - source.centre)[None])
        .max(-1)
        .min(axis=1)
        .max()
        < 1e-5
    )
    np.save("fewer.npy", ends[:30])
    with pytest.raises(UsageError, match="source fewer.npy has 27 examples to train on, data set ends.npy has 36"):
        couplings.coupled(data, datasets.load("fewer.npy"), coupling="paired")
    with pytest.raises(UsageError, match="a coupling whose sides differ in shape"):
        couplings.coupled(datasets.load("two_moons"), source, coupling="independent")


def test_what_is_no_pair_is_refused(plain):
    with pytest.raises(UsageError, match="data set two_moons has no partners"):
        couplings.coupled(plain, None, coupling="paired")
    with pytest.raises(UsageError, match="data set spiral draws its examples, so that nothing is paired with them"):
        couplings.coupled(plain, datasets.load("spiral"), coupling="paired")


def test_noise_that_is_independent_changes_nothing(plain):
    assert couplings.coupled(plain, None, coupling="independent") is plain
