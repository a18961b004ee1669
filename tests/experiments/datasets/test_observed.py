"""What a network can be conditioned on: pictures made of pictures, readings, what a file says; and bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets
from experiments.datasets import observed, record
from experiments.errors import UsageError
from taxonomy.interpolants import LINEAR


def known_of(name, observation):
    return observed.applied(datasets.load(name), observation)


def test_coarse_pictures_are_means_of_blocks():
    dataset = known_of("digits", "coarse:2")
    data = dataset.draw(jax.random.key(0), 5)
    found = np.asarray(dataset.observed.of(jax.random.key(1), data))[..., 0]
    pictures = np.asarray(data).reshape(5, 8, 8)
    for row in range(8):
        for column in range(8):
            block = pictures[:, row // 2 * 2 : row // 2 * 2 + 2, column // 2 * 2 : column // 2 * 2 + 2]
            np.testing.assert_allclose(found[:, row, column], block.mean(axis=(1, 2)), atol=1e-6)


def test_the_upper_half_hides_the_lower():
    dataset = known_of("digits", "upper_half:0.25")
    data = dataset.draw(jax.random.key(0), 3)
    found = np.asarray(dataset.observed.of(jax.random.key(1), data))[..., 0]
    np.testing.assert_array_equal(found[:, :2], np.asarray(data).reshape(3, 8, 8)[:, :2])
    np.testing.assert_array_equal(found[:, 2:], 0)


def test_grey_keeps_the_weights_of_the_eye():
    dataset = known_of("generated:8x8x3", "grey")
    data = dataset.draw(jax.random.key(0), 4)
    weights = np.array([0.299, 0.587, 0.114])
    expected = np.asarray(data).reshape(4, 8, 8, 3) @ weights
    np.testing.assert_allclose(dataset.observed.of(jax.random.key(1), data)[..., 0], expected, atol=1e-6)


def test_a_reading_has_the_law_of_the_path_and_a_spread_of_one_for_the_network():
    dataset = known_of("checkerboard", "noisy:0.7")
    data = dataset.draw(jax.random.key(0), 20_000)
    reading = dataset.observed.of(jax.random.key(1), data)
    rest = np.asarray(reading - 0.7 * data)
    np.testing.assert_allclose(rest.std(axis=0), 0.3 * dataset.std, rtol=0.03)
    assert abs(np.mean(rest * np.asarray(data))) < 4 * rest.std() * dataset.std / np.sqrt(rest.size)
    vectors = dataset.observed.encoded(reading)
    np.testing.assert_allclose(vectors[:, :-1].std(), 1, rtol=0.02)
    np.testing.assert_array_equal(vectors[:, -1], 1)
    np.testing.assert_allclose(dataset.observed.decoded(vectors), reading, atol=1e-6)


def test_the_exact_velocity_is_the_regression_on_point_and_reading():
    dataset, n, t = known_of("two_moons", "noisy:0.5"), 20_000, 0.4
    data, noise = dataset.draw(jax.random.key(0), n), dataset.noise(jax.random.key(1), n)
    vectors = dataset.observed.encoded(dataset.observed.of(jax.random.key(2), data))
    times = jnp.full(n, t)
    x = LINEAR.position(times, noise, data)
    b = observed.exact_velocity(dataset, LINEAR)
    residual = np.asarray(LINEAR.velocity(times, noise, data) - jax.jit(b(vectors))(times, x))
    for g in (np.ones((n, 2)), np.asarray(x), np.asarray(vectors[:, :2]), np.sin(3 * np.asarray(vectors[:, :2]))):
        products = residual * g
        assert np.all(np.abs(products.mean(axis=0)) <= 5 * products.std(axis=0) / np.sqrt(n) + 1e-4)
    # Where nothing is told, and for no vector at all, it is the velocity of all data.
    whole = dataset.exact_path(LINEAR).b(times[:50], x[:50])
    np.testing.assert_allclose(b(jnp.zeros((50, 3)))(times[:50], x[:50]), whole, atol=1e-5)
    np.testing.assert_array_equal(b(None)(times[:50], x[:50]), whole)


def test_held_out_examples_are_those_of_the_test_split():
    dataset = known_of("digits", "coarse:4")
    examples, numbers = observed.held_out(dataset, jax.random.key(0), 20)
    known = {row.tobytes() for row in dataset.truth.test}
    assert all(np.asarray(row).tobytes() in known for row in examples)
    np.testing.assert_allclose(numbers, dataset.observed.of(jax.random.key(1), examples), atol=1e-6)


@pytest.fixture
def paired(tmp_path):
    """A file of points, and of two numbers that are known of each: -x and the row's own number."""
    x = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    c = np.concatenate([-x, np.arange(60)[:, None]], axis=1).astype(np.float32)
    np.savez(tmp_path / "points.npz", x=x, c=c)
    return tmp_path / "points.npz", x, c


def test_what_a_file_says_belongs_to_its_example(paired):
    path, _, c = paired
    dataset = known_of(str(path), "stored")
    keys = jax.random.split(jax.random.key(0), 30)
    data = dataset.in_own_units(np.asarray(jax.vmap(dataset.sample)(keys)))
    known = np.asarray(jax.vmap(dataset.observed.stored.sample)(jax.random.clone(keys)))
    np.testing.assert_allclose(known[:, :2], -data, atol=1e-5)
    examples, numbers = observed.held_out(dataset, jax.random.key(1), 10)
    np.testing.assert_allclose(numbers[:, :2], -dataset.in_own_units(np.asarray(examples)), atol=1e-5)
    train, held = (set(part[:, 2].tolist()) for part in dataset.observed.stored[:2])
    assert not train & held
    assert train | held == set(range(60))
    encoded = dataset.observed.encoded(jnp.asarray(dataset.observed.stored.train))
    np.testing.assert_allclose([encoded[:, :-1].mean(), encoded[:, :-1].std()], [0, 1], atol=1e-5)
    assert c.shape == (60, 3)


def test_files_with_other_vectors_are_other_data(paired, tmp_path):
    path, x, c = paired
    np.savez(tmp_path / "other.npz", x=x, c=c + 1)
    digests = {record.digest(datasets.load(str(p))) for p in (path, tmp_path / "other.npz")}
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"c": np.zeros((59, 3), np.float32)}, r"float32 of shape \(59, 3\); expected 60 vectors \[n, k\] or pictures"),
        ({"c": np.full((60, 1), np.nan, np.float32)}, "NaN or infinite in 60 of 60 entries, first entry 0"),
        ({"c": np.zeros((60, 3), np.int64)}, "is int64 of shape"),
        ({"test_c": np.zeros((60, 3), np.float32)}, 'holds "test_c" but no "test"'),
        ({"test": np.ones((9, 2), np.float32), "c": np.zeros((60, 3), np.float32)}, 'has no array "c", and the other'),
    ],
)
def test_vectors_that_do_not_fit_their_examples_are_refused(tmp_path, arrays, message):
    x = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    np.savez(tmp_path / "bad.npz", x=x, **arrays)
    with pytest.raises(UsageError, match=message):
        datasets.load(str(tmp_path / "bad.npz"))


@pytest.mark.parametrize(
    ("name", "observation", "message"),
    [
        ("digits", "coarsee:2", "did you mean 'coarse'"),
        ("digits", "coarse:3", "on pictures of 8 x 8; expected the side of blocks that divide both"),
        ("digits", "coarse:two", "coarse takes a number, as in coarse:4"),
        ("digits", "grey", "data set digits has no colours"),
        ("digits", "grey:2", "grey takes no option"),
        ("digits", "upper_half:0", "expected a share of the rows between 0 and 1"),
        ("checkerboard", "coarse:2", "is of pictures, and data set checkerboard has none"),
        ("checkerboard", "noisy:1", "expected a time of the reading between 0 and 1"),
        ("checkerboard", "stored", 'expected a .npz file with an array "c"'),
        ("sphere", "noisy", "takes points of flat space"),
        ("categories", "noisy", "has categories"),
    ],
)
def test_data_without_such_an_observation_are_refused_in_one_line(name, observation, message):
    with pytest.raises(UsageError, match=message) as caught:
        known_of(name, observation)
    assert "\n" not in str(caught.value)
