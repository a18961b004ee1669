"""What a run keeps of its data: content, not place; and points that are centred."""

import json
import os

import jax
import numpy as np
import pytest

from experiments import datasets
from experiments.datasets import record
from experiments.errors import UsageError
from experiments.metrics import reference
from taxonomy.interpolants import LINEAR
from tests.experiments.datasets.helpers import drawn, folder_of, random_images
from tests.experiments.small_runs import small

X = np.random.default_rng(0).standard_normal((60, 2)).astype(np.float32)


def put(path, x, **others):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, x=x, **others)
    return datasets.load(str(path))


def test_exact_solutions_of_two_projects_with_one_file_name_are_two(tmp_path):
    config = small()
    config.dataset = "data.npz"
    one, other, moved = (put(tmp_path / f"{k}/data.npz", scale * X) for k, scale in (("A", 1), ("B", 2), ("C", 1)))
    assert reference.path_of(config, one) != reference.path_of(config, other)
    assert reference.path_of(config, one) == reference.path_of(config, moved)


def test_a_digest_is_of_every_number_of_a_small_file_and_of_its_classes(tmp_path):
    y = np.arange(60) % 2
    changed = X.copy()
    changed[7, 1] += 1e-3
    files = [put(tmp_path / "a.npz", x, y=k) for x, k in ((X, y), (changed, y), (X, 1 - y), (X[::-1], y))]
    digests = {record.digest(dataset) for dataset in files}
    assert len(digests) == len(files)
    assert record.digest(put(tmp_path / "b.npz", X, y=y)) == record.digest(files[0])
    assert record.digest(datasets.load("checkerboard")) == ""


def test_a_digest_of_a_folder_is_of_its_files(tmp_path):
    images = random_images(12, 4, 4)
    first = datasets.load(f"images:{folder_of(tmp_path / 'a', images)}")
    assert record.digest(first) == record.digest(datasets.load(f"images:{folder_of(tmp_path / 'b', images)}"))
    folder_of(tmp_path / "a", images[:1], names="aaa{}.png")
    os.utime(tmp_path / "a", (1, 1))
    later = datasets.load(f"images:{tmp_path / 'a'}")
    assert record.digest(later) != record.digest(first)
    known = json.loads(json.dumps(record.of(first, address="images:a")))
    with pytest.raises(UsageError, match=r"a is not the one that runs/a was trained on \(examples is 11, was 10; "):
        record.check(known, later, where="runs/a")


def test_a_record_is_plain_and_a_difference_is_named(tmp_path):
    known = json.loads(json.dumps(record.of(put(tmp_path / "x.npz", X), address="x.npz")))
    record.check_form(known)
    record.check(known, put(tmp_path / "y.npz", X), where="runs/a")
    with pytest.raises(UsageError, match=r"was trained on \(mean is .*; std is .*, was .*; digest is .*put x.npz back"):
        record.check(known, put(tmp_path / "x.npz", 5 * X), where="runs/a")
    with pytest.raises(UsageError, match="classes is 2, was 0"):
        record.check(known, put(tmp_path / "x.npz", X, y=np.arange(60) % 2), where="runs/a")
    record.check(None, put(tmp_path / "x.npz", 5 * X), where="runs/a")


@pytest.mark.parametrize("change", [{"std": "1"}, {"shape": None}, {"centre": [0.0]}, {"centre": ["a", "b"]}, None])
def test_a_damaged_record_has_a_reason(tmp_path, change):
    known = record.of(put(tmp_path / "x.npz", X), address="x.npz")
    with pytest.raises((TypeError, ValueError)):
        record.check_form([] if change is None else {**known, **change})


def test_what_a_record_knows_is_enough_for_a_network_and_no_more(tmp_path):
    dataset = put(tmp_path / "x.npz", X + 50, y=np.arange(60) % 3)
    found = record.without_data(json.loads(json.dumps(record.of(dataset, address="x.npz"))))
    assert (found.name, found.shape, found.std, found.classes) == (dataset.name, (2,), dataset.std, 3)
    np.testing.assert_array_equal(found.centre, dataset.centre)
    with pytest.raises(UsageError, match="data set x.npz is not there"):
        found.check_sample()


@pytest.mark.parametrize("name", ["x.npy", "x.npz,range=none", "images:pics,side=8", "latents:a.npz,scale=2.0"])
def test_an_address_is_of_any_working_folder(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    kind, _, path = name.rpartition(":")
    expected = f"{kind}:{tmp_path}/{path}" if kind else f"{tmp_path}/{path}"
    assert datasets.absolute(name) == datasets.absolute(expected) == expected


@pytest.mark.parametrize("name", ["checkerboard", "digits", "generated:4x4x1,count=40", "huggingface:a/b,side=8"])
def test_a_name_without_a_path_stays(name):
    assert datasets.absolute(name) == name
    assert datasets.place(name) is None
    assert datasets.is_built_in(name) == (not name.startswith("huggingface"))


def test_points_are_centred_and_come_back_in_their_own_units(tmp_path):
    own = 0.01 * X + np.array([50, -3], np.float32)
    dataset = put(tmp_path / "x.npz", own)
    records = np.stack([dataset.records[i] for i in range(len(dataset.records))])
    np.testing.assert_allclose(records.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(dataset.std, np.sqrt(np.mean(records**2)), rtol=1e-4)
    rows = {row.tobytes() for row in records}
    assert {row.tobytes() for row in drawn(dataset, 200)} <= rows
    np.testing.assert_allclose(dataset.in_own_units(records), dataset.truth.train, atol=4e-6)
    np.testing.assert_allclose(dataset.centred(dataset.truth.train), records, atol=4e-6)
    assert {row.tobytes() for row in dataset.truth.test} <= {row.tobytes() for row in own}
    end = dataset.exact_path(LINEAR).posterior_mean(jax.numpy.array([0.999]), jax.numpy.asarray(records[:1]))
    np.testing.assert_allclose(end[0], records[0], atol=1e-5)
    assert any(part.startswith("centred for training") for part in dataset.told)


@pytest.mark.parametrize("kind", ["bytes", "pictures", "range", "old"])
def test_pictures_stated_ranges_and_runs_of_earlier_versions_are_not_centred(tmp_path, kind):
    random = np.random.default_rng(0)
    x = {"bytes": random.integers(0, 256, (40, 5), np.uint8), "pictures": random.uniform(-1, 1, (40, 4, 4))}
    np.save(tmp_path / "x.npy", x.get(kind, random.uniform(0, 1, (40, 5))))
    stated = ",range=0..1" if kind == "range" else ""
    dataset = datasets.load(f"{tmp_path / 'x.npy'}{stated}", centred=kind != "old")
    assert dataset.centre is None
    assert dataset.in_own_units(dataset.truth.train) is dataset.truth.train


def test_coordinates_of_unequal_spreads_are_told(tmp_path):
    told = put(tmp_path / "x.npz", X * np.array([20, 0.001], np.float32)).told
    assert any("coordinates spread from" in part for part in told)
    assert not any("coordinates spread from" in part for part in put(tmp_path / "x.npz", X).told)


def test_examples_that_are_all_the_same_are_refused(tmp_path):
    with pytest.raises(UsageError, match="all examples are the same"):
        put(tmp_path / "x.npz", np.tile(np.array([50, 3], np.float32), (20, 1)))


@pytest.mark.parametrize("options", ["", ",scale=coordinates", ",range=-1..1"])
def test_a_mapped_file_that_shrinks_is_named(tmp_path, options):
    path = tmp_path / "x.npy"
    np.save(path, np.tile(np.tanh(X), (200, 1)))
    dataset = datasets.load(f"{path}{options}")
    last = int(np.argmax(dataset.records.rows))
    dataset.records[last]
    os.truncate(path, 4096)
    for read in (lambda: dataset.records[last], dataset.check_sample, lambda: dataset.records.first(9)):
        with pytest.raises(UsageError, match=r"x.npy has 4,096 bytes, and had 96,128 at the start"):
            read()
    if not options.startswith(",range"):  # only numbers as they are in the file are read again
        with pytest.raises(UsageError, match=r"x.npy has 4,096 bytes"):
            record.digest(dataset)
