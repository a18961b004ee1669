from pathlib import Path

import pytest

from experiments import caches, paths
from experiments.errors import UsageError


def test_a_path_stays_as_it_is_typed(monkeypatch):
    for text in ("runs/a", "/abs", "./gs://bucket", "a[0]", "a b", "é", "C:/x", "a:b", "a/gs:/b"):
        assert paths.of_user(text, name="--out") == Path(text)


def test_home_is_expanded_and_an_empty_one_is_as_if_it_were_unset(monkeypatch):
    monkeypatch.setenv("HOME", "/some/home")
    assert paths.of_user("~/a", name="--out") == Path("/some/home/a")
    assert paths.of_user("~", name="--out") == Path("/some/home")
    monkeypatch.setattr(
        paths.pwd, "getpwuid", lambda number: paths.pwd.struct_passwd(("", "", 0, 0, "", "/of/user", ""))
    )
    monkeypatch.setattr(paths.pwd, "getpwnam", lambda name: {}[name])
    for change in (lambda: monkeypatch.setenv("HOME", ""), lambda: monkeypatch.delenv("HOME")):
        change()
        assert paths.of_user("~/a", name="--out") == Path("/of/user/a")
    with pytest.raises(UsageError, match="--out=~nobody/a: there is no home folder ~nobody"):
        paths.of_user("~nobody/a", name="--out")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *((f"{scheme}://bucket/run", f"is an address ({scheme}:)") for scheme in ("gs", "s3", "hf", "http", "https")),
        ("file:///data/run", "is an address (file:)"),
        ("file:/data/run", "is an address (file:)"),  # as Path writes it
        ("", "is empty"),
        ("a\0b", "has a zero byte"),
        ("n" * 5000, "is too long"),
        ("é" * 128, "is too long"),
        ("a/" * 2100, "is too long"),
    ],
)
def test_what_is_no_path_is_refused_in_a_short_line(text, found):
    with pytest.raises(UsageError) as raised:
        paths.of_user(text, name="--out")
    assert found in str(raised.value)
    assert str(raised.value).lstrip("'").startswith("--out=")
    assert len(str(raised.value)) < 300


def test_without_a_home_the_cache_asks_for_its_variable(monkeypatch):
    def unknown(number):
        raise KeyError(number)

    monkeypatch.delenv("FLOWMAP_CACHE")
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr(paths.pwd, "getpwuid", unknown)
    with pytest.raises(UsageError, match="there is no home folder .*; set FLOWMAP_CACHE to a folder"):
        caches.folder()
    monkeypatch.setenv("HOME", "/some/home")
    assert caches.folder() == Path("/some/home/.cache/flowmap")
    monkeypatch.setenv("FLOWMAP_CACHE", "~/cache")
    assert caches.folder() == Path("/some/home/cache")
    monkeypatch.setenv("FLOWMAP_CACHE", "gs://bucket")
    with pytest.raises(UsageError, match="FLOWMAP_CACHE=gs://bucket is an address"):
        caches.folder()
