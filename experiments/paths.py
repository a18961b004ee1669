"""The one place that expands and judges paths as a user types them: home, addresses, names too long."""

import os
from pathlib import Path
import pwd
import re

from experiments.errors import UsageError

LONGEST_NAME, LONGEST_PATH = 255, 4095  # bytes, as file systems have them
# An address begins with a scheme. ``Path`` merges its slashes; a single letter would be a drive.
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
SHOWN = 80  # letters of a path that is too long


def of_user(text: str | Path, *, name: str) -> Path:
    """A path as a user has typed it, in an option or a variable.

    Args:
      text: the path; a "~" at its beginning is the home folder.
      name: of the option or variable, for messages; with a colon at its end if the path follows that.

    Returns:
      the path; a relative one stays so.

    Raises:
      UsageError: if it is empty, an address such as gs://bucket/run, no path of this system, or of an unknown home.
    """
    text = str(text)
    typed = f"{name}{text}" if name.endswith(":") else f"{name}={text}"
    if not text:
        raise UsageError(f"{typed} is empty; expected a path")
    if ADDRESS.match(text):
        scheme = text.partition(":")[0]
        raise UsageError(
            f"{typed} is an address ({scheme}:); expected a path on this machine, with remote storage mounted "
            f"or copied (./{text} is a local folder of that name)"
        )
    if "\0" in text:
        raise UsageError(f"{typed!r} has a zero byte; expected a path")
    path = expanded(text, name=name)
    if len(os.fsencode(path)) > LONGEST_PATH or any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts):
        raise UsageError(
            f"{typed[:SHOWN]}... is too long; expected names of at most {LONGEST_NAME} bytes and a path of at "
            f"most {LONGEST_PATH}"
        )
    return path


def expanded(text: str, *, name: str) -> Path:
    """A path with "~" at its beginning replaced by the home folder; UsageError, with ``name``, if there is none."""
    if not text.startswith("~"):
        return Path(text)
    own, _, rest = text.partition("/")
    try:
        return (home() if own == "~" else Path(pwd.getpwnam(own[1:]).pw_dir)) / rest
    except KeyError as error:
        raise UsageError(f"{name}={text}: there is no home folder {own}; expected a path without {own}") from error


def home() -> Path:
    """The home folder: ``$HOME``, or, where that is unset or empty, what the system knows; KeyError if nothing."""
    return Path(os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir)
