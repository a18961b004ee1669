"""Faults of the commands about pictures: Inception, the judge, the scores of a file of images."""

import pytest

from tests.experiments.bad_input.cases import Case, a_file

CASES = {
    "weights that are not there": Case(
        "experiments.inception",
        "--convert=none.pth --out=x.npz",
        "no file --convert=none.pth; download https://github.com/mseitzer/pytorch-fid",
    ),
    "weights of another file": Case(
        "experiments.inception", "--convert=file --out=x.npz", "--convert=file has sha256", a_file
    ),
    "weights into another format": Case(
        "experiments.inception",
        "--convert=file --out=x.pth",
        "--out=x.pth; expected a file that ends in .npz",
        a_file,
    ),
    "a judge without classes": Case(
        "experiments.judge", "--dataset=two_moons", "--dataset=two_moons has no pictures with classes"
    ),
    "images that are not there": Case(
        "experiments.image_score",
        "--samples=none.npz --reference=digits --out=new",
        "none.npz; expected images saved by numpy.save",
    ),
    "a reference without images": Case(
        "experiments.image_score",
        "--samples=points.npy --reference=two_moons --out=new",
        "--reference=two_moons has no images",
    ),
    "a range that does not exist": Case(
        "experiments.image_score",
        "--samples=points.npy --reference=digits --out=new --range=1",
        "unknown --range='1'; Known: -1..1, 0..1, 0..255",
    ),
    "Inception weights that are not there": Case(
        "experiments.image_score",
        "--samples=points.npy --reference=digits --out=new --inception=none.npz",
        "no file of Inception weights none.npz; download",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
