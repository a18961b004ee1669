"""Options that have other names today, or are new: saved configurations are translated to what they meant.

On the command line an old name is answered with the new one.
"""

from collections.abc import Mapping
from typing import Any

# Dotted names until version 0.1.0. Overrides of an objective have the names of ``objective.options``.
OLD_NAMES = {
    "option_changes": "objective_overrides",
    "training.mapping": "training.device_mapping",
    "training.keep": "training.keep_checkpoints",
    "training.clip": "training.grad_clip_norm",
    "training.accumulate": "training.grad_accumulation",
    "network.tokens": "network.time_tokens",
    "network.decoupled": "network.target_only_blocks",
    "network.times": "network.time_embedding",
    "guidance.input": "guidance.scale_is_input",
    "guidance.own_share": "guidance.self_mix",
    "objective.power": "objective.adaptive_power",
    "objective.options.power": "objective.options.adaptive_power",
    "objective.options.own_share": "objective.options.self_mix",
}
# Option of any objective -> {value until then: value of today}.
OLD_VALUES = {"reduction": {"paper": "per_term", "code": "per_example"}}

# Method -> {option that it got after version 0.1.0: the value that it had until then}.
LATER_OPTIONS = {
    "sdei": {"on_grid": False},
    "tim": {"end_share": 0.0, "times": "triangle", "adaptive_power": 0.0, "gap_power": 0.0, "cosine": 0.0},
    "ctm": {"inner": "target"},
    "facm": {"times": "uniform"},
    "ucgm": {"times": "uniform"},
}
# Method -> options that it had until then and has no more: TCM's first half has the schedule of ECT.
GONE_OPTIONS = {"tcm": ("first", "last")}

OVERRIDES = ("objective_overrides.", "option_changes.")


def new_name(name: str) -> str | None:
    """The name that an old one has today.

    Args:
      name: dotted, such as "training.clip" or "option_changes.esc.power".

    Returns:
      such as "training.grad_clip_norm" or "objective_overrides.esc.adaptive_power"; None if no option had that name.
    """
    if not name.startswith(OVERRIDES):
        return OLD_NAMES.get(name)
    objective, _, option = name.partition(".")[2].partition(".")
    option = OLD_NAMES.get(f"objective.options.{option}", f"objective.options.{option}").rpartition(".")[2]
    new = ".".join(filter(None, ("objective_overrides", objective, option)))
    return None if new == name else new


def completed(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a saved run, which has all that its method had then.

    Args:
      name: the method.
      options: as saved, with today's names; none in a file that leaves all to the defaults.

    Returns:
      the options, with the values until then of those that came later, and without those that are gone.
    """
    kept = {option: value for option, value in options.items() if option not in GONE_OPTIONS.get(name, ())}
    return LATER_OPTIONS.get(name, {}) | kept if kept else {}


def translated(value: Any, name: str = "") -> Any:
    """A saved configuration with the names and values of today.

    Args:
      value: the content of a ``config.json``, or of a part of it; what is new already stays as it is.
      name: today's dotted name of the part; "" for the whole.

    Returns:
      the translated copy.
    """
    if not isinstance(value, Mapping):
        old = OLD_VALUES.get(name.rpartition(".")[2], {})
        return old.get(value, value) if isinstance(value, str) else value
    found = {}
    for key, inner in value.items():
        given = f"{name}.{key}" if name else key
        new = (new_name(given) or given).rpartition(".")[2]
        # A file with both names is damaged: the reader reports the old one as unknown.
        new = key if new in value else new
        found[new] = translated(inner, f"{name}.{new}" if name else new)
    return found
