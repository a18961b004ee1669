"""How commands end: one clear line (what was received, what was expected, what to do) and an exit code."""

from collections.abc import Callable, Iterable, Sequence
import difflib
import errno
import logging as python_logging
import os
import sys
from typing import NoReturn

from absl import app, logging
import jax

# Exit codes. 75 and 76 ask a scheduler to start the same command again.
BAD_INPUT, DIVERGED, UNWRITTEN, INTERRUPTED, HOST_LOST = 2, 3, 74, 75, 76
# Reasons that lie with the disk; all others, such as a missing permission, lie with the path.
OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


class CommandError(Exception):
    """A reason to end a command; its message is one line, ``code`` is the exit code.

    Its kinds are siblings, so that who handles bad input does not swallow a divergence or an interruption.
    """

    code: int


class UsageError(CommandError):
    """Bad input from the user; the message names the remedy."""

    code = BAD_INPUT


class DivergedError(CommandError):
    """A number was not finite: a loss in training (the last good checkpoint is kept), a sample, or a map."""

    code = DIVERGED


class WriteError(CommandError):
    """A file could not be written; the message names it, the reason, and what was saved before."""

    code = UNWRITTEN


class InterruptedRun(CommandError):  # noqa: N818 (nothing went wrong)
    """A signal ended the training after the state was saved."""

    code = INTERRUPTED


class HostLostError(CommandError):
    """Another process of the run is lost."""

    code = HOST_LOST


KINDS = {kind.code: kind for kind in (UsageError, DivergedError, WriteError, InterruptedRun, HostLostError)}


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
    """Runs a command; a ``CommandError`` becomes one line on standard error and its exit code.

    Args:
      main: the command, after its flags are parsed.
      flags_parser: argv -> the arguments that are not flags; may raise CommandError.
    """

    def guarded_parser(argv: Sequence[str]) -> Sequence[str]:
        try:
            rest = flags_parser(argv)
            if len(rest) > 1:
                raise UsageError(f"unexpected argument {rest[1]!r}; options are written --name=value")
            return rest
        except CommandError as error:
            fail(error)

    def guarded_main(argv: Sequence[str]) -> None:
        del argv
        try:
            main()
        except CommandError as error:
            fail(error)
        except OSError as error:  # of a library that writes on its own
            if error.errno not in OF_THE_DISK:
                raise
            fail(WriteError(f"cannot write {error.filename or 'a file'} ({error.strerror}); make room and start again"))
        except KeyboardInterrupt:
            fail(InterruptedRun("SIGINT; what is finished is kept: the same command continues"))

    _quieten_orbax()
    app.run(guarded_main, flags_parser=guarded_parser)


def _quieten_orbax() -> None:
    """Silences orbax about damaged checkpoints, of which this project has messages of its own."""
    logging.set_verbosity(logging.FATAL)
    # Reads that orbax has left behind after a damaged one end when nobody waits for them any more.
    python_logging.getLogger("asyncio").setLevel(python_logging.CRITICAL)
    raised, ignored = sys.excepthook, sys.unraisablehook

    def is_late(error: BaseException | None) -> bool:
        return isinstance(error, RuntimeError) and str(error) == "Event loop is closed"

    sys.excepthook = lambda kind, error, trace: None if is_late(error) else raised(kind, error, trace)
    sys.unraisablehook = lambda found: None if is_late(found.exc_value) else ignored(found)


def say(error: CommandError) -> None:
    """Prints an error as one line."""
    kind = "stopped" if isinstance(error, InterruptedRun) else "error"
    print(f"{kind}: " + " ".join(str(error).split()), file=sys.stderr, flush=True)


def leave(code: int) -> NoReturn:
    """Ends this process at once, without waiting for others or for what runs in the background."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def fail(error: CommandError) -> NoReturn:
    """Prints an error as one line and ends the command with its exit code."""
    say(error)
    # An orderly exit would wait for the other processes of a run, which may be lost or busy, and for threads of
    # libraries that still want to write what cannot be written.
    if isinstance(error, WriteError) or (jax.distributed.is_initialized() and not isinstance(error, InterruptedRun)):
        leave(error.code)
    sys.exit(error.code)
