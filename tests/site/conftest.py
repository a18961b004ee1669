"""A browser on the built explorer, served from its folder; every request and every complaint is kept."""

from collections.abc import Iterator
import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
import threading
from typing import NamedTuple

import pytest

from tests.site.build import EXPLORER, browser

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


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The address of the built page."""
    folder = EXPLORER / "dist"
    assert (folder / "index.html").exists(), "the explorer is not built: run make test-site"
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """A running browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        yield started
        started.close()


def _open(chromium: object, address: str, **options: object) -> Iterator[Seen]:
    context = chromium.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
    page = context.new_page()
    page.set_default_timeout(WAIT)
    seen = Seen(page, address, [], [])
    page.on("console", lambda line: seen.complaints.append(line.text) if line.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url))
    page.goto(address)
    yield seen
    context.close()


@pytest.fixture
def opened(chromium, address) -> Iterator[Seen]:
    """The page on a laptop, at rest."""
    yield from _open(chromium, address, reduced_motion="reduce")


@pytest.fixture
def moving(chromium, address) -> Iterator[Seen]:
    """The page on a laptop, as it starts by itself."""
    yield from _open(chromium, address)


@pytest.fixture
def phone(chromium, address) -> Iterator[Seen]:
    """The page on a phone, dark."""
    options = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    yield from _open(chromium, address, reduced_motion="reduce", color_scheme="dark", **options)


@pytest.fixture
def without_scripts(chromium, address) -> Iterator[Seen]:
    """The page where scripts are off."""
    yield from _open(chromium, address, java_script_enabled=False)
