"""Sets up what the tests of the site need, and builds it: ``python -m tests.site.build``.

Chromium is the one on PATH, or that of Debian; the rest is what ``make site`` does.
"""

import os
from pathlib import Path
import shutil
import subprocess
import sys

ROOT = Path(__file__).parent.parent.parent
EXPLORER = ROOT / "docs" / "explorer"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser() -> str | None:
    """The path of a Chromium."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


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
    subprocess.run([sys.executable, ROOT / "docs" / "site" / "build.py"], check=True)


if __name__ == "__main__":
    main()
