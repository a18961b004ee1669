"""The worked examples of docs/add_a_dataset.md and docs/add_a_reward.md are code that runs and that is right."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from experiments import datasets
from experiments.datasets.dataset import Images
from experiments.errors import UsageError
from experiments.uses import rewards
from taxonomy.interpolants import LINEAR
from tests.pages import run_blocks


@pytest.fixture(scope="module")
def added():
    return run_blocks("add_a_dataset.md", count=3)


@pytest.fixture(scope="module")
def rewarded():
    return run_blocks("add_a_reward.md", count=3)


def drawn(dataset, count):
    return np.asarray(dataset.draw(jax.random.key(0), count))


def test_the_distribution_of_the_page_has_the_stated_masses_and_density(added):
    dataset = added["stripes"]()
    datasets.check(dataset)
    x, truth = drawn(dataset, 20_000), dataset.truth
    np.testing.assert_allclose(x.std(), dataset.std, rtol=0.01)
    mass = truth.bin_mass(15).ravel()
    np.testing.assert_allclose(mass.sum(), 1, rtol=1e-12)
    counts = np.histogram2d(*x.T, bins=15, range=[truth.box] * 2)[0].ravel()
    likely = mass > 0
    assert counts[~likely].sum() < 5  # on the edges of stripes, by rounding
    statistic = np.sum((counts[likely] - 20_000 * mass[likely]) ** 2 / (20_000 * mass[likely]))
    assert stats.chi2.sf(statistic, likely.sum() - 1) > 1e-4
    # Bins of a fifth of a stripe lie in it or beside it.
    centres = np.linspace(-1, 1, 26)[:-1] + 0.04
    grid = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1).reshape(-1, 2)
    np.testing.assert_allclose(truth.density(grid) * 0.08**2, truth.bin_mass(25).ravel(), atol=1e-12)
    assert truth.in_support(x).mean() > 0.999
    assert truth.in_support(np.array([[-0.4, 0.0], [0.0, 0.0], [0.0, 1.1]])).tolist() == [False, True, False]


def test_the_exact_velocity_of_the_page_is_the_regression_on_samples(added):
    dataset, n = added["stripes"](), 20_000
    x1, x0 = drawn(dataset, n), dataset.std * np.random.default_rng(1).standard_normal((n, 2)).astype(np.float32)
    times = jnp.full(n, 0.6)
    x = LINEAR.position(times, jnp.asarray(x0), jnp.asarray(x1))
    residual = x1 - x0 - np.asarray(jax.jit(dataset.exact_flow(LINEAR).b)(times, x))
    for g in (np.ones_like(x1), np.asarray(x), np.sin(3 * np.asarray(x))):
        products = residual * g
        assert np.all(np.abs(products.mean(axis=0)) <= 5 * products.std(axis=0) / np.sqrt(n))


def test_the_configuration_of_the_page_is_one_of_data_in_the_plane(added):
    config = added["get_config"]("psd_m")
    assert (config.dataset, config.objective.name) == ("stripes", "psd_m")


def test_the_reader_of_the_page_gives_pictures_with_classes(added):
    dataset = added["discs"](side=8, count=60)
    datasets.check(dataset)
    assert isinstance(dataset.truth, Images)
    assert (dataset.shape, dataset.classes, dataset.truth.size) == ((64,), 3, (8, 8, 1))
    train, labels = dataset.truth.train, dataset.truth.train_labels
    assert set(np.unique(train)) == {-1, 1}
    areas = [(train[labels == k] == 1).mean() for k in range(3)]
    assert areas[0] < areas[1] < areas[2]
    with pytest.raises(UsageError, match="side=4; expected at least 8"):
        added["discs"](side=4)


@pytest.mark.parametrize(
    ("name", "data"),
    [("on_ring", "checkerboard"), ("sum_of_both", "eight_gaussians"), ("bright_on_top", "digits")],
)
def test_the_rewards_of_the_page_can_be_used(name, data, rewarded):
    rewards.check(rewarded[name], datasets.load(data), name=name)


def test_the_rewards_of_the_page_are_their_formulas(rewarded):
    x = jnp.array([[0.7, 0.0], [0.3, 0.4], [-0.6, 0.8]])
    np.testing.assert_allclose(rewarded["on_ring"](x), [0, -0.8, -1.8], atol=1e-4)
    expected = stats.norm.logpdf(0.5, np.asarray(x).sum(axis=1), 0.2)
    np.testing.assert_allclose(rewarded["sum_of_both"](x), expected, rtol=1e-5)
    digit = jnp.concatenate([jnp.ones(32), -jnp.ones(32)])[None]
    np.testing.assert_allclose(rewarded["bright_on_top"](digit), [20])
