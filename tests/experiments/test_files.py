"""Files are whole or as they were, whatever stops a write."""

import contextlib
import errno
import os
import resource

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest

from experiments import caches, errors, files
from experiments.errors import UsageError, WriteError
from experiments.reporting import findings, tables

LIMIT = 4096


@contextlib.contextmanager
def limited(size=LIMIT):
    """While this is entered, no file may be larger: the next byte raises what a full disk raises."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def figure():
    made, axis = plt.subplots(figsize=(4, 4))
    axis.imshow(np.random.default_rng(0).random((64, 64)))
    return made


LONG = np.random.default_rng(0).random(10_000)
WRITERS = {
    "a.txt": lambda path: files.write_text(path, "é" * LIMIT),
    "a.bin": lambda path: files.write_bytes(path, b"1" * (LIMIT + 1)),
    "a.json": lambda path: files.write_json(path, list(range(LIMIT))),
    "a.npy": lambda path: files.write_array(path, LONG),
    "a.npz": lambda path: files.write_arrays(path, x=LONG, y=LONG),
    "b.npz": lambda path: files.write_arrays(path, compressed=True, x=LONG),
    "a.png": lambda path: files.write_figure(path, figure()),
    "a.pdf": lambda path: files.write_figure(path, figure()),
    "a.csv": lambda path: tables.write_csv(path, [{"x": value} for value in LONG]),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_write_that_fails_leaves_the_file_as_it_was_and_nothing_beside(name, tmp_path):
    path = tmp_path / name
    for before in (None, b"good"):
        if before:
            path.write_bytes(before)
        with limited(), pytest.raises(WriteError) as raised:
            WRITERS[name](path)
        plt.close("all")
        assert str(raised.value).startswith(f"cannot write {path} (File too large; ")
        assert "free); make room there or name another place" in str(raised.value)
        assert [found.read_bytes() for found in tmp_path.iterdir()] == ([before] if before else [])
    WRITERS[name](path)
    plt.close("all")
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_size > LIMIT


def test_what_is_written_is_what_was_given(tmp_path):
    files.write_text(tmp_path / "a", "é\r\nb")
    files.write_arrays(tmp_path / "b.npz", x=LONG)
    tables.write_csv(tmp_path / "c.csv", [{"a": "é", "b": 1.5}, {"a": "x,y", "b": None}])
    assert (tmp_path / "a").read_bytes() == "é\r\nb".encode()
    np.testing.assert_array_equal(np.load(tmp_path / "b.npz")["x"], LONG)
    assert (tmp_path / "c.csv").read_bytes() == 'a,b\r\né,1.5\r\n"x,y",\r\n'.encode()


def test_any_other_fault_leaves_the_file_as_it_was_and_passes(tmp_path):
    path = tmp_path / "a"
    path.write_text("good")

    def interrupted():
        with files.whole(path) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "good"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_and_leads_to_the_new_content(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there/a").write_text("old")
    for name in ("a", "b"):  # the second leads to nothing
        (tmp_path / name).symlink_to(tmp_path / "there" / name)
        files.write_text(tmp_path / name, "new")
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "there" / name).read_text() == "new"


def test_what_is_no_file_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, reason in (("folder", "it is a folder"), ("pipe", "it is a pipe"), ("no/file", "No such file")):
        with pytest.raises(WriteError, match=reason):
            files.write_text(tmp_path / name, "")
    assert (tmp_path / "folder").is_dir()
    assert (tmp_path / "pipe").is_fifo()
    with pytest.raises(WriteError, match=r"pipe \(File exists"):
        files.make_folder(tmp_path / "pipe")


def test_reading_opens_files_alone(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # whoever opened it would wait for ever
    (tmp_path / "link").symlink_to("nothing")
    for name, reason in (("pipe", "a pipe"), ("link", "a link to nothing"), ("none", "No such file"), ("", "a folder")):
        with pytest.raises(OSError, match=reason):
            files.read_bytes(tmp_path / name)
    for content in (b"\xff", b"{", b"[" * 100_000, b"9" * 5000):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(ValueError, match=r"."):
            files.read_json(tmp_path / "a")


def test_what_a_killed_process_has_left_is_removed_when_it_is_old(tmp_path):
    for name in ("old", "new"):
        (tmp_path / f"{files.UNFINISHED}{name}").write_text("half")
    os.utime(tmp_path / f"{files.UNFINISHED}old", (0, 0))
    (tmp_path / "other").write_text("")
    files.remove_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{files.UNFINISHED}new", "other"]


def test_the_check_of_a_folder_writes_something_into_it(tmp_path):
    """A full disk takes an empty file. Fails before: 0 bytes were written."""
    with limited(), pytest.raises(WriteError, match=rf"cannot write --out={tmp_path}/new \(File too large"):
        caches.check_writable(tmp_path / "new", name="--out")
    assert not list((tmp_path / "new").iterdir())
    (tmp_path / "link").symlink_to("nothing/there")
    with pytest.raises(UsageError, match=r"--out=.*/link \(it is a link to nothing\); name a folder"):
        caches.check_writable(tmp_path / "link", name="--out")


def test_findings_name_the_file_that_fails(tmp_path):
    with limited(10), pytest.raises(WriteError, match=r"cannot write .*/name\.csv \("):
        findings.write(
            tmp_path, "name", [{"x": 1.0}] * 9, titles={"x": "x"}, text=["t"], settings={}, command="c", seconds=1
        )


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_a_library_that_cannot_write_ends_the_command_in_a_line(number, monkeypatch, capsys):
    def left(code):
        raise SystemExit(code)

    def main():
        raise OSError(number, "what the system says", "some/file")

    monkeypatch.setattr(errors.app, "run", lambda main, flags_parser: main(flags_parser(["command"])))
    monkeypatch.setattr(errors, "_quieten_orbax", lambda: None)
    monkeypatch.setattr(errors, "leave", left)
    with pytest.raises(SystemExit) as ended:
        errors.run(main, flags_parser=list)
    assert ended.value.code == errors.UNWRITTEN == 74
    assert (
        capsys.readouterr().err == "error: cannot write some/file (what the system says); make room and start again\n"
    )
