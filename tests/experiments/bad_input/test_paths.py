"""Paths that are none, by command: addresses, homes of nobody, links to nothing, names that are too long."""

import os
from pathlib import Path

import pytest

from tests.experiments.bad_input.cases import (
    COMPARE,
    EVALUATE,
    FINETUNE,
    INVERT,
    LIKELIHOOD,
    REFERENCE,
    SAMPLE,
    STEER,
    TRAIN,
    WALK,
    Case,
    training,
)

LONG = "n" * 5000
SCORE, SAMPLERS = "experiments.image_score", "experiments.compare_samplers"


def address(module: str, option: str, arguments: str = "", *, value: str = "gs://bucket/run") -> Case:
    return Case(module, f"{arguments} {option}{value}", f"{option}{value} is an address (gs:)")


def a_link(folder: Path) -> None:
    (folder / "link").symlink_to("nothing/there")


def in_place_of_a_file(change, name: str = "training.jsonl"):
    def edit(folder: Path) -> None:
        (folder / "run" / name).unlink()
        change(folder / "run" / name)

    return edit


CASES = {
    "an address to train in": training("--workdir=gs://bucket/run", "--workdir=gs://bucket/run is an address (gs:)"),
    "an address of a file": training("--workdir=file:///data/run", "--workdir=file:///data/run is an address (file:)"),
    "an address for a dry run": training("--dry_run --workdir=s3://a", "--workdir=s3://a is an address (s3:)"),
    "an address of a configuration": Case(
        TRAIN, "--quiet --workdir=new --config=http://a/b.py", "--config=http://a/b.py is an address"
    ),
    "an address of data": training("--config.dataset=hf://a.npy", "--config.dataset=hf://a.npy is an address (hf:)"),
    "an address of pictures": training(
        "--config.dataset=images:s3://a", "--config.dataset=images:s3://a is an address (s3:)"
    ),
    "an address of a hub": training(
        "--config.dataset=huggingface:hf://a", "--config.dataset=huggingface:hf://a is an address (hf:)"
    ),
    "an address of a teacher": training(
        "--config.teacher=gs://a", "--config.teacher=gs://a is an address (gs:)", row="lmd"
    ),
    "an address of a cache": training(
        "", "FLOWMAP_CACHE=gs://a is an address (gs:)", environment={"FLOWMAP_CACHE": "gs://a"}
    ),
    "an address to compare in": address(COMPARE, "--workdir=", "--config=small.py --objectives=lsd"),
    "an address to compare samplers in": address(SAMPLERS, "--workdir="),
    "an address to evaluate": address(EVALUATE, "--workdir="),
    "an address to sample": address(SAMPLE, "--workdir=", "--out=a.npz"),
    "an address for samples": address(SAMPLE, "--out=", "--workdir=run", value="gs://a.npz"),
    "an address to steer": address(STEER, "--workdir=", "--reward=near_corner"),
    "an address for what was steered": address(STEER, "--out=", "--workdir=run --reward=near_corner"),
    "an address to fine-tune": address(FINETUNE, "--workdir=", "--reward=near_corner"),
    "an address for what was fine-tuned": address(FINETUNE, "--out=", "--workdir=run --reward=near_corner"),
    "an address to invert": address(INVERT, "--workdir="),
    "an address for what was inverted": address(INVERT, "--out=", "--workdir=run"),
    "an address of likelihoods": address(LIKELIHOOD, "--out=", "--workdir=run"),
    "an address of a walk": address(WALK, "--out=", value="gs://a.png"),
    "an address of scores": address(SCORE, "--out=", "--samples=points.npy --reference=points.npy"),
    "an address of what is scored": address(SCORE, "--samples=", "--out=s --reference=points.npy"),
    "an address of exact solutions": Case(
        REFERENCE, "--config=small.py --config.dataset=gs://a.npy", "--config.dataset=gs://a.npy is an address (gs:)"
    ),
    "the home of nobody": training(
        "--workdir=~nobody9/run", "--workdir=~nobody9/run: there is no home folder ~nobody9"
    ),
    "a long name": training(f"--workdir={LONG}", "is too long; expected names of at most 255 bytes"),
    "a long name of data": training(f"--config.dataset=images:{LONG}", "is too long; expected names"),
    "a long name of a file": training(f"--config.dataset={LONG}.npy", "is too long; expected names"),
    "a link to nothing": training(
        "--workdir=link", "cannot write into --workdir=link (it is a link to nothing)", change=a_link
    ),
    "a link to nothing in place of the log": training(
        "--workdir=run",
        "run/training.jsonl cannot be read (it is a link to nothing); move it away",
        change=in_place_of_a_file(lambda path: path.symlink_to("nothing")),
    ),
    "a folder in place of the log": training(
        "--workdir=run",
        "run/training.jsonl cannot be read (it is a folder; expected a file); move it away",
        change=in_place_of_a_file(Path.mkdir),
    ),
    "a pipe in place of the configuration": Case(
        EVALUATE,
        "--workdir=run",
        "run/config.json is damaged ([Errno 22] it is a pipe; expected a file)",
        change=in_place_of_a_file(os.mkfifo, "config.json"),
    ),
    "a pipe in place of the record": Case(
        SAMPLE,
        "--workdir=run --out=a.npz",
        "run/run.json is damaged ([Errno 22] it is a pipe; expected a file)",
        change=in_place_of_a_file(os.mkfifo, "run.json"),
    ),
    "a pipe in a checkpoint": training(
        "--workdir=run",
        "_CHECKPOINT_METADATA is no file; remove it",
        change=in_place_of_a_file(os.mkfifo, "checkpoints/5/_CHECKPOINT_METADATA"),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
