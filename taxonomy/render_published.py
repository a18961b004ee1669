"""The published settings as text: for one method in the terminal, and for all of them as a page or as JSON."""

from collections.abc import Callable, Sequence
import dataclasses
import json
import textwrap
from typing import Any

from taxonomy.catalogue import CATALOGUE, lookup
from taxonomy.catalogue.published import SETTINGS, TIMES
from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread, Value

_INDENT = "    "
_PAGE = """\
# Published settings

What each publication sets, where that stands, and where this project does otherwise. A test holds every default to this
table, and a million draws of every time distribution to the published mean and quartiles. `python -m taxonomy published
lsd` prints one method, and `--format=json` gives all of this to a program.

Values are in our direction of time: s is the source, t the target, u lies between; 0 is noise and 1 data. *Here* is
empty where the default of the method is the published value. `OWNER/REPO@COMMIT, FILE` is a file of a public
repository. Where no publication has a value, the source is "ours"; where it could not be seen, "not found".

These are the defaults of the methods. What a configuration changes for its data, such as the plane or small images on
a laptop, is in `experiments/settings/changes.py`, and [settings.md](settings.md) has the reasons.
"""


def _value(value: Value | None) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else f"{value:g}"


def _unit(setting: Setting) -> str:
    return f" ({setting.unit})" if setting.unit else ""


def _differs(setting: Setting) -> str:
    return f"{_value(setting.here)}: {setting.reason}" if setting.here is not None else setting.reason


def _spread(spread: Spread) -> str:
    low, middle, high = (f"{quartile:.4f}" for quartile in spread.quartiles)
    return f"mean {spread.mean:.4f}, quartiles {low} {middle} {high}"


def _drawn(times: PublishedTimes) -> list[tuple[str, Spread]]:
    named = (("s", times.s), ("u", times.u), ("t", times.t))
    return [(name, spread) for name, spread in named if spread is not None]


def _term(times: PublishedTimes) -> str:
    return times.term if times.progress == 1.0 else f"{times.term}, at {times.progress:.0%} of the training"


def of_method(name: str) -> str:
    """The published settings and times of a method, a paragraph for each; ValueError on an unknown name.

    Args:
      name: a key of ``CATALOGUE``.

    Returns:
      lines without wrapping: name, value and unit; what is different here; and the source in brackets.
    """
    lookup(name)
    lines = []
    for setting in SETTINGS.get(name, ()):
        here = f" Here {_differs(setting)}" if setting.reason else ""
        lines.append(f"{setting.name}: {_value(setting.published)}{_unit(setting)}.{here} [{setting.source}]")
    for times in TIMES.get(name, ()):
        spreads = "; ".join(f"{time}: {_spread(spread)}" for time, spread in _drawn(times))
        here = f" Here otherwise: {times.reason}" if times.reason else ""
        lines.append(f"times of {_term(times)}: {times.sampler}; {spreads}.{here} [{times.source}]")
    return "\n".join(lines) or "none recorded"


def _text(names: Sequence[str], width: int) -> str:
    wrapper = textwrap.TextWrapper(
        width, initial_indent="  ", subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False
    )
    blocks = []
    for name in names:
        lines = [line for paragraph in of_method(name).split("\n") for line in wrapper.wrap(paragraph)]
        blocks.append("\n".join([f"{name}: {CATALOGUE[name].title}", *lines]))
    return "\n\n".join(blocks)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _markdown(names: Sequence[str], width: int) -> str:
    del width
    lines = [_PAGE.rstrip("\n")]
    for name in names:
        lines += ["", f"## `{name}`", "", f"{CATALOGUE[name].title}."]
        settings, times = SETTINGS.get(name, ()), TIMES.get(name, ())
        if settings:
            lines += ["", _row("setting", "published", "here", "source"), "|---|---|---|---|"]
        for setting in settings:
            published = _value(setting.published) + _unit(setting)
            lines.append(_row(f"`{setting.name}`", published, _differs(setting), setting.source))
        if times:
            lines += [
                "",
                _row("times of", "published sampler", "mean and quartiles", "here", "source"),
                "|---" * 5 + "|",
            ]
        for one in times:
            spreads = "<br>".join(f"{time}: {_spread(spread)}" for time, spread in _drawn(one))
            lines.append(_row(_term(one), one.sampler, spreads, one.reason, one.source))
    return "\n".join(lines)


def _json(names: Sequence[str], width: int) -> str:
    del width

    def entry(name: str) -> dict[str, Any]:
        settings = [dataclasses.asdict(setting) for setting in SETTINGS.get(name, ())]
        return {"name": name, "settings": settings, "times": [dataclasses.asdict(one) for one in TIMES.get(name, ())]}

    return json.dumps([entry(name) for name in names], indent=2)


FORMATS: dict[str, Callable[[Sequence[str], int], str]] = {"text": _text, "markdown": _markdown, "json": _json}


def published(names: Sequence[str] = (), *, style: str = "text", width: int = 100) -> str:
    """The published settings of some methods.

    Args:
      names: keys of ``CATALOGUE``; empty for all.
      style: a key of ``FORMATS``.
      width: longest line of the text.

    Returns:
      the text, the page or the JSON, without a line break at its end.

    Raises:
      ValueError: on an unknown name.
    """
    for name in names:
        lookup(name)
    return FORMATS[style](names or tuple(CATALOGUE), width)
