"""One clear line for bad input: what was received, what was expected, what to do."""

from collections.abc import Callable, Iterable, Sequence
import difflib
import sys

from absl import app, logging


class UsageError(ValueError):
    """Bad input from the user; its message is one line that says what to do."""


class DivergedError(UsageError):
    """Training stopped because a number was not finite; the last good checkpoint is kept."""


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
    """Runs a command; a ``UsageError`` becomes one line on standard error and exit code 2.

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
            _fail(error)

    def guarded_main(argv: Sequence[str]) -> None:
        del argv
        try:
            main()
        except UsageError as error:
            _fail(error)

    logging.set_verbosity(logging.WARNING)  # orbax reports every file it touches
    app.run(guarded_main, flags_parser=guarded_parser)


def _fail(error: UsageError) -> None:
    print("error: " + " ".join(str(error).split()), file=sys.stderr)
    sys.exit(2)
