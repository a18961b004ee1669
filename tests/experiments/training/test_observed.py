"""Training a map that is conditioned on what was observed: what examples carry, what it learns, how it is guided."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets, settings
from experiments.datasets import observed
from experiments.errors import UsageError
from experiments.evaluation import evaluate
from experiments.settings import chosen_data, networks
from experiments.training import checks, dispatch, logs, runs
from experiments.training.draws import ExtraInputs, draw
from experiments.training.loop import train
from experiments.training.state import initial_state
from experiments.training.step import maps_of
from experiments.training.teachers import load_teacher
from experiments.uses import sample
from models.conditions import Condition, of_nothing
from models.flow_map_model import bind
from objectives.build import OBJECTIVES
from taxonomy import exact_planar, exact_posterior
from taxonomy.interpolants import LINEAR
from tests.experiments.small_runs import small

COUNT = 3000


def of(name="lsd", observation="noisy", **training):
    config = small(name, **training)
    config.network.observed = observation
    return config


def test_examples_carry_what_is_observed_of_them_and_some_carry_nothing():
    dataset = observed.applied(datasets.load("digits"), "coarse:4")
    term = OBJECTIVES["lsd"]().terms[0]
    extra = ExtraInputs(label_dropout=0.3, largest_scale=3.0, observed=dataset.observed)
    batch = jax.jit(lambda key: draw(term, dataset, key, 5, COUNT, extra=extra))(jax.random.key(0))
    plain = jax.jit(lambda key: draw(term, dataset, key, 5, COUNT))(jax.random.key(0))
    np.testing.assert_array_equal(batch.x1, plain.x1)
    kept = np.asarray(batch.labelled)
    np.testing.assert_allclose(kept.mean(), 0.7, atol=4 * np.sqrt(0.21 / COUNT))
    expected = dataset.observed.encoded(dataset.observed.of(jax.random.key(9), batch.x1))
    np.testing.assert_allclose(batch.told[kept], expected[kept], atol=1e-6)
    np.testing.assert_array_equal(batch.told[~kept], 0)
    # Where nothing is told there is nothing to guide by.
    np.testing.assert_array_equal(batch.scale[~kept], 1)
    assert batch.scale[kept].max() > 2


@pytest.fixture
def paired(tmp_path):
    """A file of points in the plane, and of a vector that is known of each: their negative."""
    x = np.random.default_rng(0).normal(size=(80, 2)).astype(np.float32)
    np.savez(tmp_path / "points.npz", x=x, c=-x)
    return str(tmp_path / "points.npz")


@pytest.mark.parametrize("place", ["device", "host"])
def test_vectors_of_a_file_reach_the_network_with_their_examples(paired, tmp_path, place):
    config = of(observation="stored", data=place)
    config.dataset = paired
    config.network.update({"point_features": 0, "time_features": 0})
    train(config, tmp_path / "run", quiet=True)
    run = runs.load_trained(tmp_path / "run")
    assert run.dataset.observed.size == 3
    assert [line["step"] for line in logs.read(tmp_path / "run")][-1] == 20
    assert "raw/lagrangian" in logs.read(tmp_path / "run")[-1]


def test_a_batch_pairs_vectors_and_examples(paired):
    config = of(observation="stored")
    config.dataset = paired
    dataset = chosen_data.load(config)
    extra = ExtraInputs(observed=dataset.observed)
    drawn = draw(OBJECTIVES["lsd"]().terms[0], dataset, jax.random.key(0), 0, 50, extra=extra)
    numbers = dataset.observed.decoded(drawn.told)
    np.testing.assert_allclose(numbers, -dataset.in_own_units(np.asarray(drawn.x1)), atol=1e-5)
    # What the host reads takes the place of what is drawn.
    given = (drawn.x1[::-1], numbers[::-1])
    read = draw(OBJECTIVES["lsd"]().terms[0], dataset, jax.random.key(0), 0, 50, examples=given, extra=extra)
    np.testing.assert_allclose(read.told, drawn.told[::-1], atol=1e-6)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A velocity that is conditioned on a reading, trained for some seconds."""
    folder = tmp_path_factory.mktemp("observed") / "run"
    config = of("flow_matching", steps=400, steps_per_dispatch=50, checkpoint_every=400, batch_size=256)
    config.network.update({"width": 64, "depth": 3})
    train(config, folder, quiet=True)
    return folder


def test_the_reading_is_used(trained):
    rows = evaluate.evaluate(trained)
    run = runs.load_trained(trained)
    assert rows[0]["map_error"] is None, "the exact map is one for each reading"
    # As far from the velocity with a reading as the best velocity without one is.
    data = run.dataset.draw(jax.random.key(0), 4000)
    vectors = run.dataset.observed.encoded(run.dataset.observed.of(jax.random.key(1), data))
    t = jax.random.uniform(jax.random.key(2), (4000,))
    x = LINEAR.position(t, run.dataset.noise(jax.random.key(3), 4000), data)
    known = observed.exact_velocity(run.dataset, LINEAR)
    blind = float(jnp.mean(jnp.sum((known(vectors)(t, x) - known(None)(t, x)) ** 2, axis=-1)))
    assert rows[0]["tangent"] < 0.3 * blind
    # Where nothing is told, the network has the velocity of all data.
    nothing = run.network(vector=jnp.zeros_like(vectors))(t, t, x)
    own = float(jnp.mean(jnp.sum((nothing - known(None)(t, x)) ** 2, axis=-1)))
    assert own < 0.5 * blind


def test_samples_of_one_reading_follow_its_posterior(trained, tmp_path):
    """At scale 1 they have its mean and spread; guidance moves them farther from the mean of all data."""
    run = runs.load_trained(trained)
    reading = run.dataset.observed.of(jax.random.key(4), run.dataset.draw(jax.random.key(5), 1))
    given = ",".join(f"{float(value):.6f}" for value in np.asarray(run.dataset.in_own_units(np.asarray(reading)))[0])
    drawn = {}
    for scale in (1.0, 3.0):
        found, _ = sample.sample(
            trained, tmp_path / f"{scale}.npz", steps=16, count=2000, guidance=scale, observed=given
        )
        drawn[scale] = found
    exact = exact_posterior.sample(
        exact_planar.two_moons(), LINEAR, jax.random.key(6), jnp.full(1, 0.5), reading, count=2000
    )
    exact = run.dataset.in_own_units(np.asarray(exact[0]))
    for moment in (np.mean, np.std):
        apart = np.linalg.norm(moment(drawn[1.0], axis=0) - moment(exact, axis=0))
        assert apart < 0.25 * run.dataset.own_std
    centre = run.dataset.in_own_units(np.zeros((1, 2), np.float32))[0]
    away = [np.linalg.norm(drawn[scale].mean(axis=0) - centre) for scale in (1.0, 3.0)]
    assert away[1] > away[0]


def test_uses_without_a_reading_are_refused_in_one_line(trained):
    run = runs.load_trained(trained)
    with pytest.raises(UsageError, match=r"is conditioned on a reading at time 0.5 of the path, and here it received"):
        run.map()


def test_an_exact_teacher_is_guided_towards_the_reading():
    config = of("lmd")
    config.teacher = "exact"
    config.guidance.update({"scheme": "teacher", "scale": 2.5})
    dataset = chosen_data.load(config)
    teacher = load_teacher(config, dataset)
    data = dataset.draw(jax.random.key(0), 6)
    reading = dataset.observed.of(jax.random.key(1), data)
    t, x = jnp.linspace(0.1, 0.9, 6), jax.random.normal(jax.random.key(2), (6, 2))
    condition = Condition(vector=dataset.observed.encoded(reading))
    with_it, without = dataset.observed.velocity(LINEAR)(t, x, reading), dataset.exact_path(LINEAR).b(t, x)
    np.testing.assert_allclose(teacher(condition)(t, x), 2.5 * with_it - 1.5 * without, rtol=2e-4, atol=2e-4)
    dropped = of_nothing(condition, observed=True)
    np.testing.assert_allclose(teacher(dropped)(t, x), without, rtol=2e-4, atol=2e-4)


def test_targets_are_guided_away_from_the_map_of_nothing():
    config = of("mean_flow")
    config.guidance.update({"scheme": "mean_flow", "scale": 2.0})
    checks.check(config, devices=1)
    dataset, objective = chosen_data.load(config), settings.objective_of(config)
    model = networks.build(config, objective, dataset)
    step = dispatch.make_step(config, model, objective, dataset, LINEAR, devices=1)
    state = initial_state(config, model, objective, dataset.shape)
    params = jax.tree.map(lambda leaf: leaf + 0.1, state.params)
    batch = draw(objective.terms[0], dataset, jax.random.key(0), 0, 8, extra=step.extra)
    maps = maps_of(step, params, state, batch)
    s, t, x = jnp.linspace(0, 0.5, 8), jnp.linspace(0.5, 1, 8), batch.x0
    nothing = bind(model, params, Condition(vector=jnp.zeros((8, 3))))(s, t, x)
    np.testing.assert_array_equal(maps.unconditional(s, t, x), nothing)
    told = np.asarray(batch.labelled)
    apart = np.abs(np.asarray(maps.student(s, t, x) - nothing)).max(axis=1)
    assert (apart[told] > 1e-4).all()
    np.testing.assert_array_equal(apart[~told], 0)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("lsd", {"network.conditional": True}, "expected one of the two"),
        ("posterior_map", {}, "a network reads one vector"),
        ("imm", {}, "compares examples with each other"),
        ("lsd", {"objective.options.velocity": "pooled"}, "compares examples with each other"),
        ("lsd", {"training.coupling": "optimal_transport"}, "would not be all starts"),
    ],
)
def test_what_does_not_go_together_is_refused(name, change, message):
    config = of(name)
    config.update_from_flattened_dict(change)
    with pytest.raises(UsageError, match=message):
        chosen_data.check(config, settings.objective_of(config), label=name)
