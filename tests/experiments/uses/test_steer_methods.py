"""What each method of steering hands to the library: look-ahead, score, strength, weights and keys."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.metrics import exact_map
from experiments.metrics import samples as metrics
from experiments.uses.steering import methods as steering_methods
from experiments.uses.steering import scores
from experiments.uses.steering import truth as steering_truth
from experiments.uses.steering.methods import METHODS, Setting
from models import grids, samplers
from models.tilting import Tilted
from taxonomy import predictions
from taxonomy.interpolants import TRIGONOMETRIC
from tests.experiments.metrics.test_reference import gaussian_dataset

STD, COUNT = 0.7, 6
T, X = jnp.array([0.2, 0.6]), jnp.array([[0.3, -0.5], [1.0, 0.2]])


def v(s, t, x):
    return jnp.cos(x) + (s + 2 * t)[:, None]


def b(t, x):
    return jnp.sin(2 * x) - t[:, None]


def reward(x):
    return 2 * x[:, 0] - jnp.square(x[:, 1])


SETTING = Setting(
    v=v,
    transport=lambda s, t, x: v(t, s, x),
    b=b,
    jump_cost=1,
    transport_cost=1,
    jumps=2,
    interpolant=TRIGONOMETRIC,
    std=STD,
    shape=(2,),
    reward=reward,
    steps=3,
    noise=0.4,
    substeps=2,
    candidates=4,
)
KEY = jax.random.key(5)


def start(key):
    return STD * jax.random.normal(key, (COUNT, 2))


@jax.jit
def plain(key):
    return samplers.composition(v, start(key), grids.uniform(2))


def ahead(kind):
    """(t, x) -> the point that a method looks at."""
    if kind == "map":
        return lambda t, x: x + (1 - t)[:, None] * v(t, jnp.ones_like(t), x)
    return lambda t, x: predictions.data_from_velocity(TRIGONOMETRIC, t, x, b(t, x))


TILTED = {
    "tilting_tweedie": ("mean", True),
    "tilting_tweedie_corrected": ("mean", False),
    "tilting": ("map", True),
    "tilting_corrected": ("map", False),
}


@pytest.mark.parametrize("name", TILTED)
def test_tilting_is_given_what_its_name_says(name, monkeypatch):
    given = []

    def tilting(*arguments, **options):
        given.append((arguments, options))
        weights = jnp.where(jnp.arange(COUNT) == 2, 0.0, -jnp.inf)
        return Tilted(jnp.arange(2.0 * COUNT).reshape(COUNT, 2), weights, jnp.array([0.9, 0.3, 0.7]), None)

    monkeypatch.setattr(steering_methods.trajectory_tilting, "tilting", tilting)
    found = METHODS[name].sample(SETTING, KEY, COUNT)
    # Points of equal weight: here all are the one that has all of it.
    np.testing.assert_array_equal(found.x, np.broadcast_to([4.0, 5.0], (COUNT, 2)))
    assert float(found.share) == pytest.approx(0.3)
    ((transport, h, score, key, x, grid), options) = given[0]
    look, constancy = TILTED[name]
    key_noise, key_path, _ = jax.random.split(KEY, 3)
    assert key == key_path
    np.testing.assert_allclose(x, start(key_noise))
    np.testing.assert_allclose(grid, grids.uniform(3))
    np.testing.assert_allclose(transport(T, T + 0.1, X), v(T + 0.1, T, X))
    np.testing.assert_allclose(h(T, X), reward(ahead(look)(T, X)), rtol=1e-5)
    expected = predictions.score_from_velocity(TRIGONOMETRIC, T, X, b(T, X), noise_std=STD)
    np.testing.assert_allclose(score(T, X), expected, rtol=1e-5)
    assert float(options["diffusion"](jnp.float32(0.5))) == pytest.approx(0.4 * STD, rel=1e-5)
    assert (options["substeps"], options["constancy"]) == (2, constancy)


@pytest.mark.parametrize(("name", "kind"), [("guidance_map", "map"), ("guidance_tweedie", "mean")])
def test_guidance_by_hand(name, kind):
    """Velocity plus gain times gradient; of the map's look-ahead as much of it as there is of the path."""
    x = start(KEY)
    for k in range(3):
        t = jnp.full(COUNT, k / 3)
        gradient = jax.grad(lambda x, t=t: reward(ahead(kind)(t, x)).sum())(x)
        alpha, beta = np.cos(np.pi / 2 * k / 3), np.sin(np.pi / 2 * k / 3)
        # alpha beta' - alpha' beta is pi / 2 on this path; 1 / beta is at most 25.
        gain = np.pi / 2 * alpha * STD**2 * min(25, 1 / beta if beta else np.inf)
        x = x + (b(t, x) + (k / 3 if kind == "map" else 1) * gain * gradient) / 3
    np.testing.assert_allclose(METHODS[name].sample(SETTING, KEY, COUNT).x, x, rtol=1e-3, atol=1e-4)


def test_candidates_and_importance_have_keys_of_their_own():
    key_choice, *keys = jax.random.split(KEY, 5)
    candidates = np.stack([plain(key) for key in keys])
    values = np.stack([reward(x) for x in candidates])
    best = METHODS["best_of_n"].sample(SETTING, KEY, COUNT).x
    np.testing.assert_allclose(best, candidates[values.argmax(axis=0), np.arange(COUNT)], rtol=1e-5)
    drawn = METHODS["drawn_of_n"].sample(SETTING, KEY, COUNT).x
    chosen = jax.random.categorical(key_choice, jnp.asarray(values), axis=0)
    np.testing.assert_allclose(drawn, candidates[chosen, np.arange(COUNT)], rtol=1e-5)
    assert not np.allclose(drawn, best)
    # Weights of all samples, whose one uniform number comes from the second key.
    first, second = jax.random.split(KEY)
    x = plain(first)
    weights = np.exp(np.asarray(reward(x), np.float64))
    weights /= weights.sum()
    ticks = (np.arange(COUNT) + float(jax.random.uniform(second))) / COUNT
    found = METHODS["importance"].sample(SETTING, KEY, COUNT)
    np.testing.assert_allclose(found.x, x[np.searchsorted(np.cumsum(weights), ticks)], rtol=1e-5)
    np.testing.assert_allclose(found.share, 1 / (COUNT * np.sum(weights**2)), rtol=1e-5)


def test_the_entropy_of_the_distance_is_in_units_of_the_data(monkeypatch):
    dataset = gaussian_dataset()
    seen = []
    monkeypatch.setattr(metrics, "aligned_kl", lambda *_, **options: options["bins"])
    monkeypatch.setattr(metrics, "entropic_w2", lambda *_, **options: seen.append(options["epsilon"]))
    found = scores.score(np.asarray(X), reward, "truth", dataset, None, 0.05)
    assert found["reward"] == pytest.approx(float(jnp.mean(reward(X))))
    # E|x|^2 of two coordinates.
    assert seen == [pytest.approx(0.05 * 2 * dataset.std**2)]


def test_rejection_goes_on_with_other_data_and_the_same_maximum(monkeypatch):
    monkeypatch.setattr(steering_truth, "DRAWN", 16)
    draw = jax.jit(lambda key: jax.random.normal(key, (16, 2)))
    dataset = SimpleNamespace(draw=lambda key, count: draw(key))
    found = steering_truth.samples(dataset, reward, count=40, seed=3, name="mine")
    key, kept, top = jax.random.key(3), [], None
    for k in range(60):
        key_data, key_accept = jax.random.split(jax.random.fold_in(key, k))
        x = np.asarray(draw(key_data))
        r = np.asarray(reward(x))
        top = r.max() if top is None else top
        kept += list(x[np.asarray(jax.random.uniform(key_accept, (16,))) < np.exp(r - top)])
    assert len(np.unique(found, axis=0)) == 40
    np.testing.assert_allclose(found, kept[:40], rtol=1e-6)


def test_the_error_of_integration_is_that_of_coarser_steps():
    # dx/dt = x: a midpoint step of length h multiplies by 1 + h + h^2 / 2.
    coarse, fine = ((1 + 1 / n + 1 / (2 * n**2)) ** n for n in (2, 32))
    found = exact_map.integration_error(lambda t, x: x, X, steps=2)
    np.testing.assert_allclose(found, (fine - coarse) * np.sqrt(np.mean(np.sum(X**2, axis=1))), rtol=1e-4)
