"""What reaches the terminal: printable text, in the letters that it has, and no complaint when nobody reads."""

import io
import os
from pathlib import Path
import subprocess
import sys

import pytest

from experiments import errors, terminal

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Fréchet ± 0.1, 数据, 🙂", "Fréchet ± 0.1, 数据, 🙂"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("a\x1b[31mred\x1b[0m", r"a\x1b[31mred\x1b[0m"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("back\rspace\b", r"back\rspace\x08"),
        ("left \u202eright", r"left \u202eright"),
        ("a\udcff.png", r"a\udcff.png"),
        ("\x9b2J", r"\x9b2J"),
        ("narrow\u202fspace", "narrow\u202fspace"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text, shown):
    assert terminal.printable(text, keep=terminal.LAYOUT) == shown


def test_what_comes_from_files_is_on_one_line():
    assert terminal.printable("Fréchet 数 a/b") == "Fréchet 数 a/b"
    assert terminal.printable("a\x1b[31m\n\u202e\udcff") == r"a\x1b[31m\n\u202e\udcff"


def test_an_error_is_one_printable_line_of_bounded_length(capsys):
    errors.say(errors.UsageError("array 'x\x1b[2J\n\ty' " + "z" * 10**6))
    line = capsys.readouterr().err
    assert line.startswith(r"error: array 'x\x1b[2J y' zzz")
    assert line.count("\n") == 1
    assert len(line) < errors.LONGEST_LINE + 20


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "latin-1", "utf-8"])
def test_letters_that_a_stream_lacks_are_replaced(encoding):
    raw = io.BytesIO()
    stream = terminal.Stream(io.TextIOWrapper(raw, encoding=encoding), keep=terminal.LAYOUT)
    print("Fréchet 1.2 ± 0.1 — 日", file=stream, flush=True)
    expected = {"ascii": "Frechet 1.2 +- 0.1 - ?", "cp932": "Frechet 1.2 ± 0.1", "latin-1": "Fréchet 1.2 ± 0.1 - ?"}
    assert raw.getvalue().decode(encoding).startswith(expected.get(encoding, "Fréchet 1.2 ± 0.1 — 日"))


def test_nobody_reads(capfd):
    reader, writer = os.pipe()
    os.close(reader)
    stream = terminal.Stream(os.fdopen(writer, "w"), keep=terminal.LAYOUT)
    for _ in range(3):
        print("x" * 100_000, file=stream, flush=True)
    stream.close()
    assert capfd.readouterr().err == ""


def test_a_stream_that_is_missing_leads_nowhere(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert not terminal.is_watched()
    with terminal.bar(range(3), desc="with \x1b") as bar:
        assert list(bar) == [0, 1, 2]
    terminal.prepare()
    print("nothing", flush=True)
    print("nothing", file=sys.stderr, flush=True)
    assert not terminal.is_watched()


# A command of its own: the project's take seconds to import.
COMMAND = """
from absl import flags

from experiments import errors

def main():
    for line in range(20_000):
        print("Fréchet \\x1b[31m", line)

errors.run(main, flags_parser=flags.FLAGS)
"""


@pytest.mark.parametrize(
    ("shell", "shown"),
    [
        ("{} | head -1", "Fréchet"),
        ("PYTHONIOENCODING=ascii {} | head -1", "Frechet"),
        ("{} 2>&- | head -1", "Fréchet"),
    ],
)
def test_a_command_before_head_ends_quietly(tmp_path, shell, shown):
    (tmp_path / "command.py").write_text(COMMAND)
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {shell.format(f'{sys.executable} {tmp_path}/command.py')}"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", f"{shown} \\x1b[31m 0\n")
