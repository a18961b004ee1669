"""What a kind of network states about itself. Nothing outside of its own file asks which kind it is."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from models.networks.embeddings import TIMES

Fields = Mapping[str, Any]  # fields of a network by name, those of other kinds among them
# The most features of a layer, and the most layers, that make sense: every layer is compiled by itself.
WIDEST, DEEPEST = 65_536, 1_000
FASTEST = 1e4  # the largest factor of a time: single precision keeps four digits of it
# What hidden layers compute in; parameters, times, points and the output keep the type that they have.
DTYPES: dict[str, jnp.dtype | None] = {"float32": None, "bfloat16": jnp.dtype(jnp.bfloat16)}


class Option(NamedTuple):
    """A field of a network that a user may set.

    Attributes:
      default: its value where nobody names it.
      choices: the values that it can have; empty for any that is in range.
      in_range: value -> whether the network can take it.
      expected: the range in words, for the message that refuses a value.
    """

    default: Any
    choices: Collection[str] = ()
    in_range: Callable[[Any], bool] = lambda value: True
    expected: str = ""


def positive(default: int, *, most: int = WIDEST) -> Option:
    """A count that is at least 1.

    Args:
      default: its value where nobody names it.
      most: the largest.

    Returns:
      the option.
    """
    return Option(default, in_range=lambda value: 1 <= value <= most, expected=f"a positive number, at most {most:,}")


def not_negative(default: int, *, most: int = WIDEST) -> Option:
    """A count, 0 for none.

    Args:
      default: its value where nobody names it.
      most: the largest.

    Returns:
      the option.
    """
    return Option(
        default, in_range=lambda value: 0 <= value <= most, expected=f"0 (none) or a positive number, at most {most:,}"
    )


def share(default: float) -> Option:
    """A share in [0, 1)."""
    return Option(default, in_range=lambda value: 0 <= value < 1, expected="a share in [0, 1)")


def time_inputs() -> Option:
    """Which of its times the network takes, a key of ``embeddings.TIMES``."""
    return Option("both", choices=TIMES)


def time_scale() -> Option:
    """The factor of times before they are embedded."""
    return Option(
        1.0,
        in_range=lambda value: 0 < value <= FASTEST,
        expected=f"a positive number, at most {FASTEST:g}: derivatives in time grow by it",
    )


def precision() -> Option:
    """What hidden layers compute in, a key of ``DTYPES``."""
    return Option("float32", choices=DTYPES)


class Divisor(NamedTuple):
    """What the side of an image must be a multiple of.

    Attributes:
      of: fields -> the multiple.
      field: name of the field that sets it, for messages.
    """

    of: Callable[[Fields], int]
    field: str


class Kind(NamedTuple):
    """A kind of network: one entry of the table in ``models/networks/table.py``.

    Attributes:
      network: the Linen module, (s [batch], t [batch], x [batch, ...], condition) -> [batch, ...], with the fields
        ``classes``, ``guided``, ``vector``, those in ``options``, and ``beside`` of a network of images.
      options: every field that a user may set, with its default in a configuration and its range. Kinds that share a
        field share its option.
      describe: fields -> the network in a few words, such as "MLP of width 128 and depth 5, gelu".
      smoke: fields of a network that is small enough for a smoke test.
      log_variance: fields -> the module of the learned log-variance, (s [batch], t [batch]) -> [batch].
      divisor: what the side of an image must be a multiple of; None for a network of vectors.
      project: parameters -> parameters, applied after each step of an optimizer; None for no projection.
      convolutional: whether most of the work is in convolutions, whose derivatives are slow in a loop on CPUs.
    """

    network: type[nn.Module]
    options: Mapping[str, Option]
    describe: Callable[[Fields], str]
    smoke: Mapping[str, Any]
    log_variance: Callable[[Fields], nn.Module]
    divisor: Divisor | None = None
    project: Callable[[dict], dict] | None = None
    convolutional: bool = False

    @property
    def on_images(self) -> bool:
        """Whether the network takes images [batch, side, side, channels] in place of vectors."""
        return self.divisor is not None
