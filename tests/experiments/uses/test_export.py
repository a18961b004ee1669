"""A run in one file: the same map, the same samples, and the scores of the numbers that are written."""

import json
from pathlib import Path
import shutil
import struct

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import settings
from experiments.errors import UsageError
from experiments.evaluation.evaluate import evaluate
from experiments.settings import saved
from experiments.training import logs, parts, records, runs
from experiments.training.loop import train
from experiments.uses import cards
from experiments.uses.export import export
from experiments.uses.finetuning import finetune
from experiments.uses.sample import sample
from experiments.zoo import names, weights
from tests.experiments.small_runs import small

LIMIT = 10e6  # bytes of all maps that come with the project, cards included


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(small(ema=(0.5, 0.999)), folder, quiet=True)
    return folder


@pytest.fixture(scope="module")
def file(run):
    path = run.with_name("map.safetensors")
    export(run, path, licence="MIT")
    return path


def same(a, b):
    return all(np.array_equal(*leaves) for leaves in zip(*map(jax.tree.leaves, (a, b)), strict=True))


def test_weights_come_back_bit_for_bit(run, file):
    there, back = runs.load_trained(run), runs.load_trained(file)
    assert same(there.params, back.params)
    assert jax.tree.structure(there.params) == jax.tree.structure(back.params)
    assert (back.step, back.name, back.protocol) == (20, "lsd", there.protocol)
    for ema in (0, 0.5):
        path = file.with_name(f"{ema}.safetensors")
        export(run, path, ema=ema, scored=False)
        assert same(runs.load_trained(run, ema=ema).params, runs.load_trained(path).params)
        assert not same(there.params, runs.load_trained(path).params)
        assert runs.load_trained(path).protocol.ema == ema


def of_file(path, std, s, t, x):
    """v_{s,t}(x) in float64 from the definition of the format alone, for silu and the pair (s, t - s)."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header, numbers = json.loads(content[8 : 8 + length]), content[8 + length :]
    network = json.loads(header.pop("__metadata__")["flowmap"])["config"]["network"]
    assert (network["activation"], network["time_embedding"]) == ("silu", "source_gap")

    def array(name):
        start, end = header[f"network.{name}"]["data_offsets"]
        return np.frombuffer(numbers[start:end], "<f4").reshape(header[f"network.{name}"]["shape"]).astype(float)

    x = x / std
    time = network["time_scale"] * np.stack([s, t - s], axis=-1)
    h = [time, x]
    for values, count, base in (
        (x, network["point_features"], network["point_base"]),
        (time, network["time_features"], np.pi),
    ):
        angles = (values[:, :, None] * base * np.arange(1, count + 1)).reshape(len(x), -1)
        h += [np.sin(angles), np.cos(angles)]
    h = np.concatenate(h, axis=-1)
    for k in range(network["depth"] + 1):
        h = h @ array(f"Dense_{k}.kernel") + array(f"Dense_{k}.bias")
        if k < network["depth"]:
            h = h / (1 + np.exp(-h))
    return std * h


def test_another_program_finds_the_map_in_the_file_alone(tmp_path):
    config = small()
    config.network.update(
        {"activation": "silu", "depth": 2, "point_features": 3, "time_features": 2, "time_embedding": "source_gap"}
    )
    train(config, tmp_path / "run", quiet=True)
    export(tmp_path / "run", tmp_path / "map.safetensors", scored=False)
    loaded = runs.load_trained(tmp_path / "run")
    rng = np.random.default_rng(0)
    s, t = np.sort(rng.uniform(size=(2, 200)), axis=0)
    x = rng.normal(size=(200, 2)) * loaded.dataset.std
    expected = np.asarray(loaded.network()(*map(jnp.float32, (s, t, x))))
    found = of_file(tmp_path / "map.safetensors", loaded.dataset.std, s, t, x)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_samples_are_those_of_the_run(run, file, tmp_path):
    for name, workdir in (("run", run), ("file", file)):
        sample(workdir, tmp_path / f"{name}.npz", steps=3, count=50, seed=5)
    a, b = (np.load(tmp_path / f"{name}.npz") for name in ("run", "file"))
    assert a["samples"].shape == (50, 2)
    for key in a.files:
        np.testing.assert_array_equal(a[key], b[key])


def test_scores_are_those_of_what_is_written(run, file, tmp_path):
    half = tmp_path / "half.safetensors"
    export(run, half, dtype="float16")
    found = runs.load_trained(half)
    for leaf, whole in zip(*(jax.tree.leaves(each.params) for each in (found, runs.load_trained(run))), strict=True):
        np.testing.assert_array_equal(leaf, np.float32(np.float16(whole)))
        assert leaf.dtype == np.float32
    written = []
    for path in (file, half):
        rows = evaluate(path, out=str(tmp_path / path.stem))
        kept = weights.describe(path).scores["rows"]
        assert [row["N"] for row in kept] == [1, 2, ""]
        assert kept == json.loads(json.dumps(rows))
        written.append(kept[0]["kl"])
    assert written[0] != written[1]
    assert (tmp_path / "half" / "metrics.md").exists()


def test_scores_that_are_known_are_not_made_again(run, file, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    evaluate(folder)
    monkeypatch.setattr("experiments.evaluation.evaluate.score", None)
    export(folder, tmp_path / "known.safetensors", licence="MIT")
    assert (tmp_path / "known.safetensors").read_bytes() == file.read_bytes()
    # Of other weights, by another protocol, or half a table: they are made.
    table = (folder / "metrics.csv").read_text()
    for options, text in (
        ({"dtype": "float16"}, table),
        ({"ema": 0.5}, table),
        ({}, table.replace("lsd,0,20,", "lsd,0,10,")),
        ({}, table[: len(table) // 2]),
        ({}, ""),
    ):
        (folder / "metrics.csv").write_text(text)
        with pytest.raises(TypeError, match="'NoneType' object is not callable"):
            export(folder, tmp_path / "other.safetensors", **options)


@pytest.mark.slow
def test_results_lie_beside_the_file_if_no_place_is_named(file):
    evaluate(file)
    assert (file.with_suffix("") / "metrics.md").exists()


@pytest.mark.slow
def test_the_file_says_what_it_took(run, file):
    found, seconds = weights.describe(file), logs.read(run)[-1]["seconds"]
    cost = settings.objective_of(small()).cost
    assert found.budget["evaluations"] == 20 * 64 * cost
    assert (found.budget["steps"], found.budget["batch_size"], found.budget["seconds"]) == (20, 64, seconds)
    assert found.budget["machine"]["packages"]["jax"] == jax.__version__
    assert (found.licence, found.step) == ("MIT", 20)
    again = file.with_name("again.safetensors")
    export(file, again)
    assert weights.read(again).budget == found.budget
    assert again.read_bytes() == file.read_bytes()


def test_a_training_is_repeated_and_begun_from_a_file(file):
    config = saved.get_config(str(file))
    assert settings.fields(config)["training.steps"] == 20
    begun = small(start_from=str(file))
    made = parts.load_parts(begun)
    assert same(made.start, runs.load_trained(file).params["params"])
    assert records.of_start(begun) == {
        "folder": str(file),
        "step": 20,
        "config": records.of_start(begun)["config"],
        "ema": None,
    }
    with pytest.raises(UsageError, match=r"has the average of decay 0.999 alone, not that of ema=0.5; drop the decay"):
        parts.load_parts(small(start_from=f"{file}@0.5"))
    student = small("lmd")
    student.teacher = str(file)
    assert parts.load_parts(student).teacher is not None
    assert records.of_teachers(student)["teacher"]["step"] == 20


@pytest.mark.slow
def test_data_of_a_file_are_found_by_the_name_that_was_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("points.npy", np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32))
    config = small()
    config.dataset = "points.npy"
    config.network.update(point_features=0)
    train(config, Path("run"), quiet=True)
    assert str(tmp_path) in (tmp_path / "run/run.json").read_text()
    export(Path("run"), Path("map.safetensors"))
    assert str(tmp_path).encode() not in Path("map.safetensors").read_bytes()
    assert same(runs.load_trained("run").params, runs.load_trained("map.safetensors").params)
    Path("points.npy").unlink()
    # Samples need no data.
    assert runs.load_trained("map.safetensors", data=False).sample(5).shape == (5, 2)
    with pytest.raises(UsageError, match="points.npy"):
        runs.load_trained("map.safetensors")


def test_numbers_that_16_bits_do_not_hold_are_refused(run, tmp_path, monkeypatch):
    load = runs.load_trained

    def large(*names, **options):
        found = load(*names, **options)
        jax.tree.leaves(found.params)[0].flat[0] = 1e6
        return found

    monkeypatch.setattr(runs, "load_trained", large)
    with pytest.warns(RuntimeWarning, match="overflow"), pytest.raises(UsageError, match="--dtype=float16: network.De"):
        export(run, tmp_path / "a.safetensors", dtype="float16", scored=False)
    assert not list(tmp_path.iterdir())


def test_a_network_of_another_size_is_named(file, tmp_path):
    found = weights.read(file)
    other = {**found.config, "network": {**found.config["network"], "width": 16}}
    weights.write(tmp_path / "a.safetensors", found._replace(config=other))
    with pytest.raises(UsageError, match=r"does not fit the network of its own configuration \(network.Dense_0.bias"):
        runs.load_trained(tmp_path / "a.safetensors")


def test_what_is_fine_tuned_from_the_zoo_lies_in_runs():
    assert finetune.folder_of(Path("zoo:checkerboard/lsd"), None) == Path("runs/zoo/checkerboard/lsd_finetuned")
    assert finetune.folder_of(Path("a/map.safetensors"), None) == Path("a/map_finetuned")
    assert finetune.folder_of(Path("a/run"), "b") == Path("b")


def test_a_card_has_scores_and_licence(file):
    text = cards.card(file)
    found = weights.describe(file)
    assert f"{found.scores['rows'][0]['kl']:.4g}" in text
    for expected in ("licence**: MIT", "`two_moons`", "20 steps of 64", f"--config={file}", "perfect samples"):
        assert expected in text
    assert "not stated" in cards.card(export_unscored(file))


def export_unscored(file):
    path = file.with_name("unscored.safetensors")
    weights.write(path, weights.read(file)._replace(scores={}, licence=""))
    assert "These weights were not scored." in cards.card(path)
    return path


# What comes with the project.


def test_the_maps_that_come_with_the_project_are_small_and_of_every_kind():
    files = [path for path in names.FOLDER.rglob("*") if path.suffix in (".safetensors", ".md")]
    assert sum(path.stat().st_size for path in files) < LIMIT
    data = {name.removeprefix("zoo:").split("/")[0] for name in names.names()}
    assert {"checkerboard", "spiral", "two_moons", "eight_gaussians", "digits", "patches"} <= data
    assert {"zoo:checkerboard/lsd", "zoo:checkerboard/flow_matching"} <= set(names.names())


@pytest.mark.parametrize("name", names.names())
def test_a_card_is_the_printed_one(name):
    found = weights.read(name)
    assert cards.card(name) == names.located(name).with_suffix(".md").read_text(), "out of date: run make docs"
    assert found.licence == "Apache-2.0"
    assert found.scores["rows"]
    stated = found.config["dataset"].rstrip(":"), found.config["objective"]["name"]
    assert tuple(name.removeprefix("zoo:").split("/")) == stated


def test_the_page_has_the_printed_table():
    page = (Path(__file__).parents[3] / "docs/zoo.md").read_text()
    assert cards.table() in page


def test_a_map_that_comes_with_the_project_is_on_the_board():
    run = runs.load_trained("zoo:checkerboard/lsd")
    x = run.sample(2000)
    inside = run.dataset.truth.density(x) > 0
    assert inside.mean() > 0.9
