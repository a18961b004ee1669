"""The table of networks, and how one is made from plain values."""

import flax.linen as nn

from models.networks import dit, edm2, mlp, unet
from models.networks.kind import Kind, Option

KINDS: dict[str, Kind] = {"mlp": mlp.KIND, "unet": unet.KIND, "edm2": edm2.KIND, "dit": dit.KIND}


def options() -> dict[str, Option]:
    """Every field that a user may set, of all kinds together."""
    return {name: option for kind in KINDS.values() for name, option in kind.options.items()}


def fields_of(kind: str) -> tuple[str, ...]:
    """Names of the fields of a kind of network that a user may set."""
    return tuple(KINDS[kind].options)


def build(
    kind: str, *, classes: int = 0, guided: bool = False, vector: int = 0, beside: int = 0, **fields: object
) -> nn.Module:
    """A network.

    Args:
      kind: a key of ``KINDS``.
      classes: number of labels, 0 for none.
      guided: whether the scale of guidance is an input.
      vector: entries of the vector that the network is conditioned on, 0 for none.
      beside: channels of a picture that the vector holds, for a network of images; 0 for a vector that is none.
      **fields: fields of that kind; those of other kinds are left out.

    Returns:
      a Linen module (s [batch], t [batch], x [batch, ...], condition) -> [batch, ...].
    """
    own = {name: fields[name] for name in fields_of(kind) if name in fields}
    if beside:
        own["beside"] = beside
    return KINDS[kind].network(classes=classes, guided=guided, vector=vector, **own)
