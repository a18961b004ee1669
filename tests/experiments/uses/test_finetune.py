import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets, errors
from experiments.errors import DivergedError, UsageError
from experiments.training import runs
from experiments.training.loop import train
from experiments.uses import rewards
from experiments.uses.finetuning import loop as finetuning
from experiments.uses.finetuning import truth as reward_truth
from experiments.uses.finetuning.finetune import finetune
from experiments.uses.finetuning.plan import Plan
from experiments.uses.finetuning.recipes import RECIPES, Setting
from experiments.uses.steering import truth as steering_truth
from models.flow_map_model import FlowMapModel, bind, initialize
from models.networks.mlp import MLP
from taxonomy.flow_map import jump
from taxonomy.interpolants import LINEAR
from tests.experiments.small_runs import small

CORNER = "near_corner"
TILTS = ("tilt matching", "tilt matching on data")
SHORT = Plan(steps=12, batch_size=32, ode_steps=3, tilt_steps=12, stages=2, learning_rate=3e-3)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finetune") / "lsd"
    config = small()
    # More entropy: the transport distances of the table converge in fewer iterations.
    config.evaluation.entropy = 0.5
    train(config, folder)
    return folder


@pytest.fixture(scope="module")
def tuned(run):
    before = {path: path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}
    rows = finetune(run, reward=CORNER, method="all", plan=SHORT, steering="none,fmrg")
    assert before == {path: path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}
    return run.with_name("lsd_finetuned"), rows


def nine(x):
    """At the middle of each square of a 3 x 3 board another number."""
    return jnp.sin(2 * x[:, 0]) + 0.7 * x[:, 1] ** 2


def test_the_tilted_law_of_eight_gaussians_is_a_mixture():
    # exp(-4 |x - c|^2) is a Gaussian: each component moves and shrinks in closed form.
    dataset = datasets.load("eight_gaussians")
    truth = dataset.truth
    found = steering_truth.tilted(truth, rewards.near_corner)
    draws = np.asarray(dataset.draw(jax.random.key(0), 20_000), np.float64)
    values = np.asarray(rewards.near_corner(jnp.float32(draws)), np.float64)
    z, error = np.exp(values).mean(), np.exp(values).std() / np.sqrt(len(draws))
    x = np.array([[0.7, 0.7], [0.2, 0.9], [1.0, 0.0]])
    log_z = (
        np.log(truth.density(x))
        + np.asarray(rewards.near_corner(jnp.float32(x)), np.float64)
        - np.log(found.density(x))
    )
    # One constant, and it is the mean of e^r under the data.
    np.testing.assert_allclose(np.exp(log_z), np.exp(log_z[0]), rtol=1e-5)
    assert abs(np.exp(log_z[0]) - z) < 4 * error
    mass = found.bin_mass(48)
    np.testing.assert_allclose(mass.sum(), 1, rtol=1e-12)
    weights = np.exp(values) / np.exp(values).sum()
    counts = np.histogram2d(*draws.T, bins=6, range=[truth.box] * 2, weights=weights)[0]
    coarse = mass.reshape(6, 8, 6, 8).sum(axis=(1, 3))
    np.testing.assert_allclose(counts, coarse, atol=5 * np.sqrt(np.sum(weights**2)))
    expected = np.sum(values * weights)
    low, high = truth.box
    centres = low + (high - low) / 192 * (np.arange(192) + 0.5)
    points = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1).reshape(-1, 2)
    mean = np.sum(found.bin_mass(192).ravel() * np.asarray(rewards.near_corner(jnp.float32(points)), np.float64))
    assert abs(mean - expected) < 0.05


def test_sub_bin_masses_converge_to_the_integral_on_the_checkerboard():
    truth = datasets.load("checkerboard").truth
    found = steering_truth.tilted(truth, nine).bin_mass(8)
    nodes, node_weights = np.polynomial.legendre.leggauss(12)
    edges = np.linspace(-1, 1, 9)
    points = edges[:-1, None] + 0.125 * (nodes + 1)  # [8 bins, 12]
    wave, square = np.exp(np.sin(2 * points)) @ node_weights, np.exp(0.7 * points**2) @ node_weights
    expected = np.outer(wave, square) * truth.bin_mass(8)
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=2e-3, atol=1e-12)


def test_resampled_points_have_the_tilted_mean():
    x = np.asarray(jax.random.normal(jax.random.key(1), (50_000, 2)))
    drawn = reward_truth.resampled(x, lambda x: 0.8 * x[:, 0], 50_000, seed=0)
    # N(0, 1) tilted by 0.8 x is N(0.8, 1); weights have a second moment of e^0.64.
    np.testing.assert_allclose(drawn.mean(axis=0), [0.8, 0], atol=4 * np.sqrt((1 + np.exp(0.64)) / 50_000))


def test_the_optimum_is_found_or_given_up():
    y = np.asarray(jax.random.normal(jax.random.key(2), (50, 2)))
    best = reward_truth.optimum(rewards.near_corner, y, penalty=2.0)
    np.testing.assert_allclose(best, (8 * 0.75 + 2 * y) / 10, atol=1e-4)
    assert reward_truth.optimum(rewards.near_corner, y, penalty=0.0) is None
    # A convex reward that outweighs the penalty has no optimum.
    assert reward_truth.optimum(lambda x: jnp.sum(x**2, axis=-1), y, penalty=1.0) is None


COUNTED = {
    "map": {},
    "ode": {},
    "tilt": {},
    "tilt, explicit": {"tilt_loss": "explicit"},
    "tilt, weighted": {"tilt_loss": "weighted"},
    "tilt_data": {},
    "dmd": {},
}


@pytest.mark.parametrize("composes", [True, False])
@pytest.mark.parametrize("name", COUNTED)
def test_the_count_of_evaluations(name, composes):
    """Recounted by the products of matrices of the compiled update: two for an evaluation, twice as many backwards."""
    method = name.partition(",")[0]
    dataset = datasets.load("two_moons")
    plan = SHORT._replace(method=method, **COUNTED[name])
    model = FlowMapModel(MLP(width=4, depth=1), std=dataset.std)
    params = initialize(model, jax.random.key(0), (2,))
    recipe, setting = RECIPES[method], Setting(model, rewards.right, dataset, LINEAR, composes)
    loss, trained = recipe.loss(setting, plan), recipe.start(params)
    forward = jax.make_jaxpr(lambda p, key: loss(p, params, key))(trained, jax.random.key(0))

    def products(jaxpr, times=1):
        """dot_generals, those of a scan as often as it runs."""
        found = 0
        for equation in jaxpr.eqns:
            found += times * (equation.primitive.name == "dot_general")
            for value in equation.params.values():
                inner = getattr(value, "jaxpr", value)
                if hasattr(inner, "eqns"):
                    found += products(inner, times * equation.params.get("length", 1))
        return found

    per_pass = products(jax.make_jaxpr(bind(model, params))(jnp.zeros(3), jnp.zeros(3), jnp.zeros((3, 2))).jaxpr)
    once, rest = divmod(products(forward.jaxpr), per_pass)
    assert rest == 0
    # A backward pass is twice what is differentiated: all but what is stopped.
    stopped = {
        "map": 3,
        "ode": SHORT.ode_steps + 1,
        "tilt": (4 if composes else SHORT.ode_steps) + 1 + 2 * composes,
        "tilt_data": int(composes),
        "dmd": 4,
    }[method]
    assert plan.evaluations(composes=composes) == once + 2 * (once - stopped)


def test_fine_tuning_reaches_the_optimum_of_a_linear_reward():
    """Of an untrained network, for which the closed form holds as well: every end moves by grad r / penalty."""
    dataset = datasets.load("two_moons")
    model = FlowMapModel(MLP(width=16, depth=1), std=dataset.std)
    params = initialize(model, jax.random.key(0), (2,))
    plan = Plan(steps=300, batch_size=64, learning_rate=1e-2, penalty=4.0, map_penalty=0.0, tangent_penalty=0.0)
    found = finetuning.tune(Setting(model, rewards.right, dataset, LINEAR), params, plan)
    x = dataset.std * jax.random.normal(jax.random.key(5), (200, 2))
    zero, one = jnp.zeros(200), jnp.ones(200)
    moved = jump(bind(model, found.params), zero, one, x) - jump(bind(model, params), zero, one, x)
    np.testing.assert_allclose(moved.mean(axis=0), [3 * dataset.std**2 / 4, 0], atol=0.01)
    assert float(jnp.std(moved, axis=0).max()) < 0.05
    assert found.curve[-1, 0] == 300 * 64 * 4
    assert found.planned_bytes > 0


@pytest.mark.slow
def test_the_table_and_the_runs(tuned):
    folder, rows = tuned
    by_law = {row["law"]: row for row in rows}
    tilts = [f"{name}, {way}" for name in TILTS for way in ("one jump", "4 jumps", "3 Euler steps")]
    assert list(by_law) == [
        "reference, one jump",
        "fine-tuned, one jump",
        "fine-tuned, 4 jumps",
        "optimum for one jump",
        "reference, 3 Euler steps",
        "fine-tuned, 3 Euler steps",
        "optimum for 3 Euler steps",
        *tilts,
        "tilted DMD, one jump",
        "tilted DMD, 4 jumps",
        "steered, none",
        "steered, fmrg",
        "tilted law, perfect samples",
    ]
    for name in ("one jump", "3 Euler steps"):
        before, after, best = (by_law[f"{kind} {name}"] for kind in ("reference,", "fine-tuned,", "optimum for"))
        assert before["moved"] == 0
        assert before["reward"] < after["reward"] < best["reward"]
        assert after["to_optimum"] < before["to_optimum"] == pytest.approx(best["moved"], rel=1e-5)
    spent = [by_law[f"fine-tuned, {name}"]["evaluations"] for name in ("one jump", "3 Euler steps")]
    np.testing.assert_allclose(spent, [12 * 32 * n / 1e6 for n in (12, 16)])
    assert by_law["tilted law, perfect samples"]["to_tilted"] < by_law["optimum for one jump"]["to_tilted"]
    # Every method moves towards the reward; the untouched map does not.
    for name in ("tilt matching", "tilt matching on data", "tilted DMD"):
        assert by_law[f"{name}, one jump"]["reward"] > by_law["reference, one jump"]["reward"]
    assert by_law["steered, fmrg"]["reward"] > by_law["steered, none"]["reward"]
    assert (folder / "finetune_nfe.png").stat().st_size > 500
    for suffix in ("csv", "md", "json", "png"):
        assert (folder / f"finetune.{suffix}").stat().st_size > 500
    record = json.loads((folder / "finetune.json").read_text())
    assert record["settings"]["reward"] == CORNER
    assert record["settings"]["method"] == "all"


@pytest.mark.slow
def test_fine_tuned_runs_are_runs(tuned, run):
    folder, rows = tuned
    by_law = {row["law"]: row for row in rows}
    by_map, by_ode = (runs.load_trained(folder / name) for name in ("map", "ode"))
    assert by_map.step == 20
    assert (by_map.config.objective.name, by_ode.config.objective.name) == ("lsd", "flow_matching")
    x = by_map.sample(500)
    # Four standard errors apart at most from what the table says.
    values = np.asarray(rewards.near_corner(jnp.asarray(x)))
    assert abs(values.mean() - by_law["fine-tuned, one jump"]["reward"]) < 4 * values.std() * np.sqrt(2 / 500)
    made_from = json.loads((folder / "ode" / "finetune.json").read_text())
    assert made_from["workdir"] == str(run)
    assert made_from["method"] == "ode"
    # The velocity that the ODE run holds is the fine-tuned one.
    t, points = jnp.full(4, 0.5), jnp.ones((4, 2))
    old = runs.load_trained(run)
    change = by_ode.velocity()(t, points) - old.velocity()(t, points)
    assert float(jnp.abs(change).max()) > 1e-3


FAULTS = {
    "unknown --method='maps'; did you mean 'map'": {"method": "maps"},
    "--penalty=-1.0; expected a finite number, at least 0": {"plan": Plan(penalty=-1.0)},
    "--map_penalty=nan; expected": {"plan": Plan(map_penalty=float("nan"))},
    "--steps=0; expected a whole number from 1 to ": {"plan": Plan(steps=0)},
    "--ode_steps=0; expected a whole number from 1 to ": {"plan": Plan(ode_steps=0)},
    "--weight=0.0; expected a positive number": {"weight": 0.0},
    "--stages=13 and --tilt_steps=12; expected at least one update": {"plan": SHORT._replace(stages=13)},
    "--noise_from=1.0; expected a time from 0 to below 1": {"plan": SHORT._replace(noise_from=1.0)},
    "unknown --tilt_loss='implict'; did you mean 'implicit'": {"plan": SHORT._replace(tilt_loss="implict")},
    "unknown --steering='fmgr'; did you mean 'fmrg'": {"steering": "fmgr"},
    "unknown --reward=corner; did you mean 'near_corner'": {"reward": "corner"},
    "number for each": {"reward": "jax.numpy:square"},
    "value that is NaN or infinite": {"weight": 1e38},
}


@pytest.mark.parametrize("text", FAULTS)
def test_faulty_options_are_refused_before_anything_is_written(text, run, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(UsageError, match=text.replace("(", r"\(")):
        finetune(run, **{"reward": CORNER, "out": str(out), "plan": SHORT} | FAULTS[text])
    assert not out.exists()


@pytest.mark.slow
def test_a_folder_that_holds_a_run_is_kept(tuned, run):
    with pytest.raises(UsageError, match="holds a run already; choose another folder with --out"):
        finetune(run, reward=CORNER, plan=SHORT)
    with pytest.raises(UsageError, match="holds a run already"):
        finetune(run, reward=CORNER, out=str(run), plan=SHORT)


def test_a_run_without_checkpoint_is_refused(tmp_path):
    with pytest.raises(UsageError, match="holds no run"):
        finetune(tmp_path, reward=CORNER)


def test_divergence_is_one_error_and_writes_no_run(run, tmp_path):
    with pytest.raises(DivergedError, match="method map has a loss of"):
        finetune(run, reward=CORNER, out=str(tmp_path / "out"), plan=SHORT._replace(learning_rate=1e30))
    errors.remove_made()  # as a command does that fails
    assert not (tmp_path / "out").exists()


def test_steps_of_a_velocity_that_was_not_learned_are_refused(tmp_path):
    config = small("ct", steps=5)
    train(config, tmp_path / "ct")
    for method in ("ode", "tilt", "tilt_data", "dmd"):
        with pytest.raises(UsageError, match=f"learned jumps alone, there is no velocity for {method}; expected"):
            finetune(tmp_path / "ct", reward=CORNER, method=method)


def refuses_to_be_differentiated(x):
    """A step: 1 to the right of 0.2; whoever differentiates it fails."""

    @jax.custom_jvp
    def step(x):
        return jnp.where(x[:, 0] > 0.2, 1.0, 0.0)

    @step.defjvp
    def fails(primals, tangents):
        raise AssertionError("the reward was differentiated")

    return step(x)


def gapped(x):
    return jax.pure_callback(
        lambda x: np.float32(x[:, 0] > 0.2), jax.ShapeDtypeStruct(x.shape[:1], jnp.float32), x, vmap_method="sequential"
    )


@pytest.mark.parametrize("plan", [Plan(method="tilt"), Plan(method="tilt", tilt_loss="explicit"), Plan("tilt_data")])
def test_tilt_matching_never_differentiates_the_reward(plan):
    dataset = datasets.load("two_moons")
    model = FlowMapModel(MLP(width=4, depth=1), std=dataset.std)
    params = initialize(model, jax.random.key(0), (2,))
    loss = RECIPES[plan.method].loss(
        Setting(model, refuses_to_be_differentiated, dataset, LINEAR), plan._replace(batch_size=8)
    )
    jaxpr = jax.make_jaxpr(jax.grad(lambda p, key: loss(p, params, key)[0]))(params, jax.random.key(0))
    assert "gt" in str(jaxpr)
    through = RECIPES["map"].loss(Setting(model, refuses_to_be_differentiated, dataset, LINEAR), plan)
    with pytest.raises(AssertionError, match="was differentiated"):
        jax.make_jaxpr(jax.grad(lambda p, key: through(p, params, key)[0]))(params, jax.random.key(0))


def test_a_reward_without_gradient_is_checked_by_its_values_alone():
    dataset = datasets.load("two_moons")
    rewards.check(gapped, dataset, name="gapped", differentiated=False)
    with pytest.raises(UsageError, match="--reward=gapped fails on data"):
        rewards.check(gapped, dataset, name="gapped")
    with pytest.raises(UsageError, match="value that is NaN or infinite"):
        rewards.check(lambda x: x[:, 0] / 0, dataset, name="nan", differentiated=False)
