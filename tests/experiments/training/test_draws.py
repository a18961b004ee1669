"""What examples carry besides noise, data and times: labels, scales and keys of dropout, each in its share."""

import jax
import numpy as np
import pytest

from experiments import datasets
from experiments.training.draws import ExtraInputs, draw
from objectives.build import OBJECTIVES

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
