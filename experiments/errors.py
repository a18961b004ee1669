"""How commands end: one clear line (what was received, what was expected, what to do) and an exit code."""

from collections.abc import Callable, Iterable, Sequence
import contextlib
import difflib
import logging as python_logging
import os
from pathlib import Path
import sys
from typing import NoReturn

from absl import app, logging
import jax

from experiments import terminal

# Exit codes. 75 and 76 ask a scheduler to start the same command again.
BAD_INPUT, DIVERGED, NOT_TRAINED, INTERRUPTED, HOST_LOST = 2, 3, 5, 75, 76
MADE: list[Path] = []  # folders that this command has made; a refusal leaves none of them that is empty
LONGEST_LINE = 4000  # characters of a message, which may repeat a value of any length


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


class NotTrainedError(CommandError):
    """A training came to its last step and learned nothing, because every step was left out."""

    code = NOT_TRAINED


class InterruptedRun(CommandError):  # noqa: N818 (nothing went wrong)
    """A signal ended the training after the state was saved."""

    code = INTERRUPTED


class HostLostError(CommandError):
    """Another process of the run is lost."""

    code = HOST_LOST


KINDS = {kind.code: kind for kind in (UsageError, DivergedError, NotTrainedError, InterruptedRun, HostLostError)}


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


def choose(option: str, given: Sequence[str], known: Iterable[str]) -> list[str]:
    """The names that an option lists, each once; "all" stands for every one and is named alone.

    Args:
      option: its name, without the dashes.
      given: the names received.
      known: the names that exist.

    Returns:
      the names.

    Raises:
      UsageError: on no name, an unknown one, a name twice, or "all" beside others.
    """
    known, listed = list(known), f"--{option}={','.join(given)}"
    if not given or given == [""]:
        raise UsageError(f"{listed}; expected at least one, or all: {', '.join(known)}")
    if "all" in given:
        if len(given) > 1:
            raise UsageError(f"{listed}: all takes every one; name it alone")
        return known
    for name in given:
        if name not in known:
            raise UsageError(f"unknown --{option}={name!r}; {nearest(name, [*known, 'all'])}")
    if len(set(given)) < len(given):
        raise UsageError(f"{listed}; expected each named once")
    return list(given)


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
        except (MemoryError, jax.errors.JaxRuntimeError) as error:
            if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
                reason = str(error).partition("\n")[0]
                fail(UsageError(f"there is not enough memory ({reason}); take fewer examples or a smaller network"))
            raise
        except KeyboardInterrupt:
            fail(InterruptedRun("SIGINT; what is finished is kept: the same command continues"))

    terminal.prepare()
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
    line = terminal.printable(" ".join(str(error).split()))
    if len(line) > LONGEST_LINE:
        line = f"{line[: LONGEST_LINE // 2]} ... {line[-LONGEST_LINE // 2 :]}"
    print(f"{kind}: {line}", file=sys.stderr, flush=True)


def remove_made() -> None:
    """Removes the folders that this command has made and left empty."""
    while MADE:
        with contextlib.suppress(OSError):  # not empty, or gone already
            MADE.pop(0).rmdir()


def leave(code: int) -> NoReturn:
    """Ends this process at once, without waiting for others or for what runs in the background."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def fail(error: CommandError) -> NoReturn:
    """Prints an error as one line, removes empty folders that the command has made, and ends it with the exit code."""
    say(error)
    remove_made()
    # An orderly exit would wait for the other processes of a run, which may be lost or busy.
    if jax.distributed.is_initialized() and not isinstance(error, InterruptedRun):
        leave(error.code)
    sys.exit(error.code)
