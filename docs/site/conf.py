"""How Sphinx makes the site; ``build.py`` calls it on the folder that ``stage.py`` has filled."""

from pathlib import Path
import re
import sys
from typing import Any
from urllib.parse import quote

from sphinx.application import Sphinx

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

project = "Flow-map taxonomy"
author = "The flow-map taxonomy developers"
copyright = f"{author}, Apache-2.0"
version = release = re.search(r"^version = (.*)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE).group(1)

extensions = [
    "myst_nb",
    "autoapi.extension",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "docstrings",
]
exclude_patterns = ["downloads"]
nitpicky = True
# Types of other packages, of which nothing is fetched, and names that a page only mentions.
nitpick_ignore_regex = [(r"py:.*", r".*")]
# What is assigned in pairs has no page of its own; a name of a type may belong to two modules.
suppress_warnings = ["autoapi.python_import_resolution", "ref.python"]

myst_enable_extensions = ["dollarmath", "colon_fence", "html_image"]
myst_heading_anchors = 4
nb_execution_mode = "off"
smartquotes = False  # quotes, dashes and dots of commands and options stay as they are
highlight_language = "text"
mathjax_path = "mathjax/tex-mml-chtml.js"
copybutton_exclude = ".linenos, .gp, .go"

autoapi_dirs = [str(ROOT / room) for room in ("taxonomy", "objectives", "models", "experiments")]
autoapi_root = "api"
autoapi_add_toctree_entry = False
autoapi_options = ["members", "undoc-members"]
autoapi_ignore = ["*/__main__.py"]
autoapi_member_order = "bysource"
autoapi_python_class_content = "class"
autodoc_typehints = "signature"
napoleon_use_ivar = True
napoleon_custom_sections = ["Reference"]
python_maximum_signature_line_length = 88
add_module_names = False
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = project
html_static_path = [str(HERE / "static"), str(ROOT / "build" / "site-static")]
html_favicon = str(HERE / "static" / "favicon.svg")
html_css_files = ["site.css"]
html_js_files = ["site.js"]
templates_path = [str(HERE / "templates")]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/explorer.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """The page that shows the file of a function or a class, at its line."""
    module = Path(*info["module"].split("."))
    file = next((f for f in (module.with_suffix(".py"), module / "__init__.py") if (ROOT / f).exists()), None)
    if domain != "py" or file is None:
        return None
    name = re.escape(info["fullname"].split(".")[-1])
    line = re.search(rf"^ *((?:def|class) {name}\b|{name} ?[:=])", (ROOT / file).read_text(), re.MULTILINE)
    up = "../" * (1 + len(module.parts))
    return f"{up}source/{file.as_posix()}.html" + (f"#:~:text={quote(line.group(1))}" if line else "")


def shorten_navigation(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Of hundreds of modules, the navigation of a page opens the branch of that page alone."""
    if toctree := context.get("toctree"):
        context["toctree"] = lambda **given: toctree(**{**given, "collapse": True})


def setup(app: Sphinx) -> None:
    """Before the theme makes its navigation."""
    app.connect("html-page-context", shorten_navigation, priority=400)
