"""Data that are categories: their law and path, what the model makes of them, scores, figures, and refusals."""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest

from experiments import datasets, settings
from experiments.configs import categories, words
from experiments.errors import UsageError
from experiments.evaluation import scoring
from experiments.metrics import sequence_table
from experiments.probing import gradients
from experiments.reporting import plots
from experiments.settings import networks
from experiments.settings.protocol import Protocol
from experiments.training import devices as mapping
from experiments.training.dispatch import make_dispatch
from experiments.training.state import initial_state
from models import samplers
from models.flow_map_model import bind, bind_log_denoiser, initialize
from objectives.build import OBJECTIVES
from taxonomy import simplex
from taxonomy.interpolants import LINEAR

CONFIGS = {"categories": categories, "words": words}
METHODS = [name for name in OBJECTIVES if OBJECTIVES[name]().categorical]


def small(name, method="categorical_lsd", **network):
    config = CONFIGS[name].get_config(method)
    config.network.update({"width": 16, "depth": 1, **network})
    return config, datasets.load(name)


@pytest.mark.parametrize("name", CONFIGS)
def test_examples_are_corners_with_their_probabilities(name):
    dataset = datasets.load(name)
    drawn = np.asarray(dataset.draw(jax.random.key(0), 20_000))
    simplex.check_on(drawn, categories=dataset.categories, name="examples")
    np.testing.assert_allclose(dataset.truth.shares(drawn), dataset.truth.weights, atol=0.015)
    np.testing.assert_allclose(dataset.truth.weights.sum(), 1)
    assert len(set(dataset.truth.names)) == len(dataset.truth.names)
    assert datasets.load("spiral").categories == 0


@pytest.mark.usefixtures("x64")
def test_the_exact_path_weighs_the_words_by_their_likelihood():
    dataset = datasets.load("words")
    flow = dataset.exact_path(LINEAR)
    t, x = jnp.array([0.0, 0.3, 0.5]), 0.3 * jax.random.normal(jax.random.key(0), (3, 20))
    corners = simplex.corners(dataset.truth.codes, categories=5)
    found = []
    for time, point in zip(t.tolist(), np.asarray(x), strict=True):
        odds = dataset.truth.weights * np.exp(
            -np.sum((point - time * corners) ** 2, axis=1) / (2 * ((1 - time) * dataset.std) ** 2)
        )
        found.append(odds @ corners / odds.sum())
    np.testing.assert_allclose(flow.posterior_mean(t, x), found, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(flow.b(t, x), (np.array(found) - x) / (1 - t)[:, None], rtol=1e-9)
    # At time 0 nothing is known.
    np.testing.assert_allclose(found[0], dataset.truth.weights @ corners)


def test_the_output_of_a_model_is_a_distribution_where_it_is_a_denoiser():
    config, dataset = small("words")
    model = networks.build(config, settings.objective_of(config), dataset)
    params = initialize(model, jax.random.key(0), dataset.shape)
    x, s, t = dataset.noise(jax.random.key(1), 7), jnp.linspace(0, 0.9, 7), jnp.ones(7)
    log_psi = bind_log_denoiser(model, params)(s, t, x)
    assert log_psi.shape == (7, 4, 5)
    simplex.check_on(np.exp(log_psi).reshape(7, -1), categories=5, name="denoisers")
    v = bind(model, params)
    np.testing.assert_allclose(v(s, t, x), (np.exp(log_psi).reshape(x.shape) - x) / (1 - s)[:, None], rtol=1e-4)
    for steps in (1, 3):
        made = samplers.composition(v, x, jnp.linspace(0, 1, steps + 1))
        simplex.check_on(made, categories=5, name="samples")
    # Methods of flat space see vectors, unless they are told to make denoisers.
    for output, categories_ in (("", 0), ("denoiser", 5)):
        config, _ = small("words", "lsd", output=output)
        assert networks.build(config, settings.objective_of(config), dataset).categories == categories_
    flat = networks.build(small("words", "lsd")[0], OBJECTIVES["lsd"](), dataset)
    assert bind_log_denoiser(flat, params) is None
    with pytest.raises(ValueError, match="the output is no distribution; expected FlowMapModel"):
        flat.apply(params, s, t, x, method="log_denoiser")


def test_what_has_no_meaning_is_refused_in_one_line():
    config, dataset = small("words")
    objective = settings.objective_of(config)
    with pytest.raises(UsageError, match="categorical_lsd compares distributions over categories, and data set spiral"):
        networks.build(config, objective, datasets.load("spiral"))
    config.network.output = "velocity"
    with pytest.raises(UsageError, match="trains a mean denoiser; leave out --config.network.output=velocity"):
        networks.build(config, objective, dataset)
    config.network.output, config.interpolant = "", "trigonometric"
    with pytest.raises(UsageError, match="--config.interpolant=trigonometric: only on the linear path"):
        networks.build(config, objective, dataset)
    with pytest.raises(UsageError, match="data set words has categories; a reward takes points of the plane"):
        dataset.check_flat(use="a reward")


def test_examples_that_are_no_distributions_are_named_in_one_line():
    dataset = datasets.load("words")
    halved = dataset._replace(sample=lambda key: 0.5 * dataset.sample(key))
    with pytest.raises(
        UsageError, match="data set words: 4096 of 4096 examples are no distributions, first position 0"
    ):
        datasets.check(halved)


def test_scores_of_a_law_by_hand():
    truth = datasets.load("categories").truth
    corners = simplex.corners(truth.codes, categories=3)
    samples = np.repeat(corners, [25, 15, 10], axis=0)
    assert sequence_table.total_variation(samples, truth) == pytest.approx(0, abs=1e-12)
    assert sequence_table.kl(samples, truth) == pytest.approx(0, abs=1e-12)
    # All of one category: half of the mass is elsewhere.
    samples = 0.9 * corners[[0] * 50] + 0.1 * corners[[1] * 50]
    assert sequence_table.total_variation(samples, truth) == pytest.approx(0.5)
    expected = 0.5 * np.log(0.5) + 0.3 * np.log(30) + 0.2 * np.log(20)
    assert sequence_table.kl(samples, truth) == pytest.approx(expected)
    sampled = sequence_table.SampledSequences(samples, truth)
    assert sequence_table.corner_distance(sampled) == pytest.approx(np.sqrt(0.02))


def test_samples_are_scored_as_sequences():
    dataset = datasets.load("words")
    true, other = (np.asarray(dataset.draw(jax.random.key(k), 4000)) for k in (0, 1))
    noise = np.asarray(dataset.noise(jax.random.key(2), 4000))
    perfect, bad = (scoring.score(x, dataset, true, Protocol()) for x in (other, noise))
    for metric in sequence_table.SEQUENCE_METRICS:
        sign = 1 if metric.better == "lower" else -1
        assert sign * perfect[metric.name] < sign * bad[metric.name] - 1e-3, metric.name
    assert scoring.metrics_of(dataset) == sequence_table.SEQUENCE_METRICS
    assert scoring.first_metric(other, dataset)[0] == "kl"
    assert scoring.followed(other, dataset, Protocol()) == perfect


def test_a_triangle_keeps_lengths_and_bars_have_the_shares():
    dataset = datasets.load("categories")
    corners = simplex.corners(dataset.truth.codes, categories=3)
    placed = dataset.truth.project(corners)
    np.testing.assert_allclose(np.linalg.norm(placed - np.roll(placed, 1, axis=0), axis=1), np.sqrt(2))
    np.testing.assert_allclose(scoring._drawn(dataset, np.ones((2, 1, 3))), 0, atol=1e-12)
    figure, (triangle, bars) = plt.subplots(1, 2)
    plots.draw_cell(triangle, dataset, corners[[0, 0, 1, 2]])
    assert [text.get_text() for text in triangle.texts] == ["a 0.500", "b 0.250", "c 0.250"]
    words_ = datasets.load("words")
    plots.draw_cell(bars, words_, np.asarray(words_.draw(jax.random.key(0), 100)))
    widths = [patch.get_width() for patch in bars.patches]
    np.testing.assert_allclose(widths[:12], words_.truth.weights)
    np.testing.assert_allclose([sum(widths[13:]), widths[-1]], [1, 0], atol=1e-12)
    plt.close(figure)


def test_the_exact_map_has_an_exact_denoiser():
    dataset = datasets.load("categories")
    flow = dataset.exact_path(LINEAR)
    maps = gradients.exact_maps(flow, lambda s, t, x: flow.b(s, x), categories=3)
    t, x = jnp.array([0.2, 0.6]), dataset.noise(jax.random.key(0), 2)
    found = jnp.exp(maps.log_denoiser(t, t, x))[:, 0]
    np.testing.assert_allclose(found, flow.posterior_mean(t, x), atol=1e-5)
    assert gradients.exact_maps(flow, lambda s, t, x: x).log_denoiser is None


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_method_learns_the_law_of_three_categories(method):
    config, dataset = small("categories", method, width=64, depth=2)
    config.training.update({"steps": 300, "steps_per_dispatch": 300, "batch_size": 256})
    objective = settings.objective_of(config)
    model = networks.build(config, objective, dataset)
    first = mapping.on_host(initial_state(config, model, objective, dataset.shape))
    dispatch = make_dispatch(config, model, objective, dataset, LINEAR, steps=300, devices=1, teacher=None)
    last = mapping.on_host(dispatch(mapping.replicate(first, devices=1))[0])
    x = dataset.noise(jax.random.key(5), 4000)
    before, after = (
        sequence_table.total_variation(
            np.asarray(samplers.composition(bind(model, params), x, jnp.array([0.0, 1.0]))), dataset.truth
        )
        for params in (first.params, last.ema[0])
    )
    assert after < 0.1 < before
