"""Latents in files and in shards, made here in the true formats."""

import itertools
import json

import numpy as np
import pytest

from experiments import datasets
from experiments.datasets import latents
from experiments.errors import UsageError


def arrays(count, *, seed=0):
    return np.random.default_rng(seed).standard_normal((count, 4, 4, 2)).astype(np.float16)


@pytest.mark.parametrize("form", ["npz", "shards"])
@pytest.mark.parametrize("classed", [True, False])
def test_latents_are_scaled_and_keep_their_classes(tmp_path, form, classed):
    x, test, y = 5 * arrays(25), 5 * arrays(7, seed=1), np.arange(25) % 4
    if form == "npz":
        path = tmp_path / "x.npz"
        np.savez(path, x=x, test=test, **({"y": y, "test_y": y[:7]} if classed else {}))
    else:
        path = tmp_path / "x"
        for name, array in (("train", x), ("test", test)):
            pairs = zip(array, y.tolist() if classed else itertools.repeat(None), strict=False)
            assert latents.write(path, pairs, split=name, shard=10) == len(array)
        assert sorted(p.name for p in path.glob("train*.array_record")) == [
            f"train-0000{k}.array_record" for k in range(3)
        ]
    dataset = datasets.load(f"latents:{path},scale=0.25")
    assert (dataset.shape, dataset.truth.size, dataset.classes) == ((32,), (4, 4, 2), 4 if classed else 0)
    known = {(0.25 * row.astype(np.float32)).tobytes(): k for row, k in zip(x.reshape(25, 32), y, strict=True)}
    found = [dataset.records[i] for i in range(25)]
    assert {row.tobytes() for row in found} == set(known)
    if classed:
        assert [known[row.tobytes()] for row in found] == dataset.labels.tolist()
    held = {row.tobytes() for row in dataset.truth.test}
    assert held == {(0.25 * row.astype(np.float32)).tobytes() for row in test.reshape(7, 32)}
    np.testing.assert_allclose(dataset.std, 0.25 * x.astype(np.float64).std(), rtol=1e-5)
    plain = datasets.load(f"latents:{path}")
    np.testing.assert_allclose(plain.std, 0.18215 / 0.25 * dataset.std, rtol=1e-5)


def without_shard(folder):
    (folder / "train-00001.array_record").unlink()


def with_another_shard(folder):
    (folder / "train-00001.array_record").write_bytes((folder / "train-00002.array_record").read_bytes())


def with_text(folder):
    (folder / "train-00001.array_record").write_bytes(b"text")


def with_other_type(folder):
    about = json.loads((folder / "train.json").read_text())
    (folder / "train.json").write_text(json.dumps(about | {"dtype": "float32"}))


SHARDS = {
    "no shard": (without_shard, "no file train-00001.array_record; write it again by experiments.datasets.lat"),
    "another shard": (with_another_shard, "split train holds 20 records; expected 25: write it again"),
    "no shard but text": (with_text, r"split train cannot be read \(.*\); write it again"),
    "unfinished": (lambda folder: (folder / "train.json").unlink(), "no file train.json; write it again"),
    "no classes": (
        lambda folder: (folder / "train-classes.npy").unlink(),
        r"train-classes.npy cannot be read \(no such file\); write it again",
    ),
    "other classes": (
        lambda folder: np.save(folder / "train-classes.npy", np.zeros(3, int)),
        r"split train are int64 of shape \(3,\); expected integers of shape \(25,\)",
    ),
    "another type": (with_other_type, r"record \d+ is float16 \(4, 4, 2\); expected float32 \(4, 4, 2\): write it"),
}  # fmt: skip


@pytest.mark.parametrize("fault", SHARDS)
def test_faulty_shards_are_named(tmp_path, fault):
    change, message = SHARDS[fault]
    latents.write(tmp_path / "x", zip(arrays(25), [0, 1, 2, 3, 4] * 5, strict=True), shard=10)
    change(tmp_path / "x")
    with pytest.raises(UsageError, match=message) as caught:
        datasets.load(f"latents:{tmp_path / 'x'}")
    assert "\n" not in str(caught.value)


def test_faulty_latents_are_named(tmp_path):
    np.savez(tmp_path / "flat.npz", x=np.ones((9, 4)) * np.arange(4))
    with pytest.raises(UsageError, match=r"has examples of shape \(4,\); expected \[height, width, channels\]"):
        datasets.load(f"latents:{tmp_path / 'flat.npz'}")
    with pytest.raises(UsageError, match="latents:none; expected a .npz file or a folder of shards that exists"):
        datasets.load("latents:none")
    with pytest.raises(UsageError, match="latents with scale=-1.0; expected a number above 0"):
        datasets.load("latents:none.npz,scale=-1")
    with pytest.raises(UsageError, match="example 2 is float32 .*, the first is float16 .*; expected all alike"):
        latents.write(tmp_path / "x", [(x, None) for x in (*arrays(2), arrays(1)[0].astype(np.float32))])
    latents.write(tmp_path / "y", [(x, None) for x in arrays(2)])
    with pytest.raises(UsageError, match="y holds the split train already; write to another folder"):
        latents.write(tmp_path / "y", [(x, None) for x in arrays(2)])
    with pytest.raises(UsageError, match="no examples to write to"):
        latents.write(tmp_path / "z", [])
