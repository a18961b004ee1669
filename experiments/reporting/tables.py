"""Tables as csv, markdown and LaTeX, from plain rows."""

from collections.abc import Sequence
import csv
import io
import math
from pathlib import Path
import re
import textwrap

from experiments import files


def write_csv(path: Path, rows: Sequence[dict[str, object]]) -> None:
    """Writes rows with equal keys.

    Args:
      path: the file.
      rows: at least one row.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    files.write_text(path, text.getvalue())


ABSENT, DIVERGED = "-", "diverged"


def number(value: float | None, error: float | None = None, *, digits: int = 4, nan: str = ABSENT) -> str:
    """A number for a table, with its standard error if there is one; a dash where there is no number to give.

    Args:
      value: the number, NaN, or None.
      error: its standard error, or None.
      digits: significant digits of the number.
      nan: what stands for NaN: ``DIVERGED`` in the row of a run that did.

    Returns:
      text; the error has one digit.
    """
    if value is None:
        return ABSENT
    if math.isnan(value):
        return nan
    if error is None or not math.isfinite(error):
        return f"{value:.{digits}g}"
    return f"{value:.{digits}g} ± {error:.1g}"


def markdown(header: Sequence[str], body: Sequence[Sequence[object]]) -> str:
    """A markdown table, padded so that it reads well as plain text.

    Args:
      header: titles of the columns.
      body: rows of cells.

    Returns:
      lines joined by newlines.
    """
    rows = [[str(cell) for cell in row] for row in (header, *body)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def latex(header: Sequence[str], body: Sequence[Sequence[object]], *, caption: str) -> str:
    """A LaTeX table in the style of booktabs.

    Args:
      header: titles of the columns.
      body: rows of cells; markdown's ``**bold**`` becomes bold.
      caption: text of the caption.

    Returns:
      a table environment.
    """

    def cell(text: object) -> str:
        escaped = re.sub(r"([_%&#])", r"\\\1", str(text)).replace("±", r"$\pm$").replace("é", r"\'e")
        return re.sub(r"\*\*(.+?)\*\*", r"\\textbf{\1}", escaped)

    lines = [" & ".join(map(cell, row)) + r" \\" for row in (header, *body)]
    columns = "l" + "r" * (len(header) - 1)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{cell(caption)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def wrapped(text: str) -> str:
    """Lines of a length that the pages have; those of a list are indented."""
    return "\n".join(
        textwrap.fill(
            line,
            128,
            subsequent_indent="  " if line.startswith("- ") else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in text.splitlines()
    )
