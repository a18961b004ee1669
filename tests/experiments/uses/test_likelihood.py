import csv
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets
from experiments.errors import UsageError
from experiments.training import runs
from experiments.training.loop import train
from experiments.uses.inversion import invert
from experiments.uses.likelihood import measure as likelihood
from experiments.uses.likelihood import scores as likelihood_scores
from models import likelihood as library
from models.flow_map_model import bind
from taxonomy import exact
from taxonomy.interpolants import LINEAR
from tests.experiments.small_runs import small


@pytest.fixture(scope="module")
def one_way(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uses") / "lsd"
    train(small(), folder)
    return folder


@pytest.fixture(scope="module")
def both_ways(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uses") / "both"
    config = small()
    config.objective.options.times = "square"
    train(config, folder)
    return folder


def rounded(dataset):
    """A data set in the plane that is one round Gaussian, with its map in closed form."""
    flow = exact.gaussian(LINEAR, mean=jnp.array([0.2, -0.1]), covariance=0.25 * jnp.eye(2), noise_std=dataset.std)

    def density(x):
        return np.exp(-np.sum((x - np.array([0.2, -0.1])) ** 2, axis=-1) / 0.5) / (0.5 * np.pi)

    truth = dataset.truth._replace(density=density, in_support=lambda x: np.ones(len(x), bool))
    return dataset._replace(truth=truth), flow


def test_every_method_finds_the_density_of_an_exact_map():
    dataset, flow = rounded(datasets.load("two_moons"))
    noise = invert.noise_of(dataset, 50, 0)
    data = np.float32([0.2, -0.1]) + 0.5 * invert.noise_of(dataset, 50, 1) / dataset.std
    centres = np.linspace(-2.3, 2.7, 20)
    grid = np.float32(np.stack(np.meshgrid(centres, centres - 0.3, indexing="ij"), axis=-1).reshape(-1, 2))
    cell = (centres[1] - centres[0]) ** 2
    for method in likelihood_scores.methods(flow.v, flow.b, ode_steps=8, probes=1, seed=0):
        rows, on_grid = likelihood_scores.score(method, dataset, noise, data, grid, cell)
        # The gradient is a multiple of the unit, so that one probe of signs has no error.
        for row in rows:
            assert row["error"] < 1e-4, (method.name, row)
            assert row["off_support"] == 0
        np.testing.assert_allclose(rows[1]["nats"], -np.log(dataset.truth.density(data)).mean() / 2, rtol=1e-4)
        np.testing.assert_allclose(rows[1]["mass"], 1, atol=2e-3)
        np.testing.assert_allclose(np.exp(on_grid), dataset.truth.density(grid), rtol=1e-3)


def test_points_off_the_support_are_counted_and_left_out():
    truth = datasets.load("checkerboard").truth
    x = np.array([[-0.9, -0.9], [-0.9, -0.1], [0.1, 0.1], [0.9, 0.1]])
    found = likelihood_scores._compared(np.log([0.5, 3.0, 1.0, 9.0]), x, truth)
    assert truth.in_support(x).tolist() == [True, False, True, False]
    np.testing.assert_allclose([found["error"], found["off_support"]], [np.log(2) / 2, 0.5])


@pytest.mark.slow
def test_the_command_on_a_trained_run(both_ways, capsys):
    rows = likelihood.measure(both_ways, points=40, ode_steps=2)
    assert "warning" not in capsys.readouterr().err
    assert [row["method"] for row in rows[::2]] == [
        "1 jump",
        "4 jumps",
        "ODE, exact divergence",
        "ODE, Hutchinson, 1 probe",
        "exact velocity, adaptive solver",
    ]
    assert [row["evaluations"] for row in rows[:8:2]] == [3, 12, 24, 16]
    # Of the exact velocity the solver gives the exact density.
    assert rows[-2]["error"] < 1e-5
    # By hand: change of variables of one jump at the held-out data.
    trained = runs.load_trained(both_ways)
    dataset, v = trained.dataset, bind(trained.model, trained.params)
    data = invert.held_out(dataset, 40, 1234)

    def back(x):
        return x - v(jnp.ones(1), jnp.zeros(1), x[None])[0]

    z, gradient = jax.vmap(back)(data), jax.vmap(jax.jacfwd(back))(data)
    log_p = -jnp.sum(z**2, axis=-1) / (2 * dataset.std**2) - jnp.log(2 * jnp.pi * dataset.std**2)
    log_p += jnp.log(jnp.abs(gradient[:, 0, 0] * gradient[:, 1, 1] - gradient[:, 0, 1] * gradient[:, 1, 0]))
    np.testing.assert_allclose(rows[1]["nats"], -float(log_p.mean()) / 2, rtol=1e-4)
    with (both_ways / "likelihood.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(rows)
    for suffix in ("md", "json", "png"):
        assert (both_ways / f"likelihood.{suffix}").stat().st_size > 300
    assert json.loads((both_ways / "likelihood.json").read_text())["settings"]["ode_steps"] == 2


@pytest.mark.parametrize("name", ["points", "ode_steps", "probes"])
def test_numbers_below_one_are_refused(name, one_way):
    with pytest.raises(UsageError, match=f"--{name}=0; expected a whole number from 1 to "):
        likelihood.measure(one_way, **{name: 0})


def test_a_run_without_density_is_refused(tmp_path):
    np.save(tmp_path / "points.npy", np.random.default_rng(0).standard_normal((60, 3)).astype(np.float32))
    config = small(steps=5, steps_per_dispatch=5)
    config.dataset = str(tmp_path / "points.npy")
    config.network.update(point_features=0, time_features=0)
    train(config, tmp_path / "run")
    with pytest.raises(UsageError, match="has no exact density; expected a run on one in the plane"):
        likelihood.measure(tmp_path / "run")


@pytest.mark.slow
def test_inversion_of_a_run_by_hand(both_ways, capsys):
    rows = invert.invert(both_ways)
    assert "warning" not in capsys.readouterr().err
    assert [row["steps"] for row in rows] == [1, 2, 4, "exact inverse"]
    trained = runs.load_trained(both_ways)
    dataset, v = trained.dataset, bind(trained.model, trained.params)
    data = jnp.asarray(invert.held_out(dataset, 500, 1234))
    zero, one = jnp.zeros(500), jnp.ones(500)
    z = data - v(one, zero, data)
    again = z + v(zero, one, z)
    np.testing.assert_allclose(rows[0]["round_trip"], np.linalg.norm(again - data, axis=1).mean(), rtol=1e-4)
    np.testing.assert_allclose(rows[0]["latent_mean"], np.linalg.norm(z.mean(axis=0)), rtol=1e-3)
    assert rows[0]["inverse_error"] > 0
    for suffix in ("csv", "md", "json", "png"):
        assert (both_ways / f"inversion.{suffix}").stat().st_size > 300
    assert "trained in both directions" in (both_ways / "inversion.md").read_text()


def test_an_exact_map_inverts_exactly():
    dataset, flow = rounded(datasets.load("two_moons"))
    x_0 = invert.noise_of(dataset, 300, 0)
    x_1 = np.float32([0.2, -0.1]) + 0.5 * x_0 / np.float32(dataset.std)
    for steps in (1, 4):
        row, latents = invert.score(flow.v, dataset, x_1, (x_0, x_1), steps=steps, projections=4, seed=0)
        np.testing.assert_allclose(latents, x_0, atol=1e-5)
        assert max(row["round_trip"], row["noise_round_trip"]) < 1e-5
        assert row["inverse_error"] < 1e-10
        # The latents are the noise that they are compared with.
        assert row["sliced_w2"] < 1e-5


@pytest.mark.slow
def test_a_one_way_map_is_inverted_with_one_warning(one_way, tmp_path, capsys):
    invert.invert(one_way, out=str(tmp_path / "out"))
    shown = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert len(shown) == 1
    assert "was trained from noise to data only" in shown[0]
    assert (tmp_path / "out" / "inversion.png").exists()
    assert not (one_way / "inversion.png").exists()


def test_scores_of_an_inversion_on_a_map_that_only_shifts():
    dataset = datasets.load("two_moons")
    shift = np.float32([0.3, -0.4])
    data = np.float32(np.random.default_rng(0).standard_normal((200, 2)) * [0.5, 0.2])
    pairs = (data[:50] - 2 * shift, data[:50])

    def v(s, t, x):
        return jnp.broadcast_to(shift[None], x.shape)

    row, latents = invert.score(v, dataset, data, pairs, steps=2, projections=4, seed=0)
    np.testing.assert_allclose(latents, data - shift, atol=1e-6)
    assert row["latent_mean"] == pytest.approx(np.linalg.norm(latents.mean(axis=0)), rel=1e-5)
    assert row["latent_std"] == pytest.approx(data.std(axis=0).mean() / dataset.std, rel=1e-5)
    # Sums over both coordinates: |shift|^2 from the exact latents.
    assert row["inverse_error"] == pytest.approx(0.25, rel=1e-4)
    floor = invert._floor(dataset, 200, 4, 0)
    assert 0 < floor["sliced_w2"] < 0.3 * dataset.std
    assert floor["latent_std"] == pytest.approx(1, abs=0.2)


def test_evaluations_and_probes_of_the_methods():
    """A jump has a forward pass and two columns; the last way takes the probes that it is asked for."""
    methods = likelihood_scores.methods(
        lambda s, t, x: jnp.sin(x), lambda t, x: x * x[:, ::-1], ode_steps=5, probes=3, seed=3
    )
    assert [method.evaluations for method in methods] == [3, 12, 4 * 5 * 3, 4 * 5 * 4]
    x, grid = jnp.float32([[0.3, -0.2], [0.1, 0.5], [0.4, 0.2]]), methods[-1].grid
    signs = library.rademacher(jax.random.key(3), 3, x)
    # Not what the first of them alone would say.
    assert float(jnp.abs(jnp.prod(signs, axis=2).sum(axis=0)).min()) < 3
    estimated = library.along_ode(lambda t, x: x * x[:, ::-1], x, grid, divergence=library.estimated_divergence(signs))
    np.testing.assert_allclose(methods[-1].transport(x, grid).log_det, estimated.log_det, rtol=1e-5)
