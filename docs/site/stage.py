"""Brings the pages of the repository into one folder for Sphinx, with links that hold on the site.

A link to a page stays one, a link to another file of the repository becomes a page that shows the file, and a link to
nothing is an error. What a page is called on the site is in ``names``; what is in the navigation, in docs/README.md.
"""

from collections.abc import Callable, Iterator
import json
from pathlib import Path, PurePosixPath
import posixpath
import re
import shutil

ROOT = Path(__file__).parent.parent.parent
FENCE = re.compile(r"^(```+).*?^\1", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?\)")
IMAGE = re.compile(r'(?<=<img src=")[^"]+')
ROOMS = ("taxonomy", "objectives", "models", "experiments")
PICTURES = (".png", ".gif", ".svg")
LANGUAGES = {".py": "python", ".ts": "typescript", ".css": "css", ".html": "html", ".cff": "yaml", ".cfg": "ini"}
FIXED = {
    "README.md": "overview.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "docs/README.md": "contents.md",
    "docs/site/index.md": "index.md",
    "docs/site/api.md": "api/index.md",
}


def names(root: Path = ROOT) -> dict[str, str]:
    """What each page of the repository is called on the site: {path from the root: path of the page}."""
    found = dict(FIXED)
    for path in sorted([*root.glob("docs/*.md"), *root.glob("docs/course/*"), *root.glob("docs/explorer/*.md")]):
        if path.suffix in (".md", ".ipynb"):
            found.setdefault(path.relative_to(root).as_posix(), path.relative_to(root / "docs").as_posix())
    for path in sorted(root.glob("experiments/zoo/*/*.md")):
        found[path.relative_to(root).as_posix()] = path.relative_to(root / "experiments").as_posix()
    return found


class Stage:
    """Pages on their way to the site.

    Attributes:
      root: the folder of the repository.
      to: the folder that Sphinx reads.
      pages: as ``names``.
      shown: files and folders that pages link to, and that have no page of their own.
    """

    def __init__(self, root: Path, to: Path) -> None:
        self.root, self.to, self.pages = root, to, names(root)
        self.shown: set[str] = set()

    def place(self, path: str) -> str:
        """Where a file of the repository is on the site, or the page that shows it."""
        notebook = posixpath.splitext(path)[0] + ".ipynb"
        if path in self.pages or (path.startswith("docs/course/") and notebook in self.pages):
            return self.pages.get(path) or self.pages[notebook]
        if not (self.root / path).exists():
            raise FileNotFoundError(path)
        if path.endswith(PICTURES):
            self.write(path.removeprefix("docs/"), (self.root / path).read_bytes())
            return path.removeprefix("docs/")
        self.shown.add(path)
        return f"source/{path}.md"

    def write(self, name: str, content: str | bytes) -> None:
        """A file of the folder."""
        file = self.to / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def linked(self, text: str, path: str) -> str:
        """The text of a page with links as the site has them."""
        here = posixpath.dirname(self.pages[path])

        def relinked(found: re.Match[str]) -> str:
            address = found.group(found.re.groups)
            target, hash_, anchor = address.partition("#")
            if not target or re.match(r"[a-z]+:", target):
                return found.group()
            there = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            try:
                place = self.place(there)
            except FileNotFoundError:
                raise SystemExit(f"{path} links to {target}, which is not there") from None
            return found.group().replace(address, f"{posixpath.relpath(place, here or '.')}{hash_}{anchor}")

        return outside_fences(text, lambda part: IMAGE.sub(relinked, LINK.sub(relinked, part)))

    def stage_notebook(self, path: str) -> None:
        """A notebook, with lines that offer it; the file that is offered is the one of the repository."""
        text = (self.root / path).read_text()
        stem = PurePosixPath(path).stem
        for suffix in (".ipynb", ".py"):
            self.write(f"downloads/{stem}{suffix}", (self.root / path).with_suffix(suffix).read_bytes())
        notebook = json.loads(text)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                source = cell["source"]
                cell["source"] = self.linked("".join(source) if isinstance(source, list) else source, path)
        offer = (
            f"{{download}}`Download this page as a notebook </downloads/{stem}.ipynb>` or "
            f"{{download}}`as Python </downloads/{stem}.py>`."
        )
        first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "markdown")
        title, _, rest = first["source"].partition("\n")
        first["source"] = f"{title}\n\n{offer}\n{rest}"
        self.write(self.pages[path], json.dumps(notebook))

    def show(self, path: str) -> None:
        """A page that shows a file or a folder of the repository."""
        file = self.root / path
        lines = ["---", "orphan: true", "nosearch: true", "---", "", f"# `{path}`", ""]
        if file.is_dir():
            for child in sorted(child for child in file.iterdir() if child.is_file()):
                place = self.place(f"{path}/{child.name}")
                lines.append(f"- [{child.name}]({posixpath.relpath(place, posixpath.dirname(f'source/{path}'))})")
        else:
            text = file.read_text()
            marks = "`" * max(3, 1 + max(map(len, re.findall(r"^`+", text, re.MULTILINE)), default=0))
            lines += [f"{marks}{LANGUAGES.get(file.suffix, 'text')}", text.rstrip("\n"), marks]
        self.write(f"source/{path}.md", "\n".join(lines) + "\n")

    def run(self) -> None:
        """Everything."""
        shutil.rmtree(self.to, ignore_errors=True)
        additions = {
            "docs/site/index.md": navigation((self.root / "docs/README.md").read_text()),
            "docs/course/README.md": toctree("", sorted(n[7:] for n in self.pages.values() if n.endswith(".ipynb"))),
            "docs/site/api.md": toctree("", [f"{room}/index" for room in ROOMS]),
            "docs/zoo.md": toctree("", [name for name in self.pages.values() if name.startswith("zoo/")]),
        }
        for path in self.pages:
            if path.endswith(".ipynb"):
                self.stage_notebook(path)
            else:
                text = (self.root / path).read_text() + additions.get(path, "")
                self.write(self.pages[path], self.linked(text, path))
        for room in ROOMS:  # functions and classes link to their files
            self.shown |= {file.relative_to(self.root).as_posix() for file in (self.root / room).rglob("*.py")}
        done: set[str] = set()
        while waiting := self.shown - done:  # a folder shows further files
            for path in sorted(waiting):
                self.show(path)
            done |= waiting


def outside_fences(text: str, change: Callable[[str], str]) -> str:
    """A text whose parts outside blocks of code are changed."""

    def parts() -> Iterator[str]:
        end = 0
        for block in FENCE.finditer(text):
            yield change(text[end : block.start()])
            yield block.group()
            end = block.end()
        yield change(text[end:])

    return "".join(parts())


def toctree(caption: str, entries: list[str]) -> str:
    """A part of the navigation."""
    options = [":hidden:", *([f":caption: {caption}"] * bool(caption))]
    return "\n".join(["", "```{toctree}", *options, "", *entries, "```", ""])


def navigation(contents: str) -> str:
    """The parts of the navigation that the tables of docs/README.md state, and those of the site."""
    parts = [toctree("Start", ["Overview <overview.md>"])]
    for section in re.split(r"^## ", contents, flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0]
        entries = list(dict.fromkeys(re.findall(r"^\| \[.*?\]\((.*?\.md)\)", section, re.MULTILINE)))
        if title == "Internals":
            entries += ["contributing.md", "changelog.md", "All pages <contents.md>"]
        parts.append(toctree(title, entries))
    return "".join([*parts, toctree("Reference", ["api/index"])])
