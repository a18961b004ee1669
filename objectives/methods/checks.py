"""Checks of a method's options: each says what it received and what it expected."""

from collections.abc import Collection
import math


def check_count(name: str, value: int) -> None:
    """Checks an option that counts.

    Args:
      name: its name.
      value: its value.

    Raises:
      ValueError: unless it is at least 1.
    """
    if value < 1:
        raise ValueError(f"{name} = {value}; expected a whole number, at least 1")


def check_option(option: str, value: str, known: Collection[str]) -> None:
    """Checks that an option has one of its known values.

    Args:
      option: its name.
      value: the value received.
      known: the values that exist.

    Raises:
      ValueError: naming all three.
    """
    if value not in known:
        raise ValueError(f"{option} = {value!r}; expected one of {', '.join(known)}")


def check_share(option: str, value: float, *, low: float = 0.0, high: float = 1.0) -> None:
    """Checks that an option is a number between two bounds, both excluded but for the upper one.

    Args:
      option: its name.
      value: the value received.
      low: lower bound, excluded.
      high: upper bound, included.

    Raises:
      ValueError: naming all of them.
    """
    if not low < value <= high:
        raise ValueError(f"{option} = {value}; expected a number in ({low:g}, {high:g}]")


def check_fraction(**options: float) -> None:
    """Checks options that are numbers between 0 and 1, both included.

    Args:
      **options: {name: value}.

    Raises:
      ValueError: naming the first that is not.
    """
    for name, value in options.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} = {value}; expected a number in [0, 1]")


def check_not_negative(**options: float) -> None:
    """Checks options that are finite numbers, 0 or more.

    Args:
      **options: {name: value}.

    Raises:
      ValueError: naming the first that is not.
    """
    for name, value in options.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} = {value}; expected a number that is not negative")


def check_used(option: str, value: object, *, unused: object, by: bool, needs: str) -> None:
    """Checks that an option which another one switches off has not been set.

    Args:
      option: its name.
      value: the value received.
      unused: its default.
      by: whether the method reads it.
      needs: the setting that does, such as "adaptive_power above 0".

    Raises:
      ValueError: if it was set and changes nothing.
    """
    if not by and value != unused:
        raise ValueError(f"{option} = {value} changes nothing here; it needs {needs}")
