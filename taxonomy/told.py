"""What a network may be told beside times and a point: a vector for each point, such as a path of noise.

One record says how long the vector is, how training and sampling draw it, and what it does to the map. Two are here:
``noise_path`` for stochastic maps, and ``point_on_the_way`` for maps to a posterior.
"""

from collections.abc import Callable
import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from taxonomy.interpolants import Interpolant
from taxonomy.noise_paths import Coefficients, Driven, check_strength, in_interval
from taxonomy.shapes import PerExample, Points

Vectors = Float[Array, "batch size"]
Vector = Float[Array, " size"]


@dataclasses.dataclass(frozen=True)
class Effect:
    """What a vector does to a map.

    Attributes:
      seen: (s [batch], t [batch], vectors [batch, size]) -> [batch, size], what the network reads of them on a jump.
      push: (s, t, vectors, x [batch, ...]) -> [batch, ...], what is added to the network's average velocity.
    """

    seen: Callable[[PerExample, PerExample, Vectors], Vectors]
    push: Callable[[PerExample, PerExample, Vectors, Points], Points]


@dataclasses.dataclass(frozen=True)
class Told:
    """A vector that a network is told for each point.

    Attributes:
      what: in words, for messages.
      size: number of coordinates of a point -> entries of the vector.
      draw: (key, path, data [...], noise_std) -> [size]; the vector of one example of training.
      sample: (key, shape of a point) -> [size]; the vector of one sample, where nothing is asked for.
      effect: (path, noise_std) -> Effect; None for a vector that the network reads as it is, and that does nothing
        more.
    """

    what: str
    size: Callable[[int], int]
    draw: Callable[[jax.Array, Interpolant, jax.Array, float | jax.Array], Vector]
    sample: Callable[[jax.Array, tuple[int, ...]], Vector]
    effect: Callable[[Interpolant, float | jax.Array], Effect] | None = None


def noise_path(*, terms: int, strength: float) -> Told:
    """The coefficients of a path of noise, which drives the map: ``v_{t,t} = drift + sigma_t dW_t/dt``.

    The map is ``X_{s,t}(x, W) = x + (t - s) u_{s,t}(x, W) + int_s^t sigma_r dW_r``. The integral is known, and the
    network computes u. It reads the path between s and t alone, and nothing of it at s = t: there u is the drift.

    Args:
      terms: number K of polynomials, see ``noise_paths``.
      strength: of the noise, see ``noise_paths.Driven``.

    Returns:
      the record; a vector is [terms * coordinates], the coordinates of a term next to each other.

    Raises:
      ValueError: if terms < 1, or the strength is negative or not finite.
    """
    if terms < 1:
        raise ValueError(f"terms = {terms}; expected at least 1 polynomial")
    check_strength(strength)

    def sample(key: jax.Array, shape: tuple[int, ...]) -> Vector:
        return jax.random.normal(key, (terms, *shape)).reshape(-1)

    def effect(path: Interpolant, noise_std: float | jax.Array) -> Effect:
        driven = Driven(path=path, noise_std=noise_std, strength=strength)
        return Effect(
            seen=lambda s, t, vectors: in_interval(vectors.reshape(len(vectors), terms, -1), s, t).reshape(
                vectors.shape
            ),
            push=lambda s, t, vectors, x: driven.mean_push(coefficients(vectors, x, terms=terms), s, t),
        )

    return Told(
        "a path of noise",
        lambda coordinates: terms * coordinates,
        lambda key, path, data, noise_std: sample(key, data.shape),
        sample,
        effect,
    )


def coefficients(vectors: Vectors, x: Points, *, terms: int) -> Coefficients:
    """The coefficients that vectors of ``noise_path`` hold: [batch, terms * coordinates] -> [batch, terms, ...].

    Args:
      vectors: of ``noise_path``.
      x: [batch, ...]; points, for their shape.
      terms: number of polynomials.

    Returns:
      [batch, terms, ...].
    """
    return vectors.reshape(len(x), terms, *x.shape[1:])


def point_on_the_way() -> Told:
    """A time t and a point ``x_t = I_t`` of an outer path with the same data: the map goes to ``p(x1 | x_t)``.

    In training t is uniform on [0, 1] and the noise of the outer path is independent of that of the inner one. A sample
    of which nothing is asked has t = 0, where the point says nothing of the data.

    Returns:
      the record; a vector is [1 + coordinates], see ``vectors_of``.
    """

    def draw(key: jax.Array, path: Interpolant, data: jax.Array, noise_std: float | jax.Array) -> Vector:
        key_time, key_noise = jax.random.split(key)
        t = jax.random.uniform(key_time, (1,))
        noise = noise_std * jax.random.normal(key_noise, (1, *data.shape))
        return vectors_of(t, path.position(t, noise, data[None]), noise_std=noise_std)[0]

    def sample(key: jax.Array, shape: tuple[int, ...]) -> Vector:
        return vectors_of(jnp.zeros(1), jax.random.normal(key, (1, *shape)), noise_std=1.0)[0]

    return Told("a time t and a point x_t", lambda coordinates: 1 + coordinates, draw, sample)


def vectors_of(t: PerExample, x_t: Points, *, noise_std: float | jax.Array) -> Vectors:
    """What ``point_on_the_way`` tells of points: the time, and the coordinates divided by the noise's deviation.

    Args:
      t: [batch]; times in [0, 1).
      x_t: [batch, ...]; points at these times.
      noise_std: standard deviation of the noise.

    Returns:
      [batch, 1 + coordinates].
    """
    return jnp.concatenate([t[:, None], x_t.reshape(len(x_t), -1) / noise_std], axis=1)
