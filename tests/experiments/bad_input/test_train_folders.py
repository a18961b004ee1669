"""Faults in a run's folder, found by training."""

from collections.abc import Callable
from pathlib import Path
import shutil

import pytest

from tests.experiments.bad_input.cases import TRAIN, Case, a_file, training


def run_file(name: str, content: str | bytes, text: str) -> Case:
    """Training is asked to continue a run of which one file is replaced."""
    content = content.encode() if isinstance(content, str) else content
    return Case(
        TRAIN,
        "--quiet --config=small.py --workdir=run",
        text,
        change=lambda folder: (folder / "run" / name).write_bytes(content),
    )


def in_checkpoints(change: Callable[[Path], object]) -> Callable[[Path], None]:
    def each(folder: Path) -> None:
        for path in sorted((folder / "run" / "checkpoints").glob("*/default/**/d/*")):
            change(path)

    return each


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


CASES = {
    "a file": training(
        "--workdir=file", "cannot write into --workdir=file (File exists); name a folder", change=a_file
    ),
    "a cache that is a file": training(
        "",
        "cannot write into FLOWMAP_CACHE=file (File exists); name a folder",
        change=a_file,
        environment={"FLOWMAP_CACHE": "file"},
    ),
    "a dry run of drawn examples that a host should read": training(
        "--dry_run --config.dataset=two_moons --config.training.data=host", "data set two_moons draws its examples; use"
    ),
    "a dry run without the teacher's run": training(
        "--dry_run --config.teacher=nothing", "--config.teacher=nothing: nothing holds no run", row="lmd"
    ),
    "a folder below a file": training(
        "--workdir=file/new", "cannot write into --workdir=file/new (Not a directory); name a folder", change=a_file
    ),
    "an empty name": training("--workdir=", "--workdir"),
    "a run of another configuration": training(
        "--workdir=run --config.training.learning_rate=0.5",
        "--workdir=run holds a run of another configuration (training.learning_rate is 0.01 there, 0.5 here); use "
        "another --workdir, or repeat the options of that run",
    ),
    "another configuration that never came to a checkpoint": training(
        "--workdir=run --config.training.learning_rate=0.5",
        "(training.learning_rate is 0.01 there, 0.5 here); use another --workdir, or delete it, for it has no "
        "checkpoint",
        change=lambda folder: shutil.rmtree(folder / "run/checkpoints"),
    ),
    "checkpoints without a configuration": training(
        "--workdir=run",
        "--workdir=run has checkpoints but no config.json; use another --workdir",
        change=lambda folder: (folder / "run/config.json").unlink(),
    ),
    "a damaged configuration": run_file("config.json", '{"seed": 0', "run/config.json is damaged (Expecting ',' delim"),
    "a configuration that is no text": run_file(
        "config.json", b"\xff\xfe", "run/config.json is damaged ('utf-8' codec"
    ),
    "a configuration that is a list": run_file("config.json", "[]", "run/config.json is damaged (list indices must"),
    "a damaged record": run_file("run.json", "{", "run/run.json is damaged (Expecting property name"),
    "a record that is a list": run_file("run.json", "[]", "run/run.json is damaged ("),
    "a record that is no text": run_file("run.json", b"\xff\xfe", "run/run.json is damaged ("),
    "a record of a format without a number": run_file("run.json", '{"format": "new"}', "run/run.json is damaged ("),
    **{
        f"a record of format {value}": run_file(
            "run.json", f'{{"format": {value}}}', "run/run.json is damaged (format "
        )
        for value in ("Infinity", "-1", "0", "true", "2.0", '"2"', "null", "[2]")
    },
    "a record that is nested deeply": run_file("run.json", "[" * 100_000, "run/run.json is damaged (it is nested too"),
    "a configuration that is nested deeply": run_file(
        "config.json", '{"a": ' * 900 + "1" + "}" * 900, "run/config.json"
    ),
    "a record of a later version": run_file(
        "run.json", '{"format": 99}', "run was written by a later version of the project (format 99, this one knows 2)"
    ),
    "no record": training(
        "--workdir=run",
        "run/run.json is damaged ([Errno 2] No such file or directory",
        change=lambda folder: (folder / "run/run.json").unlink(),
    ),
    "a damaged log": run_file("training.jsonl", "no number\n", "run/training.jsonl"),
    "a log that is no text": run_file("training.jsonl", b"\xff\xfe\n", "training.jsonl is damaged (line 1: '\\\\xff"),
    "a log of words": run_file("training.jsonl", '{"step": "a", "seconds": 1}\n', "no record with a step: step is no"),
    "a log without seconds": run_file("training.jsonl", '{"step": 5}\n', "no record with a step: no seconds"),
    "a log without steps": run_file("training.jsonl", '{"loss": 1.0}\n', "run/training.jsonl"),
    "damaged checkpoints": training(
        "--workdir=run",
        "no other checkpoint is left: train again in another --workdir",
        change=in_checkpoints(damage),
    ),
    "empty checkpoints": training(
        "--workdir=run",
        "no other checkpoint is left: train again in another --workdir",
        change=in_checkpoints(lambda path: path.write_bytes(b"")),
    ),
    "a damaged checksum": training(
        "--workdir=run",
        "no other checkpoint is left: train again in another --workdir",
        change=lambda folder: [damage(path) for path in folder.glob("run/checkpoints/*/_CHECKPOINT_METADATA")],
    ),
    "a file in place of checkpoints": training(
        "--workdir=run",
        "run/checkpoints",
        change=lambda folder: (shutil.rmtree(folder / "run/checkpoints"), (folder / "run/checkpoints").write_text("")),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
