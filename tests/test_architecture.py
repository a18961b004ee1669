import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "taxonomy": {"taxonomy"},
    "objectives": {"taxonomy", "objectives"},
    "models": {"taxonomy", "models"},
    "experiments": {"taxonomy", "objectives", "models", "experiments"},
}
SOURCES = [path for room in MAY_IMPORT for path in sorted((ROOT / room).rglob("*.py"))]


def imported_roots(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    room = path.relative_to(ROOT).parts[0]
    ours = set(imported_roots(path)) & set(MAY_IMPORT)
    assert ours <= MAY_IMPORT[room], f"{path} imports {ours - MAY_IMPORT[room]}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_flags_and_configs_stay_in_experiments(path):
    if path.relative_to(ROOT).parts[0] != "experiments":
        assert not set(imported_roots(path)) & {"absl", "ml_collections", "orbax", "matplotlib"}


def test_pmap_stands_in_one_place():
    users = [path for path in SOURCES if "jax.pmap(" in path.read_text()]
    assert [path.name for path in users] == ["devices.py"]


def test_public_functions_of_the_mathematics_state_their_arguments():
    for path in SOURCES:
        if path.relative_to(ROOT).parts[0] not in ("taxonomy", "objectives", "models"):
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                doc = ast.get_docstring(node)
                assert doc, f"{path}: {node.name} has no docstring"
                several = len(node.args.args) + len(node.args.kwonlyargs) > 1
                methods = path.name == "build.py" or (path.parent.name == "methods" and path.name != "shared.py")
                if several and not methods:
                    assert "Args:" in doc, f"{path}: {node.name}"
                    assert "Returns:" in doc or "-> None" in ast.unparse(node), f"{path}: {node.name}"
