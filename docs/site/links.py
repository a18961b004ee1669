"""Links of a folder of HTML: what they point at is in the folder, and nothing is loaded from elsewhere."""

from html.parser import HTMLParser
from pathlib import Path
import posixpath
from urllib.parse import unquote, urlsplit

# Attributes whose address is loaded with the page; of ``link``, those of rel that are.
LOADED = {("img", "src"), ("script", "src"), ("link", "href"), ("source", "src"), ("video", "src"), ("iframe", "src")}
POINTING = {"canonical", "search", "index", "next", "prev", "author", "copyright", "genindex"}


class _Page(HTMLParser):
    """The addresses, the anchors, and what is loaded."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
        for key in ("href", "src"):
            if given.get(key) is None:
                continue
            self.links.append(given[key])
            if (tag, key) in LOADED and given.get("rel") not in POINTING:
                self.loaded.append(given[key])


def faults(folder: Path) -> list[str]:
    """Links to a file or an anchor that is not there, and addresses of other hosts that a page would load."""
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    pages = {name: _Page((folder / name).read_text()) for name in sorted(there) if name.endswith(".html")}
    found = []
    for name, page in pages.items():
        found += [f"{name} loads {url}" for url in page.loaded if urlsplit(url).netloc]
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path)))
            target = target if target in there else posixpath.normpath(f"{target}/index.html")
            target = target if parts.path else name
            anchor = unquote(parts.fragment).partition(":~:")[0]  # what follows is a text to look for
            if target not in there:
                found.append(f"{name} links to {link}, which is not there")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                found.append(f"{name} links to {link}, whose anchor is not there")
    return found
