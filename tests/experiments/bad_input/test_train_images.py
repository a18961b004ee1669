"""Faults of data sets of images, of their networks and of guidance, found by training."""

import pytest

from tests.experiments.bad_input.cases import training

# The network of small.py has another width and depth than the defaults, which networks of images must keep.
PLAIN = "--config.network.width=256 --config.network.depth=5"
TOLD = "--config.network.conditional=True"


CASES = {
    "an option of a data set": training(
        "--config.dataset=patches:sid=16", "unknown option 'sid=16' of data set patches; did you mean 'side'"
    ),
    "an archive of images that is none": training(
        "--config.dataset=cifar10:c.tar.gz",
        "c.tar.gz has md5 ",
        change=lambda folder: (folder / "c.tar.gz").write_bytes(b"no archive"),
    ),
    "no archive of images": training("--config.dataset=cifar10:c.tar.gz", "c.tar.gz; expected the archive of CIFAR-10"),
    "a folder without pictures": training(
        "--config.dataset=images:pictures",
        "holds no pictures; expected files that end in",
        change=lambda folder: (folder / "pictures").mkdir(),
    ),
    "latents that are none": training("--config.dataset=latents:none", "expected a .npz file or a folder of shards"),
    "no such network": training("--config.network.kind=cnn", "unknown --config.network.kind='cnn'; Known: dit, edm2"),
    "a field of another network": training(
        "--config.network.channels=64", "network.channels=64 is a field of unet and edm2, and the network is mlp"
    ),
    "a network of images for vectors": training(
        f"--config.network.kind=unet {PLAIN}",
        "--config.network.kind=unet takes images, and data set points.npy has vectors of shape (2,)",
    ),
    "images that cannot be halved": training(
        f"--config.dataset=generated:6x6x1 --config.network.kind=unet --config.network.multipliers=(1,1,1) {PLAIN}",
        "images of data set generated:6x6x1 are 6 x 6; network unet expects squares whose side is a multiple of 4",
    ),
    "classes that the data do not have": training(
        "--config.network.conditional=True", "network.conditional=True and data set points.npy has no classes"
    ),
    "dropout of everything": training(
        f"--config.network.dropout=1 --config.network.kind=unet {PLAIN}", "network.dropout=1.0; expected a share"
    ),
    "labels never told": training("--config.training.label_dropout=1", "label_dropout=1.0; expected a share in [0, 1)"),
    "no such guidance": training("--config.guidance.scheme=cfg", "unknown --config.guidance.scheme='cfg'; "),
    "guidance without a scheme": training(
        "--config.guidance.scale=2", "guidance.scale=2.0 without a scheme does nothing"
    ),
    "guidance without labels": training(
        "--config.guidance.scheme=model", "guidance.scheme=model needs a class-conditional network"
    ),
    "guidance of a rule on the sample's path": training(
        f"--config.guidance.scheme=model {TOLD}", "the targets of ict cannot be guided", row="ict"
    ),
    "guidance of no teacher": training(
        f"--config.guidance.scheme=teacher {TOLD}", "guidance.scheme=teacher guides a teacher and there is none"
    ),
    "a scale below zero": training(
        f"--config.guidance.scheme=model {TOLD} --config.guidance.scale=-1",
        "guidance.scale=-1.0; expected a positive number",
    ),
    "an interval that ends before it begins": training(
        f"--config.guidance.scheme=model {TOLD} --config.guidance.low=0.5 --config.guidance.high=0.2",
        "guidance.low=0.5 and high=0.2; expected 0 <= low <= high <= 1",
    ),
    "a share that a scheme does not have": training(
        f"--config.guidance.scheme=model {TOLD} --config.guidance.self_mix=0.5", "self_mix = 0.5 with scheme model"
    ),
    "no such split": training("--config.evaluation.reference=all", "unknown --config.evaluation.reference='all'"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
