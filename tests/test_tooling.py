"""The tools that run before a commit are those of make lint."""

from pathlib import Path
import re

ROOT = Path(__file__).parent.parent


def test_hooks_and_lint_use_the_same_versions():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    pinned = dict(re.findall(r"^ +([\w-]+)==([\d.]+)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE))
    assert set(pinned) == {"codespell", "ruff"}
    for tool, version in pinned.items():
        assert set(re.findall(rf"\b{tool}==([\d.]+)", hooks)) == {version}, tool
