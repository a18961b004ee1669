"""The explorer in a browser: on a laptop, on a phone, without scripts."""

from collections.abc import Iterator

import pytest

from tests.site import browsing
from tests.site.browsing import Seen


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The address of the built page."""
    with browsing.served() as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """A running browser."""
    with browsing.chromium() as started:
        yield started


@pytest.fixture
def opened(chromium, address) -> Iterator[Seen]:
    """The page on a laptop, at rest."""
    with browsing.opened(chromium, address, reduced_motion="reduce") as seen:
        yield seen


@pytest.fixture
def moving(chromium, address) -> Iterator[Seen]:
    """The page on a laptop, as it starts by itself."""
    with browsing.opened(chromium, address) as seen:
        yield seen


@pytest.fixture
def phone(chromium, address) -> Iterator[Seen]:
    """The page on a phone, dark."""
    options = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with browsing.opened(chromium, address, reduced_motion="reduce", color_scheme="dark", **options) as seen:
        yield seen


@pytest.fixture
def without_scripts(chromium, address) -> Iterator[Seen]:
    """The page where scripts are off."""
    with browsing.opened(chromium, address, java_script_enabled=False) as seen:
        yield seen
