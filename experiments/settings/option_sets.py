"""Methods with options of their own on the command line: ``lsd,lsd[velocity=pooled,pool=512],plain=mean_flow[...]``."""

from collections.abc import Sequence
import re
from typing import NamedTuple

from ml_collections import ConfigDict

from experiments import datasets, errors
from experiments.errors import UsageError, nearest
from experiments.settings import spaces
from experiments.settings.objectives import with_objective
from experiments.settings.old_names import new_name
from objectives.build import OBJECTIVES, default_options

FORM = re.compile(r"(?:(?P<label>[^=\[\]]*)=)?(?P<method>[^=\[\]]*)(?P<options>\[(?P<inside>[^\[\]]*)\])?")
# What every file system, table and picture takes as a name.
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,59}")
# Words that some system or this command takes for something else.
RESERVED = re.compile(r"all|con|nul|prn|aux|com\d|lpt\d", re.IGNORECASE)
KINDS = {bool: "true or false", int: "a whole number", float: "a number"}


class OptionSet(NamedTuple):
    """A method of a comparison, with options that are its own there.

    Attributes:
      label: its name in tables, pictures and legends: the one that was given, or ``method[option=value,...]``.
      config: the configuration of its runs, but for seed and budget.
    """

    label: str
    config: ConfigDict

    @property
    def folder(self) -> str:
        """The label as the name of a folder: ``method-option=value,...``."""
        return self.label.replace("[", "-").replace("]", "")


def split(text: str) -> list[str]:
    """Parts between those commas that stand outside of brackets, without the spaces around them."""
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text)]


def chosen(config: ConfigDict, texts: Sequence[str]) -> list[OptionSet]:
    """The option sets that ``--objectives`` lists.

    Args:
      config: the common configuration.
      texts: "lsd", "lsd[velocity=pooled,pool=512]", "plain=mean_flow[adaptive_power=0]" and the like, or "all" alone:
        every method that is made for such data, see ``spaces.methods_of``.

    Returns:
      one for each, in their order.

    Raises:
      UsageError: on a form that cannot be read, an unknown method or option, a value of another kind, or two parts with
        one label or the same options.
    """
    if not any("[" in text or "]" in text or "=" in text for text in texts):
        # Plain names, with the messages of every list of names.
        known = spaces.methods_of(datasets.load(config.dataset)) if texts == ["all"] else OBJECTIVES
        return [OptionSet(name, with_objective(config, name)) for name in errors.choose("objectives", texts, known)]
    found: list[OptionSet] = []
    for text in texts:
        new = _read(config, text)
        for other in found:
            if new.label.lower() == other.label.lower():
                raise UsageError(f"--objectives has {new.label} twice; expected each once, or a label: LABEL={text}")
            if new.config.objective.to_dict() == other.config.objective.to_dict():
                raise UsageError(
                    f"--objectives has {other.label} and {new.label}, which are the same options; drop one"
                )
        found.append(new)
    return found


def _read(config: ConfigDict, text: str) -> OptionSet:
    read = FORM.fullmatch(text)
    label, method = (read[part] and read[part].strip() for part in ("label", "method")) if read else (None, "")
    if not re.fullmatch(r"\w+", method):
        expected = "METHOD, METHOD[OPTION=VALUE,...] or LABEL=METHOD[...]"
        raise UsageError(f"--objectives has {text!r} between its commas; expected {expected}")
    if method not in OBJECTIVES:
        hint = "all takes every method; name it alone" if method == "all" else nearest(method, OBJECTIVES)
        raise UsageError(f"unknown --objectives={method!r}; {hint}")
    if label is not None and (not LABEL.fullmatch(label) or RESERVED.fullmatch(label) or label in OBJECTIVES):
        raise UsageError(
            f"--objectives={text}: label {label!r}; expected up to 60 letters, digits and _ + -, and no method's name"
        )
    given = _options(method, read["inside"]) if read["options"] else {}
    run = with_objective(config, method)
    # Typed for this set: they stand above what --config.objective.options says for all.
    run.objective.options.update({option: value for option, (value, _) in given.items()})
    shown = ",".join(f"{option}={given[option][1]}" for option in default_options(method) if option in given)
    return OptionSet(label or (f"{method}[{shown}]" if shown else method), run)


def _options(method: str, inside: str) -> dict[str, tuple[bool | int | float | str, str]]:
    """{option: (value, text)} of what stands in the brackets."""
    known, found = default_options(method), {}
    for part in map(str.strip, inside.split(",")):
        option, equals, text = (word.strip() for word in part.partition("="))
        where = f"--objectives={method}[{inside}]"
        if not equals or not text:
            raise UsageError(f"{where}: {part!r}; expected OPTION=VALUE; options of {method}: {', '.join(known)}")
        if option not in known:
            old = (new_name(f"objective.options.{option}") or "").rpartition(".")[2]
            raise UsageError(
                f"objective {method} has no option {option!r}; "
                + (f"it is called {old} now" if old in known else nearest(option, known))
            )
        if option in found:
            raise UsageError(f"{where} has {option} twice; expected each option once")
        value = _value(known[option], text, where=f"{where}: {option}")
        # One text for each value, however it was typed: 1e-1 and 0.10 are one folder.
        found[option] = (value, str(value).lower() if isinstance(value, bool) else str(value).removesuffix(".0"))
    return found


def _value(default: bool | int | float | str, text: str, *, where: str) -> bool | int | float | str:
    """The value of the kind that the option's default has."""
    if isinstance(default, str):
        return text.strip("'\"")
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text.lower()]
        return type(default)(text)
    except (KeyError, ValueError):
        raise UsageError(f"{where}={text}; expected {KINDS[type(default)]}, such as {default}") from None
