"""From the ``objective`` part of a configuration to an objective, and to its name in reports."""

from collections.abc import Mapping

from ml_collections import ConfigDict

from experiments import limits
from experiments.errors import UsageError, nearest
from experiments.settings import guidance
from objectives.build import OBJECTIVES, TRAINABLE, UNSOUND, default_options
from objectives.methods.combination import CHOICES, combination
from objectives.objective import Objective
from taxonomy.interpolants import INTERPOLANTS, Interpolant

# A combination of one's own replaces the method if its characterization is named.
NO_COMBINATION = default_options(combination) | {"characterization": "", "velocity": ""}

# Whole numbers among options count levels of time, whose distances single precision still tells apart, but for: powers
# of two, steps that are compiled one by one, and examples.
LEVELS = 1_000_000
LARGEST = {"levels": 16, "stages": 16, "teacher_steps": 1_000, "group": 10_000, "pool": 10_000}


def objective_of(config: ConfigDict) -> Objective:
    """The objective that a configuration names, built with its options and its guidance.

    Args:
      config: for its parts ``objective`` and ``guidance``.

    Returns:
      the objective.

    Raises:
      UsageError: on an unknown name or option, or a value that the objective refuses.
    """
    return guidance.of_objective(config, label(config), _unguided(config))


def _unguided(config: ConfigDict) -> Objective:
    name, options = config.objective.name, dict(config.objective.options)
    if name not in TRAINABLE:
        raise UsageError(f"unknown objective {name!r}; {nearest(name, OBJECTIVES)}")
    choices = {choice: config.objective[choice] for choice in NO_COMBINATION}
    for choice, value in choices.items():
        _check_number(f"config.objective.{choice}", value, largest=LEVELS)
    if choices["characterization"]:
        return _combined(choices)
    for choice, value in NO_COMBINATION.items():
        if choices[choice] != value:
            raise UsageError(
                f"--config.objective.{choice}={choices[choice]} belongs to a combination of your own; "
                f"name its rule too, --config.objective.characterization=... ({', '.join(CHOICES)}), "
                f"or set the row's own option, --config.objective.options.{choice}"
            )
    known = default_options(name)
    for option in options:
        if option not in known:
            raise UsageError(f"objective {name} has no option {option!r}; {nearest(option, known)}")
        _check_number(f"config.objective.options.{option}", options[option], largest=LARGEST.get(option, LEVELS))
    try:
        return TRAINABLE[name](**options)
    except (TypeError, ValueError) as error:
        raise UsageError(f"objective {name}: {error}") from error


def _check_number(option: str, value: object, *, largest: int) -> None:
    if isinstance(value, float):
        limits.check_number(option, value)
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > largest:
        raise UsageError(f"--{option}={value}; expected a whole number up to {largest:,}")


def check_sound(config: ConfigDict) -> None:
    """UsageError if a configuration names a method that is wrong on purpose: a row of an ablation."""
    if config.objective.name in UNSOUND:
        raise UsageError(
            f"objective {config.objective.name} is wrong on purpose and belongs to an ablation; run that (python -m "
            "experiments.ablate --list), or train a method of python -m taxonomy"
        )


def part(name: str, options: Mapping[str, object]) -> ConfigDict:
    """The ``objective`` part of a configuration that trains a method of the table."""
    return ConfigDict({"name": name, "options": dict(options)} | NO_COMBINATION)


def _combined(choices: dict[str, object]) -> Objective:
    try:
        return combination(**choices | {"velocity": choices["velocity"] or CHOICES[choices["characterization"]][0][0]})
    except KeyError:
        known = nearest(choices["characterization"], CHOICES)
        raise UsageError(f"unknown characterization {choices['characterization']!r}; {known}") from None
    except ValueError as error:
        raise UsageError(f"combination: {error}") from error


def label(config: ConfigDict) -> str:
    """The name of a run in reports: that of its method, or the choices of a combination."""
    own = config.objective
    if not own.characterization:
        return own.name
    return "_".join(filter(None, (own.characterization, own.velocity, own.stop_gradient, own.engine)))


def with_objective(config: ConfigDict, name: str) -> ConfigDict:
    """A copy of a configuration that trains another objective, with its own options in this configuration.

    Args:
      config: the configuration.
      name: a key of ``TRAINABLE``.

    Returns:
      the copy; options that the user changed and that both objectives have are carried over.

    Raises:
      UsageError: on an unknown name.
    """
    if name not in TRAINABLE:
        raise UsageError(f"unknown objective {name!r}; {nearest(name, OBJECTIVES)}")
    copy = ConfigDict(config.to_dict())
    own, options = _options_of(config, config.objective.name), _options_of(config, name)
    changed = {
        option: value
        for option, value in config.objective.options.items()
        if option in options and value != own.get(option)
    }
    copy.objective = part(name, options | changed)
    return copy


def _options_of(config: ConfigDict, name: str) -> dict[str, object]:
    return default_options(name) | config.objective_overrides.to_dict().get(name, {})


def interpolant_of(config: ConfigDict) -> Interpolant:
    """The interpolant that a configuration names; UsageError on an unknown name."""
    if config.interpolant not in INTERPOLANTS:
        raise UsageError(f"unknown interpolant {config.interpolant!r}; {nearest(config.interpolant, INTERPOLANTS)}")
    return INTERPOLANTS[config.interpolant]
