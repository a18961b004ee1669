"""Parts of fine-tuning by hand: the loss with all penalties, its draws and records, and the numbers of the table."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets
from experiments.metrics import samples as metrics
from experiments.sampling.trained import trained
from experiments.uses import rewards
from experiments.uses.finetuning import finetune, report, ways
from experiments.uses.finetuning import loop as finetuning
from experiments.uses.finetuning import truth as reward_truth
from experiments.uses.finetuning.loop import Tuned
from experiments.uses.finetuning.plan import Plan
from experiments.uses.finetuning.recipes import RECIPES, Setting
from models.flow_map_model import FlowMapModel, bind, initialize
from models.networks.mlp import MLP
from taxonomy import times
from taxonomy.flow_map import jump
from taxonomy.interpolants import TRIGONOMETRIC
from tests.experiments.small_runs import small

DATASET = datasets.load("two_moons")
MODEL = FlowMapModel(MLP(width=8, depth=1), std=DATASET.std)
START = initialize(MODEL, jax.random.key(0), (2,))


def weights(seed):
    params = START
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    moved = [leaf + 0.3 * jax.random.normal(key, leaf.shape) for leaf, key in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(structure, moved)


def loss_of(plan, composes=True):
    loss = RECIPES[plan.method].loss(Setting(MODEL, rewards.near_corner, DATASET, TRIGONOMETRIC, composes), plan)
    return lambda params, key: loss(params, weights(1), key)


@pytest.mark.parametrize("method", ["map", "ode"])
def test_the_loss_with_every_penalty_by_hand(method):
    plan = Plan(method=method, batch_size=6, penalty=1.5, map_penalty=0.7, tangent_penalty=0.4, ode_steps=2)
    params, key, std = weights(2), jax.random.key(4), DATASET.std
    value, mean = jax.jit(loss_of(plan))(params, key)
    v, w = (jax.jit(bind(MODEL, of)) for of in (params, weights(1)))
    keys = jax.random.split(key, 4)
    x_0, noise = (std * jax.random.normal(keys[k], (6, 2)) for k in (0, 2))
    data = jax.vmap(DATASET.sample)(jax.random.split(keys[3], 6))
    s, _, t = times.triangle(keys[1], (6,))
    x_s = jnp.cos(jnp.pi / 2 * s)[:, None] * noise + jnp.sin(jnp.pi / 2 * s)[:, None] * data
    zero, half, one = jnp.zeros(6), jnp.full(6, 0.5), jnp.ones(6)

    def end(v):
        if method == "map":
            return jump(v, zero, one, x_0)
        first = x_0 + v(zero, zero, x_0) / 2
        return first + v(half, half, first) / 2

    def square(x):
        return np.sum(np.square(x), axis=1)

    reward = -4 * square(end(v) - 0.75)
    # Penalties are in units of 1 / std^2, and all have the factor 1/2.
    expected = -reward + 1.5 / 2 / std**2 * square(end(v) - end(w))
    expected += 0.4 / 2 / std**2 * square(v(s, s, x_s) - w(s, s, x_s))
    if method == "map":
        expected += 0.7 / 2 / std**2 * square(jump(v, s, t, x_s) - jump(w, s, t, x_s))
    np.testing.assert_allclose(value, expected.mean(), rtol=1e-4)
    np.testing.assert_allclose(mean, reward.mean(), rtol=1e-4)


def test_every_update_has_noise_of_its_own_and_a_record_the_mean_of_its_rewards():
    plan = Plan(steps=12, batch_size=8, learning_rate=1e-12, map_penalty=0.0, tangent_penalty=0.0, seed=9)
    found = finetuning.tune(Setting(MODEL, rewards.near_corner, DATASET, TRIGONOMETRIC), weights(1), plan)
    loss = jax.jit(jax.vmap(loss_of(plan), in_axes=(None, 0)))
    keys = jax.vmap(lambda step: jax.random.fold_in(jax.random.key(9), step))(jnp.arange(12))
    means = np.asarray(loss(weights(1), keys)[1])
    assert len(np.unique(means)) == 12
    np.testing.assert_allclose(found.curve[:, 1], [means[:10].mean(), means[10:].mean()], rtol=1e-4)
    np.testing.assert_allclose(found.curve[:, 0], [10 * 8 * 4, 12 * 8 * 4])


def test_the_rate_falls_along_a_cosine():
    """The gradient of a linear reward in the last bias is constant: Adam moves it by the rate in each update."""
    plan = Plan(steps=2, batch_size=4, learning_rate=1e-2, penalty=0.0, map_penalty=0.0, tangent_penalty=0.0)
    params = START
    found = finetuning.tune(Setting(MODEL, lambda x: 3 * x.sum(axis=1), DATASET, TRIGONOMETRIC), params, plan)
    last = sorted(params["params"]["network"])[-1]
    moved = found.params["params"]["network"][last]["bias"] - params["params"]["network"][last]["bias"]
    np.testing.assert_allclose(moved, 1e-2 * (1 + 0.5), rtol=1e-3)


def test_how_far_points_moved_is_a_root_of_a_mean_square():
    x, y = np.zeros((2, 2)), np.array([[3.0, 4.0], [0.0, 0.0]])
    assert report._rms(x, y) == pytest.approx(np.sqrt(12.5))
    assert report._rms(x, None) is None


def test_when_the_share_of_the_rise_was_reached():
    # From 1 to 3, of which 0.9 is 2.8: by means of three records, which are 2.75 and 2.88, at 5 million.
    values = np.array([1.0, 1.0, 2.6, 2.7, 2.95, 3.0, 3.0])
    curve = np.stack([1e6 * np.arange(1, 8), values], axis=1)
    tuned = Tuned(None, curve, None, 1.0)
    assert report.reached(tuned, 1.0, 3.0) == 5.0
    assert report.reached(tuned, 1.0, 3.3) is None
    assert report.reached(tuned, 3.0, 1.0) is None
    assert report.reached(tuned, 1.0, None) is None


@pytest.fixture
def task():
    config = small()
    return report.Task(
        trained(config, datasets.load(config.dataset), MODEL, weights(1), step=0), None, rewards.right, ""
    )


def test_the_entropy_of_the_table_is_in_units_of_the_data(task, monkeypatch):
    seen = []
    monkeypatch.setattr(metrics, "entropic_w2", lambda *_, epsilon: seen.append(epsilon))
    monkeypatch.setattr(report.steering_truth, "tilted", lambda truth, reward: truth)
    x = np.float32([[0.1, 0.2], [0.5, -0.3]])
    report.Judge(task).row("x", x, None, None)
    assert seen == [pytest.approx(task.run.protocol.entropy * 2 * DATASET.std**2)]


@pytest.mark.parametrize(("method", "steps"), [("map", 1), ("ode", 3)])
def test_rows_are_compared_with_the_optimum_of_the_same_penalty(task, method, steps, monkeypatch):
    """Of a linear reward it is ``grad r / penalty`` away, the penalty in units of 1 / std^2."""
    before = np.float32([[0.1, 0.2], [0.5, -0.3]])
    asked = []

    def sample(run, noise, way):
        asked.append((run.params["params"], way))
        return before

    monkeypatch.setattr(ways, "sample", sample)
    rows = []
    judge = SimpleNamespace(row=lambda law, x, reference, best, **others: rows.append((law, best)) or {"reward": 0.0})
    tuned = Tuned(weights(3), np.ones((3, 2)), None, 1.0)
    known = {}
    finetune._score(task, judge, tuned, Plan(method=method, penalty=2.0, ode_steps=3), known)
    for _, best in rows:
        np.testing.assert_allclose(best, before + np.float32([3 / 2 * DATASET.std**2, 0]), atol=1e-4)
    assert [ask[1][1:] for ask in asked[:2]] == 2 * [("euler" if method == "ode" else "composition", steps)]
    assert [way.steps for way in known] == [steps]
    assert asked[0][0] is task.run.params["params"]
    assert asked[1][0] is tuned.params["params"]


def test_an_optimum_that_has_not_settled_is_none(monkeypatch):
    monkeypatch.setattr(reward_truth, "ITERATIONS", 60)
    y = np.float32([[0.1, 0.2], [0.5, -0.3]])
    # What is left after n iterations is 0.9^n of the way, here 1.5: 0.003 after 60, above the bound of 0.001.
    assert reward_truth.optimum(rewards.right, y, penalty=1.0) is None
    monkeypatch.setattr(reward_truth, "ITERATIONS", 90)
    assert reward_truth.optimum(rewards.right, y, penalty=1.0) is not None


@pytest.mark.parametrize("name", ["tilt", "tilt_data", "velocity"])
def test_the_loss_of_tilt_matching_by_hand(name):
    """Draws of the frozen model, or of the data; weights of mean one; and LSD at the same points for a map."""
    plan = Plan(method=name if name != "velocity" else "tilt", batch_size=6, stages=5, ode_steps=2)
    params, key, std, composes = weights(2), jax.random.key(4), DATASET.std, name != "velocity"
    value, mean = jax.jit(loss_of(plan, composes))(params, key)
    v, w = (jax.jit(bind(MODEL, of)) for of in (params, weights(1)))
    keys, one = jax.random.split(key, 4), jnp.ones(6)
    if name == "tilt_data":
        x_1 = jax.vmap(DATASET.sample)(jax.random.split(keys[0], 6))
    else:
        x_1, legs = std * jax.random.normal(keys[0], (6, 2)), 4 if composes else 2
        for k in range(legs):
            x_1 = x_1 + w(k / legs * one, (k + 1 if composes else k) / legs * one, x_1) / legs
    x_0, t = std * jax.random.normal(keys[1], (6, 2)), jax.random.uniform(keys[2], (6,))
    sine, cosine = (jnp.expand_dims(f(jnp.pi / 2 * t), 1) for f in (jnp.sin, jnp.cos))
    x_t, velocity = cosine * x_0 + sine * x_1, jnp.pi / 2 * (cosine * x_1 - sine * x_0)
    reward = -4 * jnp.sum((x_1 - 0.75) ** 2, axis=1)
    share, made = (1 if name == "tilt_data" else 1 / 5), v(t, t, x_t)
    plain = jnp.exp(share * reward) / jnp.exp(share * reward).mean()
    # Tweedie's mean: on this path x_t and its velocity are data and noise, turned by the angle of the time.
    tweedie = sine * x_t + cosine * w(t, t, x_t) / (jnp.pi / 2)
    ahead = x_t + (1 - t)[:, None] * w(t, one, x_t) if composes else tweedie
    weight = jnp.exp(share * (reward + 4 * jnp.sum((ahead - 0.75) ** 2, axis=1)))[:, None]
    if name == "tilt_data":
        expected = plain * jnp.sum((made - velocity) ** 2, axis=1)
    else:
        # The target less v: sg[v + e^w (dI - v) - (dI - b)] - v.
        expected = jnp.sum((weight * (velocity - made) - velocity + w(t, t, x_t)) ** 2, axis=1)
    if composes:
        s, _, t = times.triangle(keys[3], (6,))
        sine, cosine = (jnp.expand_dims(f(jnp.pi / 2 * s), 1) for f in (jnp.sin, jnp.cos))
        x_s = cosine * x_0 + sine * x_1
        mapped, speed = jax.jvp(lambda t: jump(bind(MODEL, params), s, t, x_s), (t,), (one,))
        of_jumps = jnp.sum((speed - v(t, t, mapped)) ** 2, axis=1)
        expected += plain * of_jumps if name == "tilt_data" else of_jumps
    np.testing.assert_allclose(value, expected.mean(), rtol=1e-3)
    np.testing.assert_allclose(mean, jnp.mean(plain * reward), rtol=1e-4)


def test_each_stage_takes_its_data_from_the_model_that_the_last_one_made(monkeypatch):
    """A loss that moves every weight by the rate away from the frozen ones: what is frozen is seen to change."""
    plan = Plan(method="tilt", tilt_steps=4, stages=2, learning_rate=1e-2, batch_size=4)
    seen = []

    def loss(setting, plan):
        def of(params, frozen, key):
            jax.debug.callback(lambda value: seen.append(float(value)), jax.tree.leaves(frozen)[0].ravel()[0])
            total = sum(jnp.sum(leaf) for leaf in jax.tree.leaves(params))
            return total, total

        return of

    monkeypatch.setitem(RECIPES, "tilt", RECIPES["tilt"]._replace(loss=loss))
    found = finetuning.tune(Setting(MODEL, rewards.right, DATASET, TRIGONOMETRIC), START, plan)
    jax.effects_barrier()
    start, end = (float(jax.tree.leaves(of)[0].ravel()[0]) for of in (START, found.params))
    # Two updates a stage at 1 and 1/2 of the rate, by a cosine that begins anew.
    np.testing.assert_allclose(seen, [start, start, start - 0.015, start - 0.015], atol=1e-5)
    np.testing.assert_allclose(end, start - 0.03, atol=1e-5)
