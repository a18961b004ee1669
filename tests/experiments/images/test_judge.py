"""What a judge is made of: classes and turns of the same pictures, its accuracy, its file; and which digits judge."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import caches
from experiments.datasets.dataset import Dataset, Images
from experiments.images import classifier
from experiments.images import judge as judge_of

SIDE = 6


def marked(count):
    """Pictures whose top row is as bright as their class: a flip keeps it, a quarter turn moves it to another side."""
    classes = np.arange(count) % 3
    x = np.zeros((count, SIDE, SIDE, 1), np.float32)
    x[:, 0] = (classes + 1)[:, None, None]
    return x.reshape(count, -1), classes


class Knowing:
    """A network that reads class and turn from the mark."""

    size = (SIDE, SIDE, 1)

    def apply(self, params, x):
        x = x.reshape(-1, SIDE, SIDE)
        # Counted against the clock: top, left, bottom, right.
        sides = jnp.stack([x[:, 0], x[:, :, 0], x[:, -1], x[:, :, -1]], axis=1).min(axis=2)
        own = jnp.arange(3) + 1
        logits = -50 * jnp.abs(x.max(axis=(1, 2))[:, None] - own[None])
        return logits, None, 50 * sides


def test_one_half_is_asked_for_classes_and_the_other_for_turns(monkeypatch):
    losses = []
    monkeypatch.setattr(classifier, "fit", lambda network, loss, *_, **options: losses.append(loss))
    images, classes = marked(30)
    judge_of._train(Knowing(), images, classes, seed=0)
    loss = jax.jit(losses[0])
    for seed in range(3):
        value = loss({}, jax.random.key(seed), jnp.asarray(images), jnp.asarray(classes))
        assert float(value) < 1e-6


@pytest.fixture
def dataset(monkeypatch):
    """A data set whose judge has random weights; asked paths are noted."""
    train, labels = marked(60)
    asked = []

    def kept(path, network, dim, train):
        asked.append(path)
        return jax.jit(network.init)(jax.random.key(0), jnp.zeros((1, dim)))

    monkeypatch.setattr(classifier, "kept", kept)
    truth = Images(train, train[:30] * 0.5, (SIDE, SIDE, 1), labels, labels[:30])
    return Dataset("marked", (SIDE * SIDE,), 1.0, None, truth, classes=3), asked


def test_accuracy_is_that_of_held_out_pictures(dataset):
    dataset, _ = dataset
    judge = judge_of.judge(dataset)
    given = judge.classes(dataset.truth.test)
    # Of 30 pictures 12 are called something else than the judge does.
    wrong = np.where(np.arange(30) < 12, (given + 1) % 3, given)
    again = judge_of.judge(dataset._replace(truth=dataset.truth._replace(test_labels=wrong)))
    assert again.accuracy == pytest.approx(0.6)


def test_other_classes_of_the_same_pictures_make_another_judge(dataset):
    dataset, asked = dataset
    judge_of.judge(dataset)
    judge_of.judge(dataset._replace(truth=dataset.truth._replace(train_labels=dataset.truth.train_labels[::-1])))
    judge_of.judge(dataset)
    assert asked[0] == asked[2] != asked[1]
    assert asked[0].parent == caches.folder()


def test_records_are_trained_on_with_their_own_classes(dataset, monkeypatch):
    dataset, _ = dataset
    monkeypatch.setattr(judge_of, "EXAMPLES", 100)
    records, labels = marked(140)
    images, classes = judge_of._training_examples(dataset._replace(records=list(records), labels=labels))
    np.testing.assert_array_equal(images, records[:100])
    np.testing.assert_array_equal(classes, labels[:100])
    images, classes = judge_of._training_examples(dataset)
    assert images is dataset.truth.train
    assert classes is dataset.truth.train_labels


def test_the_classifier_that_gives_rewards_does_not_judge(monkeypatch):
    asked = []

    start = jax.jit(classifier.Network().init)(jax.random.key(0), jnp.zeros((1, 64)))

    def weights(seed):
        asked.append(seed)
        return start

    monkeypatch.setattr(classifier, "weights", weights)
    x = np.random.default_rng(0).uniform(-1, 1, (5, 64)).astype(np.float32)
    classifier.share_of_class(x, 3)
    classifier.features(jnp.asarray(x))
    assert asked == 2 * [classifier.JUDGING]
    classifier.towards(3)(jnp.asarray(x))
    assert asked[2:] == [classifier.REWARDING] != [classifier.JUDGING]
