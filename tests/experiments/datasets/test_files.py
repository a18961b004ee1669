"""Data of a user's file: how they are drawn, split, mapped and checked."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from experiments import datasets
from experiments.datasets import examples as checked
from experiments.datasets import stored
from experiments.errors import UsageError
from experiments.evaluation.evaluate import evaluate
from experiments.reporting import plots
from experiments.training import dry_run
from experiments.training.loop import train
from taxonomy.interpolants import LINEAR
from tests.experiments.datasets.helpers import drawn
from tests.experiments.small_runs import small


def examples(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def save(path, array=None, **arrays):
    if array is None:
        np.savez(path, **arrays)
    else:
        np.save(path, array)
    return datasets.load(str(path))


def rows(array):
    return {np.asarray(row).tobytes() for row in array}


@pytest.mark.parametrize("name", ["digits", "file"])
def test_stored_examples_are_drawn_alike_inside_compiled_code_and_outside(tmp_path, name):
    dataset = datasets.load("digits") if name == "digits" else save(tmp_path / "x.npy", examples(200, 3, 2))
    key = jax.random.key(3)
    outside, inside = dataset.draw(key, 300), jax.jit(lambda key: dataset.draw(key, 300))(key)
    np.testing.assert_array_equal(outside, inside)
    assert outside.dtype == dataset.records[0].dtype == np.float32
    assert outside.shape == (300, *dataset.shape)
    known = np.stack([dataset.records[i] for i in range(len(dataset.records))])
    np.testing.assert_array_equal(known, np.asarray(known).reshape(-1, *dataset.shape))
    assert rows(outside) <= rows(known)


def test_every_training_example_of_a_file_is_drawn_equally_often(tmp_path):
    dataset = save(tmp_path / "x.npy", examples(20, 3))
    counts = np.unique(drawn(dataset, 18_000), axis=0, return_counts=True)[1]
    assert len(counts) == len(dataset.records) == 18
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize(
    ("shape", "size"),
    [((7,), None), ((2,), None), ((4, 6), (4, 6, 1)), ((4, 6, 3), (4, 6, 3)), ((5, 4, 6), None), ((2, 2, 2, 2), None)],
)
def test_a_file_is_split_without_overlap_and_without_loss(tmp_path, shape, size):
    x = examples(105, *shape)
    dataset = save(tmp_path / "mine.npy", x)
    assert dataset.name == "mine.npy"
    assert dataset.shape == (np.prod(shape),)
    train, test = dataset.truth.train, dataset.truth.test
    assert (len(train), len(test), len(dataset.records)) == (95, 10, 95)
    assert rows(train) | rows(test) == rows(x)
    assert not rows(train) & rows(test)
    np.testing.assert_array_equal(dataset.centred(train), [dataset.records[i] for i in range(95)])
    assert dataset.truth.size == size
    np.testing.assert_allclose(dataset.std, dataset.centred(train).std(), rtol=1e-5)
    again = datasets.load(str(tmp_path / "mine.npy"))
    np.testing.assert_array_equal(again.truth.test, test)


@pytest.mark.parametrize("names", [("x",), ("data",), ("x", "test"), ("data", "test"), ("x", "labels", "test")])
def test_arrays_of_an_npz_file(tmp_path, names):
    arrays = {name: examples(40, 3, seed=k) for k, name in enumerate(names)}
    dataset = save(tmp_path / "x.npz", **arrays)
    held_out = rows(arrays["test"]) if "test" in arrays else None
    assert len(dataset.records) == (40 if held_out else 36)
    assert rows(dataset.truth.train) <= rows(arrays[names[0]])
    if held_out:
        assert rows(dataset.truth.test) == held_out


def test_bytes_become_numbers_from_minus_one_to_one(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 3), dtype=np.uint8)
    x[:, 0, 0, 0], x[:, 0, 0, 1] = 0, 255
    dataset = save(tmp_path / "x.npy", x)
    expected = 2 * x.reshape(50, -1).astype(np.float64) / 255 - 1
    np.testing.assert_allclose(
        np.unique(np.concatenate([dataset.truth.train, dataset.truth.test]), axis=0),
        np.unique(expected, axis=0),
        atol=1e-6,
    )
    assert (dataset.records[0][0], dataset.records[0][1]) == (-1, 1)
    assert dataset.records.stored.dtype == np.uint8
    np.testing.assert_allclose(
        np.unique(drawn(dataset, 2000), axis=0), np.unique(dataset.truth.train, axis=0), atol=1e-6
    )


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4"])
def test_floats_are_taken_as_they_are(tmp_path, dtype):
    x = examples(40, 3).astype(dtype)
    dataset = save(tmp_path / "x.npy", x)
    assert rows(dataset.truth.train) | rows(dataset.truth.test) == rows(x.astype(np.float32))
    assert rows(drawn(dataset, 500)) == rows(dataset.centred(dataset.truth.train))
    np.testing.assert_allclose(dataset.std, x.std(dtype=np.float64), rtol=0.2)


def test_a_file_is_mapped_and_checked_in_parts(tmp_path, monkeypatch):
    x = 3 + examples(1001, 3)
    monkeypatch.setattr(checked, "CHUNK", 100)
    monkeypatch.setattr(stored, "SCORED", 50)
    dataset = save(tmp_path / "x.npy", x)
    assert isinstance(dataset.records.array, np.memmap)
    assert "stored" not in vars(dataset.records)
    assert len(dataset.truth.train) == len(dataset.truth.test) == 50
    kept = x[dataset.records.rows].astype(np.float64)
    np.testing.assert_allclose(dataset.centre, kept.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(dataset.std, np.sqrt(np.mean((kept - kept.mean(axis=0)) ** 2)), rtol=1e-6)


def test_an_array_in_the_order_of_fortran_gives_the_same_examples(tmp_path):
    x = examples(40, 4, 3)
    plain, turned = save(tmp_path / "a.npy", x), save(tmp_path / "b.npy", np.asfortranarray(x))
    np.testing.assert_array_equal(plain.truth.train, turned.truth.train)
    np.testing.assert_array_equal(plain.records[5], turned.records[5])


def test_only_data_that_fit_are_held_by_compiled_code(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "DEVICE_BYTES", 1000)
    fits, large = save(tmp_path / "a.npy", np.uint8(100 * examples(30, 10))), save(tmp_path / "b.npy", examples(30, 10))
    fits.check_sample()
    message = r"data set b.npy has 0 MB .* compiled code may hold 0 MB; .* --config.training.data=host"
    with pytest.raises(UsageError, match=message):
        large.check_sample()
    # Evaluation reads what it draws.
    assert rows(large.draw(jax.random.key(0), 500)) == rows(large.centred(large.truth.train))


def test_the_exact_velocity_of_a_file_is_that_of_few_examples(tmp_path, monkeypatch):
    dataset = save(tmp_path / "x.npy", examples(30, 2))
    b = dataset.exact_path(LINEAR).b
    first = dataset.centred(dataset.truth.train[:1])
    t, x = jnp.float32(0.95), jnp.asarray(first * 0.95)
    # Close to the data the posterior is the nearest example: b = (y - x) / (1 - t).
    np.testing.assert_allclose(b(t[None], x), (first - x) / (1 - t), rtol=0.2, atol=0.3)
    monkeypatch.setattr(stored, "EXACT_NUMBERS", 50)
    assert datasets.load(str(tmp_path / "x.npy")).exact_flow is None


def with_entry(value, *, at, shape=(50, 3), dtype=np.float64):
    x = examples(*shape).astype(dtype)
    x[at] = value
    return x


BROKEN = {
    "objects": (np.array([[{}, 1], [2, 3]], object), "x.npy cannot be read .*Python objects.*; expected one array of"),
    "integers": (np.arange(40).reshape(10, 4), "x.npy is of type int64; expected float16, float32, float64, uint8"),
    "complex": (np.ones((10, 4), complex), "is of type complex128; expected float16"),
    "structured": (np.zeros(10, [("a", "f4"), ("b", "f4")]), r"is of type \[\('a'.*; expected float16"),
    "one dimension": (examples(50), r"x.npy has shape \(50,\); expected \(number of examples, ...\)"),
    "single numbers": (examples(50, 1), r"has shape \(50, 1\); expected .* 2 numbers or more"),
    "nothing in them": (examples(50, 0), r"has shape \(50, 0\)"),
    "few": (examples(3, 5), "holds 3 examples; expected at least 4"),
    "none": (examples(0, 5), "holds 0 examples; expected at least 4|cannot be read"),
    "nan": (
        with_entry(np.nan, at=([7, 9], 1)),
        r"2 of 50 examples \(4.00%\) contain NaN or infinity, first example 7;",
    ),
    "infinity": (
        with_entry(-np.inf, at=(9, 2), dtype=np.float16),
        r"1 of 50 examples \(2.00%\) contain NaN or inf.* 9;",
    ),
    "range": (
        with_entry(-255, at=(5, 0)),
        r"1 of 50 .* numbers more than 100 from the mean, up to 2\d\d.* in example 5; say scale=coordinates, or scale",
    ),
    "huge": (
        with_entry(1e300, at=(5, 0)),
        r"1 of 50 .* above 100 in magnitude, up to 1e\+300 in example 5; scale the data",
    ),
    "constant": (np.full((50, 3), 0.1), "x.npy: all examples are the same; expected data that vary"),
    "constant bytes": (np.full((50, 3), 255, np.uint8), "x.npy: all numbers are 1; expected data that vary"),
}


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("chunk", [7, checked.CHUNK])
def test_a_faulty_array_is_named(tmp_path, monkeypatch, fault, chunk):
    array, message = BROKEN[fault]
    monkeypatch.setattr(checked, "CHUNK", chunk)
    with pytest.raises(UsageError, match=message) as caught:
        save(tmp_path / "x.npy", array)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": examples(40, 3), "b": examples(40, 3)}, 'x.npz holds the arrays a, b; expected the examples as "x"'),
        ({"test": examples(40, 3)}, 'x.npz holds the arrays test; expected the examples as "x"'),
        ({}, r"x.npz holds the arrays \(none\); expected"),
        (
            {"x": examples(40, 3), "test": examples(9, 4)},
            r'x.npz, array "test" has examples of shape \(4,\), those to train on have \(3,\); expected the same',
        ),
        ({"x": examples(40, 3), "test": examples(1, 3)}, 'array "test" holds 1 examples; expected at least 2'),
        ({"x": examples(1, 3), "test": examples(40, 3)}, "x.npz holds 1 examples; expected at least 2"),
        (
            {"x": examples(40, 3), "test": with_entry(np.nan, at=(4, 2))},
            r'array "test": 1 of 50 examples \(2.00%\) contain NaN or infinity, first example 4',
        ),
        (
            {"x": np.array([[{}, 1], [2, 3]], object)},
            "x.npz cannot be read .*Python objects.*; expected one array of",
        ),
    ],
)
def test_faulty_arrays_of_an_npz_file_are_named(tmp_path, arrays, message):
    with pytest.raises(UsageError, match=message):
        save(tmp_path / "x.npz", **arrays)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_a_damaged_file_is_named(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    with pytest.raises(UsageError, match=f"no file {path}; --config.dataset expects"):
        datasets.load(str(path))
    save(path, examples(4000, 5)) if suffix == "npy" else save(path, x=examples(4000, 5))
    whole = path.read_bytes()
    for content in (b"", b"some text", whole[:60], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(
            UsageError, match=rf"x.{suffix} cannot be read \(\w+.*\); expected one array of .*: save it by"
        ):
            datasets.load(str(path))
    path.unlink()
    path.mkdir()
    with pytest.raises(UsageError, match="cannot be read .*it is a folder"):
        datasets.load(str(path))


@pytest.mark.parametrize("shape", [(5,), pytest.param((2,), marks=pytest.mark.slow)])
def test_a_run_on_a_file_is_trained_and_scored(tmp_path, monkeypatch, shape):
    # Two clusters, far from the Gaussian noise that an untrained map leaves where it is.
    x = 0.1 * examples(1000, *shape) + np.sign(examples(1000, 1, seed=1))
    np.save(tmp_path / "x.npy", x)
    config = small()
    config.dataset = str(tmp_path / "x.npy")
    config.training.update({"steps": 5, "checkpoint_every": 5})
    config.evaluation.update({"samples": 200, "points": 100, "triples": 40})
    lines = []
    train(config, tmp_path / "run", tell=lines.append)
    found = evaluate(tmp_path / "run", tell=lines.append)
    monkeypatch.setattr(dry_run, "_memory", lambda *parts: "")
    said = f"data x.npy: 1000 examples {shape[0]}, 100 of them held out at random; floats as they are, no pictures"
    assert lines[0] == lines[1]
    assert lines[0].startswith(f"{said}; centred for training (means ")
    assert lines[0] in dry_run.describe(config, None).splitlines()
    assert found[-1]["frechet"] < 0.1 * found[0]["frechet"]
    assert found[-1]["mmd2"] < 0.1 * found[0]["mmd2"]
    assert found[-1]["classifier"] < 0.7 < found[0]["classifier"]
    assert found[0]["map_error"] > 0
    assert np.load(tmp_path / "run/samples.npz")["2"].shape == (200, *shape)
    assert (tmp_path / "run/samples.png").stat().st_size > 5000
    assert (tmp_path / "run/trajectories.png").exists() == (shape == (2,))


@pytest.mark.parametrize("shape", [(8, 12), (8, 12, 1), (8, 12, 3)])
def test_pictures_of_a_file_are_drawn_upright_and_in_their_colours(tmp_path, monkeypatch, shape):
    x = np.zeros((40, *shape), np.uint8)
    x[:, 0], x[0] = 255, 51  # a bright line on top; one example is dark grey
    drawn_images = []
    monkeypatch.setattr(plots.plt.Axes, "imshow", lambda axis, image, **style: drawn_images.append(image))
    dataset = save(tmp_path / "x.npy", x)
    truth = dataset.truth._replace(test=np.concatenate([dataset.truth.train, dataset.truth.test]))
    plots.samples(tmp_path / "x.png", dataset._replace(truth=truth), {"lsd": {1: truth.test[::-1]}})
    for image in drawn_images:
        assert image.shape[:2] == (6 * 9, 6 * 13)
        assert image.shape[2:] == ((3,) if shape[2:] == (3,) else ())
        pictures = image.reshape(6, 9, 6, 13, -1).swapaxes(1, 2)[:, :, :8, :12].reshape(36, 8, 12, -1)
        lines = (pictures[:, 0] == 1).all(axis=(1, 2)) & (pictures[:, 1:] == 0).all(axis=(1, 2, 3))
        assert lines.sum() >= 35
    assert len(drawn_images) == 2
