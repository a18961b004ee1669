"""One clear line for bad input: what was received, what was expected, what to do."""

from collections.abc import Callable, Iterable, Sequence
import difflib
import logging as python_logging
import os
import sys
from typing import NoReturn

from absl import app, logging
import jax

# Exit codes. 75 and 76 ask a scheduler to start the same command again.
BAD_INPUT, DIVERGED, INTERRUPTED, HOST_LOST = 2, 3, 75, 76


class UsageError(ValueError):
    """Bad input from the user; its message is one line that says what to do."""

    code = BAD_INPUT


class DivergedError(UsageError):
    """Training stopped because a number was not finite; the last good checkpoint is kept."""

    code = DIVERGED


class InterruptedRun(UsageError):  # noqa: N818 (nothing went wrong)
    """Training stopped because it was asked to, after it saved its state."""

    code = INTERRUPTED


class HostLostError(UsageError):
    """Training stopped because another process of the run is gone."""

    code = HOST_LOST


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, and all of them.

    Args:
      name: the name received.
      known: the names that exist.

    Returns:
      such as "did you mean 'lsd'? Known: esd, lsd".
    """
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    suggestion = f"did you mean {close[0]!r}? " if close else ""
    return f"{suggestion}Known: {', '.join(known)}"


def run(main: Callable[[], None], *, flags_parser: Callable[[Sequence[str]], Sequence[str]]) -> None:
    """Runs a command; a ``UsageError`` becomes one line on standard error and its exit code.

    Args:
      main: the command, after its flags are parsed.
      flags_parser: argv -> the arguments that are not flags; may raise UsageError.
    """

    def guarded_parser(argv: Sequence[str]) -> Sequence[str]:
        try:
            rest = flags_parser(argv)
            if len(rest) > 1:
                raise UsageError(f"unexpected argument {rest[1]!r}; options are written --name=value")
            return rest
        except UsageError as error:
            fail(error)

    def guarded_main(argv: Sequence[str]) -> None:
        del argv
        try:
            main()
        except UsageError as error:
            fail(error)
        except KeyboardInterrupt:
            fail(InterruptedRun("SIGINT; what is finished is kept: the same command continues"))

    _quieten_orbax()
    app.run(guarded_main, flags_parser=guarded_parser)


def _quieten_orbax() -> None:
    """Leaves what is to be said about a damaged checkpoint to this project."""
    logging.set_verbosity(logging.FATAL)
    # Reads that orbax has left behind after a damaged one end when nobody waits for them any more.
    python_logging.getLogger("asyncio").setLevel(python_logging.CRITICAL)
    raised, ignored = sys.excepthook, sys.unraisablehook

    def is_late(error: BaseException | None) -> bool:
        return isinstance(error, RuntimeError) and str(error) == "Event loop is closed"

    sys.excepthook = lambda kind, error, trace: None if is_late(error) else raised(kind, error, trace)
    sys.unraisablehook = lambda found: None if is_late(found.exc_value) else ignored(found)


def say(error: UsageError) -> None:
    """Prints an error as one line."""
    kind = "stopped" if isinstance(error, InterruptedRun) else "error"
    print(f"{kind}: " + " ".join(str(error).split()), file=sys.stderr, flush=True)


def leave(code: int) -> NoReturn:
    """Ends this process at once, without waiting for others or for what runs in the background."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def fail(error: UsageError) -> NoReturn:
    """Prints an error as one line and ends the command with its exit code."""
    say(error)
    # Leaving in order would wait for the other processes of a run, which may be gone or in another place.
    if jax.distributed.is_initialized() and not isinstance(error, InterruptedRun):
        leave(error.code)
    sys.exit(error.code)
