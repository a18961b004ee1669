"""Distributions in a plane of many dimensions: drawn there, scored in the plane, refused where a plane is needed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets
from experiments.errors import UsageError
from experiments.evaluation import scoring
from experiments.metrics import planar_table, reference
from experiments.metrics.metric import compute_all
from experiments.reporting import plots
from experiments.settings.protocol import Protocol
from taxonomy.interpolants import LINEAR

NAME = "embedded:spiral,dimensions=16"
QUICK = ("kl", "paper_kl", "in_support", "outside_box", "off_plane")
PROTOCOL = Protocol(samples=4000, projections=4, pairs=100)


def test_examples_are_those_of_the_plane():
    flat, dataset = datasets.load("spiral"), datasets.load(NAME)
    key = jax.random.key(3)
    drawn = np.asarray(dataset.draw(key, 1000))
    assert drawn.shape == (1000, 16)
    np.testing.assert_allclose(dataset.truth.project(drawn), flat.draw(jax.random.clone(key), 1000), atol=1e-6)
    basis = dataset.truth.basis
    np.testing.assert_allclose(drawn @ basis @ basis.T, drawn, atol=1e-6)
    assert (dataset.std, dataset.name, dataset.classes) == (flat.std, NAME, 0)
    assert datasets.load("embedded:eight_gaussians,dimensions=3").classes == 8


def test_the_velocity_is_the_regression_on_the_samples():
    dataset, n, t = datasets.load(NAME), 20_000, jnp.full(20_000, 0.4)
    x1 = dataset.draw(jax.random.key(0), n)
    x0 = dataset.std * jax.random.normal(jax.random.key(1), (n, 16))
    x = LINEAR.position(t, x0, x1)
    residual = np.asarray(LINEAR.velocity(t, x0, x1) - jax.jit(dataset.exact_flow(LINEAR).b)(t, x))
    # E[residual f(x)] = 0 for any f: here all coordinates and their sines.
    for f in (np.asarray(x), np.sin(5 * np.asarray(x))):
        moments = np.mean(residual[:, :, None] * f[:, None, :], axis=0)
        errors = np.std(residual[:, :, None] * f[:, None, :], axis=0) / np.sqrt(n)
        assert np.abs(moments / errors).max() < 5.5


def quick(samples, dataset):
    """The metrics that take next to no time."""
    table = [metric for metric in scoring.metrics_of(dataset) if metric.name in QUICK]
    return compute_all(table, planar_table.in_plane(samples, dataset, PROTOCOL))


def test_samples_are_scored_in_the_plane_and_what_is_off_it_is_counted():
    dataset, flat = datasets.load(NAME), datasets.load("spiral")
    data = scoring.true_samples(dataset, 4000, 1)
    found = quick(data, dataset)
    assert found.pop("off_plane") == pytest.approx(0, abs=1e-6)
    assert found == pytest.approx(quick(scoring.true_samples(flat, 4000, 1), flat), rel=1e-3)
    # Noise off the plane changes that number alone: the share of its squares.
    noise = np.random.default_rng(0).standard_normal(data.shape).astype(np.float32)
    noise -= noise @ dataset.truth.basis @ dataset.truth.basis.T
    blurred = (data + noise).astype(np.float32)
    again = quick(blurred, dataset)
    assert again.pop("off_plane") == pytest.approx(np.sum(noise**2) / np.sum(blurred**2), rel=1e-4)
    assert again == pytest.approx(found, rel=0.02)
    assert scoring.first_metric(blurred, dataset, PROTOCOL) == ("kl", pytest.approx(again["kl"]))


@pytest.mark.slow
def test_the_reference_set_is_solved_in_the_plane():
    dataset = datasets.load(NAME)
    made = reference.build(dataset, LINEAR, seed=1, triples=20, tolerance=1e-6)
    assert made.x_t.shape == (20, 16)
    basis = dataset.truth.basis
    off = [x - x @ basis @ basis.T for x in (made.x_s, made.x_t)]
    np.testing.assert_allclose(off[1] * (1 - made.s)[:, None], off[0] * (1 - made.t)[:, None], atol=1e-9)
    np.testing.assert_allclose(made.x_1 @ basis @ basis.T, made.x_1, atol=1e-9)


def test_samples_are_drawn_in_the_plane(tmp_path):
    dataset = datasets.load(NAME)
    plots.samples(tmp_path / "a.png", dataset, {"lsd": {1: np.asarray(dataset.draw(jax.random.key(0), 100))}})
    assert (tmp_path / "a.png").stat().st_size > 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("embedded:", "data set embedded is incomplete; expected --config.dataset=embedded:PLANAR"),
        ("embedded:spiralle", "unknown data set embedded:spiralle; did you mean 'spiral'"),
        ("embedded:digits", "unknown data set embedded:digits"),
        ("embedded:spiral,dimensions=1", "embedded:spiral,dimensions=1; expected 2 to 4,096 dimensions"),
        ("embedded:spiral,dimensions=5000", "expected 2 to 4,096 dimensions"),
        ("embedded:spiral,dimensions=x", "data set embedded with dimensions=x; expected a whole number"),
        ("embedded:spiral,dim=8", "unknown option 'dim=8' of data set embedded; Known: dimensions"),
    ],
)
def test_bad_names(name, message):
    with pytest.raises(UsageError, match=message):
        datasets.load(name)


def test_what_needs_the_plane_itself_says_so():
    with pytest.raises(UsageError, match="lies in a plane of 16 dimensions; a reward takes the plane itself, such as"):
        datasets.load(NAME).check_flat(use="a reward")
    datasets.load("spiral").check_flat(use="a reward")
