import csv

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from experiments import datasets
from experiments.errors import UsageError
from experiments.sampling.trained import trained
from experiments.training.loop import train
from experiments.uses import inverse_problems, rewards
from experiments.uses.steering import methods as steering_methods
from experiments.uses.steering import steer
from experiments.uses.steering import truth as steering_truth
from experiments.uses.steering.steer import Options
from taxonomy import tilted
from taxonomy.interpolants import LINEAR
from tests.experiments.small_runs import small

OPTIONS = Options(steps=3, samples=400, noise=0.7, substeps=2, candidates=3, exact_steps=8, seed=0)


@pytest.fixture(scope="module")
def mixture():
    return datasets.load("eight_gaussians")


def posterior(mixture, reward):
    """The closed form of the tilted law of eight Gaussians."""
    angle = 2 * np.pi * np.arange(8) / 8
    return tilted.tilt(
        reward,
        weights=np.full(8, 1 / 8),
        means=0.8 * np.stack([np.cos(angle), np.sin(angle)], -1),
        covariances=np.broadcast_to(0.06**2 * np.eye(2), (8, 2, 2)),
    )


@pytest.mark.parametrize(
    ("reward", "measured"),
    [
        (inverse_problems.inpaint, inverse_problems.inpaint_measurement),
        (inverse_problems.denoise, inverse_problems.denoise_measurement),
    ],
)
def test_masses_of_an_inverse_problem_are_those_of_its_posterior(mixture, reward, measured):
    law = posterior(mixture, measured())
    found = steering_truth.tilted(mixture.truth, reward).bin_mass(24)
    edges = np.linspace(*mixture.truth.box, 25)
    # Their covariances are diagonal: a bin's mass is a product.
    expected = np.zeros((24, 24))
    for w, m, c in zip(*map(np.asarray, law[:3]), strict=True):
        assert abs(c[0, 1]) < 1e-9
        across, along = (np.diff(norm.cdf(edges, m[k], np.sqrt(c[k, k]))) for k in (0, 1))
        expected += w * np.outer(across, along)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    samples = steering_truth.samples(mixture, reward, count=4000, seed=1, name="x")
    # Five standard errors of the mean.
    bound = 5 * np.sqrt(np.diagonal(law.covariance) / 4000)
    np.testing.assert_array_less(np.abs(samples.mean(0) - law.mean), bound)


def test_tilted_checkerboard_keeps_its_squares():
    dataset = datasets.load("checkerboard")
    found = steering_truth.tilted(dataset.truth, rewards.right).bin_mass(4)
    # e^{3x} on [low, high] is (e^{3 high} - e^{3 low}) / 3, and columns have two squares each.
    columns = np.diff(np.exp(3 * np.linspace(-1, 1, 5)))
    expected = np.where(dataset.truth.bin_mass(4) > 0, columns[:, None] / columns.sum() / 2, 0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_reward_that_leaves_no_data_is_refused(mixture, monkeypatch):
    monkeypatch.setattr(steering_truth, "DRAWN", 64)
    monkeypatch.setattr(steering_truth, "TRIES", 2)
    with pytest.raises(UsageError, match="--reward=far leaves .* of 128 data; expected 5000 samples"):
        steering_truth.samples(mixture, lambda x: 100 * x[:, 0], count=5000, seed=0, name="far")


def counting(monkeypatch):
    """A setting whose velocity counts its calls; b and the map are one evaluation each."""
    monkeypatch.setattr(steering_methods, "GRADIENT", 1)  # backward passes cannot be seen here
    calls = []

    def b(t, x):
        calls.append(0)
        return -x

    setting = steering_methods.Setting(
        v=lambda s, t, x: b(s, x),
        transport=lambda s, t, x: b(s, x),
        b=b,
        jump_cost=1,
        transport_cost=1,
        jumps=2,
        interpolant=LINEAR,
        std=1.0,
        shape=(2,),
        reward=rewards.right,
        steps=3,
        noise=0.5,
        substeps=2,
        candidates=4,
        fit_steps=5,
    )
    return setting, calls


@pytest.mark.parametrize("name", steering_methods.METHODS)
def test_evaluations_are_counted(name, monkeypatch):
    setting, calls = counting(monkeypatch)
    # Without compilation loops are loops of Python.
    with jax.disable_jit():
        steering_methods.METHODS[name].sample(setting, jax.random.key(0), 4)
    method = steering_methods.METHODS[name]
    # An update of a fit is one call for all noises that are fitted at a time.
    updates = method.fitting(setting) // steering_methods.FITTED
    assert updates == (setting.fit_steps if name.startswith("adapter") else 0)
    assert len(calls) == method.evaluations(setting) + updates


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    config = small()
    config.dataset = "eight_gaussians"  # few components: the exact velocity is quick
    train(config, folder)
    return folder


def steered(run, out, **options):
    given = {"reward_name": "near_corner", "methods": ["none", "tilting"], "map_name": "learned", "command": "c"}
    return steer.steer(run, out, **(given | {"options": OPTIONS} | options))


def test_steering_a_run(run, tmp_path):
    text = steered(run, tmp_path, map_name="both", methods=["importance"])
    with (tmp_path / "steering.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["map"], row["evaluations"]) for row in rows] == [
        ("importance", "learned", "4"),
        ("importance", "exact", "16"),
        ("perfect samples", "", ""),
    ]
    # Importance weights with the exact map are near the tilted law; a run of 20 steps is not.
    learned, exact, perfect = (float(row["kl"]) for row in rows)
    assert perfect < exact < learned
    assert "8 midpoint steps of the exact velocity" in text
    drawn = np.load(tmp_path / "steering.npz")["importance, exact"]
    np.testing.assert_allclose(np.mean(rewards.near_corner(jnp.asarray(drawn))), float(rows[1]["reward"]), rtol=1e-5)
    assert (tmp_path / "steering.png").stat().st_size > 5000
    assert (tmp_path / "steering.json").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "--num_steps=0; expected a whole number from 1 to "),
        ({"substeps": 0}, "--substeps=0; expected a whole number from 1 to "),
        ({"samples": 1}, "--samples=1; expected a whole number from 2 to "),
        ({"noise": float("nan")}, "--noise=nan; expected a finite number"),
    ],
)
def test_options_that_cannot_be_used(run, tmp_path, change, message):
    with pytest.raises(UsageError, match=message):
        steered(run, tmp_path, options=OPTIONS._replace(**change))
    assert not list(tmp_path.iterdir())


def test_names_that_do_not_exist(run, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="unknown --method='tiltin'; did you mean 'tilting'"):
        steer.chosen("none,tiltin")
    assert steer.chosen("all") == list(steering_methods.METHODS)
    with pytest.raises(UsageError, match="unknown --map='exakt'; did you mean 'exact'"):
        steered(run, tmp_path, map_name="exakt")
    known = datasets.load
    monkeypatch.setattr(datasets, "load", lambda name, **options: known(name, **options)._replace(exact_flow=None))
    with pytest.raises(UsageError, match="eight_gaussians has no exact velocity; take --map=learned"):
        steered(run, tmp_path, map_name="exact")


def test_bad_rewards_and_samples(run, tmp_path, monkeypatch):
    monkeypatch.setitem(rewards.REWARDS, "nans", rewards.Entry(lambda x: x[:, 0] * jnp.nan))
    with pytest.raises(UsageError, match="value that is NaN or infinite on 16 of 16 examples"):
        steered(run, tmp_path, reward_name="nans")

    def infinite(setting, key, count):
        return steering_methods.Steered(jnp.full((count, 2), jnp.inf), jnp.ones(()))

    broken = steering_methods.METHODS["none"]._replace(sample=infinite)
    monkeypatch.setitem(steering_methods.METHODS, "none", broken)
    with pytest.raises(UsageError, match=r"--method=none with the learned map gives samples .* \(100.00% of 400\)"):
        steered(run, tmp_path)


def test_a_map_that_was_not_trained_to_jump_is_named():
    dataset = datasets.load("two_moons")
    lsd, flow_matching, ct = (
        trained(small(name), dataset, None, None, step=0) for name in ("lsd", "flow_matching", "ct")
    )
    assert steer.warning(lsd) is None
    assert "flow_matching has learnt velocities and no jumps" in steer.warning(flow_matching)
    assert "has learnt jumps to the data alone" in steer.warning(ct)
