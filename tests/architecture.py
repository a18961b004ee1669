"""The rooms of experiments/: which floor each is on, and functions that find what breaks the order of a tree."""

import ast

# The floors of experiments/, from the ground up: a room imports itself and the rooms of lower floors.
FLOORS = (
    ("ground",),
    ("datasets", "zoo"),
    ("settings", "reporting"),
    ("metrics", "sampling"),
    ("training",),
    ("configs",),
    ("images", "benchmarking", "probing", "symptoms"),
    ("evaluation",),
    ("comparison", "uses"),
    ("ablations",),
    ("flags",),
    ("commands",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# Files beside the rooms: the ground of all of them, what commands share, and the commands.
GROUND = ("__init__", "errors", "files", "importing", "paths", "locks", "caches", "terminal", "limits", "platforms")
BESIDE = (
    dict.fromkeys(GROUND, "ground")
    | {"flags": "flags"}
    | dict.fromkeys(
        (
            *(
                "train",
                "evaluate",
                "compare",
                "compare_samplers",
                "sample",
                "steer",
                "finetune",
                "invert",
                "likelihood",
            ),
            *("random_walk", "reference", "classifier", "judge", "inception", "image_score", "benchmark", "costs"),
            *("time_to_quality", "ablate", "probe", "animate", "export", "card", "randomness", "symptom"),
        ),
        "commands",
    )
)
SOURCES = ("taxonomy", "objectives", "models", "experiments", "tests")
LONGEST_FILE, LONGEST_COMMAND = 350, 120
# Tests of no single room.
ACROSS_ROOMS = {"bad_input", "stored", "test_commands", "test_errors", "test_stored_runs", "test_trust", "test_fuzz"}


def modules(root):
    """Every module of experiments/ below a folder: name -> path."""
    paths = sorted((root / "experiments").rglob("*.py"))
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def room_of(name):
    """Room of a module: its folder, or what the table says of a file beside the rooms."""
    first = (*name.split("."), "__init__")[1]
    return first if first in FLOOR else BESIDE.get(first, first)


def arrows(root):
    """Pairs (importer, imported) of modules of experiments/, wherever in a file the import is."""
    known = modules(root)
    for name, path in known.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                targets = [target if target in known else node.module for target in inner]
            else:
                continue
            yield from ((name, target) for target in targets if target in known)


def rising(root):
    """Arrows to another room that is not on a lower floor."""
    between = [(a, b) for a, b in arrows(root) if room_of(a) != room_of(b)]
    return [(a, b) for a, b in between if FLOOR.get(room_of(b), len(FLOORS)) >= FLOOR.get(room_of(a), -1)]


def imported_commands(root):
    """Arrows to a command."""
    return [(a, b) for a, b in arrows(root) if room_of(b) == "commands"]


def circle(root):
    """Modules that import each other in a circle, the first one again at the end; empty if there is none."""
    imported = {name: [] for name in modules(root)}
    for a, b in arrows(root):
        imported[a].append(b)
    done = set()

    def visit(name, way):
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        found = next(filter(None, (visit(b, [*way, name]) for b in imported[name])), [])
        done.add(name)
        return found

    return next(filter(None, (visit(name, []) for name in imported)), [])


def out_of_place(root):
    """Files beside the rooms, and rooms, that the table does not know; commands that are not there."""
    top = {path.stem for path in (root / "experiments").glob("*.py")}
    rooms = {path.relative_to(root / "experiments").parts[0] for path in (root / "experiments").glob("*/**/*.py")}
    return sorted((top ^ set(BESIDE)) | (rooms - set(FLOOR)) | (rooms & {"ground", "commands"}))


def thick(path):
    """What a command has beside its docstring, imports, flags, one main and a parser, and what it lacks of these."""
    tree = ast.parse(path.read_text())
    started = [node for node in tree.body if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)]
    body = [node for node in tree.body if node not in started] + [inner for node in started for inner in node.body]
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr)
    functions = [node.name for node in body if isinstance(node, ast.FunctionDef) and node.name in ("main", "parse")]
    faults = [
        f"line {node.lineno}"
        for node in body
        if not isinstance(node, allowed) and getattr(node, "name", None) not in functions
    ]
    faults += [] if functions.count("main") == 1 else [f"{functions.count('main')} functions main"]
    faults += [] if len(started) == 1 else ["is not run as a command"]
    faults += [] if ast.get_docstring(tree) else ["no docstring"]
    lines = len(path.read_text().splitlines())
    return faults + ([f"{lines} lines"] if lines > LONGEST_COMMAND else [])


def thick_commands(root):
    """What is wrong with each command that is there."""
    paths = [root / "experiments" / f"{name}.py" for name, room in BESIDE.items() if room == "commands"]
    faults = {path.stem: thick(path) for path in paths if path.exists()}
    return {command: found for command, found in faults.items() if found}


def long_files(root):
    """Sources and tests with more lines than a reader keeps in mind."""
    paths = [path for room in SOURCES for path in sorted((root / room).rglob("*.py"))]
    lengths = {str(path.relative_to(root)): len(path.read_text().splitlines()) for path in paths}
    return {path: length for path, length in lengths.items() if length > LONGEST_FILE}


def stray_tests(root):
    """Tests of experiments/ that lie in no folder of a room and are of no file beside the rooms."""
    folder = root / "tests" / "experiments"
    folders = {path.relative_to(folder).parts[0] for path in folder.glob("*/**/*.py")}
    files = {path.stem for path in folder.glob("test_*.py")}
    return sorted((folders - set(FLOOR) | files - {f"test_{name}" for name in BESIDE}) - ACROSS_ROOMS)


# Functions that write a file, and the one module that may call them; others with their reasons.
WRITING = {"write_text", "write_bytes", "save", "savez", "savez_compressed", "savetxt", "tofile", "savefig", "dump"}
WRITER = "experiments/files.py"
MAY_WRITE = {
    ("experiments/training/logs.py", "open"),  # training.jsonl grows by a line at a time; its reader drops half a line
    ("experiments/datasets/latents.py", "save"),  # into memory
    ("experiments/uses/animation/film.py", "save"),  # into memory
    ("experiments/datasets/arrays.py", "open"),  # members of an archive, to be read
    ("experiments/terminal.py", "open"),  # a stream that leads nowhere
}
ORBAX = {"checkpoints", "best", "_manager"}  # whose ``save`` is that of orbax


def _writes(node):
    """Name of the call that writes a file, if this node is one."""
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Name):
        return "open" if node.func.id == "open" and _is_for_writing(node, place=1) else None
    if not isinstance(node.func, ast.Attribute):
        return None
    name, receiver = node.func.attr, node.func.value
    receiver = getattr(receiver, "attr", getattr(receiver, "id", None))
    if name == "open" and receiver not in ("os", "Image"):
        return name if _is_for_writing(node, place=receiver in ("io", "gzip", "tarfile")) else None
    return name if name in WRITING and receiver not in {"files", *ORBAX} else None


def _is_for_writing(node, *, place):
    """Whether a call of open has a mode that writes, or one that nobody can read here."""
    modes = [*node.args[place : place + 1], *(keyword.value for keyword in node.keywords if keyword.arg == "mode")]
    return any(not isinstance(mode, ast.Constant) or set("wax+") & set(str(mode.value)) for mode in modes)


def other_writers(root):
    """Calls that write a file elsewhere than in the one module for that."""
    found = []
    for path in sorted((root / "experiments").rglob("*.py")):
        own = str(path.relative_to(root))
        if own == WRITER:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            name = _writes(node)
            if name and (own, name) not in MAY_WRITE:
                found.append(f"{own}:{node.lineno} {name}")
    return found


RULES = {  # name: what it finds under a folder; nothing is right
    "imports of rooms point down": rising,
    "no command is imported": imported_commands,
    "no circle of imports": circle,
    "nothing lies beside the rooms": out_of_place,
    "commands are thin": thick_commands,
    "no file is long": long_files,
    "tests mirror the rooms": stray_tests,
    "files are written by one module": other_writers,
}
