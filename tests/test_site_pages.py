"""The pages of the site are brought together with links that hold, before Sphinx reads them."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOK = {"cells": [{"cell_type": "markdown", "source": ["# One\n", "\n", "[up](../page.md)"]}], "metadata": {}}


@pytest.fixture(scope="module")
def stage():
    described = importlib.util.spec_from_file_location("stage", ROOT / "docs" / "site" / "stage.py")
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


@pytest.fixture
def repository(tmp_path):
    files = {
        **dict.fromkeys(("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/zoo.md"), "# Page\n"),
        **dict.fromkeys(("docs/site/index.md", "docs/site/api.md", "docs/course/README.md"), "# Page\n"),
        "docs/README.md": "# All\n\n## Learn\n\n| page | what |\n|---|---|\n| [page.md](page.md) | a page |\n",
        "docs/page.md": "# Page\n",
        "docs/images/a.png": "picture",
        "docs/course/01_one.py": "# %%",
        "docs/course/01_one.ipynb": json.dumps(NOTEBOOK),
        "taxonomy/a.py": "x = '''\n```\n'''\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("link", "there"),
    [
        ("../README.md#top", "overview.md#top"),
        ("course/README.md", "course/README.md"),
        ("course/01_one.py", "course/01_one.ipynb"),
        ("../taxonomy/a.py", "source/taxonomy/a.py.md"),
        ("../taxonomy", "source/taxonomy.md"),
        ("images/a.png", "images/a.png"),
        ("https://example.org/a.md", "https://example.org/a.md"),
        ("#top", "#top"),
    ],
)
def test_a_link_has_a_place_on_the_site(link, there, stage, repository, tmp_path):
    (repository / "docs/page.md").write_text(f"[a]({link})\n\n```\n[a](../taxonomy/a.py)\n```\n")
    stage.Stage(repository, tmp_path / "to").run()
    text = (tmp_path / "to/page.md").read_text()
    assert text == f"[a]({there})\n\n```\n[a](../taxonomy/a.py)\n```\n"
    target = there.partition("#")[0]
    assert target.startswith("https") or (tmp_path / "to" / target).exists()


def test_a_picture_in_html_comes_along(stage, repository, tmp_path):
    (repository / "README.md").write_text('[<img src="docs/images/a.png" width="9" alt="a">](docs/page.md)\n')
    stage.Stage(repository, tmp_path / "pages").run()
    page = (tmp_path / "pages" / "overview.md").read_text()
    assert page == '[<img src="images/a.png" width="9" alt="a">](page.md)\n'
    assert (tmp_path / "pages" / "images" / "a.png").read_text() == "picture"


def test_a_link_to_nothing_is_an_error(stage, repository, tmp_path):
    (repository / "docs/page.md").write_text("[a](gone.md)\n")
    with pytest.raises(SystemExit, match="docs/page.md links to gone.md"):
        stage.Stage(repository, tmp_path / "to").run()


def test_a_file_is_shown_whole_and_a_notebook_is_offered_as_it_is(stage, repository, tmp_path):
    stage.Stage(repository, tmp_path / "to").run()
    shown = (tmp_path / "to/source/taxonomy/a.py.md").read_text()
    assert f"````python\n{(repository / 'taxonomy/a.py').read_text()}````" in shown
    staged = json.loads((tmp_path / "to/course/01_one.ipynb").read_text())["cells"][0]["source"]
    assert "{download}" in staged
    assert "[up](../page.md)" in staged
    assert json.loads((tmp_path / "to/downloads/01_one.ipynb").read_text()) == NOTEBOOK


def test_every_page_is_in_the_navigation(stage):
    navigation = stage.navigation((ROOT / "docs/README.md").read_text())
    course = (name for name in stage.names().values() if name.startswith("zoo/") or name.endswith(".ipynb"))
    for name in set(stage.names().values()) - {"index.md", "api/index.md", *course}:
        assert f"\n{name}\n" in navigation or f"<{name}>\n" in navigation, name
