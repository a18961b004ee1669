"""Data sets of Hugging Face, through a package made here."""

import sys
import types

import numpy as np
from PIL import Image
import pytest

from experiments import datasets
from experiments.datasets import hub
from experiments.errors import UsageError
from tests.experiments.datasets.helpers import ROUNDINGS, block_means, bytes_of, everything, random_images


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


def test_pictures_of_the_hub_are_as_a_viewer_shows_them(package):
    assert datasets.load("huggingface:owner/name,test=test").told == (
        "30 pictures 6 x 8 x 3 in 3 classes (0: 10, 1: 10, 2: 10), 10 of them held out as given",
        "pictures of column image, classes of column label",
    )
    assert datasets.load("huggingface:owner/name,split=test").told[-1] == "left out: split train"
    found = split_of(random_images(9, 6, 8), [0] * 9)
    found._columns["image"][0] = Image.new("L", (8, 6), 77)
    clear = Image.new("RGBA", (8, 6), (255, 0, 255, 0))
    found._columns["image"][1] = clear
    package.load_dataset = lambda name, config: found
    # The first is grey, and others are not.
    dataset = datasets.load("huggingface:grey")
    assert dataset.truth.size == (6, 8, 3)
    assert bytes([255]) * 144 in everything(dataset)
    found._columns["image"] = [Image.fromarray(image[..., 0]) for image in random_images(100, 6, 8)]
    found._columns["label"], found._columns["text"] = [0] * 100, ["a"] * 100
    found._columns["image"][99] = Image.new("RGB", (8, 6))
    with pytest.raises(UsageError, match="picture 99 has colours, and the first 64 are grey; expected all alike"):
        datasets.load("huggingface:late")


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
