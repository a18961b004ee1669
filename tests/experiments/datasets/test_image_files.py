"""Folders of pictures, Hugging Face data sets and latents; files are made here, in the true formats."""

import itertools
import json
import sys
import types

import jax
import numpy as np
from PIL import Image
import pytest

from experiments import datasets
from experiments.datasets import host, hub, latents, stored
from experiments.errors import UsageError

# Pillow resizes along one direction, then the other, and rounds to 8 bits after each.
ROUNDINGS = 1.001


def random_images(count, height, width, channels=3, *, seed=0):
    shape = (count, height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path)


def folder_of(root, images, *, names="{:03}.png"):
    for number, image in enumerate(images):
        write(root / names.format(number), image)
    return root


def bytes_of(x):
    """Numbers in [-1, 1] as the bytes that they come from, exactly."""
    raw = 127.5 * (np.asarray(x, np.float64) + 1)
    np.testing.assert_allclose(raw, raw.round(), atol=1e-4)
    return raw.round().astype(np.uint8)


def everything(dataset):
    """{bytes of an example: its class} of records and what is held out, which share none."""
    train = bytes_of(np.stack([dataset.records[i] for i in range(len(dataset.records))]))
    test = bytes_of(dataset.truth.test)
    none = itertools.repeat(None)
    labels = (none, none) if dataset.labels is None else (dataset.labels.tolist(), dataset.truth.test_labels.tolist())
    pairs = [(row.tobytes(), k) for x, y in zip((train, test), labels, strict=True) for row, k in zip(x, y)]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def block_means(images, factor):
    count, height, width, channels = images.shape
    return images.reshape(count, height // factor, factor, width // factor, factor, channels).mean(axis=(2, 4))


def test_pictures_as_they_are_keep_every_pixel(tmp_path):
    images = random_images(40, 5, 7)
    dataset = datasets.load(f"images:{folder_of(tmp_path / 'faces', images)}")
    assert (dataset.name, dataset.shape, dataset.truth.size, dataset.classes) == ("faces", (105,), (5, 7, 3), 0)
    assert (len(dataset.records), len(dataset.truth.test)) == (36, 4)
    assert set(everything(dataset)) == {image.tobytes() for image in images}
    np.testing.assert_allclose(dataset.std, dataset.truth.train.astype(np.float64).std(), rtol=1e-6)
    drawn = jax.jit(jax.vmap(dataset.sample))(jax.random.split(jax.random.key(0), 50))
    np.testing.assert_array_equal(drawn, dataset.draw(jax.random.key(0), 50))
    assert datasets.load(f"images:{tmp_path / 'faces'}") is dataset


def test_the_box_filter_is_the_mean_over_blocks_of_the_centre(tmp_path):
    images = random_images(12, 19, 30)
    folder = folder_of(tmp_path / "x", images)
    # The largest square: 19 x 19 from column (30 - 19) // 2 on; the crop: from row 3 and column 9 on.
    found = everything(datasets.load(f"images:{folder},side=19"))
    assert set(found) == {image.tobytes() for image in images[:, :, 5:24]}
    dataset = datasets.load(f"images:{folder},side=4,crop=12")
    assert dataset.truth.size == (4, 4, 3)
    means = block_means(images[:, 3:15, 9:21].astype(float), 3).reshape(12, -1)
    pixels = bytes_of(np.concatenate([[dataset.records[i] for i in range(10)], dataset.truth.test]))
    distance = np.abs(pixels[:, None] - means[None]).max(axis=-1)
    assert (distance <= ROUNDINGS).sum(axis=1).tolist() == [1] * 12
    assert sorted(distance.argmin(axis=1).tolist()) == list(range(12))
    other = datasets.load(f"images:{folder},side=4,crop=12,filter=lanczos")
    assert np.abs(other.truth.test - dataset.truth.test).max() > 0.05
    cropped = datasets.load(f"images:{folder},crop=12")
    assert set(everything(cropped)) == {image.tobytes() for image in images[:, 3:15, 9:21]}


def test_formats_and_colours_are_told_apart(tmp_path):
    grey, flat = random_images(8, 4, 6, 1), np.full((16, 16, 3), (200, 30, 90), np.uint8)
    dataset = datasets.load(f"images:{folder_of(tmp_path / 'grey', grey)}")
    assert dataset.truth.size == (4, 6, 1)
    assert set(everything(dataset)) == {image.tobytes() for image in grey}
    for number, suffix in enumerate(("jpg", "JPEG", "webp", "bmp", "png", "tiff")):
        write(tmp_path / f"mixed/{number}.{suffix}", np.roll(flat, number, axis=0))
    write(tmp_path / "mixed/deep/er/grey.png", np.full((16, 16, 1), 77, np.uint8))
    palette = Image.fromarray(flat).quantize(4)
    palette.save(tmp_path / "mixed/palette.png", transparency=bytes([128] * 4))
    (tmp_path / "mixed/notes.txt").write_text("no picture")
    (tmp_path / "mixed/.hidden.png").write_text("no picture")
    found = datasets.load(f"images:{tmp_path / 'mixed'}")
    pixels = bytes_of(np.concatenate([[found.records[i] for i in range(6)], found.truth.test])).reshape(8, -1, 3)
    # Colours that do not vary survive compression within a few levels; in the order of red, green, blue.
    offsets = np.abs(pixels.astype(int) - [200, 30, 90]).max(axis=(1, 2))
    assert (offsets <= 4).sum() == 7
    assert (pixels == 77).all(axis=(1, 2)).sum() == 1


@pytest.mark.parametrize("splits", [True, False])
def test_sub_folders_are_classes_and_splits(tmp_path, splits):
    images = random_images(30, 4, 4)
    for number, image in enumerate(images):
        part = ("test/" if number % 5 == 0 else "train/") if splits else ""
        write(tmp_path / f"x/{part}{('dog', 'ant', 'cat')[number % 3]}/{number}.png", image)
    dataset = datasets.load(f"images:{tmp_path / 'x'},labels=folders")
    assert dataset.classes == 3
    # In the order of their names: ant, cat, dog.
    assert everything(dataset) == {image.tobytes(): (2, 0, 1)[number % 3] for number, image in enumerate(images)}
    if splits:
        held = {row.tobytes() for row in bytes_of(dataset.truth.test)}
        assert held == {image.tobytes() for image in images[::5]}


def broken(root, images):
    folder_of(root, images)
    path = root / "004.png"
    path.write_bytes(path.read_bytes()[:-200])  # its header is whole


def odd(root, images):
    folder_of(root, images)
    write(root / "odd.png", random_images(1, 9, 9)[0])


def text(root, images):
    folder_of(root, images)
    (root / "005.png").write_text("no picture")


def deep(root, images):
    folder_of(root, images)
    Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000).save(root / "z.png")


def stray(root, images):
    folder_of(root / "a", images)
    folder_of(root, images[:1])


def unknown_class(root, images):
    for name in ("train/a", "train/b", "test/c"):
        folder_of(root / name, images)


FOLDERS = {
    "none": (lambda root, images: None, "", "no folder .*; images:PATH expects a folder of pictures"),
    "empty": (lambda root, images: root.mkdir(), "", r"holds no pictures; expected files that end in .png, .jpg"),
    "sizes": (odd, "", r"have several sizes: .*\.png is 8 x 8, .*odd.png is 9 x 9; expected one: give side=64"),
    "no picture": (text, "", r"picture .*005.png cannot be read \(UnidentifiedImageError: .*\); mend it, or take it"),
    "truncated": (broken, "", r"picture .*004.png cannot be read \(OSError: .*trunc.*\); mend it"),
    "16 bits": (deep, "", r"picture .*z.png has more than 8 bits a colour \(mode I;16\); expected 8: convert it"),
    "large crop": (folder_of, ",crop=9", r"picture .*000.png has 8 x 8 pixels, crop=9; expected a crop within it"),
    "no side": (folder_of, ",side=0", "side=0; expected at least 1 pixel"),
    "filter": (folder_of, ",side=4,filter=bicubc", "unknown filter=bicubc; did you mean 'bicubic'. Known: bicubic, "),
    "option": (folder_of, ",sid=4", "unknown option 'sid=4' of data set images; did you mean 'side'"),
    "labels": (folder_of, ",labels=names", "labels=names; expected labels=folders, or leave it out"),
    "no classes": (folder_of, ",labels=folders", r"picture .*000.png is in no sub-folder of .*, whose names"),
    "stray": (stray, ",labels=folders", r"picture .*x/000.png is in no sub-folder of"),
    "one class": (
        lambda root, images: folder_of(root / "a", images),
        ",labels=folders",
        "has pictures in 1 sub-folder; labels=folders expects at least 2",
    ),
    "other classes": (unknown_class, ",labels=folders", "test has class c, which the pictures to train on have not: a"),
    "few": (lambda root, images: folder_of(root, images[:3]), "", "holds 3 examples; expected at least 4"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FOLDERS)
def test_a_faulty_folder_is_named(tmp_path, fault):
    make, options, message = FOLDERS[fault]
    make(tmp_path / "x", random_images(8, 8, 8))
    with pytest.raises(UsageError, match=message) as caught:
        datasets.load(f"images:{tmp_path / 'x'}{options}")
    assert "\n" not in str(caught.value)


def test_more_pictures_than_fit_are_read_by_the_host(tmp_path, monkeypatch):
    dataset = datasets.load(f"images:{folder_of(tmp_path / 'x', random_images(30, 8, 8))}")
    monkeypatch.setattr(stored, "DEVICE_BYTES", 1000)
    with pytest.raises(UsageError, match="data set x has 0 MB .*; read them .*: --config.training.data=host"):
        dataset.check_sample()
    (number, *_), _ = next(
        host.batches(dataset, sizes=(4,), devices=(0,), total_devices=1, seed=0, start=0, threads=0, prefetch=0)
    )[0]
    assert number.shape == (4, 192)


class Picture:
    """The feature of a column; that of classes has their number."""

    def __init__(self, num_classes=None):
        if num_classes:
            self.num_classes = num_classes


class Split:
    """What is used of a split of the package: rows by number, columns by name after select_columns."""

    def __init__(self, columns, features):
        self._columns, self.features, self.column_names = columns, features, list(columns)

    def __len__(self):
        return len(next(iter(self._columns.values())))

    def __getitem__(self, index):
        return {name: column[index] for name, column in self._columns.items()}

    def select_columns(self, names):
        return Split({name: self._columns[name] for name in names}, self.features)


def split_of(images, labels):
    columns = {"image": [Image.fromarray(image) for image in images], "label": labels, "text": ["a"] * len(images)}
    return Split(columns, {"image": Picture(), "label": Picture(3), "text": Picture()})


@pytest.fixture
def package(monkeypatch):
    """A module that behaves like Hugging Face's, with one data set "owner/name"."""
    images, labels = random_images(30, 6, 8), [k % 3 for k in range(30)]

    def load_dataset(name, config):
        if name != "owner/name":
            raise FileNotFoundError(f"no data set\n{name}")
        return {"train": split_of(images[:20], labels[:20]), "test": split_of(images[20:], labels[20:])}

    found = types.ModuleType("datasets")
    found.load_dataset, found.images, found.labels = load_dataset, images, labels
    monkeypatch.setitem(sys.modules, "datasets", found)
    datasets._of_kind.cache_clear()
    return found


def test_a_hugging_face_data_set_gives_its_pictures_and_classes(package):
    dataset = datasets.load("huggingface:owner/name")
    assert (dataset.name, dataset.classes, dataset.truth.size) == ("name", 3, (6, 8, 3))
    expected = {image.tobytes(): k for image, k in zip(package.images, package.labels, strict=True)}
    assert everything(dataset) == expected
    assert {row.tobytes() for row in bytes_of(dataset.truth.test)} == {x.tobytes() for x in package.images[20:]}
    one = datasets.load("huggingface:owner/name,split=test,side=3")
    assert (len(one.records), len(one.truth.test), one.truth.size) == (8, 2, (3, 3, 3))
    means = block_means(package.images[20:, :, 1:7].astype(float), 2).reshape(10, -1)
    assert np.abs(bytes_of(one.truth.test)[:, None] - means).max(axis=-1).min(axis=1).max() <= ROUNDINGS


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("other", r"huggingface:other cannot be loaded \(FileNotFoundError: no data set other\); is its name right"),
        ("owner/name,split=trian", "has no split=trian; did you mean 'train'. Known: test, train"),
        ("owner/name,test=val", "huggingface:owner/name has no test=val; Known: test, train"),
        ("owner/name,image=img", "huggingface:owner/name has no column image=img; .*Known: image, label, text"),
        ("owner/name,label=fine", "huggingface:owner/name has no column label=fine; .*Known"),
        ("owner/name,image=text", "column text holds str; expected pictures: give image=COLUMN"),
        ("owner/name,label=text", "classes of huggingface:owner/name, split train are <U1 .*; expected integers"),
        ("owner/name,crop=7", "picture 0 of owner/name has 8 x 6 pixels, crop=7; expected a crop within it"),
    ],
)
def test_a_faulty_hugging_face_data_set_is_named(package, name, message):
    with pytest.raises(UsageError, match=message) as caught:
        datasets.load(f"huggingface:{name}")
    assert "\n" not in str(caught.value)


def test_pictures_of_other_sizes_and_a_missing_package_are_named(package, monkeypatch):
    found = split_of(random_images(9, 6, 8), [0] * 9)
    found._columns["image"][5] = Image.new("RGB", (6, 6))
    package.load_dataset = lambda name, config: found
    with pytest.raises(
        UsageError, match=r"split train: picture 5 is \(6, 6, 3\), the first is \(6, 8, 3\); expected one"
    ):
        datasets.load("huggingface:x")
    assert datasets.load("huggingface:x,side=4,label=label").classes == 3
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        UsageError, match=rf"huggingface:y needs the package datasets: {hub.EXTRA.replace('[', '.')[:30]}"
    ):
        datasets.load("huggingface:y")


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
    "no classes": (lambda folder: (folder / "train-classes.npy").unlink(), "no file train-classes.npy; write it again"),
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
