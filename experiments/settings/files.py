"""Configuration files: finding them, running them, and the check that what they give has every field."""

import importlib.util
from pathlib import Path

from ml_collections import ConfigDict

from experiments import paths
from experiments.errors import CommandError, UsageError, nearest
from experiments.settings import DEFAULT_OBJECTIVE, base, fields, old_names
from experiments.zoo import names

# Where experiments/ lies: the checkout, or the installed packages.
PACKAGES = Path(__file__).parent.parent.parent


def load(path: str) -> ConfigDict:
    """Loads ``file.py:variant``; a relative path that does not exist here is looked up in the installed package.

    Args:
      path: such as "experiments/configs/checkerboard.py:lsd".

    Returns:
      the unlocked configuration.

    Raises:
      UsageError: if there is no such file, or it is not a configuration.
    """
    file, variant = split(path)
    located = locate(file)
    spec = importlib.util.spec_from_file_location("flowmap_config", located)
    if spec is None:
        raise UsageError(f"--config={file} is not a Python file; expected a path such as {example_path()}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except CommandError:
        raise
    except Exception as error:  # whatever a broken file raises, it is the file that must be mended
        raise UsageError(f"--config={file} cannot be read: {type(error).__name__}: {error}") from error
    if not hasattr(module, "get_config"):
        raise UsageError(f"--config={file} has no get_config(variant); copy {example_path()}")
    try:
        config = module.get_config(variant)
    except CommandError:
        raise
    except Exception as error:
        raise UsageError(
            f"--config={file}: get_config({variant!r}) fails ({type(error).__name__}: {error}); compare it with "
            f"{example_path()}"
        ) from error
    check_types(config, source=f"--config={file}")
    return config


def check_types(config: object, *, source: str) -> None:
    """Checks that a configuration has every field, and each of the type of its default.

    Args:
      config: what should be a configuration.
      source: where it comes from, for messages.

    Raises:
      UsageError: naming the first field that is missing or of another type.
    """
    if not isinstance(config, ConfigDict):
        raise UsageError(f"{source} gives {type(config).__name__} from get_config; expected what settings.base makes")
    found, expected = fields(config), fields(base(DEFAULT_OBJECTIVE))
    for name in found:
        new = old_names.new_name(name)
        if new and name not in expected and not name.startswith(OPTIONS):
            raise UsageError(f"{source}: --config.{name} has another name now; write --config.{new}")
    for name, default in expected.items():
        if name.startswith(OPTIONS):
            continue
        if name not in found:
            raise UsageError(f"{source}: the configuration has no field {name}; start from settings.base(objective)")
        if not _is_like(found[name], default):
            raise UsageError(
                f"{source}: --config.{name}={found[name]!r}; expected {KINDS[type(default)]} such as {default!r}"
            )
    for name in OPTIONS:
        inner = config
        for part in name.split("."):
            inner = inner.get(part)
        if not isinstance(inner, ConfigDict):
            raise UsageError(f"{source}: --config.{name}={inner!r}; expected names and values")


OPTIONS = ("objective.options", "objective_overrides")  # their fields depend on the objective
KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", tuple: "numbers"}


def _is_like(value: object, default: object) -> bool:
    if isinstance(default, tuple):
        return isinstance(value, tuple | list) and all(_is_like(entry, default[0]) for entry in value)
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    return isinstance(value, (int, float) if isinstance(default, float) else type(default))


def split(path: str) -> tuple[str, str]:
    """The configuration file and the variant of a ``--config``; a saved configuration is read by a file of its own."""
    if "://" in path:
        raise UsageError(f"--config={path} is an address; expected a file on this machine, such as {example_path()}")
    path = str(paths.expanded(path, name="--config"))
    if names.is_weights(path):
        return str(Path(__file__).with_name("saved.py")), path
    if path.endswith(".json"):
        if not Path(path).is_file():
            raise UsageError(f"--config={path} does not exist; expected the config.json of a run's folder")
        return str(Path(__file__).with_name("saved.py")), path
    file, _, variant = path.partition(":")
    return file, variant


def locate(file: str) -> Path:
    """The configuration file itself; see ``load``."""
    packaged = PACKAGES / file
    for candidate in (Path(file), packaged):
        if candidate.is_file():
            return candidate
    shipped = sorted(
        f"experiments/configs/{path.name}" for path in (PACKAGES / "experiments/configs").glob("[a-z]*.py")
    )
    raise UsageError(f"no configuration file {file!r}; {nearest(file, shipped)}")


def example_path() -> str:
    """A path that can be shown in messages."""
    return "experiments/configs/checkerboard.py:lsd"
