"""Guided teachers: of runs that are told classes, and by weaker runs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets
from experiments.evaluation.evaluate import evaluate
from experiments.settings import files as config_files
from experiments.training import runs
from experiments.training.loop import train
from experiments.training.teachers import load_teacher
from models.conditions import Condition
from models.flow_map_model import bind

SCALE, LOW, HIGH = 2.5, 0.2, 0.8


def tiny(objective, **training):
    config = config_files.load(f"experiments/configs/eight_gaussians.py:{objective}")
    config.network.update({"width": 8, "depth": 1, "conditional": True})
    config.training.update({"batch_size": 64, "steps_per_dispatch": 5, "steps": 10} | training)
    config.evaluation.update(
        {"samples": 100, "steps": (1,), "projections": 4, "pairs": 50, "points": 50, "triples": 20}
    )
    return config


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A teacher and a weaker one, trained for a moment."""
    folder = tmp_path_factory.mktemp("teachers")
    for name, steps in (("teacher", 10), ("weak", 5)):
        train(tiny("flow_matching", steps=steps), folder / name, quiet=True)
    return folder


def velocity(workdir, t, x, label):
    run = runs.load_trained(workdir)
    return bind(run.model, run.params, Condition(label))(t, t, x)


@pytest.mark.parametrize("scheme", ["teacher", "autoguidance"])
def test_a_teacher_is_guided_within_the_interval(taught, scheme):
    config = tiny("lmd")
    config.teacher = str(taught / "teacher")
    config.guidance.update({"scheme": scheme, "scale": SCALE, "low": LOW, "high": HIGH})
    if scheme == "autoguidance":
        config.guidance.weak_teacher = str(taught / "weak")
    teacher = load_teacher(config, datasets.load(config.dataset))
    x = jax.random.normal(jax.random.key(0), (4, 2))
    t, label = jnp.array([0.1, 0.3, 0.7, 0.9]), jnp.array([0, 3, 8, 5])  # 8 is none
    own = velocity(taught / "teacher", t, x, label)
    other = velocity(taught / "weak", t, x, label) if scheme == "autoguidance" else None
    other = velocity(taught / "teacher", t, x, None) if other is None else other
    scale = np.array([1, SCALE, SCALE, 1])[:, None]
    np.testing.assert_allclose(teacher(Condition(label))(t, x), scale * own + (1 - scale) * other, rtol=1e-4, atol=1e-5)
    # A scale that the student is told takes the place of the one of the configuration.
    told = teacher(Condition(label, jnp.full(4, 4.0)))(t, x)
    scale = np.array([1, 4, 4, 1])[:, None]
    np.testing.assert_allclose(told, scale * own + (1 - scale) * other, rtol=1e-4, atol=1e-5)
    if scheme == "teacher":
        np.testing.assert_allclose(teacher(Condition(label))(t, x)[2], own[2], rtol=1e-4)  # nothing to guide by
    else:
        assert float(jnp.abs(own - other).max()) > 1e-3


@pytest.mark.slow
def test_a_student_of_a_guided_teacher_is_trained_and_asked_for_scales(taught, tmp_path):
    config = tiny("lmd")
    config.teacher = str(taught / "teacher")
    config.guidance.update({"scheme": "teacher", "scale": 4.0, "scale_is_input": True})
    train(config, tmp_path / "student", quiet=True)
    for scale in (1.0, 3.0):
        rows = evaluate(tmp_path / "student", changes={"guidance": scale})
        assert np.isfinite(rows[0]["kl"])
    run = runs.load_trained(tmp_path / "student")
    s, t, x = jnp.zeros(1), jnp.ones(1), jnp.ones((1, 2))
    one, three = (bind(run.model, run.params, Condition(jnp.array([2]), jnp.array([w])))(s, t, x) for w in (1.0, 3.0))
    assert float(jnp.abs(one - three).max()) > 1e-5
