"""What cannot be written, and folders that another process holds: one line, an exit code, and nothing is lost."""

import re
import shutil

import pytest

from experiments import locks
from experiments.errors import BAD_INPUT, UNWRITTEN
from tests.experiments.bad_input.cases import COMPARE, EVALUATE, SAMPLE, STEER, TRAIN, Case, training, write_small
from tests.experiments.bad_input.conftest import listing

ROOM = 100_000  # bytes: for the first check of a folder, but not for the weights of a wide network
WIDE = "--config.network.width=128 --config.network.depth=2"
OLD = b"good"


def full(module: str, arguments: str, text: str) -> Case:
    return Case(
        module,
        arguments,
        text,
        change=lambda folder: (folder / "old.npz").write_bytes(OLD),
        code=UNWRITTEN,
        file_bytes=ROOM,
    )


CASES = {
    "a cache without room": training(
        "", "cannot write FLOWMAP_CACHE=", code=UNWRITTEN, file_bytes=1000, environment={"FLOWMAP_CACHE": "cache"}
    ),
    # With a cache of its own: what jax has begun to write there stays half.
    "no room for a checkpoint": training(
        WIDE,
        "new/checkpoints (File too large; ",
        code=UNWRITTEN,
        file_bytes=ROOM,
        environment={"FLOWMAP_CACHE": "cache"},
    ),
    "no room for samples": full(
        SAMPLE, "--workdir=run --out=old.npz --samples=20000", "cannot write old.npz (File too large; "
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line, tmp_path):
    ends_in_one_line(case)
    if (tmp_path / "old.npz").exists():
        assert (tmp_path / "old.npz").read_bytes() == OLD
    assert not list(tmp_path.rglob(".unfinished*"))


@pytest.mark.parametrize(
    ("module", "arguments", "use"),
    [
        (TRAIN, "--quiet --config=small.py --workdir=run", "train"),
        (EVALUATE, "--workdir=run", "evaluate"),
        (COMPARE, "--config=small.py --objectives=lsd --workdir=run", "compare"),
        (STEER, "--workdir=run --reward=near_corner", "steer"),
        ("experiments.invert", "--workdir=run", "invert"),
        ("experiments.likelihood", "--workdir=run", "likelihood"),
        ("experiments.compare_samplers", "--workdir=run", "compare_samplers"),
    ],
)
def test_a_folder_that_another_process_holds_is_left_alone(module, arguments, use, commands, trained, tmp_path):
    write_small(tmp_path)
    shutil.copytree(trained, tmp_path / "run")
    with locks.alone(tmp_path / "run", use=use, name="--workdir"):
        before = listing(tmp_path)
        ended = commands.run(module, *arguments.split(), cwd=tmp_path)
        assert listing(tmp_path) == before
    assert ended.code == BAD_INPUT
    assert not [line for line in ended.stdout.splitlines() if not line.startswith("data ")]
    what = "trains" if use == "train" else f"writes the results of {use}"
    assert re.fullmatch(
        rf"error: another process, \d+ on \S+ since .*, {what} here \(--workdir=run\); .*\n", ended.stderr
    )
