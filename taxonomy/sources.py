"""The code of a method: its losses, its own function and its tests, found in the code."""

import ast
from collections.abc import Callable, Iterator, Sequence
import dis
import inspect
import os
from pathlib import Path
import re
import textwrap
import types
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
TESTS = ROOT / "tests" / "objectives"
_METHODS, _LOSSES = "objectives.", "objectives.losses."


class Case(NamedTuple):
    """An entry in a test table of losses: its key, the names that its loss uses, and its place, path:line."""

    name: str
    uses: frozenset[str]
    place: str


def place(function: Callable[..., Any]) -> str:
    """The file and the line of a function, path:line, relative to the root."""
    # The tests wrap functions to check shapes.
    function = inspect.unwrap(function)
    path = os.path.relpath(inspect.getsourcefile(function) or "", ROOT)
    return f"{path}:{inspect.getsourcelines(function)[1]}"


def code_of(function: Callable[..., Any]) -> str:
    """The source of a function without its docstring."""
    lines = textwrap.dedent(inspect.getsource(inspect.unwrap(function))).splitlines()
    (defined,) = ast.parse("\n".join(lines)).body
    assert isinstance(defined, ast.FunctionDef)
    if ast.get_docstring(defined) is not None:
        told = defined.body[0]
        del lines[told.lineno - 1 : told.end_lineno]
    return "\n".join(lines)


def losses_of(terms: Sequence[Any]) -> tuple[Callable[..., Any], ...]:
    """The functions of ``objectives.losses`` that terms call, directly or through functions of ``objectives``.

    Args:
      terms: the terms of an ``Objective``.

    Returns:
      the functions in the order of the terms, each once.
    """
    found: dict[Callable[..., Any], None] = {}
    seen: set[int] = set()

    def visit(value: Any) -> None:
        # A term that is made from another one holds that one in its closure.
        value = getattr(value, "loss", value)
        value = inspect.unwrap(value) if inspect.isfunction(value) else value
        if not inspect.isfunction(value) or id(value) in seen or not value.__module__.startswith(_METHODS):
            return
        seen.add(id(value))
        if value.__module__.startswith(_LOSSES):
            found[value] = None
            return
        for named in _named(value.__code__, value.__globals__):
            visit(named)
        for cell in value.__closure__ or ():
            visit(cell.cell_contents)

    for term in terms:
        visit(term.loss)
    return tuple(found)


def _named(code: types.CodeType, scope: dict[str, Any]) -> Iterator[Any]:
    """The globals that a function and the functions in it load, and the members of modules, such as ``losses.end``."""
    instructions = tuple(dis.get_instructions(code))
    for position, instruction in enumerate(instructions):
        if instruction.opname == "LOAD_GLOBAL":
            value = scope.get(instruction.argval)
            for member in instructions[position + 1 :]:
                if not inspect.ismodule(value) or member.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
                    break
                value = getattr(value, member.argval, None)
            yield value
    for constant in code.co_consts:
        if inspect.iscode(constant):
            yield from _named(constant, scope)


def cases() -> Iterator[Case]:
    """The entries of all test tables ``cases_*.py``."""
    for path in sorted(TESTS.rglob("cases_*.py")):
        for table in ast.walk(ast.parse(path.read_text())):
            for key, value in zip(table.keys, table.values) if isinstance(table, ast.Dict) else ():
                if isinstance(key, ast.Constant) and isinstance(value, ast.Call) and ast.unparse(value.func) == "Case":
                    nodes = tuple(ast.walk(value.args[0]))
                    uses = {node.id for node in nodes if isinstance(node, ast.Name)}
                    uses |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
                    yield Case(str(key.value), frozenset(uses), f"{os.path.relpath(path, ROOT)}:{key.lineno}")


def cases_of(name: str, losses: Sequence[Callable[..., Any]]) -> tuple[Case, ...]:
    """The entries of the test tables for a method.

    Args:
      name: of the method.
      losses: the functions that it calls.

    Returns:
      for each loss the entries that carry the name of the method, or else all that call the loss.
    """
    known = tuple(cases())
    chosen: dict[Case, None] = {}
    for loss in losses:
        calling = [case for case in known if loss.__name__ in case.uses]
        named = [case for case in calling if case.name == name or case.name.startswith(f"{name},")]
        chosen |= dict.fromkeys(named or calling)
    return tuple(chosen)


def test_command(name: str, of: Sequence[Case]) -> str:
    """The command that runs the contract of a method and that of its cases.

    Args:
      name: of the method.
      of: its cases.

    Returns:
      a line for the shell.
    """
    # The bracket opens the parameter of a test: without it ct is part of many names.
    words = dict.fromkeys([name, *(case.name.partition(",")[0] for case in of)])
    expression = " or ".join(f"[{word}" for word in words if re.fullmatch(r"\w+", word))
    return f'python -m pytest {os.path.relpath(TESTS, ROOT)} -k "{expression}"'
