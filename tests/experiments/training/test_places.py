"""Checkpoints where they are put: in folders of any name, in folders that vanish, on disks that are full."""

import contextlib
import gc
import os
import shutil

import pytest

from experiments.errors import UsageError, WriteError
from experiments.training import places
from experiments.training.checkpoints import Checkpoints
from tests.experiments.test_files import limited
from tests.experiments.training.test_checkpoints import filled, same, state_of


@pytest.mark.parametrize("name", ["a[0]", "lr[1e-3]/seed", "a\\b", "a*", "who?", "[", "a b", "é", "#%{}'\""])
def test_a_folder_may_have_any_name(name, tmp_path):
    r"""Of a[0] nothing could be read, and a\b became a folder of its own."""
    folder = tmp_path / name
    folder.mkdir(parents=True)
    checkpoints = filled(folder, steps=(1, 2, 3))
    assert same(checkpoints.restore(state_of(0)), state_of(3))
    checkpoints.close()
    reader = Checkpoints(folder, read_only=True)
    assert reader.steps() == [2, 3]
    assert same(reader.restore(state_of(0)), state_of(3))
    reader.close()
    assert [path.name for path in tmp_path.iterdir()] == [name.partition("/")[0]]


def test_where_no_other_path_is_known_such_a_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "OPEN_FOLDERS", tmp_path / "not there")
    (tmp_path / "a[0]").mkdir()
    with pytest.raises(UsageError, match=r"a\[0\] has one of the letters \* \? \[ \] \\ in its path"):
        Checkpoints(tmp_path / "a[0]")


def test_a_save_is_believed_when_it_was_read_back(tmp_path, monkeypatch):
    """A library that writes somewhere else, or loses a part, ends the run at its first save."""
    checkpoints = filled(tmp_path, steps=(1,))
    assert checkpoints.proven
    checkpoints.save(2, state_of(2))
    written = checkpoints._tree
    monkeypatch.setattr(checkpoints, "_tree", lambda step: {"step": written(step)["step"]})
    with pytest.raises(WriteError, match=r"checkpoints/2 was saved and cannot be read back \(arrays are missing\)"):
        checkpoints.wait()
    monkeypatch.setattr(checkpoints, "_tree", lambda step: {}[step])
    with pytest.raises(WriteError, match=r"checkpoints/2 was saved and cannot be read back \(2\)"):
        checkpoints.wait()
    checkpoints.close()


def removed(folder):
    shutil.rmtree(folder)


def renamed(folder):
    folder.rename(folder.with_name("elsewhere"))


def replaced(folder):
    renamed(folder)
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.json").write_text("{}")


def without_checkpoints(folder):
    shutil.rmtree(folder / "checkpoints")


def without_configuration(folder):
    (folder / "config.json").unlink()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (removed, "run was removed or renamed"),
        (renamed, "run was removed or renamed"),
        (replaced, "run was replaced"),
        (without_checkpoints, "run/checkpoints was removed or renamed"),
        (without_configuration, "run/config.json was removed or renamed"),
    ],
)
def test_a_folder_that_is_another_one_is_noticed_before_a_save(change, found, tmp_path):
    """The checkpoint went to a new folder at the old path."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    checkpoints = filled(folder, steps=(1,))
    checkpoints.check_place()
    change(folder)
    there = sorted(tmp_path.rglob("*"))
    for attempt in (checkpoints.check_place, lambda: checkpoints.save(2, state_of(2))):
        with pytest.raises(WriteError, match=f"{found} while this process used it; nothing more is saved"):
            attempt()
    checkpoints.close()
    assert checkpoints.newest() == "what was saved is where the folder is now"
    assert sorted(tmp_path.rglob("*")) == there


# What orbax has begun in threads fails, too, some of it late.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_disk_that_is_full_is_named_with_what_is_good(tmp_path):
    """Orbax writes in threads of its own; after a fault nobody waits for them."""
    checkpoints = filled(tmp_path, steps=(1,))

    def fill():
        for step in (2, 3):
            checkpoints.save(step, state_of(step))

    with limited():
        with pytest.raises(WriteError, match=rf"cannot write {tmp_path}/checkpoints \(File too large; .* free\)"):
            fill()
        checkpoints.close()
    assert checkpoints.newest() == "the newest good checkpoint is that of step 1"
    again = Checkpoints(tmp_path)
    assert same(again.restore(state_of(0)), state_of(1))
    again.close()
    gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_pipe_among_the_files_is_damage(tmp_path):
    """Whoever opened it would wait for ever."""
    filled(tmp_path, steps=(1,)).close()
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 5
    for number, file in enumerate(files):
        folder = tmp_path / f"copy{number}"
        shutil.copytree(tmp_path / "checkpoints", folder / "checkpoints")
        (folder / file).unlink()
        os.mkfifo(folder / file)
        with (
            pytest.raises(UsageError, match=rf"damaged \({file.name} is no file\)|{file.name} is no file; remove it"),
            contextlib.closing(Checkpoints(folder, read_only=True)) as reader,
        ):
            reader.restore(state_of(0))
