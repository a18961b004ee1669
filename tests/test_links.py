"""What the pages point at exists: files, headings, paths, modules that are run, targets of make."""

import importlib.util
from pathlib import Path
import re

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("taxonomy", "objectives", "models", "experiments", "tests", "docs")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
# Files of worked examples, which a reader writes.
OWN = {"discs.py", "my_model.py", "my_rewards.py", "residual_mlp.py", "stripes.py", "test_residual_mlp.py", "NAME.py"}
OWN |= {"METHOD.safetensors"}  # one of each method


def pages(root):
    """Every page of a folder, but for those in environments and in packages that others wrote."""
    found = [*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob(".github/**/*.md")]
    return sorted(page for page in found if "node_modules" not in page.parts)


def files(root):
    """Every file of the rooms, as a path from the folder."""
    return {path.relative_to(root).as_posix() for room in ROOMS for path in (root / room).rglob("*") if path.is_file()}


def anchors(page):
    """Anchors of the headings of a page, as GitHub makes them."""
    found = []
    for title in re.findall(r"^#+ +(.*?) *$", FENCE.sub("", page.read_text()), re.MULTILINE):
        plain = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", title).lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.append(anchor if anchor not in found else f"{anchor}-{found.count(anchor)}")
    return found


def dead_links(root, page):
    """Relative links to a file or a heading that is not there."""
    for target in re.findall(r"\]\(\s*<?([^)\s>]+)", FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            yield target


def dead_paths(root, page):
    """Paths in a room, and Python files by any end of their path, that are not there."""
    known = files(root)
    text = page.read_text()
    for path in re.findall(rf"(?<![\w./:-])(?:{'|'.join(ROOMS)})/[\w./*-]*[\w/*]", text):
        if path.split("/")[-1] not in OWN and not any(root.glob(path)):
            yield path
    for path in re.findall(r"(?<![\w./*-])[\w/*]*\w\.py\b", text):
        there = any(f"/{file}".endswith(f"/{path}") for file in known)
        if not there and path not in OWN and not path.startswith(ROOMS):
            yield path


def dead_modules(root, page):
    """Modules after ``python -m`` that cannot be run."""
    for module in re.findall(r"\bpython[\d.]* -m ([\w.]+\w)", page.read_text()):
        path = root / Path(*module.split("."))
        ours = path.with_suffix(".py").exists() or (path / "__main__.py").exists()
        theirs = module.split(".")[0] not in ROOMS and importlib.util.find_spec(module.split(".")[0])
        if not ours and not theirs:
            yield module


def dead_targets(root, page):
    """Targets of make, in code, that the Makefile does not have."""
    known = set(re.findall(r"^([\w-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    yield from (
        name for name in re.findall(r"(?:^|`)make ([a-z][\w-]*)", page.read_text(), re.MULTILINE) if name not in known
    )


CHECKS = {"links": dead_links, "paths": dead_paths, "modules": dead_modules, "targets of make": dead_targets}


POINTERS = [
    pytest.param(check, page, id=f"{check}-{page.relative_to(ROOT).as_posix()}")
    for check in CHECKS
    for page in pages(ROOT)
    # One names files that were there once, the others those of the publications.
    if (check, page.name) not in (("paths", "CHANGELOG.md"), ("paths", "published.md"), ("paths", "symbols.md"))
]


@pytest.mark.parametrize(("check", "page"), POINTERS)
def test_what_a_page_points_at_exists(check, page):
    assert list(CHECKS[check](ROOT, page)) == []


@pytest.mark.parametrize("path", [f"{room}/**/*.py" for room in ROOMS[:4]])
def test_commands_in_docstrings_exist(path):
    assert {str(file): found for file in ROOT.glob(path) if (found := list(dead_modules(ROOT, file)))} == {}


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        ("links", "[a](other.md)", "[a](gone.md)"),
        ("links", "![a](../models/mlp.py)", "![a](../models/gone.png)"),
        ("links", "[a](#here-and-there)", "[a](#here)"),
        ("links", "[a](other.md#top-1)", "[a](other.md#top-2)"),
        ("links", "[a](https://example.org/gone)", "[a](other.md#topp)"),
        ("links", "```\n[a](gone.md)\n```", "[a](\ngone.md)"),
        ("paths", "`models/mlp.py`", "`models/gone.py`"),
        ("paths", "`models/`, `models/m*.py`", "`models/g*.py`"),
        ("paths", "`mlp.py` makes it", "gone.py makes it"),
        ("paths", "runs/models/a.npz", "`docs/gone`"),
        ("modules", "python -m models.mlp", "python -m models.gone"),
        ("modules", "`python -m models`", "python -m gone_entirely"),
        ("targets of make", "`make test` makes it; make it so", "`make tests`"),
        ("targets of make", "```\nmake test-slow\n```", "make demo  # to see it"),
    ],
)
def test_what_is_not_there_is_found(check, right, wrong, tmp_path):
    for path in ("models/mlp.py", "models/__main__.py", "docs/other.md", "docs/page.md"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("# Top\n\n# Top\n")
    (tmp_path / "Makefile").write_text("test: x\n\ttrue\ntest-slow: x\n\ttrue\n")
    page = tmp_path / "docs" / "page.md"
    page.write_text(f"# Here, and `there`\n\n{right}\n")
    assert list(CHECKS[check](tmp_path, page)) == []
    page.write_text(f"# Here, and `there`\n\n{wrong}\n")
    assert len(list(CHECKS[check](tmp_path, page))) == 1
