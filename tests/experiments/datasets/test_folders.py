"""Folders of pictures; files are made here."""

import jax
import numpy as np
from PIL import Image
import pytest

from experiments import datasets
from experiments.datasets import host, stored
from experiments.errors import UsageError
from tests.experiments.datasets.helpers import (
    ROUNDINGS,
    block_means,
    bytes_of,
    everything,
    folder_of,
    random_images,
    write,
)


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
    assert (offsets <= 4).sum() == 6
    # Half of the palette's colour, half of the white below it.
    assert (np.abs(pixels.astype(int) - [227, 142, 172]).max(axis=(1, 2)) <= 1).sum() == 1
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
