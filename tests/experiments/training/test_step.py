import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments import settings
from experiments.errors import UsageError
from experiments.settings import chosen_data, networks
from experiments.training import checks
from experiments.training import devices as mapping
from experiments.training.dispatch import make_dispatch
from experiments.training.draws import draw
from experiments.training.optimizers import optimizer, schedule, update_ema
from experiments.training.state import initial_state
from models.flow_map_model import bind, bind_auxiliary
from objectives.mixture import counts, mixture
from objectives.objective import Batch, Maps
from taxonomy.flow_map import diagonal
from tests.compilations import COMPILATIONS


def config_for(name="lsd", **training):
    config = settings.planar("two_moons", name)
    config.network.update({"width": 8, "depth": 1})
    config.training.update({"batch_size": 64, "steps_per_dispatch": 5, "steps": 10} | training)
    return config


def parts(config):
    dataset = chosen_data.load(config)
    objective = settings.objective_of(config)
    model = networks.build(config, objective, dataset)
    return model, objective, dataset, settings.interpolant_of(config)


def dispatch_of(config, *, devices, steps=5, teacher=None):
    model, objective, dataset, path = parts(config)
    if objective.needs_teacher:
        params = initial_state(config, model, objective, dataset.shape).params

        def teacher(condition):
            return diagonal(bind(model, params, condition))

    run = make_dispatch(config, model, objective, dataset, path, steps=steps, devices=devices, teacher=teacher)
    state = initial_state(config, model, objective, dataset.shape)
    return run, mapping.replicate(state, devices=devices, mapping=config.training.device_mapping)


@pytest.mark.parametrize("devices", [1, 2, 4])
def test_true_off_diagonal_share_is_one_minus_eta(devices):
    """Every device draws, and the pairs with s != t are counted: 1 - eta of its own batch."""
    config = config_for(batch_size=1600)
    _, objective, dataset, _ = parts(config)
    sizes = counts(objective.terms, 1600, devices=devices)
    key = jax.random.key(3)

    @functools.partial(jax.pmap, axis_name="devices", devices=jax.local_devices()[:devices])
    def times_on_device(device):
        drawn = [
            draw(term, dataset, jax.random.fold_in(key, k), device * size, size)
            for k, (term, size) in enumerate(zip(objective.terms, sizes, strict=True))
        ]
        return [batch.times for batch in drawn]

    per_term = times_on_device(np.arange(devices))
    s, t = (np.concatenate([np.asarray(getattr(times, name)) for times in per_term], axis=1) for name in ("s", "t"))
    assert s.shape == (devices, 1600 // devices)
    np.testing.assert_array_equal((s != t).mean(axis=1), 0.25)
    # Together the devices hold the batch of one device.
    alone = [
        draw(term, dataset, jax.random.fold_in(key, k), 0, size * devices).times.t
        for k, (term, size) in enumerate(zip(objective.terms, sizes, strict=True))
    ]
    np.testing.assert_array_equal(np.sort(t.ravel()), np.sort(np.concatenate(alone)))


@pytest.mark.parametrize("name", [pytest.param("esc", marks=pytest.mark.slow), "imm", "flow_matching"])
def test_one_and_four_devices_give_the_same_curve(name):
    config = config_for(name, optimizer="adam", learning_rate=1e-3)
    if name == "flow_matching":
        config.objective.options.update({"velocity": "pooled", "pool": 32})
        config.training.optimizer = "sparse_muon"
    curves = {}
    for devices in (1, 2, 4):
        run, state = dispatch_of(config, devices=devices, steps=40)
        metrics = jax.tree.map(np.asarray, run(state)[1].metrics)
        curves[devices], raw = metrics["loss"], metrics.get("raw/diagonal")
    np.testing.assert_allclose(curves[2], curves[1], rtol=1e-5)
    np.testing.assert_allclose(curves[4], curves[1], rtol=1e-4 if name == "esc" else 1e-5)
    assert name == "imm" or raw[-1] < raw[0]


# One row for each thing that a step makes: averages, stages, pools and learned weights, a second network, groups.
# Every row's own program and laws are tested so in tests/objectives/test_build.py.
EACH_KIND = ("lsd", "tvm", "tcm", "esc", "free_flow", "imm")


@pytest.mark.parametrize("name", [pytest.param(k, marks=pytest.mark.slow) if k == "esc" else k for k in EACH_KIND])
def test_each_kind_compiles_once_and_reuses_no_key(name):
    config = config_for(name)
    with jax.debug_key_reuse(True):
        run, state = dispatch_of(config, devices=4, steps=2)
        before = len(COMPILATIONS)
        state, _ = run(state)
        first = len(COMPILATIONS)
        for _ in range(2):
            state, report = run(state)
    assert first == before + 1
    assert len(COMPILATIONS) == first
    assert int(state.step) == 6
    assert all(np.isfinite(values).all() for values in report.metrics.values())


def test_key_reuse_is_seen_by_the_check():
    with jax.debug_key_reuse(True), pytest.raises(jax.errors.KeyReuseError):
        jax.jit(lambda key: jax.random.normal(key) + jax.random.uniform(key))(jax.random.key(0))


def test_a_step_is_the_update_written_by_hand():
    config = config_for(optimizer="adam", learning_rate=1e-2, schedule="constant")
    model, objective, dataset, path = parts(config)
    run, state = dispatch_of(config, devices=4, steps=1)
    before = mapping.on_host(state)
    after, report = run(state)
    state, metrics = before, report.metrics

    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(config.seed), 1), 0)
    batches = [
        draw(term, dataset, jax.random.fold_in(key, k), 0, size)
        for k, (term, size) in enumerate(zip(objective.terms, counts(objective.terms, 64), strict=True))
    ]

    def loss(params):
        v = bind(model, params)
        return mixture(objective.terms, Maps(v, v, None), path, batches)[0]

    value, gradient = jax.value_and_grad(loss)(state.params)
    np.testing.assert_allclose(metrics["loss"][0], value, rtol=1e-5)
    np.testing.assert_allclose(metrics["grad_norm"][0], optax.tree.norm(gradient), rtol=1e-5)
    # The first step of Adam moves every weight by the learning rate against the sign of its gradient.
    moved = jax.tree.map(lambda new, old: new - old, after.params, state.params)
    for m, g in zip(jax.tree.leaves(moved), jax.tree.leaves(gradient), strict=True):
        clear = np.abs(g) > 1e-5
        np.testing.assert_allclose(m[clear], -1e-2 * np.sign(g[clear]), rtol=2e-3)
    for average, new, old in zip(
        *(jax.tree.leaves(tree) for tree in (after.ema[0], after.params, state.params)), strict=True
    ):
        np.testing.assert_allclose(average, 0.1 * old + 0.9 * new, rtol=1e-5, atol=1e-7)


def test_a_run_depends_on_its_seed_and_on_nothing_else():
    losses = []
    for seed in (0, 0, 1):
        config = config_for()
        config.seed = seed
        run, state = dispatch_of(config, devices=1)
        losses.append(np.asarray(run(state)[1].metrics["loss"]))
    np.testing.assert_array_equal(losses[0], losses[1])
    assert np.all(losses[0] != losses[2])


def test_teacher_is_frozen_and_used():
    config = config_for("lmd")
    model, objective, dataset, path = parts(config)

    def loss(teacher_params, params):
        batches = [draw(term, dataset, jax.random.key(0), 0, 64) for term in objective.terms]
        v = bind(model, params)
        maps = Maps(v, v, diagonal(bind(model, teacher_params)))
        return mixture(objective.terms, maps, path, batches)[0]

    params = initial_state(config, model, objective, dataset.shape).params
    other = jax.tree.map(lambda p: p + 0.1, params)
    assert float(loss(params, params)) != float(loss(other, params))


def test_examples_are_noise_data_and_times():
    config = config_for("psd_u")
    _, objective, dataset, _ = parts(config)
    batch = draw(objective.terms[1], dataset, jax.random.key(0), 0, 4000)
    assert isinstance(batch, Batch)
    np.testing.assert_allclose(batch.x0.std(), dataset.std, rtol=0.03)
    np.testing.assert_allclose(batch.x1.std(), dataset.std, rtol=0.03)
    assert abs(np.corrcoef(batch.x0[:, 0], batch.x1[:, 0])[0, 1]) < 0.05
    assert abs(np.corrcoef(batch.x0[:, 0], batch.times.s)[0, 1]) < 0.05
    assert np.all((batch.times.s <= batch.times.u) & (batch.times.u <= batch.times.t))


def test_groups_share_their_times_and_a_pool_is_the_same_everywhere():
    config = config_for("imm")
    _, objective, dataset, _ = parts(config)
    batch = draw(objective.terms[0], dataset, jax.random.key(0), 0, 64)
    s = np.asarray(batch.times.s).reshape(16, 4)
    np.testing.assert_array_equal(s, s[:, :1] + 0 * s)
    assert len(np.unique(s)) == 16
    assert len(np.unique(np.asarray(batch.x0), axis=0)) == 64
    _, objective, dataset, _ = parts(config_for("esc"))
    pools = [np.asarray(draw(objective.terms[2], dataset, jax.random.key(0), first, 8).pool) for first in (0, 8)]
    np.testing.assert_array_equal(*pools)
    assert pools[0].shape == (256, 2)
    with pytest.raises(ValueError, match="use 64"):
        counts(parts(config)[1].terms, 66, devices=1)


def test_fresh_noise_is_independent_of_the_first():
    _, objective, dataset, _ = parts(config_for("free_flow"))
    batch = draw(objective.terms[1], dataset, jax.random.key(0), 0, 4000)
    np.testing.assert_allclose(batch.fresh.std(), dataset.std, rtol=0.03)
    assert abs(np.corrcoef(batch.x0[:, 0], batch.fresh[:, 0])[0, 1]) < 0.05


def test_targets_are_averaged_and_stages_frozen():
    config = config_for("tvm", steps=10, optimizer="adam", learning_rate=1e-2, schedule="constant")
    run, state = dispatch_of(config, devices=1, steps=1)
    state, (after, _) = mapping.on_host(state), run(state)
    for target, new, old in zip(
        *(jax.tree.leaves(tree) for tree in (after.target[0], after.params, state.params)), strict=True
    ):
        np.testing.assert_allclose(target, 0.99 * old + 0.01 * new, rtol=1e-5, atol=1e-7)

    # Two stages over ten steps: the second begins with the weights after the fifth.
    config = config_for("tcm", steps=10, optimizer="adam", learning_rate=1e-2, schedule="constant")
    run, state = dispatch_of(config, devices=1, steps=1)
    first, at_five = mapping.on_host(state.params), None
    for step in range(1, 9):
        state, _ = run(state)
        at_five = mapping.on_host(state.params) if step == 5 else at_five
        expected = first if step < 5 else at_five
        for frozen, weights in zip(jax.tree.leaves(state.stage[0]), jax.tree.leaves(expected), strict=True):
            np.testing.assert_array_equal(frozen, weights)


def test_the_second_network_learns_and_leaves_the_map_alone():
    config = config_for("free_flow", optimizer="adam")
    model, objective, dataset, path = parts(config)
    params = initial_state(config, model, objective, dataset.shape).params
    assert set(params["params"]) == {"network", "auxiliary"}
    batches = [draw(term, dataset, jax.random.key(0), 0, 32) for term in objective.terms]

    def loss(params, term):
        v = bind(model, params)
        maps = Maps(v, v, lambda t, x: -x, auxiliary=bind_auxiliary(model, params))
        return objective.terms[term].loss(maps, path, batches[term]).mean()

    gradients = [jax.grad(loss)(params, term)["params"] for term in range(3)]
    size = [{part: float(optax.tree.norm(g)) for part, g in gradient.items()} for gradient in gradients]
    assert size[0]["auxiliary"] == size[1]["auxiliary"] == 0 < size[2]["auxiliary"]
    assert size[2]["network"] == 0 < min(size[0]["network"], size[1]["network"])


def test_schedules():
    training = config_for(learning_rate=0.1, steps=100, schedule="cosine").training
    np.testing.assert_allclose([schedule(training)(step) for step in (0, 50, 100)], [0.1, 0.05, 0.0], atol=1e-7)
    training.update({"schedule": "sqrt", "decay_after": 25})
    np.testing.assert_allclose([schedule(training)(step) for step in (0, 25, 100)], [0.1, 0.1, 0.05], rtol=1e-6)


@pytest.mark.parametrize("name", ["adam", "radam", "muon", "sparse_muon"])
def test_optimizers_descend(name):
    training = config_for(optimizer=name, learning_rate=0.05, schedule="constant").training
    transformation, params = optimizer(training), {"w": jnp.ones((3, 3)), "b": jnp.ones(3)}

    def loss(p):
        return jnp.sum(p["w"] ** 2) + jnp.sum(p["b"] ** 2)

    state, before = transformation.init(params), loss(params)
    for _ in range(20):
        updates, state = transformation.update(jax.grad(loss)(params), state, params)
        params = optax.apply_updates(params, updates)
    assert float(loss(params)) < 0.7 * float(before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"optimizer": "moun"},
            "training.optimizer='moun'; did you mean 'muon'. Known: adam, muon, radam, short_muon, sparse_muon",
        ),
        ({"schedule": "cosin"}, "unknown --config.training.schedule='cosin'; did you mean 'cosine'"),
        ({"schedule": "sqrt"}, "schedule=sqrt needs --config.training.decay_after=STEP, at least 1"),
        ({"decay_after": -1}, "--config.training.decay_after=-1; expected 0"),
        ({"learning_rate": 0.0}, "--config.training.learning_rate=0.0; expected a positive number"),
        ({"learning_rate": float("inf")}, "--config.training.learning_rate=inf; expected a positive number"),
        ({"beta2": 1.0}, "--config.training.beta2=1.0; expected a decay between 0 and 1"),
        ({"grad_clip_norm": 0.0}, "--config.training.grad_clip_norm=0.0; expected a positive number"),
        ({"grad_clip_norm": float("nan")}, "--config.training.grad_clip_norm=nan; expected a positive number"),
    ],
)
def test_every_option_of_the_optimizer_is_checked(options, message):
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        checks.check(config_for(**options), devices=1)


def test_average_forgets_its_start():
    average, weights = jnp.zeros(()), jnp.ones(())
    for step in range(1000):
        average = update_ema(average, weights, decay=0.999, step=jnp.asarray(step))
    assert float(average) > 0.999
    np.testing.assert_allclose(update_ema(jnp.zeros(()), 1.0, decay=0.9, step=jnp.asarray(10**6)), 0.1, rtol=1e-5)
