"""Every shipped configuration of images: its own setting has the published sizes, and three steps of it run."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets, settings
from experiments.errors import UsageError
from experiments.evaluation.evaluate import evaluate
from experiments.sampling.conditioning import check_scale, conditioned
from experiments.settings import files as config_files
from experiments.settings import networks
from experiments.training import checks, draws
from experiments.training import devices as mapping
from experiments.training.dispatch import make_dispatch
from experiments.training.loop import train
from experiments.training.state import initial_state
from models.conditions import Condition
from models.flow_map_model import bind, count_parameters, initialize
from taxonomy import exact

FOLDER = "experiments/configs"
# Network of the paper's setting, shape of an example, its parameters with the learned weight.
SIZES = [
    ("cifar10:lsd", (32, 32, 3), 54_673_314),
    ("celeba64:psd_m", (64, 64, 3), 124_264_485),
    ("afhq64:psd_u", (64, 64, 3), 124_264_485),
]
SMOKE = ["digits", "patches", "cifar10", "celeba64", "afhq64", "imagenet256_latent"]


def load(name):
    file, _, variant = name.partition(":")
    return config_files.load(f"{FOLDER}/{file}.py:{variant}")


@pytest.mark.parametrize(("name", "shape", "expected"), SIZES)
def test_the_papers_settings_have_the_papers_networks(name, shape, expected):
    config = load(name)
    checks.check(config, devices=4)
    made = datasets.load("generated:" + "x".join(map(str, shape)) + ",count=20")
    model = networks.build(config, settings.objective_of(config), made)
    params = jax.eval_shape(lambda: initialize(model, jax.random.key(0), made.shape))
    assert count_parameters(params) == expected
    training = config.training
    # 204.8 million examples; the rate falls as the inverse root after 35,000 steps.
    assert training.steps * training.batch_size == 204_800_000
    assert (training.optimizer, training.learning_rate, training.decay_after, training.grad_clip_norm) == (
        "radam",
        1e-2,
        35_000,
        1,
    )
    assert list(training.ema) == [0.9999]


@pytest.mark.parametrize("size", ["b4", "b2", "l2", "xl2"])
@pytest.mark.parametrize("objective", ["mean_flow", "improved_mean_flow", "alpha_flow", "tvm", "shortcut", "lsd"])
def test_every_preset_of_latents_is_sound(objective, size):
    config = load(f"imagenet256_latent:{objective},{size}")
    checks.check(config, devices=8)
    assert bool(config.guidance.scheme) == (objective != "lsd")


def test_the_average_of_ct_forgets_its_first_weights_within_a_short_training():
    def left(config, steps=400):
        decay = settings.objective_of(config).target_decay
        return np.prod([float(decay(jnp.asarray(step / steps))) for step in range(steps)])

    short, papers = load("digits:ct,unet"), load("digits:ct,unet")
    papers.objective.options.update({"last": 150, "decay": 0.9})
    assert 0.25 < left(papers) < 0.3
    assert left(short) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", SMOKE)
def test_three_steps_of_every_configuration(name, tmp_path):
    config = load(f"{name}:smoke")
    # A tenth is held out: ten pictures, the fewest whose distances have a median.
    config.dataset = re.sub(r"count=\d+", "count=100", config.dataset)
    train(config, tmp_path, quiet=True)
    rows = evaluate(tmp_path)
    assert {row["N"] for row in rows} == {1, 2, ""}
    assert all(row["trained_steps"] in (3, "") for row in rows)
    assert np.isfinite(rows[0]["memorization"])
    assert (tmp_path / "samples.png").exists()


def classes(objective="lsd", **changes):
    """Eight Gaussians, told apart by their labels."""
    config = config_files.load(f"{FOLDER}/eight_gaussians.py:{objective}")
    config.network.update({"width": 8, "depth": 1, "conditional": True})
    config.training.update({"batch_size": 64, "steps_per_dispatch": 1, "steps": 4})
    for name, value in changes.items():
        part, _, field = name.partition("__")
        config[part][field] = value
    return config


def parts(config):
    objective = settings.objective_of(config)
    dataset = datasets.load(config.dataset)
    return objective, dataset, networks.build(config, objective, dataset)


def test_labels_are_those_of_the_examples_and_some_are_not_told():
    config = classes()
    objective, dataset, _ = parts(config)
    extra = draws.ExtraInputs(labels=True, label_dropout=0.25, largest_scale=4.0)
    batch = jax.jit(lambda key: draws.draw(objective.terms[0], dataset, key, 0, 8000, extra=extra))(jax.random.key(0))
    centres = 0.8 * np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], axis=-1)
    nearest = np.argmin(((np.asarray(batch.x1)[:, None] - centres) ** 2).sum(axis=-1), axis=1)
    labelled, label = np.asarray(batch.labelled), np.asarray(batch.label)
    np.testing.assert_array_equal(label[labelled], nearest[labelled])
    assert set(label[~labelled]) == {8}
    assert abs(labelled.mean() - 0.75) < 4 * np.sqrt(0.25 * 0.75 / 8000)
    # Log-uniform from 1 to 4, and 1 where nothing guides.
    powers = np.log(np.asarray(batch.scale)) / np.log(4)
    np.testing.assert_array_equal(powers[~labelled], 0)
    assert abs(powers[labelled].mean() - 0.5) < 4 / np.sqrt(12 * labelled.sum())


def test_examples_are_the_same_with_labels_and_without():
    objective, dataset, _ = parts(classes())
    plain, told = (
        draws.draw(objective.terms[0], dataset, jax.random.key(1), 3, 16, extra=draws.ExtraInputs(labels=labels))
        for labels in (False, True)
    )
    for name in ("x0", "x1", "times", "fresh"):
        jax.tree.map(np.testing.assert_array_equal, getattr(plain, name), getattr(told, name))


UNET = {"channels": 8, "multipliers": (1,), "attention": ()}
DIT = {"kind": "dit", "width": 16, "depth": 1, "heads": 2, "conditional": True}


@pytest.mark.parametrize(
    ("devices", "variant", "network"),
    [
        (4, "lsd", DIT),
        *(pytest.param(devices, "lsd,unet", UNET, marks=pytest.mark.slow) for devices in (2, 4)),
    ],
)
def test_labels_scales_and_dropout_do_not_depend_on_the_number_of_devices(devices, variant, network):
    config = load(f"digits:{variant}")
    config.network.update(network | {"dropout": 0.3})
    config.guidance.update({"scheme": "improved_mean_flow", "scale": 3.0, "scale_is_input": True})
    config.training.update({"batch_size": 16, "optimizer": "adam"})
    objective, dataset, model = parts(config)
    first = initial_state(config, model, objective, dataset.shape)

    def after(count):
        path = settings.interpolant_of(config)
        dispatch = make_dispatch(config, model, objective, dataset, path, steps=1, devices=count)
        state = mapping.replicate(jax.tree.map(jnp.copy, first), devices=count)
        state, report = dispatch(state)
        return mapping.on_host(state.params), float(report.metrics["loss"][0])

    (one, loss), (several, loss_of_several) = after(1), after(devices)
    assert loss == pytest.approx(loss_of_several, rel=1e-5)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(several), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.slow
def test_forced_normalization_after_each_step():
    config = load("cifar10:smoke")
    config.network.update({"multipliers": (1,), "attention": ()})
    config.dataset = "generated:4x4x1,classes=10,count=40"
    objective, dataset, model = parts(config)

    dispatch = make_dispatch(config, model, objective, dataset, settings.interpolant_of(config), steps=1, devices=1)
    state = mapping.replicate(initial_state(config, model, objective, dataset.shape), devices=1)
    state, _ = dispatch(state)
    for path, leaf in jax.tree_util.tree_leaves_with_path(mapping.on_host(state.params)):
        if path[-1].key == "weight":
            norms = np.sqrt(np.mean(np.square(leaf), axis=tuple(range(leaf.ndim - 1))))
            np.testing.assert_allclose(norms, 1, atol=1e-3)


def test_guidance_at_sampling():
    config = classes("flow_matching")
    _, dataset, model = parts(config)
    params = initialize(model, jax.random.key(0), dataset.shape)
    t, x, label = jnp.full(4, 0.5), jnp.ones((4, 2)), jnp.arange(4)
    told, none = (bind(model, params, Condition(given))(t, t, x) for given in (label, None))
    guided = conditioned(config, model, params, label, scale=3.0)(t, t, x)
    np.testing.assert_allclose(guided, none + 3 * (told - none), rtol=1e-5)
    check_scale(config, 3.0, sampler="euler")


@pytest.mark.parametrize(
    ("config", "scale", "message"),
    [
        (classes(), 2.0, "a flow map is guided in training, and this one was trained for scale 1 alone"),
        (classes(guidance__scheme="model", guidance__scale=3.0), 2.0, "was trained for scale 3 alone"),
        (
            classes(guidance__scheme="model", guidance__scale=3.0, guidance__scale_is_input=True),
            4.0,
            "this network was trained for scales from 1 to 3",
        ),
        (classes("flow_matching", training__label_dropout=0.0), 2.0, "velocities with and without a label"),
        (classes(network__conditional=False), 2.0, "was trained without labels"),
    ],
)
def test_scales_that_a_map_was_not_trained_for_are_refused(config, scale, message):
    with pytest.raises(UsageError, match=message):
        check_scale(config, scale, sampler=settings.objective_of(config).sampler)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["improved_mean_flow", "model", "terminal"])
def test_a_trained_velocity_is_guided_by_the_effective_scale(scheme):
    """Nearer to the exact guided velocity than to the one without guidance, by far."""

    config = classes("flow_matching", guidance__scheme=scheme, guidance__scale=2.0)
    config.network.update({"width": 128, "depth": 3})
    config.training.update({"batch_size": 512, "steps_per_dispatch": 1000, "steps": 4000, "label_dropout": 0.3})
    objective, dataset, model = parts(config)
    path = settings.interpolant_of(config)
    dispatch = make_dispatch(config, model, objective, dataset, path, steps=1000, devices=1)
    state = mapping.replicate(initial_state(config, model, objective, dataset.shape), devices=1)
    for _ in range(4):
        state, _ = dispatch(state)
    params = mapping.on_host(state.ema[0])
    draw = draws.draw(objective.terms[0], dataset, jax.random.key(5), 0, 4000, extra=draws.ExtraInputs(labels=True))
    t = 0.2 + 0.4 * draw.times.t
    x = path.position(t, draw.x0, draw.x1)
    angle = np.arange(8) * np.pi / 4
    of_class = exact.mixture(
        path,
        weights=np.ones(1),
        means=np.zeros((1, 2)),
        covariances=0.06**2 * np.eye(2)[None],
        noise_std=dataset.std,
    ).b
    # A class is the centred Gaussian, moved along with the time.
    centre = jnp.asarray(0.8 * np.stack([np.cos(angle), np.sin(angle)], axis=-1), jnp.float32)[draw.label]
    own = of_class(t, x - t[:, None] * centre) + centre
    everything = dataset.exact_path(path).b(t, x)
    found = bind(model, params, Condition(draw.label))(t, t, x)

    def error(scale):
        return float(jnp.mean(jnp.sum((found - everything - scale * (own - everything)) ** 2, axis=1)))

    assert error(2.0) < 0.25 * error(1.0)
    assert error(2.0) < error(2.5)
    assert error(2.0) < error(1.5)


def test_conditions_are_part_of_the_run_and_saved(tmp_path):
    """A conditional run is scored with its labels; its folder alone is enough."""
    config = classes()
    config.evaluation.update(
        {"samples": 400, "steps": (1,), "projections": 4, "pairs": 50, "points": 100, "triples": 50}
    )
    train(config, tmp_path, quiet=True)
    rows = evaluate(tmp_path)
    # The exact flow of all classes together is not the truth of a map of one class.
    assert rows[0]["map_error"] is None
    assert np.isfinite(rows[0]["lagrangian"])
