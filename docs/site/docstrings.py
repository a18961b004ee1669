"""Docstrings as reStructuredText: formulas stay as they are written, and nothing in them is markup but ``code``."""

import itertools
import re

from sphinx.application import Sphinx

SECTIONS = ("Args", "Attributes", "Examples", "Raises", "Reference", "Returns", "Yields")
HEAD = re.compile(rf"^({'|'.join(SECTIONS)}):\s*(.*)$")
CODE = re.compile(r"(``.+?``)", re.DOTALL)


def escaped(text: str) -> str:
    """A text in which ``code`` alone is markup."""
    parts = CODE.split(text)
    return "".join(part if k % 2 else re.sub(r"([\\*|`]|_(?!\w))", r"\\\1", part) for k, part in enumerate(parts))


def paragraphs(lines: list[str]) -> list[list[str]]:
    """The runs of lines between empty ones."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [run for run in found if run]


def prose(lines: list[str]) -> list[str]:
    """Paragraphs; those that begin indented are formulas or commands, and shown as they are."""
    found: list[str] = []
    for run in paragraphs(lines):
        indented = next((k for k, line in enumerate(run) if not line.startswith(" ")), len(run))
        bullets = run[0].startswith("- ")
        if indented or (not bullets and any(line.startswith(" ") for line in run)):
            first = next((k for k, line in enumerate(run) if line.startswith(" ")), 0)
            before, block = run[:first], run[first:]
            found += [*escaped("\n".join(before)).split("\n"), "", "::", "", *("    " + line for line in block), ""]
        else:
            found += [*escaped("\n".join(run)).split("\n"), ""]
    return found


def section(name: str, text: str, lines: list[str]) -> list[str]:
    """One section as napoleon or Sphinx reads it."""
    if name == "Examples":
        return [f"{name}:", *lines, ""]
    body = escaped("\n".join(lines)).split("\n") if lines else []
    if name == "Returns":
        text, body = (text, body) if text else (body[0].strip(), body[1:])
        return [f":returns: {text}", *("    " + line.strip() for line in body if line.strip()), ""]
    return [f"{name}:", *([f"  {escaped(text)}"] if text else []), *body, ""]


def converted(lines: list[str]) -> list[str]:
    """A docstring of this project as one for napoleon."""
    heads = [k for k, line in enumerate(lines) if HEAD.match(line)]
    bounds = [*heads, len(lines)]
    found = prose(lines[: bounds[0]])
    for start, end in itertools.pairwise(bounds):
        name, text = HEAD.match(lines[start]).groups()
        found += section(name, text, lines[start + 1 : end])
    return found


def process(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """What Sphinx calls for each docstring."""
    lines[:] = converted(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls at the start."""
    app.connect("autodoc-process-docstring", process, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
