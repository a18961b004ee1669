"""The table of networks, and how one is made from plain values."""

from collections.abc import Callable

import flax.linen as nn

from models import edm2, mlp
from models.dit import DiT
from models.edm2 import EDM2
from models.mlp import MLP
from models.unet import UNet

KINDS: dict[str, type[nn.Module]] = {"mlp": MLP, "unet": UNet, "edm2": EDM2, "dit": DiT}
ON_IMAGES = ("unet", "edm2", "dit")
CONVOLUTIONAL = ("unet", "edm2")
# Given by what is trained on, not by the user.
GIVEN = ("parent", "name", "classes", "guided")


def fields_of(kind: str) -> tuple[str, ...]:
    """Names of the fields that a kind of network has, but for those that the data decide."""
    return tuple(name for name in KINDS[kind].__dataclass_fields__ if name not in GIVEN)


def build(kind: str, *, classes: int = 0, guided: bool = False, **fields: object) -> nn.Module:
    """A network.

    Args:
      kind: a key of ``KINDS``.
      classes: number of labels, 0 for none.
      guided: whether the scale of guidance is an input.
      **fields: fields of that kind; those of other kinds are left out.

    Returns:
      a Linen module (s [batch], t [batch], x [batch, ...], condition) -> [batch, ...].
    """
    own = {name: fields[name] for name in fields_of(kind) if name in fields}
    return KINDS[kind](classes=classes, guided=guided, **own)


def log_variance(kind: str, *, channels: int) -> nn.Module:
    """The module of the learned log-variance that belongs to a kind of network.

    Args:
      kind: a key of ``KINDS``.
      channels: of the network, for EDM2's.

    Returns:
      a Linen module (s [batch], t [batch]) -> [batch].
    """
    return edm2.LogVariance(channels=channels) if kind == "edm2" else mlp.LogVariance()


def projection(kind: str) -> Callable[[dict], dict] | None:
    """What is done to the weights after each step of an optimizer, None for nothing: EDM2's are set to unit norm."""
    return edm2.project if kind == "edm2" else None
