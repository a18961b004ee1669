"""Runs the notebooks of the course and keeps them with their figures: ``python docs/site/course.py [NAME ...]``.

Each docs/course/NAME.py becomes docs/course/NAME.ipynb, whose cells are those of the text (a test compares them). What
depends on the machine is left out.
"""

import os
from pathlib import Path
import sys
import tempfile

import jupytext
from nbclient import NotebookClient
import nbformat

COURSE = Path(__file__).parent.parent / "course"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def read(path: Path) -> nbformat.NotebookNode:
    """A notebook that has not run, from its text: cells without names, nothing but the kernel in its metadata."""
    notebook = jupytext.read(path, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = nbformat.from_dict({})
    return notebook


def executed(path: Path) -> nbformat.NotebookNode:
    """A notebook with its outputs; an error ends it, and so does a warning."""
    notebook = read(path)
    # Of an empty folder: neither files nor settings of the reader's change what is drawn.
    with tempfile.TemporaryDirectory() as folder:
        place = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=1200, startup_timeout=300, kernel_name="python3", resources=place).execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise SystemExit(f"{path.name} warns: {output.text}")
            output.pop("metadata", None) if output.output_type == "stream" else output.update(metadata={})
    return notebook


def main(names: list[str]) -> None:
    """Runs those that are named, or all."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["PYTHONPATH"] = str(COURSE.parent.parent)
    for path in sorted(COURSE.glob("[0-9]*.py")):
        if not names or path.stem in names:
            print(f"running {path.name}", flush=True)
            nbformat.write(executed(path), path.with_suffix(".ipynb"))


if __name__ == "__main__":
    main(sys.argv[1:])
