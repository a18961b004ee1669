import csv
import dataclasses

import jax
import numpy as np
import pytest

from experiments import datasets, settings
from experiments.comparison import samplers as compare_samplers
from experiments.comparison.samplers import EXACT, MAP, SEARCHED, VELOCITY, Line
from experiments.errors import DivergedError, UsageError
from experiments.sampling import by_name as sampling
from experiments.sampling.by_name import SAMPLERS, Options
from experiments.training import runs
from experiments.training.loop import train
from experiments.uses import random_walk
from experiments.uses.sample import sample
from models import grids, samplers
from models.flow_map_model import bind
from taxonomy.interpolants import LINEAR
from tests.experiments.small_runs import small


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run")
    train(small(steps=5), workdir)
    return workdir


def test_samples_are_those_of_the_map_from_noise_of_the_seed(run, tmp_path):
    found, evaluations = sample(run, tmp_path / "x.npz", steps=2, count=50, seed=3)
    assert evaluations == 2
    with np.load(tmp_path / "x.npz") as file:
        np.testing.assert_array_equal(file["samples"], found)
        np.testing.assert_allclose(file["times"], [0, 0.5, 1])
        assert (file["evaluations"], file["sampler"], file["seed"]) == (2, "composition", 3)
    loaded = runs.load_trained(run)
    np.testing.assert_array_equal(loaded.sample(50, steps=2, seed=3), found)
    noise = loaded.dataset.std * jax.random.normal(jax.random.split(jax.random.key(3))[0], (50, 2))
    expected = samplers.composition(bind(loaded.model, loaded.params), noise, grids.uniform(2))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    own, _ = sample(run, tmp_path / "y.npz", times=("0", "0.5", "1"), count=50, seed=3)
    np.testing.assert_array_equal(own, found)


def counting(calls):
    """A model that stays where it is and counts on the way how often it is asked."""

    def asked(*times_and_points):
        jax.debug.callback(lambda: calls.append(1))
        return 0 * times_and_points[-1]

    return sampling.Model(asked, asked, LINEAR, 1.0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_stated_number_of_evaluations_is_that_of_the_calls(name):
    calls = []
    grid, noise = grids.uniform(4), jax.random.normal(jax.random.key(0), (3, 2))
    run = jax.jit(lambda key, noise: SAMPLERS[name].run(counting(calls), Options(), key, noise, grid))
    found, evaluations = run(jax.random.key(1), noise)
    jax.effects_barrier()
    assert found.shape == noise.shape
    assert len(calls) == int(evaluations)


@pytest.mark.parametrize(
    ("objective", "options", "sampler", "steps", "text"),
    [
        ("lsd", {}, "composition", 4, None),
        ("lsd", {}, "heun", 4, None),
        ("flow_matching", {}, "euler", 4, None),
        ("flow_matching", {}, "composition", 2, "needs any jump, and flow_matching trains the velocity alone"),
        ("ct", {}, "renoising", 2, None),
        ("ct", {}, "composition", 1, None),
        ("ct", {}, "composition", 2, "needs any jump, and ct trains jumps to the data alone"),
        ("ct", {}, "euler", 2, "needs the velocity, and ct trains jumps to the data alone"),
        ("stei", {"longest": 0.25}, "composition", 4, None),
        ("multistep_cm", {}, "composition", 4, None),
        ("multistep_cm", {}, "composition", 2, "the longest jump is 0.5, and this map was trained for"),
        ("phased_cm", {}, "composition", 1, "the longest jump is 1, and this map was trained for jumps up to 0.25"),
        (
            "stei",
            {"longest": 0.25},
            "composition",
            2,
            "the longest jump is 0.5, and this map was trained for",
        ),
    ],
)
def test_what_a_map_was_not_trained_for_is_said(objective, options, sampler, steps, text):
    config = small(objective)
    config.objective.options.update(options)
    own_sampler, options = settings.objective_of(config).sampler, config.objective.options
    found = sampling.warning(sampler, grids.uniform(steps), method=objective, own_sampler=own_sampler, options=options)
    assert (found is None) if text is None else (text in found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"out": "x.txt"}, r"--out=.*x.txt; expected a file that ends in .npz or .png"),
        ({"sampler": "huen"}, "unknown --sampler=huen; did you mean 'heun'"),
        ({"grid": "karas"}, "unknown --grid=karas; did you mean 'karras'"),
        ({"steps": 0}, "--num_steps=0; expected a whole number from 1"),
        ({"times": ("0", "0.6", "0.5", "1")}, "--times=0,0.6,0.5,1; expected numbers that increase from 0 to 1"),
        ({"times": ("0", "a")}, "--times=0,a; expected numbers that increase from 0 to 1"),
        ({"sampler": "heun", "options": {"gamma": 0.5}}, "--gamma with --sampler=heun, which does not read it"),
        (
            {"sampler": "gamma", "options": {"gamma": 2.0}},
            "--gamma=2.0; expected a finite number, at least 0 and at most 1",
        ),
        ({"sampler": "restart", "options": {"repeats": 0}}, "--repeats=0; expected a whole number from 1"),
    ],
)
def test_bad_input_writes_nothing(run, tmp_path, options, message):
    before = set(tmp_path.iterdir())
    with pytest.raises(UsageError, match=message):
        sample(run, tmp_path / options.pop("out", "x.npz"), count=5, **options)
    assert set(tmp_path.iterdir()) == before


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(UsageError, match=r"holds no run \(no config.json\)"):
        sample(tmp_path, tmp_path / "x.npz")


def test_samples_that_are_not_finite_are_not_written(run, tmp_path, monkeypatch):
    load = runs.load_trained

    def broken(workdir, **options):
        found = load(workdir, **options)
        return dataclasses.replace(found, params=jax.tree.map(lambda leaf: leaf * np.nan, found.params))

    monkeypatch.setattr(runs, "load_trained", broken)
    with pytest.raises(DivergedError, match="of composition, 100.00% of 5 generated samples are NaN or inf"):
        sample(run, tmp_path / "x.png", count=5)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_quality_against_evaluations(tmp_path):
    lines = (
        Line(MAP, "composition", (1, 2)),
        Line(MAP, "composition", (2,), SEARCHED),
        Line(VELOCITY, "euler", (2,)),
        Line(EXACT, "heun", (8,)),
        Line(EXACT, "adaptive", (1,), options=(Options(tolerance=1e-2),)),
    )
    text = compare_samplers.compare_samplers([small(steps=5)], tmp_path, lines=lines)
    assert "| lsd: composition" in text
    with (tmp_path / "samplers.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = {(row["line"], row["evaluations"]): float(row["sliced_w2"]) for row in rows}
    kl = {(row["line"], row["evaluations"]): float(row["kl"]) for row in rows}
    # The exact velocity needs few evaluations to be near the truth, an untrained map is far from it.
    perfect = found["perfect samples", ""]
    assert perfect < 0.1
    assert found["exact: heun", "15"] < 0.1
    assert found["exact: heun", "15"] < 0.7 * found["lsd: composition", "2"]
    # Searched by the KL of other noise.
    assert kl["lsd: composition, searched grid", "2"] < 1.1 * kl["lsd: composition", "2"]
    assert any(line == "exact: adaptive" and int(evaluations) > 8 for line, evaluations in found)
    assert (tmp_path / "samplers.png").stat().st_size > 10_000
    config = small(steps=5)
    config.dataset = "digits"
    with pytest.raises(UsageError, match="data set digits is not in the plane; expected one whose law is known"):
        compare_samplers.compare_samplers([config], tmp_path)


@pytest.mark.slow
def test_networks_learn_the_same_from_both_targets(monkeypatch):
    monkeypatch.setattr(random_walk, "BATCH", 16)
    dataset = datasets.load("spiral")
    mean = dataset.exact_path(random_walk.LINEAR).posterior_mean

    def exact(n, x):
        return random_walk.random_walk.optimum(mean, n, x, std=random_walk.STD, noise_std=dataset.std)

    fields = {
        name: random_walk.learn(dataset, target, updates=60, seed=0) for name, target in random_walk.TARGETS.items()
    }
    for n, found in random_walk.measure(dataset, fields, exact, count=20_000, seed=5).items():
        last, mean = (found[f"variance, {name}"] for name in random_walk.TARGETS)
        assert last - mean == pytest.approx(1 - 1 / n, abs=0.03)
        if n == 40:
            for name in random_walk.TARGETS:
                assert found[f"error, {name}"] < 0.5 * found["size"]
