"""What a data set is: a way to draw one example from a key, and what evaluation needs to know about it."""

from collections.abc import Callable
import dataclasses
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets.observation import Observation
from experiments.datasets.sequences import Sequences
from experiments.errors import UsageError
from taxonomy.exact import ExactFlow
from taxonomy.interpolants import LINEAR, Interpolant
from taxonomy.spaces import FLAT, Space


def pick(key: jax.Array, count: int) -> jax.Array:
    """The index of the stored example that a key draws, of ``count``: every one is as likely, at every draw."""
    return jax.random.randint(key, (), 0, count)


class Records(Protocol):
    """Random access to stored examples, such as an array [n, ...]; several threads may read at once."""

    def __len__(self) -> int:
        """Number of examples."""

    def __getitem__(self, index: int) -> np.ndarray:
        """One example."""


class Planar(NamedTuple):
    """Truth about a distribution in the plane.

    Attributes:
      box: (low, high) of both coordinates of the square that histograms cover.
      bin_mass: number of bins per axis -> [bins, bins] exact probability of each bin.
      density: [n, 2] points -> [n] exact density.
      in_support: [n, 2] points -> [n] booleans.
      modes: [modes, 2]; centres of the separate pieces, which have equal mass; None for one connected piece.
      basis: [dim, 2]; orthonormal columns that span the plane in a space of more dimensions; None for the plane itself.
      chart: points [..., coordinates] of a curved space -> [..., 2], their places in the square, in which densities and
        masses are meant; None where points are in the plane.
    """

    box: tuple[float, float]
    bin_mass: Callable[[int], np.ndarray]
    density: Callable[[np.ndarray], np.ndarray]
    in_support: Callable[[np.ndarray], np.ndarray]
    modes: np.ndarray | None = None
    basis: np.ndarray | None = None
    chart: Callable[[np.ndarray], np.ndarray] | None = None

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points [n, dim] of the space as coordinates [n, 2] of the plane."""
        if self.chart is not None:
            return self.chart(points)
        return points if self.basis is None else points @ self.basis.astype(points.dtype)


class Images(NamedTuple):
    """Examples in memory, pictures or not, that evaluation compares with.

    Attributes:
      train: [n, dim]; training examples.
      test: [m, dim]; held-out examples.
      size: what an example shows: (height, width) of a drawing, dark where its numbers are high; (height, width,
        channels) of a photograph with 1 or 3 channels, bright where they are high, or of latents, drawn by
        their first channel; None if it is no picture.
      train_labels: [n]; classes of the training examples, or None.
      test_labels: [m]; classes of the held-out examples, or None.
    """

    train: np.ndarray
    test: np.ndarray
    size: tuple[int, ...] | None
    train_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None

    @property
    def box(self) -> tuple[float, float]:
        """(low, high) of all coordinates of a cube that covers the held-out examples: around zero, if zero is in it."""
        low, high = float(self.test.min()), float(self.test.max())
        reach = max(-low, high)
        return (-reach, reach) if low < 0 < high else (low, high)


class Partner(NamedTuple):
    """What a set of pairs has at the other end.

    Attributes:
      sample: key -> the start that belongs to the example which the data set draws from the same key.
      exact_flow: interpolant -> the exact path between the pairs.
    """

    sample: Callable[[jax.Array], jax.Array]
    exact_flow: Callable[[Interpolant], ExactFlow]


class Start(NamedTuple):
    """Where paths begin, if not in Gaussian noise that is independent of the data; see ``couplings``.

    Attributes:
      name: of what they begin in.
      sample: key -> one start, of the key of its example where they are paired; None for Gaussian noise.
      coupling: how starts and ends go together.
      group: number of examples that are matched with each other, 0 for none.
      held_out: [n, *shape]; stored starts that training does not see, for evaluation; None where they are drawn.
      records: stored starts that are trained on, or None.
    """

    name: str
    sample: Callable[[jax.Array], jax.Array] | None
    coupling: str
    group: int = 0
    held_out: jax.Array | None = None
    records: Records | None = None

    @property
    def described(self) -> str:
        """The coupling in words."""
        return f"coupling {self.coupling}" + (f" in groups of {self.group}" if self.group else "")

    def draw(self, key: jax.Array, count: int) -> jax.Array:
        """Starts that training sees, [count, *shape]: of pairs those of what ``Dataset.draw`` draws from this key."""
        return drawn(self.sample, self.records, key, count)


def drawn(sample: Callable[[jax.Array], jax.Array], records: Records | None, key: jax.Array, count: int) -> jax.Array:
    """Independent examples, [count, *shape]: the same ones inside compiled code and outside.

    Args:
      sample: key -> one example.
      records: what it picks from, or None.
      key: typed PRNG key.
      count: number of examples.

    Returns:
      the examples.
    """
    keys = jax.random.split(key, count)
    if records is None or isinstance(key, jax.core.Tracer):
        return jax.jit(jax.vmap(sample))(keys)
    # Only those that are drawn are read: compiled code would hold all stored examples as a constant.
    picked = np.asarray(jax.jit(jax.vmap(lambda key: pick(key, len(records))))(keys))
    return jnp.asarray(np.stack([records[i] for i in picked.tolist()]))


def _beside(numbers: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Numbers [*shape] with as many axes as points [..., *shape]: compiled code may refuse to add some."""
    return numbers.reshape((1,) * (x.ndim - numbers.ndim) + numbers.shape)


class Dataset(NamedTuple):
    """A data set.

    Attributes:
      name: its name.
      shape: shape of one example.
      std: standard deviation of all entries, of data in a plane of more dimensions that of the plane's coordinates;
        noise is drawn with the same.
      sample: key -> one example of that shape, drawn on device.
      truth: what evaluation compares with.
      exact_flow: interpolant -> the exact path from noise of the same standard deviation to this distribution; None if
        it is not known in closed form.
      records: random-access source of stored examples: len() and [i] -> array of ``shape``, float32; None if the
        examples are drawn, not stored. Then ``sample`` gives the record that ``pick`` names.
      classes: number of classes; 0 for none.
      label: key -> [], the class of the example that ``sample`` draws from the same key, in 0 .. classes - 1; None
        without classes.
      labels: [n]; classes of the records, or None.
      told: what a file or folder was understood to mean, in parts that ``told.line`` makes one line of; it is shown at
        the start of a run and recorded with it.
      source: names what the examples were decoded from, in place of themselves, see ``record.digest``; "" of others.
      centre: [*shape]; what was subtracted from the data in their own units. ``sample``, ``records``, ``exact_flow``
        and the maps of a run are in centred units, ``truth`` and samples in the data's own; None for zero.
      observed: what is known of an example that the network is conditioned on, or could be; None for nothing.
      space: in which the examples lie. Noise is uniform on a curved one, and the path from it a geodesic.
      scale: [*shape]; what the centred data were divided by, so that centred units are of spread 1; None for one. Then
        ``std`` is that of the scaled numbers, ``own_std`` that of the data.
      partner: the other end of a set of pairs, or None.
      start: where paths begin; None for Gaussian noise that is independent of the data.
    """

    name: str
    shape: tuple[int, ...]
    std: float
    sample: Callable[[jax.Array], jax.Array]
    truth: Planar | Images | Sequences
    exact_flow: Callable[[Interpolant], ExactFlow] | None = None
    records: Records | None = None
    classes: int = 0
    label: Callable[[jax.Array], jax.Array] | None = None
    labels: np.ndarray | None = None
    told: tuple[str, ...] = ()
    source: str = ""
    centre: np.ndarray | None = None
    scale: np.ndarray | None = None
    partner: Partner | None = None
    start: Start | None = None
    observed: Observation | None = None
    space: Space = FLAT

    def centred(self, x: np.ndarray) -> np.ndarray:
        """Points [..., *shape] of the data's own units as those that are trained on: ``(x - centre) / scale``."""
        return self.shrunk(x if self.centre is None else x - _beside(self.centre, x))

    def in_own_units(self, x: np.ndarray) -> np.ndarray:
        """Points [..., *shape] that a map has made, in the data's own units: ``scale x + centre``."""
        return self.placed(self.stretched(x))

    def stretched(self, x: np.ndarray) -> np.ndarray:
        """``scale x``: points that a map has made in the data's own units about their mean, or their differences."""
        return x if self.scale is None else x * _beside(self.scale, x)

    def shrunk(self, x: np.ndarray) -> np.ndarray:
        """``x / scale``: what ``stretched`` has made, as it was."""
        return x if self.scale is None else x / _beside(self.scale, x)

    def placed(self, x: np.ndarray) -> np.ndarray:
        """``x + centre``: what is in the data's own units about their mean."""
        return x if self.centre is None else x + _beside(self.centre, x)

    @property
    def categories(self) -> int:
        """The number of categories of each position; 0 of data that are no categories."""
        return len(self.truth.letters) if isinstance(self.truth, Sequences) else 0

    @property
    def own_std(self) -> float:
        """The standard deviation about the mean of each coordinate, in the data's own units."""
        return self.std * (1.0 if self.scale is None else float(np.sqrt(np.mean(self.scale.astype(np.float64) ** 2))))

    def noise(self, key: jax.Array, count: int | None = None) -> jax.Array:
        """Noise: one point [*shape], or [count, *shape]; normal of the data's spread, on a curved space uniform."""
        shape = self.shape if count is None else (count, *self.shape)
        return self.space.uniform(key, shape) if self.space.curved else self.std * jax.random.normal(key, shape)

    def path(self, interpolant: Interpolant) -> Interpolant:
        """The path from noise to these data: on a curved space the geodesic; UsageError for another interpolant."""
        if not self.space.curved:
            return interpolant
        if interpolant.beta is not LINEAR.beta:
            raise UsageError(
                f"data set {self.name} lies on {self.space.name}, where the path is the geodesic at constant speed; "
                "leave out --config.interpolant"
            )
        return dataclasses.replace(interpolant, check=False, space=self.space)

    def draw(self, key: jax.Array, count: int) -> jax.Array:
        """Independent examples, [count, *shape]: the same ones inside compiled code and outside."""
        return drawn(self.sample, self.records, key, count)

    def start_of(self, key: jax.Array) -> jax.Array:
        """One start of the law in which paths begin: Gaussian noise unless ``start`` says otherwise."""
        if self.start is None or self.start.sample is None:
            return self.noise(key)
        return self.start.sample(key)

    def starts(self, key: jax.Array, count: int, *, held_out: bool = False) -> jax.Array:
        """Independent starts, [count, *shape]; of stored ones those that training does not see, if ``held_out``."""
        if self.start is None or self.start.sample is None:
            return self.noise(key, count)
        if held_out and self.start.held_out is not None:
            return self.start.held_out[jax.random.randint(key, (count,), 0, len(self.start.held_out))]
        return self.start.draw(key, count)

    def draw_labels(self, key: jax.Array, count: int) -> jax.Array:
        """The classes of the examples that ``draw`` draws from the same key, [count]."""
        return jax.vmap(self.label)(jax.random.split(jax.random.clone(key), count))

    def check_sample(self) -> None:
        """Checks that ``sample`` can be used; UsageError if the stored examples are too many for compiled code."""
        jax.eval_shape(self.sample, jax.random.key(0))

    def check_flat(self, *, use: str) -> None:
        """UsageError if the data are no points of flat space, or lie in a plane of more dimensions, not for ``use``."""
        if self.space.curved:
            raise UsageError(
                f"data set {self.name} lies on {self.space.name}; {use} takes points of flat space, such as "
                "--config.dataset=spiral"
            )
        if isinstance(self.truth, Sequences):
            raise UsageError(
                f"data set {self.name} has categories; {use} takes points of the plane, such as --config.dataset=spiral"
            )
        if isinstance(self.truth, Planar) and self.truth.basis is not None:
            raise UsageError(
                f"data set {self.name} lies in a plane of {self.shape[0]} dimensions; {use} takes the plane itself, "
                "such as --config.dataset=spiral"
            )

    def check_noise(self, *, use: str) -> None:
        """UsageError if paths do not begin in Gaussian noise that is independent of the data, which ``use`` needs."""
        if self.start is not None:
            raise UsageError(
                f"paths of this run begin at {self.start.name}, {self.start.described}; {use} needs Gaussian noise "
                "that is independent of the data: take a run with --config.training.coupling=independent and no source"
            )

    def exact_path(self, interpolant: Interpolant) -> ExactFlow:
        """The exact path; UsageError if this data set has none."""
        if self.exact_flow is None and self.start is not None:
            raise UsageError(
                f"data set {self.name} has no exact velocity from {self.start.name}, {self.start.described}; take "
                "--config.training.coupling=independent, or a trained run as the teacher (--config.teacher=WORKDIR)"
            )
        if self.exact_flow is None:
            raise UsageError(
                f"data set {self.name} has no exact velocity; take a data set that has one, such as checkerboard, "
                "or a trained run as the teacher (--config.teacher=WORKDIR)"
            )
        return self.exact_flow(interpolant)
