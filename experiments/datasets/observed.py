"""What a network can be conditioned on beside classes: one entry each, found by the name that a configuration gives.

``noisy`` is a reading of the example through noise, on any data of flat space; its exact velocity is known where that
of the data is. ``coarse``, ``upper_half`` and ``grey`` are pictures made of pictures: a map from noise to the picture
that they belong to sharpens, completes or colours. ``stored`` is what a file says of its examples. A number behind a
colon is the option of the entry, as in ``coarse:4``.
"""

from collections.abc import Callable, Mapping
import math

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets.dataset import Dataset, Images
from experiments.datasets.observation import Observation
from experiments.errors import UsageError, nearest
from taxonomy import exact_observed
from taxonomy.exact_observed import ObservedVelocity
from taxonomy.interpolants import LINEAR, Interpolant

STORED = "stored"
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue in grey, by ITU-R BT.601


def _noisy(dataset: Dataset, name: str, time: float) -> Observation:
    if not 0 < time < 1:
        raise UsageError(f"--config.network.observed={name}; expected a time of the reading between 0 and 1")

    def of(key: jax.Array, data: jax.Array) -> jax.Array:
        noise = dataset.std * jax.random.normal(key, data.shape)
        return exact_observed.read(data, noise, time=time)

    def velocity(interpolant: Interpolant) -> ObservedVelocity:
        linear = dataset.exact_path(LINEAR)
        return exact_observed.velocity(linear, interpolant, time=time, noise_std=dataset.std)

    return Observation(
        name,
        f"a reading at time {time:g} of the path",
        dataset.shape,
        # Noise and data have the same spread.
        std=dataset.std * math.hypot(time, 1 - time),
        of=of,
        noisy=True,
        velocity=velocity if dataset.exact_flow is not None and dataset.start is None else None,
    )


def _size(dataset: Dataset, name: str) -> tuple[int, int, int]:
    """(height, width, channels) of the pictures of a data set."""
    size = dataset.truth.size if isinstance(dataset.truth, Images) else None
    if size is None:
        raise UsageError(
            f"--config.network.observed={name} is of pictures, and data set {dataset.name} has none; take "
            "--config.network.observed=noisy, or a data set of images such as digits"
        )
    return (*size, 1)[:3]


def _picture(
    dataset: Dataset, name: str, what: str, seen: Callable[[jax.Array], jax.Array], channels: int
) -> Observation:
    """Pictures [batch, height, width, channels] that ``seen`` makes of pictures of the same height and width."""
    height, width, _ = _size(dataset, name)

    def of(key: jax.Array, data: jax.Array) -> jax.Array:
        return seen(data.reshape(-1, *_size(dataset, name)))

    return Observation(name, what, (height, width, channels), std=dataset.std, of=of)


def _coarse(dataset: Dataset, name: str, side: float) -> Observation:
    height, width, channels = _size(dataset, name)
    block = int(side)
    if block != side or block < 2 or height % block or width % block:
        raise UsageError(
            f"--config.network.observed={name} on pictures of {height} x {width}; expected the side of blocks that "
            "divide both, from 2 on"
        )

    def seen(x: jax.Array) -> jax.Array:
        means = x.reshape(-1, height // block, block, width // block, block, channels).mean(axis=(2, 4))
        return means.repeat(block, axis=1).repeat(block, axis=2)

    return _picture(dataset, name, f"means over blocks of {block} x {block} pixels", seen, channels)


def _upper_half(dataset: Dataset, name: str, share: float) -> Observation:
    height, _, channels = _size(dataset, name)
    rows = round(share * height)
    if not 0 < rows < height:
        raise UsageError(f"--config.network.observed={name}; expected a share of the rows between 0 and 1")
    mask = (jnp.arange(height) < rows)[None, :, None, None]
    what = f"the upper {rows} of {height} rows"
    return _picture(dataset, name, what, lambda x: jnp.where(mask, x, 0.0), channels)


def _grey(dataset: Dataset, name: str, _: float) -> Observation:
    if _size(dataset, name)[2] != 3:
        raise UsageError(f"--config.network.observed={name}, and data set {dataset.name} has no colours; drop it")

    def seen(x: jax.Array) -> jax.Array:
        return jnp.einsum("nhwc,c->nhw", x, jnp.array(LUMA))[..., None]

    return _picture(dataset, name, "the picture without its colours", seen, 1)


def _stored(dataset: Dataset, name: str, _: float) -> Observation:
    if dataset.observed is None:
        raise UsageError(
            f"--config.network.observed={name}, and data set {dataset.name} says nothing of its examples; expected a "
            '.npz file with an array "c" beside "x", of one vector or picture for each example'
        )
    return dataset.observed


# Name: (how it is made, its option where none is given; None for an entry without one).
OBSERVED: Mapping[str, tuple[Callable[[Dataset, str, float], Observation], float | None]] = {
    "noisy": (_noisy, 0.5),
    "coarse": (_coarse, 4.0),
    "upper_half": (_upper_half, 0.5),
    "grey": (_grey, None),
    STORED: (_stored, None),
}


def check(name: str) -> tuple[str, float]:
    """An entry and its option.

    Args:
      name: such as "coarse:4".

    Returns:
      (a key of ``OBSERVED``, its option).

    Raises:
      UsageError: if there is no such entry, or the option is no number.
    """
    entry, colon, text = name.partition(":")
    if entry not in OBSERVED:
        raise UsageError(f"unknown --config.network.observed={name!r}; {nearest(entry, OBSERVED)}")
    default = OBSERVED[entry][1]
    if not colon:
        return entry, 0.0 if default is None else default
    try:
        option = float(text)
    except ValueError:
        option = math.nan
    if default is None or not math.isfinite(option):
        expected = "no option" if default is None else f"a number, as in {entry}:{default:g}"
        raise UsageError(f"--config.network.observed={name}; {entry} takes {expected}")
    return entry, option


def applied(dataset: Dataset, name: str) -> Dataset:
    """The data set with what a configuration says is known of each example.

    Args:
      dataset: the data set.
      name: such as "coarse:4"; "" for nothing.

    Returns:
      the data set.

    Raises:
      UsageError: if these data have no such thing.
    """
    if not name:
        return dataset._replace(observed=None)
    entry, option = check(name)
    dataset.check_flat(use=f"--config.network.observed={name}")
    found = OBSERVED[entry][0](dataset, name, option)
    return dataset._replace(observed=found, told=(*dataset.told, f"the network is conditioned on {found.what}"))


def held_out(dataset: Dataset, key: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """Examples that training does not see, where examples are stored, and what is known of them.

    Args:
      dataset: with something that is known.
      key: typed PRNG key.
      count: number of examples.

    Returns:
      (examples [count, *dataset.shape] in the units that are trained on, numbers [count, *observed.shape]).

    Raises:
      UsageError: if the data are not there.
    """
    key_data, key_numbers = jax.random.split(key)
    if not isinstance(dataset.truth, Images):
        data = dataset.draw(key_data, count)
        return data, jax.jit(dataset.observed.of)(key_numbers, data)
    if not len(dataset.truth.test):
        raise UsageError(f"data set {dataset.name} is not there; expected it where the run was trained on it")
    picked = np.asarray(jax.random.randint(key_data, (count,), 0, len(dataset.truth.test)))
    data = jnp.asarray(dataset.centred(dataset.truth.test[picked].reshape(-1, *dataset.shape)), jnp.float32)
    if dataset.observed.stored is not None:
        return data, jnp.asarray(dataset.observed.stored.held_out[picked])
    return data, jax.jit(dataset.observed.of)(key_numbers, data)


def exact_velocity(dataset: Dataset, interpolant: Interpolant) -> Callable[[jax.Array | None], Callable]:
    """The exact velocity of the data of which something is known, as a function of what the network reads.

    Args:
      dataset: with an ``Observation``.
      interpolant: the path.

    Returns:
      vectors [batch, size] or None -> (t [batch], x [batch, ...]) -> [batch, ...]: where a vector is zero, or None, the
      velocity of all data.

    Raises:
      UsageError: if it is not known.
    """
    whole = dataset.exact_path(interpolant).b
    observed = dataset.observed
    if observed.velocity is None:
        raise UsageError(
            f"the exact velocity of {dataset.name} is not known where the network is conditioned on {observed.what}; "
            "take --config.network.observed=noisy, or a trained run as the teacher (--config.teacher=WORKDIR)"
        )
    known = observed.velocity(interpolant)

    def of(vectors: jax.Array | None) -> Callable[[jax.Array, jax.Array], jax.Array]:
        if vectors is None:
            return whole
        kept = vectors[:, -1] > 0

        def b(t: jax.Array, x: jax.Array) -> jax.Array:
            y = observed.decoded(vectors).reshape(x.shape)
            return jnp.where(kept[:, None], known(t, x, y), whole(t, x))

        return b

    return of
