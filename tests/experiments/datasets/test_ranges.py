"""What the numbers of a file mean: stated, or told, and never guessed."""

import numpy as np
import pytest

from experiments import datasets
from experiments.datasets import told
from experiments.errors import UsageError
from experiments.images import scores
from experiments.images.examples import is_picture
from experiments.settings.protocol import Protocol
from tests.experiments.datasets.helpers import everything, random_images

BYTES = random_images(60, 4, 4, 3)
UNIT, SIGNED = (BYTES / 255).astype(np.float32), (BYTES / 127.5 - 1).astype(np.float32)


def load(path, options="", **arrays):
    np.savez(path / "x.npz", **arrays)
    return datasets.load(f"{path / 'x.npz'}{options}")


@pytest.mark.parametrize(
    ("x", "options"),
    [
        (BYTES, ""),
        (BYTES, ",range=0..255"),
        (UNIT, ",range=0..1"),
        (SIGNED, ",range=-1..1"),
        (SIGNED, ""),
        (255 * UNIT, ",range=0..255"),
        (UNIT.astype(np.float64), ",range=0..1"),
    ],
)
def test_pictures_are_the_same_whatever_numbers_they_are_stored_as(tmp_path, x, options):
    dataset = load(tmp_path, options, x=x)
    assert dataset.truth.size == (4, 4, 3)
    assert is_picture(dataset.truth)
    assert set(everything(dataset)) == {image.tobytes() for image in BYTES}
    np.testing.assert_allclose(dataset.std, load(tmp_path, x=BYTES).std, rtol=1e-6)


def test_scores_do_not_depend_on_the_type_of_a_file(tmp_path):
    smooth = np.cumsum(BYTES, axis=1, dtype=np.float64) / 1020
    of_floats = load(tmp_path, ",range=0..1", x=np.rint(255 * smooth) / 255)
    of_bytes = load(tmp_path, x=np.rint(255 * smooth).astype(np.uint8))
    protocol = Protocol(pairs=20)
    (name, value), (same, expected) = (
        scores.main_metric(dataset.truth.train, dataset, protocol) for dataset in (of_floats, of_bytes)
    )
    assert name == same
    np.testing.assert_allclose(value, expected)


REFUSED = {
    "floats of 0 .. 1": (
        {"x": UNIT}, "",
        r"x.npz has pictures of floats from \S+ to \S+, and black may be 0 or -1; say which: .*range=0..1 or .*=-1..1",
    ),
    "floats of 0 .. 1 beside others": ({"x": SIGNED, "test": UNIT}, "", 'array "test" has pictures of floats from'),
    "bytes beside floats": ({"x": BYTES, "test": UNIT}, "", 'array "test" is of type float32, .* train on are uint8'),
    "another range": ({"x": SIGNED, "test": 10 * UNIT}, "", 'array "test" has a standard deviation of .*same range'),
    "a mask": ({"x": BYTES // 128}, "", r"the largest of its bytes is 1, and white is 255: multiply by 255, as in "),
    "sixteen levels": ({"x": BYTES // 16}, "", r"largest of its bytes is 15, .* \(255 / 15\), .*; if they are"),
    "a mask of vectors": ({"x": BYTES.reshape(60, -1) // 128}, "", "the largest of its bytes is 1"),
    "booleans": ({"x": BYTES > 128}, "", r"is of type bool; .*: multiply by 255, as in \(255 \* x\).astype\('uint8'\)"),
    "the wrong range": ({"x": SIGNED}, ",range=0..1", r"has numbers from -\S+ to 1, which are not those of range=0..1"),
    "the range of bytes": ({"x": BYTES}, ",range=0..1", "is of type uint8, whose range is 0..255"),
    "no range": ({"x": UNIT}, ",range=1", "unknown range=1; Known: -1..1, 0..1, 0..255, none"),
    "no option": ({"x": UNIT}, ",rang=0..1", "unknown option 'rang=0..1' of data set .*; did you mean 'range'"),
    "channels first": ({"x": BYTES.transpose(0, 3, 1, 2)}, "", r"put the channels last: .transpose\(0, 2, 3, 1\)"),
    "four channels": ({"x": np.concatenate([BYTES, BYTES[..., :1]], -1)}, "", "leave the fourth channel out, or"),
    "floats of 0 .. 255": ({"x": 255 * UNIT}, "", "pictures of 0 .. 255: save uint8, or say range=0..255"),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_be_known_is_asked_for(tmp_path, fault):
    arrays, options, message = REFUSED[fault]
    with pytest.raises(UsageError, match=message):
        load(tmp_path, options, **arrays)


TOLD = {
    "bytes": ({"x": BYTES}, "", "60 pictures 4 x 4 x 3, 6 of them held out at random; uint8, of which 0 is black"),
    "signed": ({"x": SIGNED}, "", "floats, taken for pictures with black at -1 and white at 1 (range=none if they"),
    "stated": ({"x": UNIT}, ",range=0..1", "floats of 0..1, as stated"),
    "series": ({"x": SIGNED[..., 0]}, ",range=none", "60 examples 4 x 4, 6 of them held out at random; floats as they"),
    "unit series": ({"x": UNIT[..., 0]}, ",range=none", "no pictures, as stated"),
    "Gaussian": ({"x": 3 * SIGNED[..., 0]}, "", "floats from -3 to 3 as they are, drawn as pictures and scored as num"),
    "vectors": (
        {"x": UNIT.reshape(60, -1)},
        "",
        "60 examples 48, 6 of them held out at random; floats as they are, no",
    ),
    "dark": ({"x": BYTES // 16}, ",range=0..255", "uint8, of which 0 is black and 255 white"),
    "classes": (
        {"x": BYTES, "y": np.arange(60) % 2, "test": BYTES[:9], "test_y": np.arange(9) % 2},
        "",
        "69 pictures 4 x 4 x 3 in 2 classes (0: 35, 1: 34), 9 of them held out as given",
    ),
}


@pytest.mark.parametrize("what", TOLD)
def test_what_was_understood_is_told_in_a_line(tmp_path, what):
    arrays, options, text = TOLD[what]
    dataset = load(tmp_path, options, **arrays)
    assert text in "; ".join(dataset.told)
    assert told.line(dataset).startswith("data x.npz: ")
    assert (dataset.truth.size is None) == (what in ("series", "unit series", "vectors"))


def test_built_in_data_have_nothing_to_tell():
    assert told.line(datasets.load("digits")) == ""


def test_names_reach_a_terminal_as_printable_text():
    dataset = datasets.load("digits")._replace(name="a\x1b[31m", told=("class \x1b]0;x\x07", "y" * 1000))
    assert told.line(dataset) == f"data a\\x1b[31m: class \\x1b]0;x\\x07; {'y' * told.SHOWN} ..."
