"""What a viewer shows is what is trained on; what is left out of a folder is told."""

import os

import numpy as np
from PIL import ExifTags, Image
import pytest

from experiments import datasets
from experiments.datasets import pictures, told
from experiments.errors import UsageError
from tests.experiments.datasets.helpers import everything, folder_of, random_images, write

# What is stored so that a viewer, who turns it as the orientation asks, shows the picture.
STORED = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, 1),
    7: lambda x: np.rot90(x, 1)[:, ::-1],
    8: lambda x: np.rot90(x, -1),
}


def with_orientation(path, image, orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(np.ascontiguousarray(image)).save(path, exif=exif)


def said(name):
    return told.line(datasets.load(name))


@pytest.mark.parametrize("ending", ["png", "tif", "webp"])
def test_turned_pictures_are_read_upright(tmp_path, ending):
    images = random_images(16, 4, 6)
    for number, image in enumerate(images):
        orientation = number % 8 + 1
        path = tmp_path / f"{number:02}.{ending}"
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](image)))
        stored.save(path, exif=exif, **({"lossless": True} if ending == "webp" else {}))
    # Four of eight lie across: upright, all have one size.
    dataset = datasets.load(f"images:{tmp_path}")
    assert dataset.truth.size == (4, 6, 3)
    assert set(everything(dataset)) == {image.tobytes() for image in images}
    if ending != "tif":  # Pillow turns these itself
        assert f"14 {pictures.TURNED}" in told.line(dataset)


def test_damaged_exif_does_not_stop_the_reading(tmp_path):
    images = random_images(8, 4, 6)
    folder_of(tmp_path, images)
    Image.fromarray(images[0]).save(tmp_path / "000.png", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f nonsense")
    Image.fromarray(images[1]).save(tmp_path / "001.png", exif=b"Exif\x00\x00")
    with_orientation(tmp_path / "002.png", images[2], 77)
    assert set(everything(datasets.load(f"images:{tmp_path}"))) == {image.tobytes() for image in images}


def test_transparency_lies_on_white(tmp_path):
    random = np.random.default_rng(0)
    images = random_images(8, 4, 4, 4)
    images[..., 3] = random.choice([0, 255], (8, 4, 4))
    shown = np.where(images[..., 3:] == 0, 255, images[..., :3]).astype(np.uint8)
    folder_of(tmp_path / "rgba", images)
    dataset = datasets.load(f"images:{tmp_path / 'rgba'}")
    assert set(everything(dataset)) == {image.tobytes() for image in shown}
    assert f"of them: 8 {pictures.ON_WHITE}" in told.line(dataset)
    assert dataset.truth.size == (4, 4, 3)


def test_every_form_of_transparency_lies_on_white(tmp_path):
    key = Image.new("RGB", (4, 4), (255, 0, 255))
    key.putpixel((0, 0), (9, 8, 7))
    key.save(tmp_path / "key.png", transparency=(255, 0, 255))
    grey = Image.new("LA", (4, 4), (60, 0))
    grey.putpixel((0, 0), (90, 255))
    grey.save(tmp_path / "grey.png")
    palette = key.quantize(4)
    palette.save(tmp_path / "palette.gif", transparency=palette.getpixel((1, 1)))
    palette.save(tmp_path / "palette.png", transparency=palette.getpixel((1, 1)))
    for path in sorted(tmp_path.iterdir()):
        with pictures.opened(path) as picture:
            assert pictures.header(picture, "x").notes == (pictures.ON_WHITE,)
            found = pictures.to_array(picture, pictures.Form(), 3, "x")
        assert np.all(found.reshape(16, 3)[1:] == 255)
        assert np.all(found[0, 0] == (90 if path.stem == "grey" else (9, 8, 7)))


def test_all_that_pillow_reads_is_read_and_the_rest_is_counted(tmp_path):
    images = random_images(6, 8, 8)
    folder_of(tmp_path / "x", images)
    flat = np.full((8, 8, 3), 120, np.uint8)
    for number, ending in enumerate(("jfif", "avif", "jp2", "qoi", "TGA", "pcx")):
        Image.fromarray(flat + np.uint8(10 * number)).save(tmp_path / f"x/flat.{ending}")
    frames = [Image.fromarray(flat), Image.fromarray(255 - flat)]
    frames[0].save(tmp_path / "x/moving.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "x/pages.tiff", save_all=True, append_images=frames[1:])
    for name in ("a.heic", "b.heic", "notes.txt", "README", ".hidden.png", "._000.png"):
        (tmp_path / "x" / name).write_text("no picture")
    os.mkfifo(tmp_path / "x/pipe.png")
    (tmp_path / "x/link.png").symlink_to("nothing")
    dataset = datasets.load(f"images:{tmp_path / 'x'}")
    assert dataset.told == (
        "14 pictures 8 x 8 x 3, 2 of them held out at random",
        f"of them: 2 {pictures.FRAMES}",
        "left out: 2 .heic, 1 .txt, 2 hidden, 2 no regular file, 1 without an ending",
    )


def test_folders_of_other_programs_are_no_classes(tmp_path):
    images = random_images(24, 4, 4)
    folder_of(tmp_path / "cat", images[:12])
    folder_of(tmp_path / "dog", images[12:])
    for name in (".ipynb_checkpoints", "cat/.thumbnails", ".Trash-1000/files", "dog/@eaDir/x", "__MACOSX"):
        folder_of(tmp_path / name, images[:3])
    dataset = datasets.load(f"images:{tmp_path},labels=folders")
    assert dataset.classes == 2
    assert everything(dataset) == {image.tobytes(): number // 12 for number, image in enumerate(images)}
    assert dataset.told == (
        "24 pictures 4 x 4 x 3 in 2 classes (cat 12, dog 12), 2 of them held out at random",
        "left out: 15 below hidden folders",
    )
    without = datasets.load(f"images:{tmp_path}")
    assert set(everything(without)) == {image.tobytes() for image in images}
    assert without.told[-1] == "sub-folders are no classes (labels=folders would make them so)"


def test_pictures_beside_the_splits_and_behind_links_are_counted(tmp_path):
    images = random_images(12, 4, 4)
    folder_of(tmp_path / "x/train", images[:8])
    folder_of(tmp_path / "x/test", images[8:])
    folder_of(tmp_path / "x/val", images[:3])
    (tmp_path / "x/train/more").symlink_to(tmp_path / "x/val")
    assert said(f"images:{tmp_path / 'x'}") == (
        "data x: 12 pictures 4 x 4 x 3, 4 of them held out as given; "
        "left out: 3 beside train and test, 1 linked folder, not followed"
    )


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    for number in range(10):
        Image.new("1", (13_000, 10)).save(tmp_path / f"{number}.png")
    monkeypatch.setattr(pictures, "PIXELS", 129_999)
    monkeypatch.setattr(pictures, "to_array", None)
    with pytest.raises(UsageError, match=r"0.png has 13000 x 10 pixels; expected at most 129,999: make it smaller"):
        datasets.load(f"images:{tmp_path},side=8")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # twice as many are an error of Pillow's
    with pytest.raises(UsageError, match="0.png has too many pixels; expected at most 129,999"):
        datasets.load(f"images:{tmp_path},side=8")


def test_a_picture_that_asks_another_program_is_not_opened(tmp_path):
    folder_of(tmp_path, random_images(6, 4, 4))
    (tmp_path / "x.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n")
    with pytest.raises(UsageError, match=r"x.png cannot be read \(UnidentifiedImageError"):
        datasets.load(f"images:{tmp_path}")


def test_what_pillow_changes_without_a_word_is_told(tmp_path):
    folder_of(tmp_path / "x", random_images(6, 4, 4))
    Image.new("CMYK", (4, 4), (200, 0, 0, 0)).save(tmp_path / "x/print.jpg")
    write(tmp_path / "x/grey.png", random_images(1, 4, 4, 1)[0])
    assert said(f"images:{tmp_path / 'x'}").endswith(f"of them: 1 grey, as three equal colours, 1 {pictures.PRINT}")
    folder_of(tmp_path / "mask", random_images(6, 4, 4, 1) // 128)
    with pytest.raises(UsageError, match="mask: the largest of its bytes is 1, and white is 255: multiply by 255"):
        datasets.load(f"images:{tmp_path / 'mask'}")
