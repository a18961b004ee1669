"""Builds the site into build/site: ``python docs/site/build.py``, which make site runs.

Pages by Sphinx, without a warning; the explorer beside them; then every link is checked. The folder is static: any
server of files can serve it, and no page asks another host for anything.
"""

import os
from pathlib import Path
import shutil
import subprocess
import sys
import time

import links
import node
from stage import ROOT, Stage

HERE = Path(__file__).parent
EXPLORER = ROOT / "docs" / "explorer"
PAGES, STATIC, SITE = ROOT / "build/site-pages", ROOT / "build/site-static", ROOT / "build/site"
MATHJAX = HERE / "node_modules" / "mathjax" / "es5"
FONTS = "output/chtml/fonts/woff-v2"


def set_up_mathematics() -> None:
    """Copies the parts of MathJax that a page needs."""
    node.install(HERE)
    shutil.copytree(MATHJAX / FONTS, STATIC / "mathjax" / FONTS)
    shutil.copy(MATHJAX / "tex-mml-chtml.js", STATIC / "mathjax")


def main() -> None:
    """Builds and checks."""
    start = time.monotonic()
    for folder in (SITE, STATIC):
        shutil.rmtree(folder, ignore_errors=True)
    node.set_up()
    set_up_mathematics()
    node.build(EXPLORER)
    Stage(ROOT, PAGES).run()
    sphinx = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-j", str(os.cpu_count() or 1)]
    made = subprocess.run([*sphinx, "-c", str(HERE), "-d", str(ROOT / "build/site-cache"), str(PAGES), str(SITE)])
    if made.returncode:
        raise SystemExit("the pages have faults: see above")
    shutil.copytree(EXPLORER / "dist", SITE / "explorer", dirs_exist_ok=True)
    if found := links.faults(SITE):
        raise SystemExit("\n".join(found))
    print(f"{SITE.relative_to(ROOT)} is built: {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
