"""Saved configurations: ``--config=runs/lsd/config.json`` repeats the run, whatever version has written it.

``--config=zoo:checkerboard/lsd`` and ``--config=FILE.safetensors`` repeat the training of these weights.
"""

from pathlib import Path

from ml_collections import ConfigDict

from experiments import files, settings
from experiments.errors import UsageError
from experiments.settings import files as config_files
from experiments.settings import old_names
from experiments.zoo import names, weights

PARTS = ("network", "training", "evaluation", "guidance")


def read(path: Path) -> ConfigDict:
    """Reads a ``config.json``; old names are translated, and a field that an old version lacked has its default.

    Args:
      path: a ``config.json``.

    Returns:
      the configuration.

    Raises:
      UsageError: if the file is damaged, or has fields that this version does not know.
    """
    try:
        found = files.read_json(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is damaged ({error}); restore it or train again in another folder") from error
    return parsed(found, source=path)


def parsed(found: object, *, source: Path) -> ConfigDict:
    """The configuration of what a ``config.json`` or a file of weights holds; see ``read``.

    Args:
      found: its content.
      source: the file, for messages.

    Returns:
      the configuration.

    Raises:
      UsageError: as ``read``.
    """
    try:
        values = old_names.translated(found)
        defaults = settings.base(settings.DEFAULT_OBJECTIVE).to_dict()
        own = settings.NO_COMBINATION | values["objective"]
        values["objective"] = own | {"options": old_names.completed(own["name"], own["options"])}
        values["guidance"] = values.get("guidance", {})  # older versions knew none
        unknown = [name for name in values if name not in defaults]
        for part in PARTS:
            unknown += [f"{part}.{name}" for name in values[part] if name not in defaults[part]]
            values[part] = defaults[part] | values[part]
            for name, default in defaults[part].items():
                if isinstance(default, tuple):
                    values[part][name] = tuple(values[part][name])
        missing = [name for name in defaults if name not in values]
        if missing:
            raise KeyError(", ".join(missing))
    except KeyError as error:
        raise UsageError(
            f"{source} is damaged (it has no field {error.args[0]}); restore it or train again in another folder"
        ) from error
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UsageError(f"{source} is damaged ({error}); restore it or train again in another folder") from error
    if unknown:
        raise UsageError(
            f"{source} has fields that this version does not know ({', '.join(unknown)}); it was written by another "
            "version of the project: use that one, or train again in another folder"
        )
    config = ConfigDict(values)
    config_files.check_types(config, source=str(source))
    return config


def get_config(path: str | None = None) -> ConfigDict:
    """The configuration of a file, as a configuration file of its own: ``saved.py:runs/lsd/config.json``."""
    if names.is_weights(path or ""):
        return parsed(weights.describe(path).config, source=Path(path))
    return read(Path(path or ""))
