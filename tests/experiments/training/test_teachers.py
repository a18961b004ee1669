"""A function of the user's own as a teacher: in the data's own units, and tried before anything is written."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets
from experiments.errors import UsageError
from experiments.training import logs, teachers
from experiments.training.loop import train
from taxonomy.interpolants import INTERPOLANTS
from tests.experiments.small_runs import small

MODULE = """
import jax.numpy as jnp
from experiments import datasets
from taxonomy import LINEAR

b = datasets.load("two_moons").exact_path(LINEAR).b

def velocity(t, x):
    return b(t, x)

def alone(x):
    return x

def flat(t, x):
    return x[:, 0]

def poles(t, x):
    return x / (t[:, None] - 0.0)

def by_hand(t, x):
    return float(t[0]) * x
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "my_velocity.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("module")
def test_a_function_teaches_like_the_velocity_that_it_is(tmp_path):
    losses = []
    for name in ("my_velocity:velocity", "exact"):
        config = small("lmd")
        config.teacher = name
        train(config, tmp_path / name.replace(":", "_"), quiet=True)
        losses.append([line["loss"] for line in logs.read(tmp_path / name.replace(":", "_"))])
    np.testing.assert_allclose(*losses, rtol=1e-5)


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_velocity:alone", r"alone fails on t of shape \(16,\) and x of shape \(16, 2\) \(TypeError"),
        ("my_velocity:by_hand", r"by_hand fails on .*; expected a function .* that jax can compile"),
        ("my_velocity:flat", r"flat gives shape \(16,\) for x of shape \(16, 2\); expected the same"),
        ("my_velocity:poles", r"poles is NaN or infinite at 1 of 16 points of noise, the first at t = 0;"),
        ("my_velocity:velocty", r"module my_velocity has no function 'velocty'; did you mean 'velocity'"),
        ("no_module:b", r"--config.teacher=no_module:b: module no_module cannot be imported .*; expected exact, the"),
    ],
)
def test_a_function_that_is_no_velocity_is_one_line_and_nothing_is_written(tmp_path, name, message):
    config = small("lmd")
    config.teacher = name
    with pytest.raises(UsageError, match=message) as raised:
        train(config, tmp_path / "run", quiet=True)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("module")
def test_a_function_of_all_classes_is_refused_by_a_network_that_is_told_them():
    config = small("lmd")
    config.teacher = "my_velocity:velocity"
    config.network.conditional = True
    with pytest.raises(UsageError, match="is the velocity of all classes, and the network is class-conditional"):
        teachers.load_teacher(config, datasets.load(config.dataset))


@pytest.mark.parametrize("options", ["", ",scale=coordinates"])
@pytest.mark.parametrize("path", ["linear", "trigonometric"])
def test_a_velocity_in_the_data_s_own_units_is_that_of_centred_points(tmp_path, path, options):
    interpolant, rng = INTERPOLANTS[path], np.random.default_rng(0)
    x = rng.standard_normal((400, 2)) * [2.0, 0.5] + [7.0, -3.0]
    np.save(tmp_path / "x.npy", x.astype(np.float32))
    dataset = datasets.load(f"{tmp_path}/x.npy{options}")
    mean, covariance = np.asarray(dataset.centre), np.cov(x.T, bias=True)
    scale = np.ones(2) if dataset.scale is None else np.asarray(dataset.scale)

    def velocity(mean, covariance, noise):
        """That of a Gaussian on the path whose noise has these standard deviations."""

        def b(t, x):
            alpha, beta = interpolant.alpha(t)[:, None, None], interpolant.beta(t)[:, None, None]
            d_alpha, d_beta = interpolant.d_alpha(t)[:, None, None], interpolant.d_beta(t)[:, None, None]
            noisy = jnp.diag(jnp.asarray(noise**2))[None]
            of_x = alpha**2 * noisy + beta**2 * covariance[None]
            with_x = alpha * d_alpha * noisy + beta * d_beta * covariance[None]
            away = jnp.linalg.solve(of_x, (x - beta[..., 0] * mean[None])[..., None])
            return d_beta[..., 0] * mean[None] + (with_x @ away)[..., 0]

        return b

    noise = dataset.std * scale
    own = teachers.in_trained_units(velocity(mean, covariance, noise), interpolant, dataset)
    shrunk = covariance / np.outer(scale, scale)
    centred = velocity(np.zeros(2), shrunk, np.full(2, dataset.std))
    t = jnp.linspace(0.05, 0.9, 30)
    points = jax.random.normal(jax.random.key(0), (30, 2))
    np.testing.assert_allclose(own(t, points), centred(t, points), rtol=2e-3, atol=2e-4)
