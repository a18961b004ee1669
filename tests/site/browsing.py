"""What was built, served from its folder, and a browser on it."""

from collections.abc import Iterator
import contextlib
import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
import threading
from typing import NamedTuple

from tests.site.build import EXPLORER, browser

AXE = EXPLORER / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = ("serious", "critical")
WAIT = 60_000  # milliseconds; the machine may be busy


class Seen(NamedTuple):
    """A page, and what went wrong on it."""

    page: object
    address: str
    complaints: list[str]
    requests: list[str]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def served(folder: Path = EXPLORER / "dist") -> Iterator[str]:
    """The address of what was built into a folder, the explorer's by default."""
    if not (folder / "index.html").exists():
        raise SystemExit(f"{folder} is not built: run python -m tests.site.build")
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextlib.contextmanager
def chromium() -> Iterator[object]:
    """A running browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        yield started
        started.close()


@contextlib.contextmanager
def opened(running: object, address: str, *, query: str = "", **options: object) -> Iterator[Seen]:
    """A page; every request and every complaint is kept.

    Args:
      running: the browser.
      address: of the page.
      query: what follows the address.
      options: of the browser's context.

    Yields:
      the page.
    """
    context = running.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
    page = context.new_page()
    page.set_default_timeout(WAIT)
    seen = Seen(page, address, [], [])
    page.on("console", lambda line: seen.complaints.append(line.text) if line.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url))
    page.goto(address + query)
    yield seen
    context.close()


def faults(page: object) -> dict[str, list[str]]:
    """What the accessibility checker axe finds serious on a page: {rule: elements}."""
    page.add_script_tag(path=AXE)
    found = page.evaluate("() => axe.run()")["violations"]
    return {fault["id"]: [node["html"] for node in fault["nodes"]] for fault in found if fault["impact"] in SERIOUS}
