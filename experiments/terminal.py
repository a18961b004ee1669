"""What a terminal can show: printable text in the letters that it has, be the stream open, closed or missing."""

import codecs
from collections.abc import Iterable, Iterator
import contextlib
import errno
import os
import sys
from typing import Any, TextIO
import unicodedata

from tqdm import tqdm

LAYOUT = "\n\t"  # not printed, and harmless
PROGRESS = "\r"  # by which a progress bar is drawn over itself
GONE = (errno.EPIPE, errno.EIO)  # a reader that has ended, a terminal that was closed
UNSHOWN = "flowmap_unshown"  # the name of the rule for letters that a stream lacks
SUBSTITUTES = {"±": "+-", "—": "-"}


def printable(text: str, *, keep: str = "") -> str:
    r"""A text without characters that a terminal obeys: a name in a file may hold escape sequences.

    Args:
      text: any text.
      keep: characters that stay, whatever they do.

    Returns:
      the text with control, format and unassigned characters, and halves of surrogate pairs, written as ``\x1b``.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in keep or unicodedata.category(c) == "Zs" else ascii(c)[1:-1] for c in text
    )


def _nearest(error: UnicodeError) -> tuple[str, int]:
    """What stands for letters that an encoding lacks: the letter without its accent, or a question mark."""
    if not isinstance(error, UnicodeEncodeError):
        raise error

    def of(letter: str) -> str:
        plain = SUBSTITUTES.get(letter) or unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
        return plain or "?"

    return "".join(map(of, error.object[error.start : error.end])), error.end


codecs.register_error(UNSHOWN, _nearest)


class Stream:
    """A standard stream that shows only what is printable, in letters that it has, and forgets what nobody reads."""

    def __init__(self, stream: TextIO, *, keep: str):
        """Wraps a stream.

        Args:
          stream: to write to.
          keep: characters that pass although they are not printed.
        """
        self._stream, self._keep = stream, keep
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=UNSHOWN)

    def write(self, text: str) -> int:
        """Writes what can be shown of a text."""
        with self._forgetting():
            self._stream.write(printable(text, keep=self._keep))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hands on what was written; a reader that is gone, such as ``head``, is no fault."""
        with self._forgetting():
            self._stream.flush()

    @contextlib.contextmanager
    def _forgetting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in GONE:
                raise
            # What is written from now on, and what Python flushes at its exit, goes nowhere.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def prepare() -> None:
    """Makes both standard streams fit to print on: a missing one leads nowhere, and neither ends the command."""
    for descriptor, name, keep in ((1, "stdout", LAYOUT), (2, "stderr", LAYOUT + PROGRESS)):
        stream = getattr(sys, name)
        if isinstance(stream, Stream):
            continue
        if stream is None or stream.closed:
            stream = open(_nowhere(descriptor), "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (for good)
        setattr(sys, name, Stream(stream, keep=keep))


def _nowhere(descriptor: int) -> int:
    """A descriptor that leads nowhere: that of the stream itself, unless a file has taken its place since."""
    found = os.open(os.devnull, os.O_WRONLY)
    try:
        os.fstat(descriptor)
    except OSError:
        os.dup2(found, descriptor)
        os.close(found)
        return descriptor
    return found


def bar(*arguments: Any, desc: str | None = None, disable: bool = False, **options: Any) -> tqdm:
    """A progress bar on standard error, with the options of tqdm; none without a stream to draw it on."""
    if desc is not None:
        desc = printable(desc)
    return tqdm(*arguments, desc=desc, disable=disable or sys.stderr is None, **options)


def is_watched() -> bool:
    """Whether standard error is a terminal, in which a bar is seen to move."""
    return sys.stderr is not None and sys.stderr.isatty()
