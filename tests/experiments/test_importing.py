"""Functions of the user's own: what is their name, and what is a folder."""

import pytest

from experiments import importing
from experiments.errors import UsageError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("my_model:velocity", True),
        ("package.module:f", True),
        ("módulo:función", True),
        ("runs/teacher", False),
        ("exact", False),
        ("", False),
        ("runs/a:b", False),
        ("gs://bucket/run", False),
        ("C:\\runs", False),
        ("1:2", False),
        ("a:b:c", False),
        ("module:", False),
    ],
)
def test_a_function_is_told_from_a_folder(name, expected):
    assert importing.is_name(name) == expected


def test_a_function_is_found_and_what_is_hidden_or_missing_is_not(tmp_path, monkeypatch):
    (tmp_path / "one_function.py").write_text("def f(x):\n    return 2 * x\n\ndef _g(x):\n    return x\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert importing.function("one_function:f", option="--x", expected="y")(3) == 6
    for name in ("one_function:_g", "one_function:h"):
        with pytest.raises(
            UsageError, match=f"--x={name}: module one_function has no function '{name[-2:].strip(':')}'"
        ):
            importing.function(name, option="--x", expected="y")
    with pytest.raises(
        UsageError, match="--x=no_such_module:f: module no_such_module cannot be imported .*; expected y"
    ):
        importing.function("no_such_module:f", option="--x", expected="y")
