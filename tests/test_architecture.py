import ast
from pathlib import Path

import pytest

from tests.architecture import BESIDE, RULES

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


@pytest.mark.parametrize("rule", RULES)
def test_the_house_keeps(rule):
    assert not RULES[rule](ROOT)


# The checks themselves: each fault, put into a tree without any, is found.
COMMAND = '"""A command."""\n\nif __name__ == "__main__":\n\n    def main(): ...\n'
FAULTS = [  # rule, file, its content, what is found
    (
        "imports of rooms point down",
        "experiments/settings/a.py",
        "from experiments.training import loop",
        "training.loop",
    ),
    ("imports of rooms point down", "experiments/metrics/a.py", "import experiments.sampling.b", "sampling.b"),
    (
        "imports of rooms point down",
        "experiments/errors.py",
        "def f():\n    from experiments.datasets import c",
        "datasets",
    ),
    ("imports of rooms point down", "experiments/uses/a.py", "from experiments import train", "experiments.train"),
    ("no command is imported", "experiments/uses/a.py", "from experiments.train import main", "experiments.train"),
    (
        "no command is imported",
        "experiments/compare.py",
        COMMAND + "from experiments import train",
        "experiments.train",
    ),
    (
        "no circle of imports",
        "experiments/training/engine.py",
        "from experiments.training import loop",
        "training.loop",
    ),
    ("nothing lies beside the rooms", "experiments/helpers.py", "", "helpers"),
    ("nothing lies beside the rooms", "experiments/misc/a.py", "", "misc"),
    ("commands are thin", "experiments/train.py", COMMAND + "def helper(): ...\n", "line 6"),
    ("commands are thin", "experiments/train.py", COMMAND + "\n" * 200, "205 lines"),
    ("commands are thin", "experiments/train.py", COMMAND.split("\n", 1)[1], "no docstring"),
    ("commands are thin", "experiments/train.py", '"""A library."""\n', "0 functions main"),
    ("no file is long", "tests/experiments/training/test_loop.py", "x = 1\n" * 351, "test_loop"),
    ("tests mirror the rooms", "tests/experiments/test_loop.py", "", "test_loop"),
    ("tests mirror the rooms", "tests/experiments/loops/test_a.py", "", "loops"),
    *(
        ("files are written by one module", "experiments/sampling/a.py", f"import x\n{line}", "sampling/a.py:2")
        for line in (
            "path.write_text('')",
            "(folder / 'a').write_bytes(b'')",
            "open(path, 'w')",
            "path.open('ab')",
            "path.open(mode='r+')",
            "open(path, how)",
            "np.savez(path, a=a)",
            "np.save(path, a)",
            "plt.savefig(path)",
            "image.save(path)",
            "json.dump({}, file)",
        )
    ),
]


@pytest.fixture
def house(tmp_path):
    """A small tree that keeps every rule."""
    files = {f"experiments/{name}.py": COMMAND if room == "commands" else "" for name, room in BESIDE.items()}
    files |= {f"experiments/{room}/{name}.py": "" for room, name in (("sampling", "b"), ("datasets", "c"))}
    files["experiments/training/__init__.py"] = ""
    files["experiments/training/engine.py"] = "from experiments import errors\n"
    files["experiments/training/loop.py"] = "from experiments.training import engine\n"
    files["experiments/train.py"] = COMMAND + "from experiments.training.loop import train\n"
    files |= {"tests/experiments/training/test_loop.py": "x = 1\n" * 350, "tests/experiments/test_train.py": ""}
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    return tmp_path


@pytest.mark.parametrize(("rule", "path", "content", "found"), FAULTS)
def test_a_fault_is_found(rule, path, content, found, house):
    assert not RULES[rule](house)
    (house / path).parent.mkdir(parents=True, exist_ok=True)
    (house / path).write_text(content)
    assert found in str(RULES[rule](house))


def test_a_command_that_is_gone_is_found(house):
    (house / "experiments" / "steer.py").unlink()
    assert RULES["nothing lies beside the rooms"](house) == ["steer"]
