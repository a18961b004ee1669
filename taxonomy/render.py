"""The catalogue as text: tables in five formats, everything about one row, its equivalences, its BibTeX."""

from collections.abc import Callable, Iterable, Sequence
import csv
import dataclasses
import importlib
import inspect
import io
import json
import os
from pathlib import Path
import textwrap

from taxonomy.catalogue import CATALOGUE, lookup
from taxonomy.catalogue.method import Method
from taxonomy.catalogue.papers import PAPERS, bibtex
from taxonomy.equivalences import EQUIVALENCES, Equivalence, involving

WIDTH = 100
SORTS = ("name", "year", "cost", "family")
FIELDS = tuple(field.name for field in dataclasses.fields(Method))
AXES = ("family", "characterization", "velocity", "stop_gradient", "engine", "times", "weight", "target", "teacher")

_HEADER = ("name", "rule", "velocity", "stopped", "step", "target", "cost", "year", "arXiv")
# What the table writes for a long value; the legend below it explains them.
_SHORT = {
    "distributional": "law",
    "batch posterior": "batch",
    "previous student": "previous",
    "paired samples": "pairs",
    "nothing": "-",
    "velocity and its input": "velocity",
    "all of the target": "target",
    "source point": "source",
    "source point and target": "both",
    "finite step": "finite",
    "central difference": "central",
    "none": "-",
    "frozen stage": "stage",
}
_LEGEND = (
    "rule:     law is a distance of distributions, direct a regression on solved trajectories",
    "velocity: own, teacher, sample, batch (posterior mean), previous (student), pairs (of reflow)",
    "stopped:  velocity and its input, advection, all of the target, source point, both of these two",
    "step:     how the derivative in time is made; - is no derivative",
    "target:   whose weights make it; * needs a teacher",
    "cost:     forward-pass equivalents of one example of every term, summed",
)


def _short(value: str) -> str:
    return _SHORT.get(value, value)


def _cells(row: Method) -> tuple[str, ...]:
    axes = (row.characterization, row.velocity, row.stop_gradient, row.engine)
    target = _short(row.target) + ("*" if row.teacher != "none" else "")
    return (row.name, *map(_short, axes), target, f"{row.cost:g}", str(row.year), PAPERS[row.paper].arxiv)


def _text(rows: Sequence[Method], *, grouped: bool) -> str:
    cells = [_HEADER, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADER))]

    def line(entries: Sequence[str]) -> str:
        aligned = zip(_HEADER, entries, widths, strict=True)
        padded = (text.rjust(width) if title == "cost" else text.ljust(width) for title, text, width in aligned)
        return "  ".join(padded).rstrip()

    lines = [line(_HEADER), "-" * (sum(widths) + 2 * (len(widths) - 1))]
    family = ""
    for row, entries in zip(rows, cells[1:], strict=True):
        if grouped and row.family != family:
            lines += ["", row.family]
            family = row.family
        lines.append(line(entries))
    return "\n".join([*lines, "", *_LEGEND])


def _markdown(rows: Sequence[Method]) -> str:
    def line(entries: Iterable[object]) -> str:
        return "| " + " | ".join(str(entry).replace("|", "\\|").replace("\n", "<br>") for entry in entries) + " |"

    return "\n".join(
        [line(FIELDS), line("---" for _ in FIELDS), *(line(dataclasses.asdict(row).values()) for row in rows)]
    )


def _csv(rows: Sequence[Method]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(row) for row in rows)
    return out.getvalue().rstrip("\n")


def _json(rows: Sequence[Method]) -> str:
    return json.dumps([dataclasses.asdict(row) for row in rows], indent=2)


def _latex(rows: Sequence[Method]) -> str:
    lines = [
        "% Needs \\usepackage{booktabs}; the entries come from: python -m taxonomy cite NAME...",
        "\\begin{tabular}{llllllrl}",
        "  \\toprule",
        "  " + " & ".join((*_HEADER[:7], "paper")) + " \\\\",
        "  \\midrule",
    ]
    for row in rows:
        cells = [cell.replace("_", "\\_") for cell in _cells(row)[:7]]
        lines.append("  " + " & ".join((*cells, f"\\cite{{{row.paper}}}")) + " \\\\")
    return "\n".join([*lines, "  \\bottomrule", "\\end{tabular}"])


FORMATS: dict[str, Callable[[Sequence[Method]], str]] = {
    "text": lambda rows: _text(rows, grouped=False),
    "markdown": _markdown,
    "csv": _csv,
    "json": _json,
    "latex": _latex,
}


def table(*, style: str = "text", family: str | None = None, sort: str = "family") -> str:
    """The catalogue as one table.

    Args:
      style: a key of ``FORMATS``.
      family: one of ``FAMILIES``, or None for all.
      sort: one of ``SORTS``; "family" keeps the order of the catalogue, and the text then has a heading per family.

    Returns:
      the table, without a line break at its end.
    """
    rows = [row for row in CATALOGUE.values() if family in (None, row.family)]
    if sort != "family":
        rows.sort(key=lambda row: (getattr(row, sort), row.name))
    if style == "text":
        return _text(rows, grouped=sort == "family")
    return FORMATS[style](rows)


def _training(name: str) -> list[tuple[str, str]]:
    # Asked by name: the catalogue describes rows and must not import what trains them (nor wait for jax).
    build = importlib.import_module("objectives.build")
    if name not in build.OBJECTIVES:
        return [("row", "described here, not trained by this project")]
    function = build.OBJECTIVES[name]
    path = os.path.relpath(inspect.getsourcefile(function), Path(__file__).parent.parent)
    options = ", ".join(f"{option}={value}" for option, value in build.default_options(name).items())
    command = f"python -m experiments.train --config=experiments/configs/checkerboard.py:{name} --workdir=runs/{name}"
    if function().needs_teacher:
        command += " --config.teacher=exact"
    return [
        ("row", f"{path}:{inspect.getsourcelines(function)[1]}"),
        ("options", options or "none"),
        ("train", command),
    ]


def _relation(one: Equivalence) -> str:
    return f"{one.left} -- {one.relation} -- {one.right}\n{one.statement}\n{one.test}"


def show(name: str) -> str:
    """Everything that is known about a row; ValueError on an unknown name."""
    row = lookup(name)
    paper = PAPERS[row.paper]
    venue = f", {paper.venue}" if paper.venue else ""
    authors = paper.authors.replace(" and ", ", ") or "(authors not verified here)"
    entries = [
        ("loss", row.formula),
        ("", row.note),
        ("differs here", row.differs),
        *((axis.replace("_", " "), getattr(row, axis)) for axis in (*AXES, "directions")),
        ("cost", f"{row.cost:g} forward-pass equivalents of one example of every term, summed"),
        ("paper", f"{authors}\n{paper.title}\narXiv {paper.arxiv}{venue}"),
        ("convention", row.translation),
        ("headline", row.headline),
        ("official code", row.code),
        *_training(name),
        *(("" if position else "equivalences", _relation(one)) for position, one in enumerate(involving(name))),
    ]
    indent = max(len(title) for title, _ in entries) + 2
    wrapper = textwrap.TextWrapper(WIDTH - indent, break_long_words=False, break_on_hyphens=False)
    lines = [f"{row.name}: {row.title}", ""]
    for title, text in entries:
        # A command stays on one line, to be copied.
        parts = [part for line in text.split("\n") for part in ([line] if title == "train" else wrapper.wrap(line))]
        lines += [(title if not position else "").ljust(indent) + part for position, part in enumerate(parts)]
    return "\n".join(lines)


def equivalences() -> str:
    """Every relation between rows, its statement and its test."""
    blocks = []
    for one in EQUIVALENCES:
        head, statement, test = _relation(one).split("\n")
        body = textwrap.wrap(statement, WIDTH - 4)
        blocks.append("\n".join([head, *(f"    {line}" for line in (*body, test))]))
    return "\n\n".join(blocks)


def cite(names: Sequence[str]) -> str:
    """BibTeX of the papers of some rows, each paper once; ValueError on an unknown name."""
    keys = dict.fromkeys(lookup(name).paper for name in names)
    return "\n\n".join(bibtex(PAPERS[key]) for key in keys)
