"""Faults in files of weights and in names of maps that come with the project, by command."""

import json
from pathlib import Path
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from experiments.zoo import names, weights
from tests.experiments.bad_input.cases import (
    ABLATE,
    COMPARE,
    EVALUATE,
    FINETUNE,
    INVERT,
    PROBE,
    SAMPLE,
    STEER,
    TIME,
    TRAIN,
    Case,
    training,
)

EXPORT, CARD, SAMPLERS = "experiments.export", "experiments.card", "experiments.compare_samplers"
MAP = "map.safetensors"
SHIPPED = names.located("zoo:checkerboard/lsd")


def a_map(folder: Path) -> Path:
    shutil.copyfile(SHIPPED, folder / MAP)
    return folder / MAP


def cut(folder: Path) -> None:
    path = a_map(folder)
    path.write_bytes(path.read_bytes()[:-100])


def flipped(folder: Path) -> None:
    path = a_map(folder)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))


def foreign(folder: Path) -> None:
    save_file({"x": np.zeros(3)}, folder / MAP, {"format": "pt"})


def later(folder: Path) -> None:
    save_file({"x": np.zeros(3)}, folder / MAP, {weights.ENTRY: json.dumps({"format": 2})})


def other_network(folder: Path) -> None:
    found = weights.read(SHIPPED)
    network = {**found.config["network"], "width": 16}
    weights.write(folder / MAP, found._replace(config={**found.config, "network": network}))


def unknown_field(folder: Path) -> None:
    found = weights.read(SHIPPED)
    weights.write(folder / MAP, found._replace(config={**found.config, "more": 1}))


def no_budget(folder: Path) -> None:
    weights.write(folder / MAP, weights.read(SHIPPED)._replace(budget={}))


def sampled(change, text: str) -> Case:
    return Case(SAMPLE, f"--workdir={MAP} --out=x.npz --samples=8", text, change)


NOT_WRITTEN = "is the name of a map that comes with the project, and nothing is written there; expected a folder"
CASES = {
    "an unknown map": Case(
        SAMPLE,
        "--workdir=zoo:checkerbord/lsd --out=x.npz",
        "no map 'zoo:checkerbord/lsd' comes with the project; did you mean 'zoo:checkerboard/lsd'? Known: zoo:checkerb",
    ),
    "a map of no name": Case(EVALUATE, "--workdir=zoo:", "no map 'zoo:' comes with the project; Known: zoo:"),
    "a map beside the others": Case(EVALUATE, "--workdir=zoo:../names", "no map 'zoo:../names' comes with the project"),
    "an unknown map to steer": Case(STEER, "--workdir=zoo:a --reward=near_corner --out=new", "no map 'zoo:a' comes"),
    "an unknown map to fine-tune": Case(FINETUNE, "--workdir=zoo:a --reward=near_corner", "no map 'zoo:a' comes"),
    "an unknown map to invert": Case(INVERT, "--workdir=zoo:a", "no map 'zoo:a' comes with the project"),
    "an unknown map to probe": Case(PROBE, "--workdir=zoo:a --objectives=lsd", "no map 'zoo:a' comes with the project"),
    "an unknown map to start from": training(
        "--config.training.start_from=zoo:a/b", "--config.training.start_from=zoo:a/b: no map 'zoo:a/b' comes"
    ),
    "an unknown map as a teacher": training("--config.teacher=zoo:ab", "teacher=zoo:ab: no map 'zoo:ab'", row="lmd"),
    "an unknown map as a configuration": Case(TRAIN, "--workdir=new --config=zoo:a/b", "no map 'zoo:a/b' comes with"),
    "a start of other data": training(
        "--config.training.start_from=zoo:checkerboard/lsd", "was trained with dataset = checkerboard, this run has"
    ),
    "a map to train in": training("--workdir=zoo:checkerboard/lsd", f"--workdir=zoo:checkerboard/lsd {NOT_WRITTEN}"),
    "a map for a dry run": training("--dry_run --workdir=zoo:a", f"--workdir=zoo:a {NOT_WRITTEN}"),
    "a file to train in": training(
        f"--workdir={MAP}", f"--workdir={MAP} is the name of a file of weights, and nothing is written there"
    ),
    "a map to compare in": Case(COMPARE, "--config=small.py --objectives=lsd --workdir=zoo:a", NOT_WRITTEN),
    "a map to compare samplers in": Case(SAMPLERS, "--workdir=zoo:a", NOT_WRITTEN),
    "a map to measure time in": Case(TIME, "--recipe=small.py --workdir=zoo:a", NOT_WRITTEN),
    "a map for ablations": Case(ABLATE, "--suite=sd_table1 --workdir=zoo:a", NOT_WRITTEN),
    "a map for results": Case(EVALUATE, "--workdir=run --out=zoo:checkerboard/lsd", NOT_WRITTEN),
    "another checkpoint of a map": Case(
        SAMPLE,
        "--workdir=zoo:checkerboard/lsd --out=x.npz --checkpoint=best",
        "zoo:checkerboard/lsd has one set of weights, and no best checkpoint; drop --checkpoint",
    ),
    "another average of a map": Case(
        PROBE,
        "--workdir=zoo:checkerboard/lsd --objectives=lsd --ema=0",
        "has the average of decay 0.999 alone, not that of ema=0.0; drop the decay",
    ),
    "no file of weights": sampled(lambda folder: None, f"{MAP} does not exist; expected the folder of a run, a file"),
    "a file that was cut": sampled(cut, f"{MAP} is damaged ("),
    "a file with a flipped bit": sampled(flipped, f"{MAP} is damaged (its content does not have the checksum"),
    "a file of another program": sampled(foreign, f"{MAP} has no metadata 'flowmap'"),
    "a file of a later version": sampled(later, "was written by a later version of the project (format 2, this one"),
    "a file of another network": sampled(other_network, "does not fit the network of its own configuration ("),
    "a file with an unknown field": sampled(unknown_field, "has fields that this version does not know (more)"),
    "an empty file": sampled(lambda folder: (folder / MAP).touch(), f"{MAP} is damaged ("),
    "nothing to export to": Case(EXPORT, "--workdir=run", "--out is missing; it is required"),
    "nothing to export": Case(EXPORT, "--workdir=new --out=a.safetensors", "new holds no run (no config.json)"),
    "an export of another kind": Case(
        EXPORT, "--workdir=run --out=a.npz", "--out=a.npz; expected a file that ends in .safetensors"
    ),
    "an export under a name": Case(
        EXPORT, "--workdir=run --out=zoo:a/b", "--out=zoo:a/b; expected a file that ends in"
    ),
    "an export in unknown numbers": Case(
        EXPORT, "--workdir=run --out=a.safetensors --dtype=flot16", "--dtype='flot16'; did you mean 'float16'"
    ),
    "an export of another average": Case(
        EXPORT, "--workdir=run --out=a.safetensors --ema=0.5", "evaluation.ema=0.5 is not trained; expected one of"
    ),
    "an export into a file": Case(
        EXPORT,
        "--workdir=run --out=file/a.safetensors --noscores",
        "cannot write into --out=",
        lambda folder: (folder / "file").touch(),
    ),
    "a card of a run": Case(CARD, "--workdir=run", "--workdir=run is no file of weights; expected FILE.safetensors of"),
    "a card of an unknown map": Case(CARD, "--workdir=zoo:a", "no map 'zoo:a' comes with the project"),
    "a card without a budget": Case(CARD, f"--workdir={MAP}", "is damaged (its metadata: KeyError('", no_budget),
    "a dashboard without a key": training(
        "--config.training.wandb=maps",
        "--config.training.wandb=maps",
        environment={"WANDB_MODE": "online", "WANDB_API_KEY": "", "HOME": "/nowhere"},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
