"""The catalogue of the field in the terminal.

python -m taxonomy [--format=text|markdown|csv|json|latex] [--family=lagrangian] [--sort=name|year|cost|family]
python -m taxonomy show lsd
python -m taxonomy published [lsd ...] [--format=text|markdown|json]
python -m taxonomy equivalences
python -m taxonomy cite lsd lmd
python -m taxonomy translate mean_flow t=0.8 r=0.3 [--to=edm]
python -m taxonomy symbols [--format=text|markdown]
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
import io
import os
import sys
from typing import NoReturn

from taxonomy.catalogue import FAMILIES
from taxonomy.render import FORMATS, SORTS, WIDTH, cite, equivalences, show, table
from taxonomy.render_published import FORMATS as PUBLISHED_FORMATS
from taxonomy.render_published import published
from taxonomy.render_symbols import FORMATS as SYMBOL_FORMATS
from taxonomy.render_symbols import translated


class _Parser(argparse.ArgumentParser):
    """Answers bad input in one line, as the commands of ``experiments`` do."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {' '.join(message.split())}\n")


def _assignment(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"received {word!r}; expected NAME=VALUE, such as sigma=0.5")
    return name, value


def _parser() -> argparse.ArgumentParser:
    def one_of(known: Iterable[str]) -> Callable[[str], str]:
        def check(value: str) -> str:
            if value not in known:
                raise argparse.ArgumentTypeError(f"received {value!r}; expected one of {', '.join(known)}")
            return value

        return check

    # Without abbreviations, so that a mistyped option is named instead of guessed.
    parser = _Parser(prog="python -m taxonomy", description="The catalogue of flow map objectives.", allow_abbrev=False)
    parser.add_argument("--format", type=one_of(FORMATS), default="text", help=", ".join(FORMATS))
    parser.add_argument("--family", type=one_of(FAMILIES), help=", ".join(FAMILIES))
    parser.add_argument("--sort", type=one_of(SORTS), default="family", help=", ".join(SORTS))
    commands = parser.add_subparsers(
        dest="command", metavar="show | published | equivalences | cite | translate | symbols"
    )
    commands.add_parser("show", help="everything about one method, and where its code is").add_argument("name")
    settings = commands.add_parser("published", help="published settings with sources; of all methods without a name")
    settings.add_argument("names", nargs="*", metavar="name")
    settings.add_argument(
        "--format", dest="style", type=one_of(PUBLISHED_FORMATS), default="text", help=", ".join(PUBLISHED_FORMATS)
    )
    commands.add_parser("equivalences", help="which methods coincide, each with its test")
    words = commands.add_parser("translate", help="a time, level, jump or prediction of one convention in the others")
    words.add_argument("name", help="a convention or a method")
    words.add_argument("given", nargs="+", metavar="NAME=VALUE", type=_assignment, help="such as sigma=0.5 x=1.2 D=0.9")
    words.add_argument("--to", help="a convention or a method, of which alone to print")
    words.add_argument("--data_std", type=float, default=1.0, help="standard deviation of the data")
    symbols = commands.add_parser("symbols", help="the conventions of the papers against ours")
    symbols.add_argument("--format", dest="style", type=one_of(SYMBOL_FORMATS), default="text", help="text, markdown")
    commands.add_parser("cite", help="BibTeX, each paper once").add_argument("names", nargs="+", metavar="name")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Prints what the command line asks for; bad input is one line on standard error and exit code 2."""
    parser = _parser()
    given = parser.parse_args(argv)
    try:
        if given.command == "show":
            text = show(given.name)
        elif given.command == "published":
            text = published(given.names, style=given.style, width=WIDTH)
        elif given.command == "equivalences":
            text = equivalences()
        elif given.command == "cite":
            text = cite(given.names)
        elif given.command == "translate":
            twice = [name for name, _ in given.given if [other for other, _ in given.given].count(name) > 1]
            if twice:
                raise ValueError(f"received {twice[0]} twice; expected each name once")
            text = translated(given.name, dict(given.given), data_std=given.data_std, to=given.to)
        elif given.command == "symbols":
            text = SYMBOL_FORMATS[given.style]()
        else:
            text = table(style=given.format, family=given.family, sort=given.sort)
    except ValueError as error:
        parser.error(str(error))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # names of authors have letters that some terminals lack
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The reader has seen enough, such as head; what Python flushes at its exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
