"""What U-Nets share: the way down and up through the levels, their fields, and the sides of images that they take."""

from collections.abc import Callable

import jax

from models.networks.kind import DEEPEST, Divisor, Fields, Option, positive, precision, share

# (h, level, block) -> h: one block of a level.
Level = Callable[[jax.Array, int, int], jax.Array]

LEVELS, MULTIPLIER = 16, 64  # the most resolutions, and the largest factor of the channels
OPTIONS = {
    "dtype": precision(),
    "remat": Option(False),
    "channels": positive(32),
    "multipliers": Option(
        (1, 2),
        in_range=lambda value: 0 < len(value) <= LEVELS and min(value) >= 1 and max(value) <= MULTIPLIER,
        expected=f"up to {LEVELS} numbers from 1 to {MULTIPLIER}, such as (1, 2)",
    ),
    "blocks": positive(2, most=DEEPEST),
    "attention": Option((4,)),
    "dropout": share(0.0),
}
DIVISOR = Divisor(lambda fields: 2 ** (len(fields["multipliers"]) - 1), field="multipliers")
SMOKE = {"channels": 8, "blocks": 1}


def described(name: str, fields: Fields) -> str:
    """A U-Net in a few words.

    Args:
      name: of the kind.
      fields: of the network.

    Returns:
      such as "U-Net of 32, 64 channels, 2 blocks a level".
    """
    levels = ", ".join(str(fields["channels"] * factor) for factor in fields["multipliers"])
    return f"{name} of {levels} channels, {fields['blocks']} blocks a level"


def check_side(x: jax.Array, *, levels: int) -> None:
    """Checks that images are square and can be halved between the levels of a U-Net.

    Args:
      x: [batch, side, side, channels].
      levels: number of levels.

    Raises:
      ValueError: naming the shape and the multiple that is needed.
    """
    halvings = 2 ** (levels - 1)
    if x.ndim != 4 or x.shape[1] != x.shape[2] or x.shape[1] % halvings:
        raise ValueError(
            f"images have shape {x.shape[1:]}; expected (side, side, channels) with a side that {levels} levels can "
            f"halve, a multiple of {halvings}"
        )


def walk(
    h: jax.Array,
    *,
    levels: int,
    blocks: int,
    down: Callable[[jax.Array, int], jax.Array],
    encode: Level,
    middle: Callable[[jax.Array], jax.Array],
    join: Callable[[jax.Array, jax.Array], jax.Array],
    decode: Level,
    up: Callable[[jax.Array, int], jax.Array],
) -> jax.Array:
    """From the first level to the last and back, with a skip from every array of the encoder to a block of the decoder.

    Args:
      h: [batch, side, side, channels]; images at the first level.
      levels: number of levels.
      blocks: of each level of the encoder; the decoder has one more.
      down: (h, level) -> h; halves images into this level.
      encode: a block of the encoder.
      middle: h -> h, at the last level.
      join: (h, skip) -> h; both along their channels.
      decode: a block of the decoder.
      up: (h, level) -> h; doubles images into this level.

    Returns:
      [batch, side, side, channels]; at the first level again.
    """
    skips = [h]
    for level in range(levels):
        if level:
            h = down(h, level)
            skips.append(h)
        for k in range(blocks):
            h = encode(h, level, k)
            skips.append(h)
    h = middle(h)
    for level in reversed(range(levels)):
        for k in range(blocks + 1):
            h = decode(join(h, skips.pop()), level, k)
        if level:
            h = up(h, level - 1)
    return h
