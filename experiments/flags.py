"""What all commands share: how they are run, ``--config`` with checked overrides, ``--checkpoint``."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
import sys

from absl import flags
from ml_collections import ConfigDict, config_flags

from experiments import caches, errors, paths, platforms, settings
from experiments.errors import CommandError, UsageError, nearest
from experiments.settings import files as config_files
from experiments.settings import old_names
from experiments.zoo import names


def run(
    main: Callable[[], None], *, required: Sequence[str] = (), keep_compiled: bool = True, starts_jax: bool = True
) -> None:
    """Runs a command: reads its flags, keeps compiled programs on disk, and turns a fault into one clear line.

    Args:
      main: the command, after its flags are parsed.
      required: flags that must be given.
      keep_compiled: whether a second start is to compile nothing.
      starts_jax: whether jax looks for its devices before ``main``, which otherwise does so.
    """

    def command() -> None:
        if starts_jax:
            platforms.check()
        if keep_compiled:
            caches.keep_compiled()
        main()

    errors.run(command, flags_parser=lambda argv: parse(argv, required=required))


def define_config() -> flags.FlagHolder:
    """Defines ``--config=file.py:variant`` with overrides ``--config.field=value``."""
    try:
        return config_flags.DEFINE_config_file(
            "config", None, f"configuration, such as {config_files.example_path()}", lock_config=True
        )
    except flags.Error as error:  # it looks for --config on the command line, and into files of flags
        errors.fail(UsageError(f"cannot read the options: {error}"))


def parse(argv: Sequence[str], *, required: Sequence[str]) -> Sequence[str]:
    """Parses flags; every fault becomes one clear line.

    Args:
      argv: the command line.
      required: flags that must be given.

    Returns:
      the arguments that are no flags, the program's name first.

    Raises:
      UsageError: on an unknown flag, a missing one, a configuration file or field that does not exist, or a value
        of a wrong type.
    """
    argv = _locate_config(list(argv))
    try:
        rest = flags.FLAGS(argv)
    except CommandError:
        raise
    except flags.UnrecognizedFlagError as error:
        own = {flag.name for flag in flags.FLAGS.get_key_flags_for_module(sys.argv[0])}
        known = own | ({"config"} & set(flags.FLAGS)) | {"help"}
        raise UsageError(f"unknown option --{error.flagname}; {nearest(error.flagname, known)}") from error
    except Exception as error:  # absl and ml_collections raise many kinds
        raise UsageError(f"cannot read the options: {error}") from error
    for name in required:
        if flags.FLAGS[name].value in (None, ""):
            raise UsageError(f"--{name} is missing; it is required: add --{name}=VALUE, or --help for all options")
    return rest


def parse_or_default(argv: Sequence[str], *, config: str) -> Sequence[str]:
    """Parses flags of a command whose ``--config`` may be left out.

    Args:
      argv: the command line.
      config: the configuration where it is.

    Returns:
      the arguments that are no flags, the program's name first.

    Raises:
      UsageError: as ``parse``.
    """
    named = any(argument.lstrip("-").partition("=")[0] == "config" for argument in argv)
    # Before the overrides of its fields.
    return parse(argv if named else [argv[0], f"--config={config}", *argv[1:]], required=())


def _value_of(argv: Sequence[str], name: str) -> tuple[int, str] | None:
    for i, argument in enumerate(argv):
        if argument in (f"--{name}", f"-{name}") and i + 1 < len(argv):
            return i + 1, argv[i + 1]
        if argument.startswith((f"--{name}=", f"-{name}=")):
            return i, argument.partition("=")[2]
    return None


def _locate_config(argv: list[str]) -> list[str]:
    """Finds the configuration file and checks the names of overrides, for which absl has no clear message."""
    if len([word for word in argv if word.lstrip("-").partition("=")[0] == "config" and word.startswith("-")]) > 1:
        raise UsageError(
            "--config is given twice; name one configuration, and change its fields by --config.FIELD=VALUE"
        )
    found = _value_of(argv, "config")
    if found is None:
        if "config" in flags.FLAGS and any(argument.lstrip("-").startswith("config.") for argument in argv):
            raise UsageError(
                "--config is missing, whose fields the options --config.FIELD=VALUE change; add --config=FILE.py, such "
                f"as --config={config_files.example_path()}"
            )
        return argv
    position, path = found
    config = config_files.load(path)
    known = settings.fields(config)
    for argument in argv:
        name = argument.lstrip("-").partition("=")[0]
        if argument.startswith("-") and name.startswith("config.") and name.removeprefix("config.") not in known:
            field = name.removeprefix("config.")
            if new := old_names.new_name(field):
                raise UsageError(f"--config.{field} has another name now; write --config.{new}")
            raise UsageError(f"the configuration has no field {field!r}; {nearest(field, _beside(field, known))}")
    file, variant = config_files.split(path)
    # With a colon, an empty variant is passed on, too.
    resolved = f"{config_files.locate(file)}:{variant}"
    argv[position] = resolved if argv[position] == path else f"--config={resolved}"
    return argv


def _beside(field: str, known: Iterable[str]) -> list[str]:
    """The fields of the same part, if there are some: the whole list fills a screen."""
    part = field.rpartition(".")[0]
    own = [name for name in known if not name.startswith("objective_overrides.")]
    return [name for name in own if part and name.startswith(f"{part}.")] or own


def define_trained() -> flags.FlagHolder:
    """Defines ``--workdir`` of a command that reads a trained map."""
    return flags.DEFINE_string("workdir", None, "folder of a trained run, FILE.safetensors, or zoo:NAME")


CHECKPOINTS = {"newest": "checkpoints", "best": "best"}


def define_checkpoint() -> flags.FlagHolder:
    """Defines ``--checkpoint``."""
    return flags.DEFINE_string("checkpoint", "newest", "newest, or best: of those evaluated on the way")


def checkpoint_folder(flag: flags.FlagHolder) -> str:
    """The folder within a run's that ``--checkpoint`` names; UsageError on another word."""
    check_known(flag, CHECKPOINTS)
    return CHECKPOINTS[flag.value]


def path(flag: flags.FlagHolder) -> Path:
    """The path that a flag names; UsageError for what is none, see ``paths.of_user``."""
    return paths.of_user(flag.value, name=f"--{flag.name}")


def folder(flag: flags.FlagHolder) -> Path:
    """The folder to be written to that a flag names; UsageError for what is none, or names weights."""
    return names.folder_of_user(flag.value, name=f"--{flag.name}")


def check_known(flag: flags.FlagHolder, known: Iterable[str]) -> None:
    """Checks that the value of a flag is one of several words; UsageError with the nearest one."""
    if flag.value not in known:
        raise UsageError(f"unknown --{flag.name}={flag.value!r}; {nearest(flag.value, known)}")


def frozen(config: ConfigDict) -> ConfigDict:
    """The parsed configuration as a plain copy, detached from the flags."""
    settings.check_sound(config)
    return ConfigDict(config.to_dict())
