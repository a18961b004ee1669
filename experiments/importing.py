"""Functions of the user's own, by name: ``MODULE:FUNCTION``."""

from collections.abc import Callable
import importlib
import re
import sys
from typing import Any

from experiments.errors import UsageError, nearest


def is_name(name: str) -> bool:
    """Whether a name is that of a function in a module, and not of a folder.

    Args:
      name: such as "my_module:velocity" or "runs/lsd".

    Returns:
      whether it is.
    """
    return re.fullmatch(r"[^\W\d][\w.]*:[^\W\d]\w*", name) is not None


def function(name: str, *, option: str, expected: str) -> Callable[..., Any]:
    """Imports a function; modules in the working directory are found, too.

    Args:
      name: "module:function".
      option: what names it, such as "--reward", for messages.
      expected: what may be given, for messages.

    Returns:
      the function.

    Raises:
      UsageError: if there is no such module or function; the nearest name is suggested.
    """
    module_name, _, wanted = name.partition(":")
    if not (module_name and wanted):
        raise UsageError(f"{option}={name}; expected {expected}")
    if "" not in sys.path:
        sys.path.append("")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever a broken module raises, it is the module that must be mended
        raise UsageError(
            f"{option}={name}: module {module_name} cannot be imported ({type(error).__name__}: {error}); expected "
            f"{expected}"
        ) from error
    functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
    if wanted not in functions:
        raise UsageError(
            f"{option}={name}: module {module_name} has no function {wanted!r}; {nearest(wanted, functions)}"
        )
    return getattr(module, wanted)
