"""A run that begins with the weights of another one: the same map at step 0, or one clear line."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import settings
from experiments.comparison.objectives import compare
from experiments.errors import UsageError
from experiments.training import parts, records, runs
from experiments.training.dry_run import describe
from experiments.training.loop import train
from experiments.training.state import initial_state
from models.flow_map_model import bind
from tests.experiments.small_runs import small

POINTS = jnp.asarray(np.random.default_rng(0).standard_normal((50, 2)), jnp.float32)
TIMES = tuple(jnp.asarray(np.random.default_rng(1).uniform(size=(2, 50)), jnp.float32))


@pytest.fixture(scope="module")
def flow(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "flow"
    train(small("flow_matching", ema=(0.9, 0.999)), folder, quiet=True)
    return folder


def starting(flow, name="lsd", at="", **training):
    return small(name, start_from=f"{flow}{at}", **training)


def first_state(config):
    made = parts.load_parts(config)
    objective = settings.objective_of(config)
    return made.model, initial_state(config, made.model, objective, made.dataset.shape, start=made.start)


@pytest.mark.parametrize(("name", "at", "ema"), [("lsd", "", None), ("ctm", "@0.9", 0.9), ("tcm", "@0", 0)])
def test_the_first_map_is_the_old_one_bit_for_bit(flow, name, at, ema):
    config = starting(flow, name, at)
    config.network.output = "velocity"  # that of the consistency models would be another map
    model, state = first_state(config)
    old = runs.load_trained(flow, ema=ema)
    expected = np.asarray(old.network()(*TIMES, POINTS))
    copies = (state.params, *state.ema, *state.target, *state.stage)
    assert len(copies) >= 2
    for params in copies:
        np.testing.assert_array_equal(bind(model, params)(*TIMES, POINTS), expected)
    assert int(state.step) == 0


def test_averages_of_a_start_differ(flow):
    one, other = (first_state(starting(flow, at=at))[1].params for at in ("@0", "@0.999"))
    differing = [not np.array_equal(*leaves) for leaves in zip(*map(jax.tree.leaves, (one, other)), strict=True)]
    assert all(differing)


def test_training_goes_on_from_there_and_a_second_start_from_its_own_checkpoint(flow, tmp_path):
    fresh, begun = small(steps=10), starting(flow, steps=10, learning_rate=1e-9)
    train(fresh, tmp_path / "fresh", quiet=True)
    train(begun, tmp_path / "begun", quiet=True)
    # At a rate of nothing the map stays that of the start.
    found = runs.load_trained(tmp_path / "begun", ema=0).network()(*TIMES, POINTS)
    np.testing.assert_allclose(found, runs.load_trained(flow).network()(*TIMES, POINTS), atol=1e-6)
    assert np.abs(found - runs.load_trained(tmp_path / "fresh", ema=0).network()(*TIMES, POINTS)).max() > 0.05
    known = records.read(tmp_path / "begun")["start_from"]
    assert (known["folder"], known["step"], known["ema"]) == (str(flow), 20, None)
    moved = flow.rename(flow.with_name("moved"))
    try:
        train(begun, tmp_path / "begun", quiet=True)  # has its own weights
        with pytest.raises(UsageError, match=r"--config.training.start_from=.*flow holds no run"):
            train(starting(flow, steps=10), tmp_path / "new", quiet=True)
    finally:
        moved.rename(flow)
    assert not (tmp_path / "new").exists()


def test_parts_that_the_start_has_not_begin_fresh_and_a_second_network_as_the_first(flow):
    config = starting(flow)
    config.objective.options.learned_weight = True
    model, state = first_state(config)
    t = TIMES[0]
    np.testing.assert_array_equal(model.apply(state.params, t, t, method="log_variance"), 0)
    config = starting(flow, "free_flow")
    config.teacher = "exact"
    model, state = first_state(config)
    b = model.apply(state.params, t, POINTS, method="auxiliary_velocity")
    np.testing.assert_allclose(b, runs.load_trained(flow).network()(t, t, POINTS), rtol=1e-6)


def test_a_dry_run_says_where_the_weights_come_from(flow, tmp_path):
    text = describe(starting(flow, at="@0.9"), tmp_path / "new")
    assert f", the network as in {flow}@0.9\n" in text
    assert "as in" not in describe(small(), None)


def other(**fields):
    def change(config):
        config.update(fields)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other(network={"width": 16}), r"trained with network.width = 8, this run has 16; expected the same network"),
        (other(network={"activation": "silu"}), r"network.activation = gelu, this run has silu"),
        (other(network={"output": "denoiser"}), r"network.output = velocity, this run has denoiser"),
        (other(dataset="eight_gaussians"), r"start .*flow was trained with dataset = two_moons, this run has eight_g"),
        (other(interpolant="trigonometric"), r"was trained with interpolant = linear, this run has trigonometric"),
    ],
)
def test_a_start_of_another_kind_is_refused_and_nothing_is_written(flow, tmp_path, change, message):
    config = starting(flow)
    change(config)
    with pytest.raises(UsageError, match=message) as raised:
        train(config, tmp_path / "new", quiet=True)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("start_from", "message"),
    [
        ("nowhere", r"start_from=nowhere: .*nowhere holds no run"),
        ("{}@0.5", r"evaluation.ema=0.5 is not trained; expected one of \(0.9, 0.999\)"),
        ("{}@fast", r"@fast holds no run"),
    ],
)
def test_a_start_that_is_not_there_is_one_line(flow, tmp_path, start_from, message):
    with pytest.raises(UsageError, match=message):
        train(small(start_from=start_from.format(flow)), tmp_path / "new", quiet=True)
    assert not (tmp_path / "new").exists()


def test_a_leaf_of_another_shape_is_named(flow, monkeypatch):
    trained = runs.load_trained(flow)

    def altered(leaf):
        return lambda *args, **kwargs: trained.__class__(**{**vars(trained), "params": leaf(trained.params)})

    def wider(params):
        return jax.tree.map(lambda x: np.zeros((*x.shape[:-1], x.shape[-1] + 1)), params)

    monkeypatch.setattr(runs, "load_trained", altered(wider))
    with pytest.raises(UsageError, match=r"its weights have no network\[.*\] of shape \(.*\); expected the same"):
        parts.load_parts(starting(flow))
    with_more = altered(lambda params: {"params": {"network": params["params"]["network"] | {"x": np.zeros(1)}}})
    monkeypatch.setattr(runs, "load_trained", with_more)
    with pytest.raises(UsageError, match=r"its weights have network\['x'\], which this network has not"):
        parts.load_parts(starting(flow))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("runs/a", ("runs/a", None)), ("runs/a@0.99", ("runs/a", 0.99)), ("a@b", ("a@b", None)), ("@1", ("@1", None))],
)
def test_a_start_is_a_folder_and_perhaps_an_average(text, expected):
    assert records.named(text) == expected


def test_a_comparison_refuses_a_start_of_another_network_before_its_first_run(flow, tmp_path):
    config = starting(flow)
    with pytest.raises(UsageError, match=r"with network.output = velocity, this run has trigflow"):
        compare(config, ["lsd", "sct"], [0], "steps", tmp_path / "new")
    assert not (tmp_path / "new").exists()


OWN = """
import jax, numpy as np

def doubled(fresh):
    return jax.tree.map(lambda leaf: 2 * np.asarray(leaf) + 1, fresh)

def wider(fresh):
    return jax.tree.map(lambda leaf: np.zeros((*leaf.shape, 2)), fresh)

def fewer(fresh):
    return {"Dense_0": fresh["Dense_0"]}

def nothing(fresh):
    return None

def infinite(fresh):
    return jax.tree.map(lambda leaf: np.full(leaf.shape, np.inf), fresh)

def failing(fresh):
    raise KeyError("layer_9")

def no_arguments():
    return {}
"""


@pytest.fixture
def own_weights(tmp_path, monkeypatch):
    (tmp_path / "weights_from_elsewhere.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    return "weights_from_elsewhere"


def test_a_function_gives_the_weights(own_weights, tmp_path):
    name = f"{own_weights}:doubled"
    _, fresh = first_state(small())
    _, state = first_state(small(start_from=name))
    for copy in (state.params, *state.ema):
        jax.tree.map(lambda leaf, old: np.testing.assert_allclose(leaf, 2 * old + 1), copy, fresh.params)
    config = small(start_from=name, steps=10, learning_rate=1e-9)
    train(config, tmp_path / "begun", quiet=True)
    assert records.read(tmp_path / "begun")["start_from"] == {"function": name}
    found = runs.load_trained(tmp_path / "begun", ema=0).network()(*TIMES, POINTS)
    model, state = first_state(config)
    np.testing.assert_allclose(found, bind(model, state.params)(*TIMES, POINTS), rtol=1e-4, atol=1e-4)
    train(config, tmp_path / "begun", quiet=True)  # a finished run needs the function no more
    assert f", the network as in {name}\n" in describe(small(start_from=name), tmp_path / "new")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("double", r"module weights_from_elsewhere has no function 'double'; did you mean 'doubled'"),
        ("wider", r"wider: its weights have no network\['Dense_0'\]\['bias'\] of shape \(8,\); expected the same"),
        ("fewer", r"fewer: its weights have no network\['Dense_1'\]"),
        ("nothing", r"nothing gives NoneType; expected a function \(fresh weights of the network\) -> weights of"),
        ("infinite", r"infinite: network\['Dense_0'\]\['bias'\] is not finite; expected"),
        ("failing", r"failing fails \(KeyError: 'layer_9'\); expected a function"),
        ("no_arguments", r"no_arguments fails \(TypeError: .*\); expected a function"),
    ],
)
def test_a_function_of_other_weights_is_one_line(own_weights, tmp_path, function, message):
    with pytest.raises(UsageError, match=message) as raised:
        train(small(start_from=f"{own_weights}:{function}"), tmp_path / "new", quiet=True)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "new").exists()
