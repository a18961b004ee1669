"""Distributions in the plane and the digits; broken data and unknown names."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from experiments import datasets
from experiments.datasets import DATASETS
from experiments.datasets.dataset import Images, Planar
from experiments.errors import UsageError
from experiments.metrics import samples as metrics
from taxonomy.interpolants import LINEAR
from tests.experiments.datasets.helpers import drawn

PLANAR = [name for name, make in DATASETS.items() if isinstance(make().truth, Planar)]


@pytest.mark.parametrize("name", PLANAR)
def test_samples_have_the_stated_bin_masses(name):
    dataset = datasets.load(name)
    mass = dataset.truth.bin_mass(20).ravel()
    low, high = dataset.truth.box
    counts = np.histogram2d(*dataset.truth.project(drawn(dataset)).T, bins=20, range=[(low, high)] * 2)[0].ravel()
    likely = mass > 2e-4
    statistic = np.sum((counts[likely] - 50_000 * mass[likely]) ** 2 / (50_000 * mass[likely]))
    assert stats.chi2.sf(statistic, likely.sum() - 1) > 1e-4
    np.testing.assert_allclose(mass.sum(), 1, atol=1e-4)


@pytest.mark.parametrize("name", PLANAR)
def test_density_integrates_to_the_bin_masses(name):
    truth = datasets.load(name).truth
    low, high = truth.box
    fine = 240
    centres = low + (high - low) / fine * (np.arange(fine) + 0.5)
    grid = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.concatenate([truth.density(part) for part in np.array_split(grid, 20)]).reshape(fine, fine)
    blocks = density.reshape(12, 20, 12, 20).sum(axis=(1, 3)) * ((high - low) / fine) ** 2
    np.testing.assert_allclose(blocks, truth.bin_mass(12), atol=2e-4)


# A Gaussian is no different from noise in where it lies.
@pytest.mark.parametrize("name", [name for name in PLANAR if name != "paired_gaussians"])
def test_samples_lie_in_the_support_and_noise_does_not(name):
    dataset = datasets.load(name)
    expected = 1.0 if name == "checkerboard" else 0.989
    assert metrics.in_support(dataset.truth.project(drawn(dataset)), dataset.truth) >= expected - 0.01
    noise = np.asarray(dataset.noise(jax.random.key(0), 10_000))
    assert metrics.in_support(dataset.truth.project(noise), dataset.truth) < 0.6


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("t", [0.3, 0.9])
def test_exact_velocity_is_the_regression_on_the_samples(name, t):
    dataset, n = datasets.load(name), 20_000
    x1, x0 = drawn(dataset, n), np.asarray(dataset.noise(jax.random.key(1), n))
    times, path = jnp.full(n, t), dataset.path(LINEAR)
    x = path.position(times, jnp.float32(x0), jnp.asarray(x1))
    b = jax.jit(dataset.exact_flow(LINEAR).b)
    found = np.concatenate([b(times[:2000], part) for part in jnp.split(x, 10)])
    residual = np.asarray(path.velocity(times, jnp.float32(x0), jnp.asarray(x1))) - found
    for g in (np.ones_like(x1), np.asarray(x), np.sin(3 * np.asarray(x))):
        products = residual * g
        # Up to 64 coordinates and three functions are looked at: allow for the largest of them.
        assert np.all(np.abs(products.mean(axis=0)) <= 5 * products.std(axis=0) / np.sqrt(n) + 1e-4)


def test_checkerboard_is_the_one_of_the_paper():
    dataset = datasets.load("checkerboard")
    np.testing.assert_allclose(dataset.std, 1 / np.sqrt(3), rtol=1e-6)
    x = drawn(dataset)
    np.testing.assert_allclose(x.std(), dataset.std, rtol=0.01)
    assert dataset.truth.in_support(np.array([[-0.9, -0.9], [-0.9, -0.4], [0.9, 0.9], [1.1, 0.9]])).tolist() == [
        True,
        False,
        True,
        False,
    ]


def test_digits_are_split_without_overlap():
    dataset = datasets.load("digits")
    assert isinstance(dataset.truth, Images)
    train, test = dataset.truth.train, dataset.truth.test
    assert (train.shape, test.shape) == ((1437, 64), (360, 64))
    assert train.min() == -1
    assert train.max() == 1
    known = {row.tobytes() for row in train}
    # scikit-learn's data hold no duplicate across the split.
    assert not any(row.tobytes() in known for row in test)
    assert all(row.tobytes() in known for row in drawn(dataset, 100))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sample": lambda key: jnp.array([jnp.nan, 0.0])}, "100.00% of 4096 drawn examples contain NaN"),
        ({"sample": lambda key: jnp.zeros(3)}, r"examples of shape \(3,\), not \(2,\)"),
        ({"std": 5.0}, "states a standard deviation of 5"),
    ],
)
def test_broken_data_are_named(change, message):
    with pytest.raises(UsageError, match=message):
        datasets.check(DATASETS["checkerboard"]()._replace(**change))


def test_unknown_data_set_suggests_the_nearest():
    message = "unknown data set 'checkboard'; did you mean 'checkerboard'.*, or a path to a .npy or .npz file$"
    with pytest.raises(UsageError, match=message):
        datasets.load("checkboard")
