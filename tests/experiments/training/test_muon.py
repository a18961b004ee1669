"""The cheaper Muon: its orthogonalization against the SVD, its updates against optax's, and the steps it leaves out."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
from optax import contrib
import pytest

from experiments.training import dispatch, runs
from experiments.training.loop import train
from experiments.training.muon import COEFFICIENTS, orthogonalized, sparse_muon
from tests.experiments.small_runs import small

RATE = 0.1


def with_values(values, *, rows, columns, seed=0):
    """(matrix with given singular values, its left and right singular vectors)."""
    random = np.random.default_rng(seed)
    left, right = (np.linalg.qr(random.standard_normal((n, len(values))))[0] for n in (rows, columns))
    return left * values @ right.T, left, right


@pytest.mark.parametrize(("rows", "columns"), [(12, 12), (9, 20), (20, 9)])
def test_singular_vectors_stay_and_values_follow_the_polynomials(rows, columns):
    values = np.geomspace(1e-4, 3.0, 9)
    expected = values / np.sum(values**4) ** 0.25
    for a, b, c in COEFFICIENTS:
        expected = a * expected + b * expected**3 + c * expected**5
    matrix, left, right = with_values(values, rows=rows, columns=columns)
    with jax.enable_x64(True):
        found = np.asarray(orthogonalized(jnp.asarray(matrix)))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, left * expected @ right.T, atol=1e-5)


def test_singular_values_in_the_range_end_near_one():
    grid = np.geomspace(0.005, 1, 20_001)
    for a, b, c in COEFFICIENTS:
        grid = a * grid + b * grid**3 + c * grid**5
    # The largest differences from one are equal on both sides: no other polynomial of the last step has a smaller one.
    np.testing.assert_allclose([grid.min(), grid.max()], [0.504926, 1.495074], atol=5e-5)


def test_the_size_of_a_gradient_does_not_matter():
    matrix = with_values(np.geomspace(1e-3, 1.0, 6), rows=8, columns=6)[0].astype(np.float32)
    for size in (1e-12, 1e6):
        np.testing.assert_allclose(orthogonalized(size * matrix), orthogonalized(matrix), atol=2e-4)
    np.testing.assert_array_equal(orthogonalized(jnp.zeros((3, 4))), np.zeros((3, 4)))


def taken(transformation, gradients):
    """Every update that gradients lead to."""
    params = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape[1:]), gradients)
    first = transformation.init(params)
    return jax.lax.scan(lambda state, g: transformation.update(g, state, params)[::-1], first, gradients)[1]


def gradients_of(count):
    random = np.random.default_rng(0)
    shapes = {"matrix": (6, 9), "kernel": (3, 3, 2, 5), "vector": (7,)}
    return {name: jnp.asarray(random.standard_normal((count, *shape)) + 0.3) for name, shape in shapes.items()}


@pytest.mark.skipif(
    "preconditioning" not in inspect.signature(contrib.muon).parameters, reason="this optax has no such norm"
)
def test_with_every_step_it_is_the_muon_of_optax_with_these_coefficients():
    def dimensions(params):
        kernel = contrib.MuonDimensionNumbers((0, 1, 2), 3)
        return jax.tree.map(lambda leaf: {2: contrib.MuonDimensionNumbers(), 4: kernel}.get(leaf.ndim), params)

    with jax.enable_x64(True):
        gradients = gradients_of(320)
        theirs = contrib.muon(
            RATE,
            ns_coeffs=COEFFICIENTS,
            ns_steps=3,
            preconditioning="schatten",
            adam_b2=0.9,
            muon_weight_dimension_numbers=dimensions,
        )
        expected, found = taken(theirs, gradients), taken(sparse_muon(lambda step: RATE, 0.9, every=1), gradients)
    for name in gradients:
        # The momentum of optax is corrected at the start: 0.95^300 of it is left.
        np.testing.assert_allclose(found[name][-20:], expected[name][-20:], atol=1e-5)


def test_in_between_matrices_rest_and_vectors_move():
    gradients = gradients_of(7)
    each, third = (taken(sparse_muon(lambda step: RATE / (1 + step), 0.9, every=every), gradients) for every in (1, 3))
    np.testing.assert_array_equal(third["vector"], each["vector"])
    for name in ("matrix", "kernel"):
        # The momentum is the same, the rate that of the step, and the way three times as long.
        np.testing.assert_allclose(third[name][::3], 3 * each[name][::3], rtol=1e-5)
        rest = np.delete(np.asarray(third[name]), np.s_[::3], axis=0)
        np.testing.assert_array_equal(rest, np.zeros_like(rest))


def test_a_run_stopped_between_two_updates_ends_as_if_it_had_not_been(tmp_path, monkeypatch):
    """With a pool, and an odd number of steps saved, after which the matrices rest at the next one."""
    config = small(optimizer="sparse_muon", checkpoint_every=5)
    config.objective.options.update({"velocity": "pooled", "pool": 16})
    train(config, tmp_path / "whole")
    call, seen = dispatch.Dispatch.__call__, []

    def stopped(self, state, **inputs):
        seen.append(int(jax.tree.leaves(state.step)[0].ravel()[0]))
        if len(seen) == 2:
            raise KeyboardInterrupt
        return call(self, state, **inputs)

    monkeypatch.setattr(dispatch.Dispatch, "__call__", stopped)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "stopped")
    train(config, tmp_path / "stopped")
    assert seen == [0, 5, 5, 10, 15]
    whole, again = (runs.load_trained(tmp_path / name, ema=0).params for name in ("whole", "stopped"))
    jax.tree.map(np.testing.assert_array_equal, whole, again)
