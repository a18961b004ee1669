"""What examples carry besides noise, data and times: labels, scales and keys of dropout, each in its share."""

import functools

import jax
import numpy as np
import pytest

from experiments import datasets
from experiments.training.draws import ExtraInputs, draw, told_of
from objectives.build import OBJECTIVES
from taxonomy.interpolants import LINEAR

COUNT = 4000


def nearest(points):
    """The Gaussian of eight whose mean is the nearest: their spread is a tenth of the way between neighbours."""
    angle = 2 * np.pi * np.arange(8) / 8
    centres = 0.8 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return np.argmin(np.linalg.norm(np.asarray(points)[:, None] - centres, axis=-1), axis=1)


@pytest.fixture(scope="module")
def batch():
    """A batch that carries everything."""
    dataset = datasets.load("eight_gaussians")
    term = OBJECTIVES["flow_matching"](velocity="pooled", pool=500).terms[0]
    extra = ExtraInputs(labels=True, label_dropout=0.3, largest_scale=5.0, dropout=True)
    return jax.jit(lambda key: draw(term, dataset, key, 0, COUNT, extra=extra))(jax.random.key(2))


def test_labels_are_those_of_the_examples_and_dropped_in_their_share(batch):
    kept = np.asarray(batch.labelled)
    # Four standard errors.
    np.testing.assert_allclose(kept.mean(), 0.7, atol=4 * np.sqrt(0.21 / COUNT))
    np.testing.assert_array_equal(batch.label[~kept], 8)
    np.testing.assert_array_equal(batch.label[kept], nearest(batch.x1)[kept])


def test_the_pool_has_points_of_all_classes_with_their_labels(batch):
    assert batch.pool.shape == (500, 2)
    np.testing.assert_array_equal(batch.pool_label, nearest(batch.pool))
    assert set(np.asarray(batch.pool_label).tolist()) == set(range(8))
    # They are further points, none of the batch.
    assert not set(np.asarray(batch.pool)[:, 0].tolist()) & set(np.asarray(batch.x1)[:, 0].tolist())


def test_scales_are_uniform_in_their_logarithm_and_one_without_a_label(batch):
    kept = np.asarray(batch.labelled)
    np.testing.assert_array_equal(batch.scale[~kept], 1.0)
    powers = np.log(np.asarray(batch.scale)[kept]) / np.log(5)
    assert 0 <= powers.min() < 0.01 < 0.99 < powers.max() <= 1
    # A uniform law has the variance 1 / 12, and that of its square about 1 / 180.
    np.testing.assert_allclose(powers.mean(), 0.5, atol=4 / np.sqrt(12 * len(powers)))
    np.testing.assert_allclose(powers.var(), 1 / 12, atol=4 / np.sqrt(180 * len(powers)))


def test_keys_of_dropout_are_their_own(batch):
    assert batch.dropout.shape == (COUNT,)
    assert len(np.unique(jax.random.key_data(batch.dropout), axis=0)) == COUNT
    # What they would draw is not what labels and scales have drawn.
    kept, own = np.asarray(batch.labelled), np.asarray(jax.vmap(jax.random.uniform)(batch.dropout))
    powers = np.log(np.asarray(batch.scale)[kept])
    assert abs(np.corrcoef(own[kept], powers)[0, 1]) < 4 / np.sqrt(len(powers))
    assert abs(np.corrcoef(own, kept)[0, 1]) < 4 / np.sqrt(COUNT)


@pytest.mark.parametrize("name", ["ito_map", "posterior_map"])
def test_what_is_told_belongs_to_an_example_and_to_its_data(name):
    """Each example has its own vector, wherever its part of the batch begins; (t, x_t) has the data of its example."""
    dataset, objective = datasets.load("eight_gaussians"), OBJECTIVES[name]()
    extra = ExtraInputs(told=told_of(objective, dataset, LINEAR))

    @functools.partial(jax.jit, static_argnums=1)
    def drawn(first, count):
        return draw(objective.terms[1], dataset, jax.random.key(2), first, count, extra=extra)

    whole, part = drawn(0, 1200), drawn(1000, 200)
    assert whole.told.shape == (1200, objective.told.size(2))
    np.testing.assert_array_equal(whole.told[1000:], part.told)
    assert len(np.unique(whole.told[:, 1])) == 1200
    if name == "ito_map":
        np.testing.assert_allclose(np.cov(whole.told.T), np.eye(6), atol=4 * np.sqrt(2 / 1200))
        return
    t, x_t = np.asarray(whole.told[:, :1]), np.asarray(whole.told[:, 1:]) * dataset.std
    outer = (x_t - t * np.asarray(whole.x1)) / (1 - t) / dataset.std
    far = t[:, 0] < 0.9  # where rounding is small
    np.testing.assert_allclose([outer[far].mean(), outer[far].var()], [0, 1], atol=0.12)
    # The noise of the outer path is not that of the inner one.
    assert abs(np.corrcoef(outer[far][:, 0], np.asarray(whole.x0)[far][:, 0])[0, 1]) < 0.12
